"""Reading a JWT that a client made (T9: JOSE)."""

import json
from collections.abc import Callable, Iterable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import OctKey
from joserfc.jws import JWSRegistry

from broker.oidc.jose.jwk import PublicKey, read_key
from broker.oidc.jose.signed import (
    InvalidJwt,
    KeysUnavailable,
    check_period,
    instant,
    peek,
    verify,
    verify_with_own_key,
)
from tests.oidc.jose.samples import (
    ANY_JSON,
    ANY_TEXT,
    ANY_TOKEN,
    EC,
    ED,
    NOW,
    OTHER_EC,
    RSA,
    SECONDS,
    Members,
    after,
    base64url,
    jwt,
    public,
    tampered,
    verdict,
)

ALL = frozenset({"RS256", "PS256", "ES256", "EdDSA"})
MAX_BYTES = 4096
PUBLISHED = tuple(read_key(public(key)) for key in (RSA, EC, ED))
CLAIMS = {"iss": "somebody", "exp": SECONDS + 60}


def keys(kid: str | None, alg: str) -> Iterable[PublicKey]:
    return PUBLISHED


def read(
    token: str, *, algorithms: frozenset[str] = ALL, typ: frozenset[str | None] = frozenset({None, "jwt"})
) -> tuple[dict[str, object], dict[str, object]]:
    return verify(token, keys=keys, algorithms=algorithms, typ=typ, max_bytes=MAX_BYTES)


def refused(token: str, algorithms: frozenset[str] = ALL) -> str:
    with pytest.raises(InvalidJwt) as raised:
        read(token, algorithms=algorithms)
    return raised.value.reason


@pytest.mark.parametrize("alg", sorted(ALL))
def test_header_and_claims_are_returned_for_each_algorithm(alg: str) -> None:
    header, claims = read(jwt(CLAIMS, alg=alg, typ="JWT"))
    assert header == {"alg": alg, "kid": "k1", "typ": "JWT"}
    assert claims == CLAIMS


@pytest.mark.parametrize(
    "header", [{}, {"kid": ...}, {"typ": "jwt"}, {"typ": "application/JWT"}, {"x5t": "a", "tx": 1}]
)
def test_headers_that_harm_nobody_are_accepted(header: Members) -> None:
    assert read(jwt(CLAIMS, **header))[1] == CLAIMS


def test_the_source_is_asked_for_the_headers_kid_and_alg() -> None:
    asked: list[tuple[str | None, str]] = []

    def source(kid: str | None, alg: str) -> list[PublicKey]:
        asked.append((kid, alg))
        return [read_key(public(OTHER_EC)), *PUBLISHED]

    for header in ({"kid": "clé"}, {"kid": ...}):
        verify(jwt(CLAIMS, **header), keys=source, algorithms=ALL, typ=frozenset({None}), max_bytes=MAX_BYTES)
    assert asked == [("clé", "ES256"), (None, "ES256")]


HEADERS: dict[str, tuple[Members, str]] = {
    "alg none": ({"alg": "none", "sign_as": "ES256"}, "algorithm"),
    "alg None": ({"alg": "None", "sign_as": "ES256"}, "algorithm"),
    "no alg": ({"alg": ..., "sign_as": "ES256"}, "algorithm"),
    "alg is null": ({"alg": None, "sign_as": "ES256"}, "algorithm"),
    "alg is a list": ({"alg": ["ES256"], "sign_as": "ES256"}, "algorithm"),
    "alg is an object": ({"alg": {"ES256": 1}, "sign_as": "ES256"}, "algorithm"),
    "alg in lower case": ({"alg": "es256", "sign_as": "ES256"}, "algorithm"),
    "alg RS512": ({"alg": "RS512", "key": RSA}, "algorithm"),
    "jwk": ({"jwk": public(EC)}, "header"),
    "jku": ({"jku": "https://attacker.example/jwks"}, "header"),
    "x5u": ({"x5u": "https://attacker.example/cert"}, "header"),
    "x5c": ({"x5c": ["MIIC"]}, "header"),
    "unknown crit": ({"crit": ["exp"], "exp": 1}, "header"),
    "empty crit": ({"crit": []}, "header"),
    "crit is null": ({"crit": None}, "header"),
    "b64": ({"b64": False, "crit": ["b64"]}, "header"),
    "b64 true": ({"b64": True}, "header"),
    "zip": ({"zip": "DEF"}, "header"),
    "enc": ({"enc": "A128GCM"}, "header"),
    "another type": ({"typ": "at+jwt"}, "type"),
    "type is a number": ({"typ": 1}, "type"),
    "type is null": ({"typ": None}, "type"),
    "type is empty": ({"typ": ""}, "type"),
    "kid is a number": ({"kid": 1}, "key_id"),
    "kid is a list": ({"kid": ["k1"]}, "key_id"),
    "kid is empty": ({"kid": ""}, "key_id"),
    "kid is long": ({"kid": "k" * 256}, "key_id"),
    "another's key": ({"key": OTHER_EC}, "signature"),
}


