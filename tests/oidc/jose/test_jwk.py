"""Keys that somebody else chose (T9)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey

from broker.oidc.jose.jwk import PublicKey, algorithms_of, fits, read_key
from tests.oidc.jose.samples import ANY_JSON, EC, ED, RSA, Members, base64url, public


@pytest.mark.parametrize(
    "key, good_for",
    [(RSA, {"RS256", "PS256"}), (EC, {"ES256"}), (ED, {"EdDSA"})],
)
def test_a_key_fits_the_algorithms_of_its_type(key: PublicKey, good_for: set[str]) -> None:
    read = read_key(public(key))
    algorithms = ["RS256", "PS256", "ES256", "EdDSA", "HS256", "RS512", "none", ""]
    assert {algorithm for algorithm in algorithms if fits(read, algorithm)} == good_for


@pytest.mark.parametrize(
    "members, algorithm, fitting",
    [
        ({"alg": "PS256"}, "PS256", True),
        ({"alg": "PS256"}, "RS256", False),
        ({"use": "sig"}, "PS256", True),
        ({"use": "enc"}, "PS256", False),
        ({"key_ops": ["verify"]}, "PS256", True),
        ({"key_ops": ["sign", "verify"], "use": "sig"}, "PS256", True),
        ({"key_ops": ["encrypt"]}, "PS256", False),
        ({"key_ops": []}, "PS256", False),
        ({"key_ops": "verify"}, "PS256", False),
    ],
)
def test_t9_a_key_is_held_to_its_own_word(members: Members, algorithm: str, fitting: bool) -> None:
    assert fits(read_key(public(RSA, **members)), algorithm) is fitting


def test_members_that_nobody_needs_are_left_behind() -> None:
    read = read_key(public(EC, x5c=["MIIC"], x5u="nowhere", comment="c" * 1000))
    assert set(read.keys()) == {"kty", "crv", "x", "y", "kid"}


@pytest.mark.parametrize(
    "jwk",
    [
        None,
        "text",
        [],
        {},
        {"kty": "RSA"},
        {"kty": ["RSA"]},
        {"kty": "ML-DSA"},
        OctKey.generate_key(256).as_dict(),
        {**public(EC), "k": "c2VjcmV0"},
        EC.as_dict(private=True),
        ED.as_dict(private=True),
        RSA.as_dict(private=True),
        {"kty": "RSA", "n": 5, "e": "AQAB"},
        {"kty": "RSA", "n": "*" * 342, "e": "AQAB"},
        {"kty": "RSA", "n": None, "e": "AQAB"},
        {"kty": "RSA", "n": "", "e": ""},
        # too weak, openly and behind zeros; and too costly
        {"kty": "RSA", "n": base64url(b"\xff" * 128), "e": "AQAB"},
        {"kty": "RSA", "n": base64url(bytes(128) + b"\xff" * 128), "e": "AQAB"},
        {"kty": "RSA", "n": base64url(b"\xff" * 1025), "e": "AQAB"},
        public(RSA, e=base64url(b"\xff" * 9)),
        public(RSA, e="AQ"),
        public(RSA, n=base64url(b"\xff" * 256), e="AA"),
        public(ECKey.generate_key("P-384")),
        public(EC, crv="P-384"),
        public(EC, crv="P-257"),
        public(EC, x="AQ"),
        public(EC, y=...),
        public(OKPKey.generate_key("Ed448")),
        public(OKPKey.generate_key("X25519")),
        public(ED, x="AQ"),
        public(ED, x=7),
        public(EC, kid=17),
        public(EC, alg=1),
        public(EC, use="signature"),
        public(EC, use=["sig"], key_ops=["verify"]),
        public(EC, use="sig", key_ops=["deriveKey"]),
        public(EC, key_ops=7),
    ],
)
def test_t9_a_key_that_is_private_weak_or_broken_is_refused(jwk: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_key(jwk)


def test_rs256_has_to_be_asked_for() -> None:
    assert algorithms_of(None) == {"PS256", "ES256", "EdDSA"}
    assert algorithms_of("RS256") == {"RS256"}


@settings(max_examples=50)
@given(
    ANY_JSON, st.dictionaries(st.sampled_from(sorted({*public(RSA), *public(EC), "use", "alg", "key_ops"})), ANY_JSON)
)
def test_t9_any_json_is_a_key_or_a_value_error(value: object, changes: Members) -> None:
    for jwk in (value, public(EC) | changes, public(RSA) | changes, public(ED) | changes):
        try:
            fits(read_key(jwk), "ES256")
        except ValueError:
            continue
