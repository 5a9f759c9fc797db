"""Every JWT of ours: signed by the active key, and recognised by issuer, key and ``typ`` when it comes back."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64encode

from broker.keys.signing import SigningKeys
from broker.storage.sealed import compact

MAX_LENGTH = 8192


class Signer:
    """Signs and recognises. ``typ`` keeps one kind from being taken for another (RFC 8725 section 3.11)."""

    def __init__(self, keys: SigningKeys, issuer: str) -> None:
        self._keys = keys
        self.issuer = issuer

    def sign(self, claims: Mapping[str, object], *, typ: str, algorithm: str, now: datetime) -> str:
        """Return a JWT with our ``iss`` and the key's ``kid``. Raises ``NoActiveKey``."""
        key = self._keys.active(algorithm, now)
        # The compact serialization of RFC 7515 section 7.1; the library's own looks at the same header each time anew.
        payload = urlsafe_b64encode(compact({**claims, "iss": self.issuer}).encode())
        signing_input = _header(algorithm, key.kid, typ) + b"." + payload
        signature = urlsafe_b64encode(JWSRegistry.algorithms[algorithm].sign(signing_input, key.key))
        return (signing_input + b"." + signature).decode()

    def read(self, token: str, *, typ: str, now: datetime) -> dict[str, object] | None:
        """Return the claims of a JWT that we signed, expired or not; none when it is not ours or of another kind."""
        if len(token) > MAX_LENGTH:
            return None
        try:
            header = jws.extract_compact(token.encode()).headers()
            key = next((each for each in self._keys.verifying(now) if each.kid == header.get("kid")), None)
            # We never demand an extension (RFC 7515 section 4.1.11), so a token that does is not ours.
            if key is None or "crit" in header or header.get("typ") != typ:
                return None
            claims = jwt.decode(token, key.key, algorithms=[key.alg]).claims
        except (JoseError, ValueError):
            return None
        return claims if claims.get("iss") == self.issuer else None


@lru_cache(maxsize=64)
def _header(algorithm: str, kid: str, typ: str) -> bytes:
    return urlsafe_b64encode(compact({"alg": algorithm, "kid": kid, "typ": typ}).encode())
