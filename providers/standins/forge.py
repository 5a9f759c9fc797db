"""Tokens as the toggles want them: truthful claims go in, and come out signed, or forged."""

import hashlib
import hmac
from collections.abc import Callable, Mapping

from .keys import KeyRing, SigningKey, b64url, signing_input_of

Claims = dict[str, object]
Change = Callable[[Claims], Claims]
Sign = Callable[[Claims, Claims, SigningKey, SigningKey], str]

HOUR = 3600
DAY = 24 * HOUR
ELSEWHERE = "https://attacker.invalid"
FOREIGN_GUID = "deadbeef-0000-4000-8000-00000000beef"


def forge(
    claims: Claims,
    header: Claims,
    key: SigningKey,
    keys: KeyRing,
    *,
    on: Callable[[str], bool],
    prefix: str = "",
) -> str:
    """Return ``claims`` as a compact JWS by ``key``, changed by whatever toggle ``on`` says is on.

    ``prefix`` is ``access_`` for the evidence access token, which has toggles of its own.
    """
    for name, change in CHANGES.items():
        if on(name) and name.startswith("access_") == bool(prefix):
            claims = change(claims)
    header = {**header, "kid": key.kid}
    for name, sign in SIGNATURES.items():
        if on(prefix + name):
            return sign(claims, header, key, keys["foreign"])
    return key.sign(header, claims)


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("truthful claims count whole seconds")
    return value


def _later(name: str) -> Change:
    return lambda claims: {**claims, name: _number(claims["iat"]) + DAY}


def _without(name: str) -> Change:
    return lambda claims: {key: value for key, value in claims.items() if key != name}


def _with(**values: object) -> Change:
    return lambda claims: {**claims, **values}


def _earlier(claims: Claims, seconds: int) -> Claims:
    return {**claims, **{name: _number(claims[name]) - seconds for name in ("iat", "nbf", "exp") if name in claims}}


def _expired(claims: Claims) -> Claims:
    return _earlier(claims, HOUR + _number(claims["exp"]) - _number(claims["iat"]))


def _of_tenant(tenant: str) -> Change:
    return lambda claims: {
        **claims,
        "tid": tenant,
        "iss": str(claims["iss"]).replace(str(claims["tid"]), tenant),
    }


def _wids(change: Callable[[list[object]], object]) -> Change:
    def changed(claims: Claims) -> Claims:
        roles = claims.get("wids", [])
        return {**claims, "wids": change(roles if isinstance(roles, list) else [])}

    return changed


CHANGES: Mapping[str, Change] = {
    "wrong_iss": _with(iss=f"{ELSEWHERE}/v2.0"),
    "wrong_aud": _with(aud=FOREIGN_GUID),
    "more_aud": lambda claims: {**claims, "aud": [claims["aud"], FOREIGN_GUID]},
    "no_aud": _without("aud"),
    "expired": _expired,
    "no_exp": _without("exp"),
    "future_nbf": _later("nbf"),
    "future_iat": _later("iat"),
    "future_auth_time": _later("auth_time"),
    "text_auth_time": lambda claims: {**claims, "auth_time": str(claims["iat"])},
    "missing_nonce": _without("nonce"),
    "wrong_nonce": _with(nonce="the-nonce-of-another-sign-in"),
    "no_sub": _without("sub"),
    "iss_tid_mismatch": _with(tid=FOREIGN_GUID),
    "tid_not_guid": _of_tenant("contoso"),
    "swapped_tid": _of_tenant(FOREIGN_GUID),
    "no_tid": _without("tid"),
    "no_acct": _without("acct"),
    "no_wids": _without("wids"),
    "wids_text": _wids(lambda roles: " ".join(map(str, roles))),
    "wids_null": _with(wids=None),
    "wids_nested": _wids(lambda roles: [roles]),
    "wids_doubled": _wids(lambda roles: [*roles, *roles]),
    "no_oid": _without("oid"),
    "wrong_azp": _with(azp=FOREIGN_GUID),
    "wrong_at_hash": _with(at_hash=b64url(bytes(16))),
    "access_wrong_iss": lambda claims: {**_of_tenant(FOREIGN_GUID)(claims), "tid": claims["tid"]},
    "access_wrong_aud": _with(aud=f"api://{FOREIGN_GUID}"),
    "access_wrong_appid": _with(appid=FOREIGN_GUID),
    "access_wrong_tid": _of_tenant(FOREIGN_GUID),
    "access_wrong_oid": _with(oid=FOREIGN_GUID),
    "access_expired": _expired,
    "access_stale": lambda claims: {**_earlier(claims, 2 * HOUR), "exp": claims["exp"]},
    "access_v2": _with(ver="2.0"),
}
"""What each toggle changes in a token's claims, in this order."""


def _alg_none(claims: Claims, header: Claims, _key: SigningKey, _foreign: SigningKey) -> str:
    return signing_input_of({**header, "alg": "none"}, claims) + "."


def _hs256(claims: Claims, header: Claims, key: SigningKey, _foreign: SigningKey) -> str:
    signing_input = signing_input_of({**header, "alg": "HS256"}, claims)
    mac = hmac.digest(key.public_pem, signing_input.encode(), hashlib.sha256)
    return f"{signing_input}.{b64url(mac)}"


def _bad_signature(claims: Claims, header: Claims, key: SigningKey, _foreign: SigningKey) -> str:
    token = key.sign(header, claims)
    start = token.rindex(".") + 1
    return token[:start] + ("B" if token[start] == "A" else "A") + token[start + 1 :]


def _by_foreign(change: Callable[[Claims, SigningKey], Claims]) -> Sign:
    def sign(claims: Claims, header: Claims, _key: SigningKey, foreign: SigningKey) -> str:
        return foreign.sign({**change(header, foreign), "alg": "RS256"}, claims)

    return sign


SIGNATURES: Mapping[str, Sign] = {
    "alg_none": _alg_none,
    "hs256_public_key": _hs256,
    "unknown_kid": _by_foreign(lambda header, foreign: {**header, "kid": foreign.kid}),
    "borrowed_kid": _by_foreign(lambda header, _foreign: header),
    "header_jwk": _by_foreign(lambda header, foreign: {**header, "kid": foreign.kid, "jwk": foreign.public_jwk}),
    "header_jku": _by_foreign(lambda header, foreign: {**header, "kid": foreign.kid, "jku": f"{ELSEWHERE}/keys"}),
    "header_x5u": _by_foreign(
        lambda header, foreign: {**header, "kid": foreign.kid, "x5u": f"{ELSEWHERE}/certificate.pem"}
    ),
    "no_kid": lambda claims, header, key, _foreign: key.sign(_without("kid")(header), claims),
    "bad_signature": _bad_signature,
    "crit": lambda claims, header, key, _foreign: key.sign(
        {**header, "crit": ["urn:example:extension"], "urn:example:extension": True}, claims
    ),
    "truncated_id_token": lambda claims, header, _key, _foreign: signing_input_of(header, claims),
}
"""How each toggle signs instead of the right key. The first that is on wins."""
