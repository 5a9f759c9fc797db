"""Authorization codes: one minute, one use, bound to client, redirect URI, challenge and proof."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from broker.oidc.grant import Grant, dump_grant, load_grant
from broker.storage.sealed import Entry, SealedRecords, Sealer
from broker.storage.store import ShortLived
from broker.switches.service import Switches

_BYTES, _LENGTH = 32, 43  # random, and in base64
_SEAL_BYTES = 15


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

    def __init__(self, store: ShortLived, sealer: Sealer, lifetime: int, switches: Switches, key: bytes) -> None:
        """``key`` is secret, and the same on all our servers."""
        self._key = key
        self._records = SealedRecords(store, sealer, "code")
        self._lifetime = lifetime
        self._switches = switches

    def new(self) -> str:
        """Return a code of 256 random bits, and what shows that it is one of ours."""
        text = secrets.token_urlsafe(_BYTES)
        return text + self._seal(text)

    def made(self, code: str) -> bool:
        """Return whether a code is one of ours, whatever became of it: anybody makes up any number of others."""
        text, seal = code[:_LENGTH], code[_LENGTH:]
        return hmac.compare_digest(self._seal(text).encode(), seal.encode("utf-8", "surrogatepass"))

    def entry(self, handle: str, code: Code) -> Entry:
        """Return the store entry of a code, to be put there in one step with the end of its transaction."""
        record = {
            "redirect_uri": code.redirect_uri,
            "code_challenge": code.code_challenge,
            "grant": dump_grant(code.grant),
        }
        return self._records.entry(handle, record, self._lifetime)

    def take(self, handle: str, now: datetime) -> Code | None:
        """Return the code and use it up: of any number of takers one gets it. It brings the kill switches along.

        Raises ``StoreUnavailable``.
        """
        record, values = self._records.take_and_get(handle, self._switches.also())
        self._switches.saw(values, now)
        if record is None:
            return None
        return Code(
            redirect_uri=cast(str, record["redirect_uri"]),
            code_challenge=cast(str | None, record["code_challenge"]),
            grant=load_grant(record["grant"]),
        )

    def _seal(self, text: str) -> str:
        mac = hmac.digest(self._key, b"code:" + text.encode("utf-8", "surrogatepass"), "sha256")
        return urlsafe_b64encode(mac[:_SEAL_BYTES]).decode()


def grant_of(code: str) -> str:
    """Return the name of a code's grant: only who has had the code can name it."""
    return hashlib.sha256(b"grant:" + code.encode("utf-8", "surrogatepass")).hexdigest()
