"""A client that signs, well and badly, for tests."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from broker.oidc.jose.jwk import PublicKey
from broker.oidc.jose.signed import InvalidJwt

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ISSUER = "https://broker.example"
CLIENT_ID = "the-client"
SECONDS = int(NOW.timestamp())

RSA = RSAKey.generate_key(2048)
EC = ECKey.generate_key("P-256")
OTHER_EC = ECKey.generate_key("P-256")
ED = OKPKey.generate_key("Ed25519")
KEYS: dict[str, PublicKey] = {"RS256": RSA, "PS256": RSA, "ES256": EC, "EdDSA": ED}
Members = dict[str, Any]
Result = TypeVar("Result")

# Whatever JSON can say, halves of surrogate pairs, numbers beyond any float and NaN included.
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=8,
)
ANY_TOKEN = st.one_of(
    st.text(st.characters(exclude_categories=())),
    st.binary().map(lambda data: data.decode("latin-1")),
    st.lists(st.binary(max_size=40), min_size=1, max_size=5).map(
        lambda parts: ".".join(base64url(part) for part in parts)
    ),
)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def without(members: Mapping[str, Any]) -> Members:
    """Leave out what is ``...``."""
    return {name: value for name, value in members.items() if value is not ...}


def public(key: PublicKey, kid: object = "k1", **members: Any) -> Members:
    """Return the JWK as a client would publish it; a member that is ``...`` is left out."""
    return without(key.as_dict(private=False) | {"kid": kid} | members)


def jwt(
    claims: Mapping[str, Any] | bytes,
    *,
    key: PublicKey | None = None,
    raw_header: bytes | None = None,
    sign_as: str | None = None,
    **header: Any,
) -> str:
    """Return a JWT with a true signature over whatever claims and header there are.

    Signed by ``key``, or by the client's own for the algorithm, which is the header's unless ``sign_as`` is another.
    """
    full = without({"alg": "ES256", "kid": "k1"} | header)
    head = raw_header if raw_header is not None else json.dumps(full).encode()
    body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    signed = f"{base64url(head)}.{base64url(body)}"
    algorithm = sign_as or full["alg"]
    signer = KEYS[algorithm] if key is None else key
    return f"{signed}.{base64url(JWSRegistry.algorithms[algorithm].sign(signed.encode(), signer))}"


def tampered(token: str) -> str:
    """Return the token with another first character of its signature."""
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def verdict(work: Callable[[], Result]) -> Result | InvalidJwt:
    """Return what it returned, or why it refused; anything else that is raised is not caught."""
    try:
        return work()
    except InvalidJwt as refusal:
        return refusal


@dataclass(frozen=True, kw_only=True)
class SampleClient:
    """A client with one key of each kind, registered inline."""

    client_id: str = CLIENT_ID
    jwks: Mapping[str, object] | None = None
    jwks_uri: str | None = None
    auth_method: str = "private_key_jwt"
    token_endpoint_auth_signing_alg: str | None = None
    request_object_signing_alg: str | None = None
    require_signed_request_object: bool = False


JWKS: Mapping[str, object] = {"keys": [public(RSA), public(EC), public(ED)]}
CLIENT = SampleClient(jwks=JWKS)