@pytest.mark.parametrize("header, reason", HEADERS.values(), ids=HEADERS)
def test_t9_a_header_that_leads_elsewhere_is_refused(header: Members, reason: str) -> None:
    assert refused(jwt(CLAIMS, **header)) == reason


def test_t9_an_algorithm_the_receiver_did_not_name_is_refused() -> None:
    assert refused(jwt(CLAIMS, alg="RS256"), frozenset({"PS256", "ES256"})) == "algorithm"


@pytest.mark.parametrize("secret", [RSA.as_pem(private=False), RSA.as_der(private=False), b"k" * 32])
def test_t9_a_mac_is_refused_even_where_a_receiver_named_it(secret: bytes) -> None:
    signed = jwt(CLAIMS, sign_as="ES256", alg="HS256").rpartition(".")[0]
    mac = JWSRegistry.algorithms["HS256"].sign(signed.encode(), OctKey.import_key(secret.hex()))
    assert refused(f"{signed}.{base64url(mac)}", ALL | {"HS256", "none"}) == "algorithm"


@pytest.mark.parametrize("alg", sorted(ALL))
def test_t9_a_signature_that_was_touched_is_refused(alg: str) -> None:
    token = jwt(CLAIMS, alg=alg)
    head, body, signature = token.split(".")
    other_body = base64url(json.dumps(CLAIMS | {"iss": "another"}).encode())
    assert refused(tampered(token)) == "signature"
    assert refused(f"{head}.{other_body}.{signature}") == "signature"
    for length in (1, 16, 63, 65, 255, 257, 1000):
        assert refused(f"{head}.{body}.{base64url(bytes(length))}") == "signature"
    assert refused(f"{head}.{body}.{base64url(bytes(64))}") == "signature"


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        "abcd..abcd",
        "abcd.abcd.",
        ".abcd.abcd",
        jwt(CLAIMS) + ".abcd.abcd",
        jwt(CLAIMS) + "\n",
        jwt(CLAIMS) + "=",
        " " + jwt(CLAIMS),
        jwt(CLAIMS).replace(".", "。"),
        jwt(CLAIMS) + "é",
        jwt(CLAIMS)[:-1] + "\ud800",
        # one character too many for whole bytes, and bits that belong to no byte
        jwt(CLAIMS) + "AAA",
        jwt(CLAIMS)[:-1] + "B",
        jwt({"long": "x" * MAX_BYTES}),
        jwt(CLAIMS, raw_header=b"[]"),
        jwt(CLAIMS, raw_header=b'"ES256"'),
        jwt(CLAIMS, raw_header=b"ES256"),
        jwt(CLAIMS, raw_header=b'{"alg": "none", "alg": "ES256"}'),
        jwt(CLAIMS, raw_header=b'{"alg": "ES256", "x": NaN}'),
        jwt(CLAIMS, raw_header=b'{"alg": "ES256", "x": "\xff"}'),
        jwt(CLAIMS, raw_header='{"alg": "ES256"}'.encode("utf-16")),
        jwt(CLAIMS, raw_header=b'{"alg": "ES256", "x":' + b"[" * 1100 + b"]" * 1100 + b"}"),
        jwt(b"[]"),
        jwt(b"null"),
        jwt(b"text"),
        jwt(b'{"exp": 1, "exp": 2}'),
        jwt(b'{"exp": NaN}'),
        jwt(b'{"exp": 1e999}'),
        jwt(b'{"x": "\\ud800"}'),
        jwt(b'{"x":' + b"[" * 1100 + b"]" * 1100 + b"}"),
        json.dumps({"protected": "a", "payload": "b", "signature": "c"}),
    ],
)
def test_t9_what_is_no_compact_jwt_is_refused(token: str) -> None:
    assert refused(token) == "malformed"


def test_t9_the_size_is_judged_before_anything_is_read() -> None:
    token = jwt(CLAIMS)
    fitting = {"keys": keys, "algorithms": ALL, "typ": frozenset({None})}
    assert verify(token, max_bytes=len(token), **fitting)  # type: ignore[arg-type]  # shared arguments
    with pytest.raises(InvalidJwt, match="malformed"):
        verify(token, max_bytes=len(token) - 1, **fitting)  # type: ignore[arg-type]  # shared arguments


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["1", "", None, True, False, [1], {}, -1, -0.5, 1e300, 10**18, 253_402_300_800])
def test_t9_a_date_that_is_no_number_of_seconds_is_refused(name: str, value: object) -> None:
    assert refused(jwt(CLAIMS | {name: value})) == "date"


@pytest.mark.parametrize("value", [0, 1.5, SECONDS, 253_402_300_799])
def test_a_date_is_any_number_of_seconds_until_the_year_9999(value: float) -> None:
    _, claims = read(jwt({"iat": value}))
    assert instant(claims, "iat") == value
    assert instant(claims, "exp") is None


@pytest.mark.parametrize("found", [(), (OctKey.generate_key(256),), (PUBLISHED[0], PUBLISHED[2])])
def test_t9_keys_that_do_not_fit_the_algorithm_are_no_keys(found: tuple[PublicKey, ...]) -> None:
    with pytest.raises(InvalidJwt, match="unknown_key"):
        verify(jwt(CLAIMS), keys=lambda kid, alg: found, algorithms=ALL, typ=frozenset({None}), max_bytes=MAX_BYTES)


