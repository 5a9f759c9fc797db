"""Every way in which a token may not hold (T9), and the few in which it does."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.id_token import InvalidToken, validate
from providers.jwks import PublishedKey
from tests.providers.tokens import (
    CLIENT,
    EC,
    ISSUER,
    NONCE,
    NOW,
    OTHER_RSA,
    RSA,
    Members,
    base64url,
    good_claims,
    public,
    published,
    sign,
)

PUBLISHED = (*published(public(RSA)), *published(public(EC, "e1")))
SECONDS = int(NOW.timestamp())


def lookup(keys: Sequence[PublishedKey]) -> Callable[[str], Sequence[PublishedKey]]:
    return lambda kid: [key for key in keys if key.kid == kid]


def check(token: object, keys: Sequence[PublishedKey] = PUBLISHED, **changes: Any) -> dict[str, object]:
    expected: Members = {"issuer": ISSUER, "audience": CLIENT, "nonce": NONCE, "now": NOW, "keys": lookup(keys)}
    return validate(token, **(expected | changes))


def refused(token: object, keys: Sequence[PublishedKey] = PUBLISHED, **changes: Any) -> str:
    with pytest.raises(InvalidToken) as caught:
        check(token, keys, **changes)
    return caught.value.code


class TestGood:
    def test_a_good_token_brings_its_claims(self) -> None:
        claims = good_claims(acr="phr", azp=CLIENT)
        assert check(sign(claims)) == claims

    @pytest.mark.parametrize("algorithm, key, kid", [("PS256", RSA, "k1"), ("ES256", EC, "e1")])
    def test_other_algorithms_hold_where_they_are_pinned(self, algorithm: str, key: Any, kid: str) -> None:
        token = sign(good_claims(), key=key, alg=algorithm, kid=kid)
        assert check(token, algorithms=[algorithm])["sub"] == "the-subject"
        assert refused(token) == "algorithm"

    def test_the_right_one_of_two_keys_under_one_kid_is_found(self) -> None:
        keys = published(public(OTHER_RSA), public(RSA))
        assert check(sign(good_claims()), keys)

    @pytest.mark.parametrize("header", [{"typ": ...}, {"typ": "jwt"}, {"x5t": "abc"}, {"unknown": True}])
    def test_a_header_may_say_what_changes_nothing(self, header: Members) -> None:
        assert check(sign(good_claims(), **header))

    @pytest.mark.parametrize(
        "changes",
        [
            {"exp": SECONDS - 59},
            {"iat": SECONDS + 60},
            {"nbf": SECONDS + 60},
            {"nbf": SECONDS},
        ],
    )
    def test_clocks_may_differ_by_a_minute(self, changes: Members) -> None:
        changes = {"iat": SECONDS - 100, **changes}
        assert check(sign(good_claims(**changes)))

    def test_a_nonce_that_was_not_sent_is_not_looked_for(self) -> None:
        assert check(sign(good_claims(nonce=...)), nonce=None)

    def test_the_hash_of_the_access_token_is_compared_where_it_is_there(self) -> None:
        fitting = base64url(hashlib.sha256(b"token").digest()[:16])
        assert check(sign(good_claims(at_hash=fitting)), access_token="token")
        assert check(sign(good_claims()), access_token="token")
        assert check(sign(good_claims(at_hash=fitting)))
        assert refused(sign(good_claims(at_hash=fitting)), access_token="other") == "access_token_hash"

    def test_the_authorized_party_can_be_another_than_the_audience(self) -> None:
        assert check(sign(good_claims(azp="the-api")), authorized_party="the-api")


class TestIssuerRule:
    def test_the_issuer_can_follow_from_the_claims_and_the_published_key(self) -> None:
        keys = published(public(RSA, issuer="https://{tenant}.example"))

        def rule(claims: Mapping[str, object], jwk: Mapping[str, object]) -> str:
            return str(jwk["issuer"]).replace("{tenant}", str(claims["tid"]))

        assert check(sign(good_claims(iss="https://a.example", tid="a")), keys, issuer=rule)
        assert refused(sign(good_claims(iss="https://a.example", tid="b")), keys, issuer=rule) == "issuer"

    def test_the_rule_sees_no_claims_of_a_false_signature(self) -> None:
        def rule(claims: Mapping[str, object], jwk: Mapping[str, object]) -> str:
            raise AssertionError("asked")

        assert refused(sign(good_claims(), key=OTHER_RSA), issuer=rule) == "signature"


def hs256(secret: bytes, **header: Any) -> str:
    head = {"alg": "HS256", "kid": "k1", **header}
    signing_input = ".".join(base64url(json.dumps(part).encode()) for part in (head, good_claims()))
    return f"{signing_input}.{base64url(hmac.digest(secret, signing_input.encode(), 'sha256'))}"


GOOD = sign(good_claims())
HEAD, BODY, SIGNATURE = GOOD.split(".")


class TestJose:
    @pytest.mark.parametrize(
        "token",
        [
            None,
            "",
            b"bytes",
            17,
            [],
            "a.b",
            "a.b.c.d.e",
            "..",
            f"{HEAD}.{BODY}.",
            f"{HEAD}..{SIGNATURE}",
            f".{BODY}.{SIGNATURE}",
            f"{GOOD}\n",
            f" {GOOD}",
            f"{GOOD}=",
            GOOD.replace(".", "..", 1),
            f"{HEAD}.{BODY}.{SIGNATURE[:-1]}ä",
            f"{HEAD}.{BODY}." + "A" * 20_000,
            f"{base64url(b'[]')}.{BODY}.{SIGNATURE}",
            f"{base64url(b'17')}.{BODY}.{SIGNATURE}",
            f"{base64url(b'{')}.{BODY}.{SIGNATURE}",
            f"{base64url(bytes([0xFF]))}.{BODY}.{SIGNATURE}",
            f"{base64url(b'[' * 9000)}.{BODY}.{SIGNATURE}",
            f"A.{BODY}.{SIGNATURE}",
        ],
    )
    def test_t9_what_is_no_compact_jws_is_malformed(self, token: object) -> None:
        assert refused(token) == "malformed"

    @pytest.mark.parametrize(
        "alg", ["none", "None", "NONE", "HS256", "RS512", "ES256", "rs256", "", None, 1, ["RS256"], ...]
    )
    def test_t9_an_algorithm_that_is_not_pinned_is_refused(self, alg: object) -> None:
        assert (
            refused(sign(good_claims(), alg=alg) if alg != "ES256" else sign(good_claims(), key=EC, alg=alg))
            == "algorithm"
        )

    def test_t9_an_unsigned_token_is_refused(self) -> None:
        head = base64url(json.dumps({"alg": "none", "kid": "k1"}).encode())
        assert refused(f"{head}.{BODY}.") == "malformed"
        assert refused(f"{head}.{BODY}.{SIGNATURE}") == "algorithm"

    def test_t9_a_symmetric_algorithm_is_refused_even_where_somebody_pinned_it(self) -> None:
        pem = RSA.as_pem(private=False)
        for secret in (pem, b"", json.dumps(public(RSA)).encode()):
            assert refused(hs256(secret)) == "algorithm"
            assert refused(hs256(secret), algorithms=["HS256", "none"]) == "algorithm"

    @pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"])
    @pytest.mark.parametrize("value", [None, [], "https://attacker.invalid/keys", ["exp"]])
    def test_t9_a_header_that_steers_the_validation_is_refused(self, name: str, value: Any) -> None:
        assert refused(sign(good_claims(), **{name: value})) == "header"

    def test_t9_a_key_in_the_header_is_not_used(self) -> None:
        token = sign(good_claims(), key=OTHER_RSA, kid="mine", jwk=public(OTHER_RSA, "mine"))
        assert refused(token) == "header"

    @pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "", None, 1, ["JWT"]])
    def test_t9_a_token_of_another_type_is_refused(self, typ: object) -> None:
        assert refused(sign(good_claims(), typ=typ)) == "type"

    @pytest.mark.parametrize("kid", [..., None, "", 1, ["k1"], {"k1": 1}, "k" * 256])
    def test_t9_an_odd_kid_is_refused(self, kid: object) -> None:
        assert refused(sign(good_claims(), kid=kid)) == "key_id"

    @pytest.mark.parametrize("kid", ["k2", "K1", "k1 ", "../k1", "k1\x00", "'; drop table"])
    def test_t9_an_unknown_kid_is_refused(self, kid: str) -> None:
        assert refused(sign(good_claims(), kid=kid)) == "unknown_key"

    def test_t9_a_key_of_another_kind_or_for_another_algorithm_is_not_used(self) -> None:
        assert refused(sign(good_claims(), kid="e1")) == "unknown_key"
        assert refused(GOOD, published(public(RSA, alg="RS512"))) == "unknown_key"
        assert refused(GOOD, published(public(RSA, alg="PS256"))) == "unknown_key"
        assert check(GOOD, published(public(RSA, alg="RS256")))

    def test_t9_a_key_not_meant_to_verify_is_not_used(self) -> None:
        assert refused(GOOD, published(public(RSA, use=..., key_ops=["encrypt"]))) == "signature"

    def test_t9_a_curve_of_another_size_is_not_used(self) -> None:
        from joserfc.jwk import ECKey

        other = ECKey.generate_key("P-384")
        token = sign(good_claims(), key=EC, alg="ES256", kid="e1")
        assert refused(token, published(public(other, "e1")), algorithms=["ES256"]) == "signature"

    def test_t9_a_foreign_signature_under_a_published_kid_is_refused(self) -> None:
        assert refused(sign(good_claims(), key=OTHER_RSA)) == "signature"

    def test_t9_a_changed_claim_breaks_the_signature(self) -> None:
        other = base64url(json.dumps(good_claims(sub="another")).encode())
        assert refused(f"{HEAD}.{other}.{SIGNATURE}") == "signature"

    def test_t9_a_long_header_is_refused(self) -> None:
        assert refused(sign(good_claims(), more="x" * 5000)) == "signature"

    @pytest.mark.parametrize(
        "raw",
        [
            b'{"alg":"none","alg":"RS256","kid":"k1"}',
            b'{"alg":"RS256","kid":"k0","kid":"k1"}',
            b'{"alg":"RS256","kid":"k1","x":{"a":1,"a":1}}',
            b'{"alg":"RS256","kid":"k1","x":NaN}',
        ],
    )
    def test_t9_a_member_that_stands_in_the_header_twice_is_refused(self, raw: bytes) -> None:
        assert refused(sign(good_claims(), raw_header=raw)) == "malformed"


def raw_claims(**members: str) -> bytes:
    """Return good claims as JSON text, with members put in as they stand."""
    claims = good_claims(**dict.fromkeys(members, ...))
    parts = [f"{json.dumps(name)}:{json.dumps(value)}" for name, value in claims.items()]
    return ("{" + ",".join([*parts, *(f'"{name}":{text}' for name, text in members.items())]) + "}").encode()


class TestClaims:
    @pytest.mark.parametrize(
        "payload",
        [
            b"",
            b"[]",
            b"null",
            b'"text"',
            b"{",
            b"\xff\xfe",
            raw_claims(exp="1" * 5000),
            raw_claims(exp="NaN"),
            raw_claims(exp="Infinity"),
            raw_claims(x="-Infinity"),
            raw_claims(x='{"a":1,"a":2}'),
            json.dumps(good_claims()).encode().replace(b'"sub"', b'"aud":"other","sub"'),
            json.dumps(good_claims()).encode().replace(b'"sub"', b'"sub":"another","sub"'),
            b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}",
        ],
    )
    def test_t9_claims_that_are_no_clean_json_object_are_malformed(self, payload: bytes) -> None:
        assert refused(sign(payload)) == "malformed"

    @pytest.mark.parametrize("name", ["exp", "iat"])
    @pytest.mark.parametrize("value", [..., None, True, "", "1795348800", 1795348800.0, -1, 0, [], {}])
    def test_t9_a_required_time_is_a_whole_number(self, name: str, value: object) -> None:
        assert refused(sign(good_claims(**{name: value}))) == f"{name}_type"

    @pytest.mark.parametrize("value", [None, True, "1", 1.5, -1, 0, []])
    def test_t9_nbf_is_a_whole_number_where_it_is_there(self, value: object) -> None:
        assert refused(sign(good_claims(nbf=value))) == "nbf_type"

    @pytest.mark.parametrize(
        "changes, code",
        [
            ({"exp": SECONDS - 60, "iat": SECONDS - 600}, "expired"),
            ({"exp": SECONDS - 86_400, "iat": SECONDS - 90_000}, "expired"),
            ({"exp": 1, "iat": 1}, "expired"),
            ({"iat": SECONDS + 61}, "issued_at"),
            ({"iat": SECONDS + 300}, "issued_at"),
            ({"iat": SECONDS + 10, "exp": SECONDS + 10}, "issued_at"),
            ({"nbf": SECONDS + 61}, "not_before"),
        ],
    )
    def test_t9_a_token_out_of_its_time_is_refused(self, changes: Members, code: str) -> None:
        assert refused(sign(good_claims(**changes))) == code

    def test_a_time_beyond_the_calendar_is_only_a_number(self) -> None:
        assert check(sign(good_claims(exp=10**40)))

    def test_the_leeway_can_be_none(self) -> None:
        assert refused(sign(good_claims(exp=SECONDS, iat=SECONDS - 1)), leeway=timedelta(0)) == "expired"

    @pytest.mark.parametrize(
        "value",
        [..., None, "", "https://issuer.example/", "https://ISSUER.example", [ISSUER], 1, f"{ISSUER}\x00", "\ud800"],
    )
    def test_t9_another_issuer_is_refused(self, value: object) -> None:
        assert refused(sign(good_claims(iss=value))) == "issuer"

    @pytest.mark.parametrize(
        "value", [..., None, "", "other", [CLIENT], [CLIENT, "other"], ["other"], [], {CLIENT: 1}, "the-client "]
    )
    def test_t9_another_audience_or_a_list_of_them_is_refused(self, value: object) -> None:
        assert refused(sign(good_claims(aud=value))) == "audience"

    @pytest.mark.parametrize("value", [None, "", "other", [CLIENT], 1])
    def test_t9_another_authorized_party_is_refused(self, value: object) -> None:
        assert refused(sign(good_claims(azp=value))) == "authorized_party"

    @pytest.mark.parametrize("value", [..., None, "", 17, ["the-subject"], "s" * 256])
    def test_t9_an_odd_subject_is_refused(self, value: object) -> None:
        assert refused(sign(good_claims(sub=value))) == "subject"

    @pytest.mark.parametrize("value", [..., None, "", "another", [NONCE], 1, True])
    def test_t2_another_nonce_is_refused(self, value: object) -> None:
        assert refused(sign(good_claims(nonce=value, nonce_supported=False))) == "nonce"

    @pytest.mark.parametrize("value", [None, "", 1, []])
    def test_t9_an_odd_hash_of_the_access_token_is_refused(self, value: object) -> None:
        assert refused(sign(good_claims(at_hash=value)), access_token="token") == "access_token_hash"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


class TestProperties:
    @settings(max_examples=200)
    @given(st.one_of(st.text(max_size=80), st.from_regex(r"\A[\w-]{1,40}\.[\w-]{1,40}\.[\w-]{1,40}\Z"), JSON))
    def test_t9_nothing_but_a_signed_token_holds_and_nothing_else_is_raised(self, token: object) -> None:
        refused(token)

    @settings(max_examples=200)
    @given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "x5t", "cty", "exp"]), JSON, max_size=4))
    def test_t9_no_header_makes_a_foreign_signature_hold(self, header: Members) -> None:
        refused(sign(good_claims(), key=OTHER_RSA, **{k: v for k, v in header.items() if k != "alg"}))

    @settings(max_examples=200)
    @given(st.sampled_from(["iss", "aud", "exp", "iat", "nonce", "sub"]), JSON)
    def test_t9_no_odd_claim_holds(self, name: str, value: object) -> None:
        claims = good_claims(**{name: value})
        try:
            check(sign(claims))
        except InvalidToken:
            return
        if name in ("exp", "iat"):
            assert type(value) is int
        elif name == "sub":
            assert isinstance(value, str)
        else:
            assert value == good_claims()[name]

    @settings(max_examples=200)
    @given(st.integers(0, len(GOOD) - 1), st.sampled_from("AZaz09-_."))
    def test_t9_no_changed_character_holds_unless_it_says_the_same(self, index: int, character: str) -> None:
        changed = GOOD[:index] + character + GOOD[index + 1 :]
        try:
            claims = check(changed)
        except InvalidToken:
            return
        assert claims == good_claims()
