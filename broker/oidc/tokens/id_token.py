"""ID tokens, and the hints that they come back as."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.oidc.tokens.signed import Signer

TYP = "JWT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What an ID token of ours says about whom it was for: ``sub`` is as its client knows it."""

    sub: str
    sid: str
    client_id: str


class IdTokens:
    """Signs ID tokens, and recognises them."""

    def __init__(self, signer: Signer, lifetime: int) -> None:
        self._signer = signer
        self._lifetime = lifetime

    def sign(self, claims: Mapping[str, object], *, client_id: str, algorithm: str, now: datetime) -> str:
        """Return a signed ID token (OpenID Connect Core section 2): one audience, a ``kid``, our times.

        ``claims`` come first and never replace what the protocol sets.
        """
        issued_at = int(now.timestamp())
        payload = {**claims, "aud": client_id, "iat": issued_at, "exp": issued_at + self._lifetime}
        return self._signer.sign(payload, typ=TYP, algorithm=algorithm, now=now)

    def hint(self, token: str, now: datetime) -> Hint | None:
        """Return what an ID token of ours says, expired or not; none when it is not one."""
        claims = self._signer.read(token, typ=TYP, now=now)
        if claims is None:
            return None
        sub, sid, client_id = claims.get("sub"), claims.get("sid"), claims.get("aud")
        if not (isinstance(sub, str) and isinstance(sid, str) and isinstance(client_id, str)):
            return None
        return Hint(sub=sub, sid=sid, client_id=client_id)