def test_without_keys_nothing_is_verified() -> None:
    def source(kid: str | None, alg: str) -> list[PublicKey]:
        raise KeysUnavailable

    with pytest.raises(InvalidJwt, match="keys_unavailable"):
        verify(jwt(CLAIMS), keys=source, algorithms=ALL, typ=frozenset({None}), max_bytes=MAX_BYTES)


def with_own_key(token: str) -> PublicKey:
    key, _ = verify_with_own_key(token, algorithms=ALL, typ=frozenset({"dpop+jwt"}), max_bytes=MAX_BYTES)
    return key


@pytest.mark.parametrize("alg, key", [("PS256", RSA), ("ES256", EC), ("EdDSA", ED)])
def test_a_jwt_can_show_the_key_that_signed_it(alg: str, key: PublicKey) -> None:
    shown = with_own_key(jwt(CLAIMS, alg=alg, typ="dpop+jwt", jwk=public(key)))
    assert shown.thumbprint() == key.thumbprint()


@pytest.mark.parametrize(
    "header, reason",
    [
        ({"jwk": ...}, "jwk"),
        ({"jwk": None}, "jwk"),
        ({"jwk": "k1"}, "jwk"),
        ({"jwk": EC.as_dict(private=True)}, "jwk"),
        ({"jwk": public(EC, use="enc")}, "jwk"),
        ({"jwk": public(EC, alg="ES512")}, "jwk"),
        ({"jwk": public(RSA)}, "jwk"),
        ({"jwk": public(OTHER_EC)}, "signature"),
        ({"jku": "https://attacker.example/jwks"}, "header"),
        ({"typ": ...}, "type"),
        ({"typ": "JWT"}, "type"),
    ],
)
def test_t9_a_key_that_is_shown_must_be_public_fitting_and_the_signer(header: Members, reason: str) -> None:
    with pytest.raises(InvalidJwt, match=reason):
        with_own_key(jwt(CLAIMS, **{"typ": "dpop+jwt", "jwk": public(EC), **header}))


def test_peeking_reads_claims_that_nobody_vouches_for() -> None:
    assert peek(tampered(jwt(CLAIMS, alg="none", sign_as="ES256")), max_bytes=MAX_BYTES) == CLAIMS
    with pytest.raises(InvalidJwt):
        peek("a.b.c", max_bytes=MAX_BYTES)


@pytest.mark.parametrize("seconds", [0, 60, 69.9])
def test_claims_hold_until_they_expire(seconds: float) -> None:
    assert check_period(CLAIMS, after(seconds)) == SECONDS + 60


@pytest.mark.parametrize(
    "claims, reason",
    [
        ({"exp": SECONDS - 10}, "expired"),
        ({"iat": SECONDS}, "expired"),
        ({"exp": SECONDS + 60, "nbf": SECONDS + 11}, "not_yet"),
        ({"exp": SECONDS + 60, "iat": SECONDS + 11}, "not_yet"),
    ],
)
def test_claims_do_not_hold_before_or_after_their_time(claims: Members, reason: str) -> None:
    with pytest.raises(InvalidJwt, match=reason):
        check_period(claims, NOW)


def ending(work: Callable[[], object]) -> str:
    ended = verdict(work)
    return ended.reason if isinstance(ended, InvalidJwt) else "valid"


@given(ANY_TOKEN)
def test_t9_any_text_at_all_is_an_invalid_jwt(token: str) -> None:
    assert ending(lambda: read(token)) == "malformed"
    assert ending(lambda: with_own_key(token)) == "malformed"
    assert ending(lambda: peek(token, max_bytes=MAX_BYTES)) == "malformed"


HEADER_NAMES = st.sampled_from(["alg", "typ", "kid", "jwk", "jku", "crit", "b64", "zip", "cty", "x5c"]) | ANY_TEXT


@settings(max_examples=50)
@given(st.dictionaries(HEADER_NAMES, ANY_JSON, max_size=4))
def test_t9_any_header_ends_in_a_verdict(changes: Members) -> None:
    own = {"typ": "dpop+jwt", "jwk": public(EC) | changes} | changes
    for header, work in (({}, read), (own, with_own_key)):
        full = json.dumps({"alg": "ES256"} | header | changes).encode()
        assert ending(partial(work, jwt(CLAIMS, raw_header=full)))


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(["exp", "nbf", "iat", "aud"]) | ANY_TEXT, ANY_JSON, max_size=4), st.binary())
def test_t9_any_signed_claims_end_in_a_verdict(claims: Members, data: bytes) -> None:
    assert ending(lambda: read(jwt(claims)))
    assert ending(lambda: read(jwt(data)))


@given(st.binary(max_size=700), st.sampled_from(sorted(ALL)))
def test_t9_any_signature_ends_in_a_verdict(signature: bytes, alg: str) -> None:
    signed = jwt(CLAIMS, alg=alg).rpartition(".")[0]
    assert ending(lambda: read(f"{signed}.{base64url(signature)}")) in ("signature", "malformed")
