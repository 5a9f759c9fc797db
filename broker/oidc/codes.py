"""Authorization codes: one minute, one use, bound to client, redirect URI, challenge and proof."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import cast

from broker.oidc.grant import Grant, dump_grant, load_grant
from broker.storage.sealed import Entry, SealedRecords, Sealer
from broker.storage.store import ShortLived


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a code stands for. No challenge: from a client that may do without PKCE."""

    redirect_uri: str
    code_challenge: str | None
    grant: Grant

    # The interface that Authlib's grant and PKCE extension ask of a code.

    @property
    def code_challenge_method(self) -> str:
        return "S256"

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.grant.get_scope()


class Codes:
    """Codes in the short-lived store."""

    def __init__(self, store: ShortLived, sealer: Sealer, lifetime: int) -> None:
        self._records = SealedRecords(store, sealer, "code")
        self._lifetime = lifetime

    def entry(self, handle: str, code: Code) -> Entry:
        """Return the store entry of a code, to be put there in one step with the end of its transaction."""
        record = {
            "redirect_uri": code.redirect_uri,
            "code_challenge": code.code_challenge,
            "grant": dump_grant(code.grant),
        }
        return self._records.entry(handle, record, self._lifetime)

    def take(self, handle: str) -> Code | None:
        """Return the code and use it up: of any number of takers one gets it. Raises ``StoreUnavailable``."""
        record = self._records.take(handle)
        if record is None:
            return None
        return Code(
            redirect_uri=cast(str, record["redirect_uri"]),
            code_challenge=cast(str | None, record["code_challenge"]),
            grant=load_grant(record["grant"]),
        )


def new_code() -> str:
    """Return a code of 256 random bits."""
    return secrets.token_urlsafe(32)


def grant_of(code: str) -> str:
    """Return the name of a code's grant: only who has had the code can name it."""
    return hashlib.sha256(b"grant:" + code.encode("utf-8", "surrogatepass")).hexdigest()
