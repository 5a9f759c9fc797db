"""Full validation of ID tokens (OpenID Connect Core 1.0, section 3.1.3.7) and of other JWTs, on joserfc.

joserfc verifies the signature; everything around it is strict here, because tokens come from outside and the JOSE
header is written by whoever wrote the token.
"""

import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NoReturn

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.util import urlsafe_b64decode

from providers.jwks import JwksCache, KeysUnavailable, PublishedKey

__all__ = ["InvalidToken", "JwksCache", "KeysUnavailable", "validate"]

MAX_TOKEN = 16384  # characters
LEEWAY = timedelta(seconds=60)

KeySource = Callable[[str], Sequence[PublishedKey]]
"""``kid`` -> the issuer's keys published under it."""

IssuerRule = Callable[[Mapping[str, object], Mapping[str, object]], str]
"""Claims whose signature holds, and the raw JWK that verified them -> what ``iss`` must be.

Raises :class:`InvalidToken` where these claims and that key do not belong together.
"""

_TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
# Each would have the token choose its own key, or change what the signature is over.
_REFUSED_HEADERS = ("jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc")
# The hash is SHA-256 for all of them, which at_hash relies on.
_KEY_TYPES = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC"}
_REGISTRIES = {name: jws.JWSRegistry(algorithms=[name], strict_check_header=False) for name in _KEY_TYPES}


class InvalidToken(Exception):
    """A token that proves nothing. ``code`` names the check that failed, and holds nothing of the token."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def validate(
    token: object,
    *,
    keys: KeySource,
    issuer: str | IssuerRule,
    audience: str,
    now: datetime,
    nonce: str | None = None,
    access_token: str | None = None,
    authorized_party: str | None = None,
    algorithms: Sequence[str] = ("RS256",),
    leeway: timedelta = LEEWAY,
) -> dict[str, object]:
    """Return the claims of a token that holds. Raises :class:`InvalidToken`, and whatever ``keys`` raises.

    ``nonce`` must be the one sent, where one was. ``at_hash`` is compared where it and ``access_token`` are there
    (section 3.1.3.8). ``azp``, where it is there, must be ``authorized_party``, which is ``audience`` unless told.
    ``leeway`` is how far the clocks may differ.
    """
    header = _header(token, algorithms)
    claims, key = _verified(str(token), header, keys(str(header["kid"])))
    expected = issuer if isinstance(issuer, str) else issuer(claims, key.raw)
    _require(_same(claims.get("iss"), expected), "issuer")
    _require(_same(claims.get("aud"), audience), "audience")
    _require("azp" not in claims or _same(claims["azp"], authorized_party or audience), "authorized_party")
    _check_times(claims, int(now.timestamp()), int(leeway.total_seconds()))
    subject = claims.get("sub")
    # OpenID Connect Core section 2: 255 ASCII characters at most.
    _require(isinstance(subject, str) and 0 < len(subject) <= 255 and subject.isascii(), "subject")
    _require(nonce is None or _same(claims.get("nonce"), nonce), "nonce")
    if access_token is not None and "at_hash" in claims:
        digest = hashlib.sha256(access_token.encode()).digest()[:16]
        _require(_same(claims["at_hash"], urlsafe_b64encode(digest).rstrip(b"=").decode()), "access_token_hash")
    return claims


def _header(token: object, algorithms: Sequence[str]) -> dict[str, object]:
    _require(isinstance(token, str) and len(token) <= MAX_TOKEN and _TOKEN.fullmatch(token), "malformed")
    header = _json_object(str(token).partition(".")[0].encode())
    algorithm, kid = header.get("alg"), header.get("kid")
    _require(isinstance(algorithm, str) and algorithm in algorithms and algorithm in _KEY_TYPES, "algorithm")
    _require(not any(name in header for name in _REFUSED_HEADERS), "header")
    _require(str(header.get("typ", "JWT")).upper() == "JWT", "type")
    _require(isinstance(kid, str) and 0 < len(kid) <= 255, "key_id")
    return header


def _verified(
    token: str, header: Mapping[str, object], keys: Sequence[PublishedKey]
) -> tuple[dict[str, object], PublishedKey]:
    name = str(header["alg"])
    fitting = [key for key in keys if key.fits(name, _KEY_TYPES[name])]
    _require(fitting, "unknown_key")
    head, payload, signature = token.encode().split(b".")
    # What joserfc's deserialize_compact does, with the header read once, and not once for each key.
    registry = _REGISTRIES[name]
    try:
        registry.validate_header_size(head)
        registry.validate_signature_size(signature)
        registry.check_header(dict(header))
        algorithm, signed = registry.get_alg(name), urlsafe_b64decode(signature)
    except (JoseError, ValueError) as error:
        raise InvalidToken("signature") from error
    for key in fitting:
        try:
            algorithm.check_key(key.key)
            holds = algorithm.verify(head + b"." + payload, signed, key.key)
        except (JoseError, ValueError):
            continue
        if holds is True:
            return _json_object(payload), key
    raise InvalidToken("signature")


def _check_times(claims: Mapping[str, object], now: int, leeway: int) -> None:
    expires, issued = _seconds(claims, "exp"), _seconds(claims, "iat")
    _require(now < expires + leeway, "expired")
    _require(issued <= now + leeway and issued < expires, "issued_at")
    if "nbf" in claims:
        _require(_seconds(claims, "nbf") <= now + leeway, "not_before")


def _seconds(claims: Mapping[str, object], name: str) -> int:
    value = claims.get(name)
    if type(value) is not int or value <= 0:  # so neither a bool, nor a float, nor a number in quotes
        raise InvalidToken(f"{name}_type")
    return value


def _same(value: object, expected: str) -> bool:
    return isinstance(value, str) and hmac.compare_digest(value.encode(errors="replace"), expected.encode())


def _require(holds: object, code: str) -> None:
    if not holds:
        raise InvalidToken(code)


def _json_object(segment: bytes) -> dict[str, object]:
    """Return the JSON object in a base64url segment; a member that stands there twice, or NaN, is refused."""
    try:
        value = _DECODER.decode(urlsafe_b64decode(segment).decode())
    except (ValueError, RecursionError) as error:
        raise InvalidToken("malformed") from error
    if not isinstance(value, dict):
        raise InvalidToken("malformed")
    return value


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands there twice")
    return members


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_distinct, parse_constant=_no_number)
