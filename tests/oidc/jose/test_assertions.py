"""``private_key_jwt``: who may authenticate by an assertion, and how often (T9, T7; FAPI 2.0 Security Profile)."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.oidc.jose.assertions import ClientAssertions, InvalidAssertion, client_id_of
from broker.oidc.jose.client_keys import ClientKeys
from broker.storage.store import MemoryStore, RedisStore, ShortLived, StoreFull
from tests.oidc.jose.samples import (
    ANY_JSON,
    ANY_TEXT,
    ANY_TOKEN,
    CLIENT,
    CLIENT_ID,
    EC,
    ISSUER,
    NOW,
    OTHER_EC,
    SECONDS,
    Members,
    SampleClient,
    after,
    jwt,
    public,
    tampered,
    verdict,
    without,
)
from tests.storage.parallel import in_parallel

_JTI = count()


def claims(**changes: Any) -> Members:
    """Return what a good assertion says, under a ``jti`` of its own; a change to ``...`` leaves a claim out."""
    good = {
        "iss": CLIENT_ID,
        "sub": CLIENT_ID,
        "aud": ISSUER,
        "jti": f"jti-{next(_JTI)}",
        "exp": SECONDS + 60,
        "iat": SECONDS,
        "nbf": SECONDS,
    }
    return without(good | changes)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    return MemoryStore(clock=clock)


@pytest.fixture
def assertions(store: MemoryStore) -> ClientAssertions:
    return judge(store)


def judge(store: ShortLived) -> ClientAssertions:
    return ClientAssertions(ISSUER, ClientKeys(insecure_allow_private=False), store)


def refused(
    assertions: ClientAssertions, assertion: str, client: SampleClient = CLIENT, after_seconds: float = 0
) -> str:
    with pytest.raises(InvalidAssertion) as raised:
        assertions.verify(assertion, client, after(after_seconds))
    return raised.value.reason


@pytest.mark.parametrize("alg", ["PS256", "ES256", "EdDSA"])
def test_a_good_assertion_authenticates_its_client(assertions: ClientAssertions, alg: str) -> None:
    assertions.verify(jwt(claims(), alg=alg, typ="JWT"), CLIENT, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"iat": ...},
        {"nbf": ...},
        {"iat": SECONDS + 8, "nbf": SECONDS + 8},
        {"exp": SECONDS - 9},
        {"exp": SECONDS + 310},
        {"exp": SECONDS + 0.5},
        {"jti": "j" * 256},
        {"jti": "é"},
        {"extra": {"anything": [True]}},
    ],
)
def test_claims_at_the_edge_are_accepted(assertions: ClientAssertions, change: Members) -> None:
    assertions.verify(jwt(claims(**change)), CLIENT, NOW)


@pytest.mark.parametrize(
    "typ", [..., "JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"]
)
def test_an_assertion_is_of_no_type_or_of_its_own(assertions: ClientAssertions, typ: object) -> None:
    assertions.verify(jwt(claims(), typ=typ), CLIENT, NOW)


CLAIMS: dict[str, tuple[Members, str]] = {
    "no iss": ({"iss": ...}, "issuer"),
    "wrong iss": ({"iss": "another"}, "issuer"),
    "iss is a list": ({"iss": [CLIENT_ID]}, "issuer"),
    "iss is our issuer": ({"iss": ISSUER}, "issuer"),
    "no sub": ({"sub": ...}, "subject"),
    "wrong sub": ({"sub": "another"}, "subject"),
    "sub is null": ({"sub": None}, "subject"),
    "no aud": ({"aud": ...}, "audience"),
    "wrong aud": ({"aud": "https://another.example"}, "audience"),
    "aud is the token endpoint": ({"aud": f"{ISSUER}/token"}, "audience"),
    "aud is the PAR endpoint": ({"aud": f"{ISSUER}/par"}, "audience"),
    "aud with a slash": ({"aud": f"{ISSUER}/"}, "audience"),
    "aud in upper case": ({"aud": ISSUER.upper()}, "audience"),
    "aud is a list": ({"aud": [ISSUER]}, "audience"),
    "aud is a list of two": ({"aud": [ISSUER, "https://another.example"]}, "audience"),
    "no exp": ({"exp": ...}, "expired"),
    "expired 10 seconds ago": ({"exp": SECONDS - 10}, "expired"),
    "expired 5 minutes ago": ({"exp": SECONDS - 300}, "expired"),
    "exp is text": ({"exp": str(SECONDS + 60)}, "date"),
    "exp is a bool": ({"exp": True}, "date"),
    "exp is null": ({"exp": None}, "date"),
    "exp in 312 seconds": ({"exp": SECONDS + 312}, "too_long"),
    "exp in ten years": ({"exp": SECONDS + 315_360_000}, "too_long"),
    "iat in 60 seconds": ({"iat": SECONDS + 60}, "not_yet"),
    "nbf in 60 seconds": ({"nbf": SECONDS + 60}, "not_yet"),
    "no jti": ({"jti": ...}, "jti"),
    "jti is empty": ({"jti": ""}, "jti"),
    "jti is long": ({"jti": "j" * 257}, "jti"),
    "jti is a number": ({"jti": 7}, "jti"),
    "jti is a list": ({"jti": ["a"]}, "jti"),
}


@pytest.mark.parametrize("change, reason", CLAIMS.values(), ids=CLAIMS)
def test_t9_an_assertion_with_wrong_claims_is_refused(
    assertions: ClientAssertions, change: Members, reason: str
) -> None:
    assert refused(assertions, jwt(claims(**change))) == reason


HEADERS: dict[str, tuple[Members, str]] = {
    "RS256 not registered": ({"alg": "RS256"}, "algorithm"),
    "none": ({"alg": "none", "sign_as": "ES256"}, "algorithm"),
    "HS256": ({"alg": "HS256", "sign_as": "ES256"}, "algorithm"),
    "an ID token": ({"typ": "id_token"}, "type"),
    "an access token": ({"typ": "at+jwt"}, "type"),
    "a request object": ({"typ": "oauth-authz-req+jwt"}, "type"),
    "a DPoP proof": ({"typ": "dpop+jwt"}, "type"),
    "unknown kid": ({"kid": "made-up"}, "unknown_key"),
    "kid of another's key": ({"key": OTHER_EC}, "signature"),
    "header jwk": ({"key": OTHER_EC, "jwk": public(OTHER_EC)}, "header"),
    "header jku": ({"key": OTHER_EC, "jku": "https://attacker.example"}, "header"),
    "unknown crit": ({"crit": ["x"], "x": 1}, "header"),
}


@pytest.mark.parametrize("header, reason", HEADERS.values(), ids=HEADERS)
def test_t9_an_assertion_with_a_wrong_header_is_refused(
    assertions: ClientAssertions, header: Members, reason: str
) -> None:
    assert refused(assertions, jwt(claims(), **header)) == reason


def test_t9_oversize_truncated_and_touched_assertions_are_refused(assertions: ClientAssertions) -> None:
    good = jwt(claims())
    assert refused(assertions, jwt(claims(long="x" * 8192))) == "malformed"
    assert refused(assertions, good.rpartition(".")[0]) == "malformed"
    assert refused(assertions, tampered(good)) == "signature"
    assertions.verify(good, CLIENT, NOW)


@pytest.mark.parametrize("registered", ["RS256", "PS256", "ES256", "EdDSA"])
def test_t9_a_client_is_held_to_the_algorithm_it_registered(assertions: ClientAssertions, registered: str) -> None:
    client = replace(CLIENT, token_endpoint_auth_signing_alg=registered)
    assertions.verify(jwt(claims(), alg=registered), client, NOW)
    for other in {"RS256", "PS256", "ES256", "EdDSA"} - {registered}:
        assert refused(assertions, jwt(claims(), alg=other), client) == "algorithm"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_t8_a_client_of_another_method_does_not_authenticate_by_assertion(
    assertions: ClientAssertions, method: str
) -> None:
    assert refused(assertions, jwt(claims()), replace(CLIENT, auth_method=method)) == "method"


def test_t9_one_clients_key_does_not_speak_for_another(assertions: ClientAssertions) -> None:
    another = SampleClient(client_id="another", jwks={"keys": [public(OTHER_EC)]})
    assert refused(assertions, jwt(claims()), another) == "signature"
    assert refused(assertions, jwt(claims(), key=OTHER_EC), another) == "issuer"
    assertions.verify(jwt(claims(iss="another", sub="another"), key=OTHER_EC), another, NOW)


def test_a_client_without_keys_is_refused(assertions: ClientAssertions) -> None:
    assert refused(assertions, jwt(claims()), SampleClient()) == "unknown_key"
    unreachable = SampleClient(jwks_uri="https://localhost:1/jwks")
    assert refused(assertions, jwt(claims()), unreachable) == "keys_unavailable"


def test_t7_an_assertion_authenticates_once_for_as_long_as_it_could_pass(
    assertions: ClientAssertions, clock: Clock
) -> None:
    assertion = jwt(claims())
    assertions.verify(assertion, CLIENT, NOW)
    for seconds in (0.0, 1.0, 69.9):
        clock.seconds = seconds
        assert refused(assertions, assertion, after_seconds=seconds) == "used"
    clock.seconds = 70
    assert refused(assertions, assertion, after_seconds=70) == "expired"


def test_t7_another_assertion_under_the_same_jti_is_refused(assertions: ClientAssertions) -> None:
    assertions.verify(jwt(claims(jti="same")), CLIENT, NOW)
    assert refused(assertions, jwt(claims(jti="same", exp=SECONDS + 200))) == "used"


def test_a_jti_belongs_to_its_client(assertions: ClientAssertions) -> None:
    for client_id in ("a", "b"):
        client = SampleClient(client_id=client_id, jwks={"keys": [public(EC)]})
        assertions.verify(jwt(claims(iss=client_id, sub=client_id, jti="same")), client, NOW)


def test_t12_a_refused_assertion_uses_nothing_up(assertions: ClientAssertions) -> None:
    for change in ({"aud": "https://another.example"}, {"exp": SECONDS - 60}, {"exp": SECONDS + 900}):
        refused(assertions, jwt(claims(jti="mine", **change)))
    refused(assertions, tampered(jwt(claims(jti="mine"))))
    refused(assertions, jwt(claims(jti="mine"), key=OTHER_EC))
    assertions.verify(jwt(claims(jti="mine")), CLIENT, NOW)


def test_t7_a_store_that_cannot_answer_is_no_success() -> None:
    with pytest.raises(StoreFull):
        judge(MemoryStore(max_entries=0)).verify(jwt(claims()), CLIENT, NOW)


@pytest.fixture(params=["memory", "redis"])
def any_store(request: pytest.FixtureRequest) -> Iterator[ShortLived]:
    opened = MemoryStore() if request.param == "memory" else RedisStore(request.getfixturevalue("fresh_redis_url"))
    yield opened
    opened.close()


def test_t7_of_fifty_parallel_uses_of_one_assertion_one_succeeds(any_store: ShortLived) -> None:
    assertions, assertion = judge(any_store), jwt(claims())

    def use() -> str:
        try:
            assertions.verify(assertion, CLIENT, NOW)
        except InvalidAssertion as error:
            return error.reason
        return "authenticated"

    assert sorted(in_parallel(50, use)) == ["authenticated", *["used"] * 49]


class TestClientIdOf:
    def test_it_is_who_the_assertion_claims_to_come_from(self) -> None:
        assert client_id_of(jwt(claims())) == CLIENT_ID
        assert client_id_of(tampered(jwt(claims(iss="x", sub="x"), alg="none", sign_as="ES256"))) == "x"

    @pytest.mark.parametrize(
        "change", [{"sub": ...}, {"iss": ...}, {"sub": "x"}, {"iss": 1, "sub": 1}, {"iss": None, "sub": None}]
    )
    def test_t9_it_is_nobody_where_the_claims_do_not_agree(self, change: Members) -> None:
        assert client_id_of(jwt(claims(**change))) is None

    @given(ANY_TOKEN)
    def test_t9_any_text_comes_from_nobody(self, token: str) -> None:
        assert client_id_of(token) is None


CLAIM_NAMES = st.sampled_from(["iss", "sub", "aud", "exp", "nbf", "iat", "jti"]) | ANY_TEXT


@settings(max_examples=50)
@given(ANY_TOKEN, st.dictionaries(CLAIM_NAMES, ANY_JSON, min_size=1, max_size=3))
def test_t9_whatever_is_sent_ends_in_a_verdict(token: str, changes: Members) -> None:
    assertions = judge(MemoryStore())
    assert refused(assertions, token) == "malformed"
    ended = verdict(lambda: assertions.verify(jwt(claims() | changes), CLIENT, NOW))
    assert ended is None or isinstance(ended, InvalidAssertion)
