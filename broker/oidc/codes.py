"""Authorization codes: one minute, one use, bound to client, redirect URI, challenge and proof."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from broker.storage.sealed import Entry, SealedRecords, Sealer
from broker.storage.store import ShortLived
from claims.evidence import Authentication, dump, load


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a code stands for: the request it answers, the person, and the proof as it was judged."""

    client_id: str
    redirect_uri: str
    code_challenge: str
    scope: tuple[str, ...]
    nonce: str | None
    requested_acr: tuple[str, ...]
    essential_acr: tuple[str, ...]
    id_token_claims: tuple[str, ...]
    userinfo_claims: tuple[str, ...]
    account_id: str
    identity_id: str
    provider_id: str
    sid: str
    authentication: Authentication
    grant: str

    # The interface that Authlib's grant and PKCE extension ask of a code.

    @property
    def code_challenge_method(self) -> str:
        return "S256"

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return " ".join(self.scope)


class Codes:
    """Codes in the short-lived store."""

    def __init__(self, store: ShortLived, sealer: Sealer, lifetime: int) -> None:
        self._records = SealedRecords(store, sealer, "code")
        self._lifetime = lifetime

    def entry(self, handle: str, code: Code) -> Entry:
        """Return the store entry of a code, to be put there in one step with the end of its transaction."""
        record = {**asdict(code), "authentication": dump(code.authentication)}
        return self._records.entry(handle, record, self._lifetime)

    def take(self, handle: str) -> Code | None:
        """Return the code and use it up: of any number of takers one gets it. Raises ``StoreUnavailable``."""
        record = self._records.take(handle)
        return _load(record) if record is not None else None


def _load(record: Mapping[str, object]) -> Code:
    values: dict[str, object] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in record.items()
    }
    values["authentication"] = load(record["authentication"])
    return Code(**cast(dict[str, Any], values))
