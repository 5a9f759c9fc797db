"""DPoP proofs (RFC 9449; T9, T7). The cases carry what the suite's ``dpop-negative-tests`` tries."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.oidc.jose.dpop import InvalidProof, Nonces, Proofs, UseNonce, is_jkt, thumbprint
from broker.oidc.jose.jwk import PublicKey
from broker.storage.store import MemoryStore, RedisStore, ShortLived, StoreFull
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
    without,
)
from tests.storage.parallel import in_parallel

URL = "https://broker.example/token"
ACCESS_TOKEN = "an-access-token"
ATH = base64url(hashlib.sha256(ACCESS_TOKEN.encode()).digest())
NONCES = Nonces(b"k" * 32)
NONCE = NONCES.current(NOW)
_JTI = count()


def claims(**changes: Any) -> Members:
    """Return what a good proof says, under a ``jti`` of its own; a change to ``...`` leaves a claim out."""
    good = {"jti": f"jti-{next(_JTI)}", "htm": "POST", "htu": URL, "iat": SECONDS, "nonce": NONCE}
    return without(good | changes)


def proof(key: PublicKey = EC, header: Members | None = None, **changes: Any) -> str:
    full: Members = {"typ": "dpop+jwt", "kid": ..., "jwk": public(key, kid=...), "key": key} | (header or {})
    return jwt(claims(**changes), **full)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def proofs(clock: Clock) -> Proofs:
    return Proofs(MemoryStore(clock=clock), NONCES)


def verify(proofs: Proofs, *headers: str, seconds: float = 0, url: str = URL, access_token: str | None = None) -> str:
    return proofs.verify(headers, method="POST", url=url, now=after(seconds), access_token=access_token)


def refused(proofs: Proofs, *headers: str, seconds: float = 0, url: str = URL, access_token: str | None = None) -> str:
    with pytest.raises(InvalidProof) as raised:
        verify(proofs, *headers, seconds=seconds, url=url, access_token=access_token)
    return raised.value.reason


@pytest.mark.parametrize("alg, key", [("PS256", RSA), ("ES256", EC), ("EdDSA", ED), ("Ed25519", ED)])
def test_a_good_proof_is_worth_its_keys_thumbprint(proofs: Proofs, alg: str, key: PublicKey) -> None:
    jkt = verify(proofs, proof(key, {"alg": alg}))
    assert jkt == key.thumbprint() == thumbprint(public(key))
    assert is_jkt(jkt)


@pytest.mark.parametrize(
    "change",
    [
        {"iat": SECONDS - 10},
        {"iat": SECONDS + 10},
        {"iat": SECONDS - 60},
        {"iat": SECONDS - 0.5},
        {"nbf": SECONDS + 600, "exp": SECONDS - 600},
        {"exp": SECONDS + 31_536_000},
        {"ath": "of no matter here"},
        {"tx_id_key": SECONDS, "more": {"of": ["that"]}},
        {"jti": "j" * 256},
    ],
)
def test_claims_at_the_edge_and_of_no_matter_are_accepted(proofs: Proofs, change: Members) -> None:
    assert verify(proofs, proof(**change))


@pytest.mark.parametrize("header", [{"kid": "k1"}, {"tx_id": 1}, {"typ": "application/dpop+jwt"}, {"cty": "x"}])
def test_headers_of_no_matter_are_accepted(proofs: Proofs, header: Members) -> None:
    assert verify(proofs, proof(header=header))


@pytest.mark.parametrize("member", [{"kid": "k1"}, {"use": "sig"}, {"alg": "ES256"}, {"key_ops": ["verify"]}])
def test_a_key_may_say_what_it_is_for(proofs: Proofs, member: Members) -> None:
    assert verify(proofs, proof(header={"jwk": public(EC, **member)})) == EC.thumbprint()


HTU_SAME = [
    "HTTPS://BROKER.EXAMPLE/token",
    "https://broker.example:443/token",
    "https://broker.example:/token",
    f"{URL}?a=b#c",
    f"{URL}#c",
    f"{URL}?",
]
HTU_OTHER = [
    ...,
    None,
    1,
    [URL],
    "",
    "/token",
    "broker.example/token",
    f"{URL}/",
    f"{URL}ohnonotagain",
    "https://broker.example/TOKEN",
    "https://broker.example/x/../token",
    "https://broker.example/./token",
    "https://broker.example//token",
    "https://broker.example/%74oken",
    "https://broker.example\\token",
    "https://broker.example/token;a",
    "https://broker.example./token",
    "https://broker.example:8443/token",
    "https://broker.example:0/token",
    "https://broker.example:65536/token",
    "https://broker.example:x/token",
    "https://[broker.example/token",
    "http://broker.example/token",
    "http://broker.example:443/token",
    "https://a@broker.example/token",
    "https://broker.example@evil.example/token",
    "https://evil.example/token",
    "https:///token",
    "ftp://broker.example/token",
    f" {URL}",
    f"{URL}\n",
    "https://broker.example/to\tken",
    "https://bröker.example/token",
]


@pytest.mark.parametrize("htu", HTU_SAME)
def test_scheme_host_and_port_are_normalised_and_query_and_fragment_ignored(proofs: Proofs, htu: str) -> None:
    assert verify(proofs, proof(htu=htu))
    assert verify(proofs, proof(), url=htu)


@pytest.mark.parametrize("htu", HTU_OTHER)
def test_t9_a_proof_for_another_place_is_refused(proofs: Proofs, htu: object) -> None:
    assert refused(proofs, proof(htu=htu)) == "htu"


def test_an_empty_path_is_the_root(proofs: Proofs) -> None:
    assert verify(proofs, proof(htu="https://broker.example"), url="https://broker.example/")


def test_t9_no_proof_fits_a_place_that_is_none(proofs: Proofs) -> None:
    assert refused(proofs, proof(htu="nowhere"), url="nowhere") == "htu"


CLAIMS: dict[str, tuple[Members, str]] = {
    "no jti": ({"jti": ...}, "jti"),
    "jti is empty": ({"jti": ""}, "jti"),
    "jti is long": ({"jti": "j" * 257}, "jti"),
    "jti is a number": ({"jti": 1}, "jti"),
    "no htm": ({"htm": ...}, "htm"),
    "wrong htm": ({"htm": "PUT"}, "htm"),
    "htm in lower case": ({"htm": "post"}, "htm"),
    "htm is a list": ({"htm": ["POST"]}, "htm"),
    "no iat": ({"iat": ...}, "iat"),
    "iat 61 seconds ago": ({"iat": SECONDS - 61}, "iat"),
    "iat in 11 seconds": ({"iat": SECONDS + 11}, "iat"),
    "iat an hour ago": ({"iat": SECONDS - 3600}, "iat"),
    "iat in an hour": ({"iat": SECONDS + 3600}, "iat"),
    "iat is text": ({"iat": str(SECONDS)}, "date"),
    "iat is null": ({"iat": None}, "date"),
}


@pytest.mark.parametrize("change, reason", CLAIMS.values(), ids=CLAIMS)
def test_t9_a_proof_with_wrong_claims_is_refused(proofs: Proofs, change: Members, reason: str) -> None:
    assert refused(proofs, proof(**change)) == reason


def test_a_wrong_clock_is_told_before_a_nonce_is_offered(proofs: Proofs) -> None:
    assert refused(proofs, proof(iat=SECONDS + 3600, nonce=...)) == "iat"


HEADERS: dict[str, tuple[Members, str]] = {
    "no typ": ({"typ": ...}, "type"),
    "typ JWT": ({"typ": "JWT"}, "type"),
    "wrong typ": ({"typ": "dpop+jwt+wrongyousee"}, "type"),
    "no alg": ({"alg": ..., "sign_as": "ES256"}, "algorithm"),
    "none": ({"alg": "none", "sign_as": "ES256"}, "algorithm"),
    "HS256": ({"alg": "HS256", "sign_as": "ES256"}, "algorithm"),
    "RS256": ({"alg": "RS256", "key": RSA, "jwk": public(RSA)}, "algorithm"),
    "no jwk": ({"jwk": ...}, "jwk"),
    "jwk is text": ({"jwk": "k1"}, "jwk"),
    "a private key": ({"jwk": EC.as_dict(private=True)}, "jwk"),
    "a symmetric key": ({"jwk": {"kty": "oct", "k": "c2VjcmV0"}}, "jwk"),
    "a weak key": ({"jwk": {"kty": "RSA", "n": base64url(b"\xff" * 128), "e": "AQAB"}}, "jwk"),
    "a key of another type": ({"jwk": public(RSA)}, "jwk"),
    "a key for encryption": ({"jwk": public(EC, use="enc")}, "jwk"),
    "another key": ({"jwk": public(OTHER_EC)}, "signature"),
    "jku": ({"jku": "https://attacker.example"}, "header"),
    "x5u": ({"x5u": "https://attacker.example"}, "header"),
    "unknown crit": ({"crit": ["x"], "x": 1}, "header"),
}


@pytest.mark.parametrize("header, reason", HEADERS.values(), ids=HEADERS)
def test_t9_a_proof_with_a_wrong_header_is_refused(proofs: Proofs, header: Members, reason: str) -> None:
    assert refused(proofs, proof(header=header)) == reason


def test_t9_there_is_exactly_one_whole_proof(proofs: Proofs) -> None:
    one, two = proof(), proof()
    assert refused(proofs) == "count"
    assert refused(proofs, one, two) == "count"
    for joined in (f"{one},{two}", f"{one}, {two}", one.rpartition(".")[0], "", proof(long="x" * 8192)):
        assert refused(proofs, joined) == "malformed"
    assert refused(proofs, tampered(one)) == "signature"
    assert verify(proofs, one)


def test_with_an_access_token_the_proof_is_for_that_token(proofs: Proofs) -> None:
    assert verify(proofs, proof(ath=ATH), access_token=ACCESS_TOKEN)


@pytest.mark.parametrize(
    "ath", [..., None, "", 1, f"{ATH}=", ATH.lower(), base64url(hashlib.sha256(b"x").digest()), "é"]
)
def test_t9_a_proof_for_another_access_token_is_refused(proofs: Proofs, ath: object) -> None:
    assert refused(proofs, proof(ath=ath), access_token=ACCESS_TOKEN) == "ath"


@pytest.mark.parametrize("nonce", [..., None, 1, "", "made-up", f"{NONCE}x", NONCE[:-1], "é", [NONCE]])
def test_t9_a_proof_without_a_nonce_of_ours_is_offered_one(proofs: Proofs, nonce: object) -> None:
    with pytest.raises(UseNonce) as raised:
        verify(proofs, proof(jti="again", nonce=nonce))
    assert verify(proofs, proof(jti="again", nonce=raised.value.nonce))


@pytest.mark.parametrize("issued", [-60, -59.5, 0, 10])
def test_t7_a_proof_is_used_once_for_as_long_as_it_could_pass(clock: Clock, issued: float) -> None:
    proofs = Proofs(MemoryStore(clock=clock), NONCES)
    once = proof(iat=SECONDS + issued)
    verify(proofs, once)
    for seconds in (0.0, issued + 30, issued + 60):
        clock.seconds = max(0.0, seconds)
        assert refused(proofs, once, seconds=clock.seconds) == "used"
    clock.seconds = issued + 61
    assert refused(proofs, once, seconds=issued + 61) == "iat"


def test_t7_the_same_jti_in_another_proof_is_refused_and_of_another_key_is_not(proofs: Proofs) -> None:
    verify(proofs, proof(jti="same"))
    assert refused(proofs, proof(jti="same", iat=SECONDS - 1)) == "used"
    assert verify(proofs, proof(OTHER_EC, jti="same")) == OTHER_EC.thumbprint()


def test_t12_a_refused_proof_uses_nothing_up(proofs: Proofs) -> None:
    for change in ({"htm": "GET"}, {"htu": "https://evil.example"}, {"iat": SECONDS - 100}):
        refused(proofs, proof(jti="mine", **change))
    refused(proofs, proof(jti="mine"), access_token=ACCESS_TOKEN)
    refused(proofs, tampered(proof(jti="mine")))
    with pytest.raises(UseNonce):
        verify(proofs, proof(jti="mine", nonce="old"))
    assert verify(proofs, proof(jti="mine"))


def test_t7_a_store_that_cannot_answer_is_no_success() -> None:
    with pytest.raises(StoreFull):
        verify(Proofs(MemoryStore(max_entries=0), NONCES), proof())


@pytest.fixture(params=["memory", "redis"])
def any_store(request: pytest.FixtureRequest) -> Iterator[ShortLived]:
    opened = MemoryStore() if request.param == "memory" else RedisStore(request.getfixturevalue("fresh_redis_url"))
    yield opened
    opened.close()


def test_t7_of_fifty_parallel_uses_of_one_proof_one_succeeds(any_store: ShortLived) -> None:
    proofs, once = Proofs(any_store, NONCES), proof()

    def use() -> str:
        try:
            return verify(proofs, once)
        except InvalidProof as error:
            return error.reason

    assert sorted(in_parallel(50, use)) == sorted([EC.thumbprint(), *["used"] * 49])


CLAIM_NAMES = st.sampled_from(["jti", "htm", "htu", "iat", "ath", "nonce", "exp", "nbf"]) | ANY_TEXT


@settings(max_examples=50)
@given(ANY_TOKEN, st.dictionaries(CLAIM_NAMES, ANY_JSON, max_size=3))
def test_t9_whatever_is_sent_ends_in_a_verdict(token: str, changes: Members) -> None:
    proofs = Proofs(MemoryStore(), NONCES)
    assert refused(proofs, token) == "malformed"
    with suppress(UseNonce):
        sent = jwt(claims(ath=ATH) | changes, typ="dpop+jwt", jwk=public(EC))
        ended = verdict(lambda: verify(proofs, sent, access_token=ACCESS_TOKEN))
        assert ended == EC.thumbprint() or isinstance(ended, InvalidProof)
