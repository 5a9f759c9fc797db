"""An issuer of ID tokens, good and bad, for tests."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from providers.jwks import PublishedKey

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ISSUER = "https://issuer.example"
CLIENT = "the-client"
NONCE = "the-nonce"

RSA = RSAKey.generate_key(2048)
OTHER_RSA = RSAKey.generate_key(2048)
EC = ECKey.generate_key("P-256")
Key = RSAKey | ECKey
Members = dict[str, Any]


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def good_claims(**changes: Any) -> Members:
    """Return the claims of a good token; a change to ``...`` leaves the claim out."""
    seconds = int(NOW.timestamp())
    claims = {
        "iss": ISSUER,
        "sub": "the-subject",
        "aud": CLIENT,
        "exp": seconds + 300,
        "iat": seconds,
        "nonce": NONCE,
    }
    return without(claims | changes)


def without(members: Mapping[str, Any]) -> Members:
    return {name: value for name, value in members.items() if value is not ...}


def sign(claims: Mapping[str, Any] | bytes, *, key: Key = RSA, raw_header: bytes | None = None, **header: Any) -> str:
    """Return a token with a true signature over whatever claims and header there are.

    The signature's algorithm is the header's if it is one of ours, RS256 otherwise.
    """
    full = without({"alg": "RS256", "kid": "k1", "typ": "JWT"} | header)
    head = raw_header if raw_header is not None else json.dumps(full).encode()
    body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    signing_input = f"{base64url(head)}.{base64url(body)}"
    alg = full.get("alg")
    algorithm = JWSRegistry.algorithms[alg if alg in ("PS256", "ES256") else "RS256"]
    return f"{signing_input}.{base64url(algorithm.sign(signing_input.encode(), key))}"


def public(key: Key, kid: str = "k1", **members: Any) -> Members:
    """Return the public JWK."""
    return without({**key.as_dict(private=False), "kid": kid, "use": "sig", **members})


def published(*jwks: Members) -> tuple[PublishedKey, ...]:
    """Return JWKs as the cache does."""
    kinds: Mapping[str, type[RSAKey] | type[ECKey]] = {"RSA": RSAKey, "EC": ECKey}
    return tuple(PublishedKey(kid=jwk["kid"], key=kinds[jwk["kty"]].import_key(jwk), raw=jwk) for jwk in jwks)
