"""Registries as they know themselves, and what they keep: the broker's keys, and the tokens of a sign-in."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from json import loads
from time import monotonic
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tests.soak.browser import Later, Odd, Wire
from tests.soak.ledger import Ledger

_KEYS_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """A client as the registry itself knows it. No secret: a public one."""

    client_id: str
    secret: str = ""
    consents: bool = False

    @property
    def redirect_uri(self) -> str:
        return f"https://{self.client_id}.registry.example/callback"

    @property
    def credentials(self) -> dict[str, str]:
        text = b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
        return {"Authorization": f"Basic {text}"} if self.secret else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a registry got of a sign-in. ``refreshed``: by a refresh token, which outlives the session.

    ``contested``: somebody else showed the same code, or much later the same refresh token: what it led to ends, and
    nobody knows whether where that use was not answered.
    """

    registry: Registry
    access: str
    refresh: str
    account_id: str
    sid: str
    refreshed: bool = False
    contested: bool = False


class Keys:
    """The broker's keys as registries keep them: for a minute, whatever comes with an unknown one."""

    def __init__(self, ledger: Ledger, issuer: str) -> None:
        self._ledger = ledger
        self._issuer = issuer
        self._known: KeySet | None = None
        self._until = 0.0
        self.signed: dict[str, int] = {}

    def renew(self, wire: Wire) -> None:
        """Fetch the keys where it is time to."""
        if monotonic() < self._until:
            return
        document = loads(wire.ask("GET", "/jwks").text)
        self._known, self._until = KeySet.import_key_set(document), monotonic() + _KEYS_SECONDS

    def verified(self, text: str, client_id: str) -> Mapping[str, Any]:
        """Return the claims of an ID token. Raises :class:`Odd` for one that a careful registry would not believe."""
        if self._known is None:
            raise Later("no keys yet")
        try:
            token = jwt.decode(text, self._known, algorithms=["ES256"])
        except JoseError as error:
            self._ledger.odd(f"an ID token that cached keys do not verify: {type(error).__name__}")
            raise Odd(f"an ID token: {type(error).__name__}") from error
        if (token.claims["iss"], token.claims["aud"]) != (self._issuer, client_id):
            raise Odd("an ID token of somebody else")
        kid = str(token.header["kid"])
        with self._ledger.lock:
            self.signed[kid] = self.signed.get(kid, 0) + 1
        return token.claims
