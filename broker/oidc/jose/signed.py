"""Reading a signed JWT (RFC 7515, RFC 7519, RFC 8725) that a client made.

The signature is checked by joserfc's algorithms. The frame around them is read here, once, because joserfc's own
frame takes no header above 512 bytes, which is less than an RSA key in a DPoP proof, refuses header members it does
not know, which RFC 7515 section 4 has us ignore, and lets a member stand there twice.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode

from broker.oidc.jose.jwk import KEY_TYPES, PublicKey, canonical, fits, read_key
from broker.oidc.jose.strict_json import json_object

LEEWAY = 10
"""Seconds by which a client's clock may differ from ours."""

Claims = dict[str, object]

KeySource = Callable[[str | None, str], Iterable[PublicKey]]
"""``kid`` and ``alg`` of a header -> the keys to try. Raises :class:`KeysUnavailable`."""

_COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
# Each would have the token choose its own key, or change what the signature is over. No extension is understood here,
# so each that is critical (RFC 7515 section 4.1.11) is one too many.
_REFUSED_HEADERS = frozenset({"jku", "x5u", "x5c", "crit", "b64", "zip", "enc"})
_MAX_KID = 255
_DATES = ("exp", "nbf", "iat")
_LAST_DATE = 253_402_300_799  # the end of the year 9999


class InvalidJwt(Exception):
    """A JWT that proves nothing. ``reason`` names the check that failed, and holds nothing of the token."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeysUnavailable(Exception):
    """The keys to check with cannot be had: never fetched or too long ago, and not now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Jws:
    """The parts of a compact JWS. ``payload`` is still encoded: nothing reads it before the signature has held."""

    header: dict[str, object]
    algorithm: str
    signed: bytes
    payload: str
    signature: bytes

    def holds(self, key: PublicKey) -> bool:
        return JWSRegistry.algorithms[self.algorithm].verify(self.signed, self.signature, key)


def verify(
    token: str, *, keys: KeySource, algorithms: frozenset[str], typ: frozenset[str | None], max_bytes: int
) -> tuple[dict[str, object], Claims]:
    """Return header and claims of a JWT that one of ``keys`` signed. Raises :class:`InvalidJwt`, and nothing else.

    ``typ`` are the accepted types, in lower case and without ``application/`` (RFC 7515 section 4.1.9); with none
    among them the header may leave it out. Dates among the claims are numbers when they are there at all; whether
    they are past is not judged here.
    """
    jws = _read(token, algorithms, typ, max_bytes)
    kid = jws.header.get("kid")
    require("jwk" not in jws.header, "header")
    if not (kid is None or (isinstance(kid, str) and 0 < len(kid) <= _MAX_KID)):
        raise InvalidJwt("key_id")
    try:
        fitting = [key for key in keys(kid, jws.algorithm) if fits(key, jws.algorithm)]
    except KeysUnavailable as error:
        raise InvalidJwt("keys_unavailable") from error
    require(fitting, "unknown_key")
    require(any(map(jws.holds, fitting)), "signature")
    return jws.header, _claims(jws.payload)


def verify_with_own_key(
    token: str, *, algorithms: frozenset[str], typ: frozenset[str | None], max_bytes: int
) -> tuple[PublicKey, Claims]:
    """Return the key in the header of a JWT, which signed it, and the claims. Raises :class:`InvalidJwt` as above.

    It proves that whoever made the token holds that key, and nothing of who that is.
    """
    jws = _read(token, algorithms, typ, max_bytes)
    try:
        key = read_key(jws.header.get("jwk"))
    except ValueError as error:
        raise InvalidJwt("jwk") from error
    require(fits(key, jws.algorithm), "jwk")
    require(jws.holds(key), "signature")
    return key, _claims(jws.payload)


def peek(token: str, *, max_bytes: int) -> Claims:
    """Return claims that nobody vouches for: good for a look-up, and for nothing else. Raises :class:`InvalidJwt`."""
    return _claims(_split(token, max_bytes)[1])


def instant(claims: Mapping[str, object], name: str) -> float | None:
    """Return a date among verified claims, in seconds since 1970, or none if it is not there."""
    value = claims.get(name)
    return value if isinstance(value, int | float) else None


def check_period(claims: Mapping[str, object], now: datetime) -> float:
    """Return ``exp``, in seconds since 1970, of claims that hold now, give or take :data:`LEEWAY`.

    Raises :class:`InvalidJwt` without ``exp``, after it, before ``nbf``, and before ``iat`` (RFC 7519 section 4.1).
    """
    seconds, expires = now.timestamp(), instant(claims, "exp")
    if expires is None or seconds >= expires + LEEWAY:
        raise InvalidJwt("expired")
    for name in ("nbf", "iat"):
        require((instant(claims, name) or 0) <= seconds + LEEWAY, "not_yet")
    return expires


def require(holds: object, reason: str) -> None:
    """Raise :class:`InvalidJwt` with the reason unless it holds."""
    if not holds:
        raise InvalidJwt(reason)


def _split(token: str, max_bytes: int) -> tuple[str, str, str]:
    require(len(token) <= max_bytes and _COMPACT.fullmatch(token), "malformed")
    protected, payload, signature = token.split(".")
    return protected, payload, signature


def _read(token: str, algorithms: frozenset[str], typ: frozenset[str | None], max_bytes: int) -> _Jws:
    protected, payload, signature = _split(token, max_bytes)
    header = _object(protected)
    algorithm = canonical(header.get("alg"))
    if not isinstance(algorithm, str) or algorithm not in algorithms & KEY_TYPES.keys():
        raise InvalidJwt("algorithm")
    require(not _REFUSED_HEADERS & header.keys(), "header")
    require(_type(header) in typ, "type")
    return _Jws(
        header=header,
        algorithm=algorithm,
        signed=f"{protected}.{payload}".encode(),
        payload=payload,
        signature=_decoded(signature),
    )


def _type(header: Mapping[str, object]) -> str | None:
    value = header.get("typ")
    if "typ" not in header:
        return None
    if not isinstance(value, str):
        raise InvalidJwt("type")
    return value.lower().removeprefix("application/")


def _claims(payload: str) -> Claims:
    claims = _object(payload)
    for name in _DATES:
        value = claims.get(name, 0)
        # A bool is an int to Python.
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_DATE:
            raise InvalidJwt("date")
    return claims


def _object(segment: str) -> dict[str, object]:
    try:
        return json_object(_decoded(segment))
    except ValueError as error:
        raise InvalidJwt("malformed") from error


def _decoded(segment: str) -> bytes:
    try:
        return urlsafe_b64decode(segment.encode())
    except ValueError as error:
        raise InvalidJwt("malformed") from error
