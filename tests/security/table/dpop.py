"""Proofs of a key, as a client makes them (RFC 9449)."""

import hashlib
import secrets

from joserfc.jwk import ECKey

from tests.oidc.jose.samples import Members, base64url, public
from tests.oidc.jose.samples import jwt as signed
from tests.security.table.house import House

KEY = ECKey.generate_key("P-256")
JKT = KEY.thumbprint()
OTHER_KEY = ECKey.generate_key("P-256")
HEADER: Members = {"typ": "dpop+jwt", "jwk": public(KEY, kid=...), "kid": ...}


def nonce(house: House) -> str:
    """Return a nonce, which comes with any answer to a proof, and is good for a minute at least."""
    moment = ("nonce", house.now() // 20)
    if moment not in house.made:
        response = house.call("/token", "basic", {"grant_type": "client_credentials"}, {"DPoP": "x.y.z"})
        house.made[moment] = response.headers["DPoP-Nonce"]
    return str(house.made[moment])


def claims(house: House, method: str, path: str, access_token: str | None = None) -> Members:
    """Return what a good proof says."""
    said: Members = {
        "jti": secrets.token_urlsafe(16),
        "htm": method,
        "htu": f"{house.base}{path}",
        "iat": house.now(),
        "nonce": nonce(house),
    }
    if access_token is not None:
        said["ath"] = base64url(hashlib.sha256(access_token.encode()).digest())
    return said


def proof(house: House, method: str, path: str, access_token: str | None = None, key: ECKey = KEY) -> str:
    header = {**HEADER, "jwk": public(key, kid=...)}
    return signed(claims(house, method, path, access_token), key=key, **header)
