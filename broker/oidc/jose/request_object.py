"""Authorization requests that the client signed: RFC 9101, FAPI 2.0 Message Signing section 5.3.1."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from broker.oidc.jose.client_keys import ClientKeys, KeyOwner
from broker.oidc.jose.jwk import algorithms_of
from broker.oidc.jose.signed import LEEWAY, InvalidJwt, check_period, instant, require, verify

MAX_REQUEST_OBJECT = 16384  # bytes
MAX_LIFETIME = 3600  # seconds
_TYPES = frozenset({None, "jwt", "oauth-authz-req+jwt"})
# They are about the JWT (RFC 7519 section 4.1), not about the request.
_JWT_CLAIMS = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti"})


class RequestingClient(KeyOwner, Protocol):
    """A client, as far as its request objects go (RFC 7591 and RFC 9101 names)."""

    @property
    def request_object_signing_alg(self) -> str | None: ...
    @property
    def require_signed_request_object(self) -> bool: ...


class InvalidRequestObject(InvalidJwt):
    """A request object that asks for nothing. ``reason`` is for the log, and for the client's developer."""


class RequestObjects:
    """Judges request objects. ``issuer`` is ours, which has to be among their audiences."""

    def __init__(self, issuer: str, keys: ClientKeys) -> None:
        self._issuer = issuer
        self._keys = keys

    def parameters(self, token: str, client: RequestingClient, now: datetime) -> dict[str, list[str]]:
        """Return the authorization request's parameters, each with its values. Raises :class:`InvalidRequestObject`.

        They are to take the place of all that was sent beside the object (RFC 9101 section 6.3), and no value has
        been judged but by its type.
        """
        try:
            claims = self._verified(token, client, now)
            return {name: _values(name, value) for name, value in claims.items() if name not in _JWT_CLAIMS}
        except InvalidJwt as error:
            raise InvalidRequestObject(error.reason) from error

    def _verified(self, token: str, client: RequestingClient, now: datetime) -> Mapping[str, object]:
        _, claims = verify(
            token,
            keys=lambda kid, alg: self._keys.candidates(client, kid, alg, now),
            algorithms=algorithms_of(client.request_object_signing_alg),
            typ=_TYPES,
            max_bytes=MAX_REQUEST_OBJECT,
        )
        require(claims.get("iss") == client.client_id, "issuer")
        require(claims.get("client_id") == client.client_id, "client_id")
        # With the client's own id it could serve as a client assertion, and it passes through browsers
        # (OpenID Connect Core section 6.1).
        require(claims.get("sub") != client.client_id, "subject")
        audience = claims.get("aud")
        require(self._issuer in (audience if isinstance(audience, list) else [audience]), "audience")
        _check_lifetime(claims, now, nbf_required=client.require_signed_request_object)
        require("request" not in claims and "request_uri" not in claims, "nested")
        return claims


def _check_lifetime(claims: Mapping[str, object], now: datetime, *, nbf_required: bool) -> None:
    expires = check_period(claims, now)
    starts = instant(claims, "nbf")
    require(starts is not None or not nbf_required, "nbf")
    if starts is None:
        starts = instant(claims, "iat")
    if starts is None:
        starts = now.timestamp() + LEEWAY
    # As exp is not past, this also keeps nbf from being more than an hour ago.
    require(expires - starts <= MAX_LIFETIME, "too_long")


def _values(name: str, value: object) -> list[str]:
    """Return the values of a parameter as a query would have them (RFC 9101 section 4, RFC 8707 section 2)."""
    match name, value:
        case _, str():
            return [value]
        case "max_age", int() if not isinstance(value, bool) and value >= 0:
            return [str(value)]
        case "claims", dict():
            return [json.dumps(value)]
        case "resource", list() if value and all(isinstance(each, str) for each in value):
            return value
    raise InvalidJwt("parameter")
