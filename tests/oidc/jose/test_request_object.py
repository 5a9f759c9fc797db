"""Signed authorization requests (RFC 9101, FAPI 2.0 Message Signing; T9, T8)."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.oidc.jose.client_keys import ClientKeys
from broker.oidc.jose.request_object import InvalidRequestObject, RequestObjects
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
    jwt,
    public,
    tampered,
    verdict,
    without,
)

STRICT = replace(CLIENT, require_signed_request_object=True)
PARAMETERS = {
    "client_id": CLIENT_ID,
    "response_type": "code",
    "redirect_uri": "https://registry.example/callback",
    "scope": "openid profile",
    "state": "a state",
}
OBJECTS = RequestObjects(ISSUER, ClientKeys(insecure_allow_private=False))


def claims(**changes: Any) -> Members:
    """Return a good request; a change to ``...`` leaves a claim out."""
    good = {"iss": CLIENT_ID, "aud": ISSUER, "exp": SECONDS + 300, "nbf": SECONDS, "iat": SECONDS, "jti": "a"}
    return without(good | PARAMETERS | changes)


def parameters(client: SampleClient = CLIENT, **changes: Any) -> dict[str, list[str]]:
    return OBJECTS.parameters(jwt(claims(**changes)), client, NOW)


def refused(token: str, client: SampleClient = CLIENT) -> str:
    with pytest.raises(InvalidRequestObject) as raised:
        OBJECTS.parameters(token, client, NOW)
    return raised.value.reason


@pytest.mark.parametrize("alg", ["PS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("client", [CLIENT, STRICT])
def test_a_signed_request_is_its_parameters_without_the_claims_of_the_jwt(alg: str, client: SampleClient) -> None:
    token = jwt(claims(sub="somebody"), alg=alg)
    assert OBJECTS.parameters(token, client, NOW) == {name: [value] for name, value in PARAMETERS.items()}


@pytest.mark.parametrize("typ", [..., "JWT", "oauth-authz-req+jwt", "application/oauth-authz-req+jwt"])
def test_a_request_object_is_of_no_type_or_of_its_own(typ: object) -> None:
    assert OBJECTS.parameters(jwt(claims(), typ=typ), CLIENT, NOW)


@pytest.mark.parametrize(
    "name, value, values",
    [
        ("max_age", 0, ["0"]),
        ("max_age", 86400, ["86400"]),
        ("max_age", "60", ["60"]),
        ("resource", "https://api.example", ["https://api.example"]),
        ("resource", ["https://a.example", "https://b.example"], ["https://a.example", "https://b.example"]),
        ("claims", "{}", ["{}"]),
        ("unknown", "é \x00", ["é \x00"]),
        ("empty", "", [""]),
    ],
)
def test_a_claim_becomes_the_parameter_it_would_be_in_a_query(name: str, value: object, values: list[str]) -> None:
    assert OBJECTS.parameters(jwt(claims(**{name: value})), CLIENT, NOW)[name] == values


def test_the_claims_parameter_becomes_json_text() -> None:
    asked = {"id_token": {"acr": {"essential": True, "values": ["phr", "é"]}, "auth_time": None}}
    (text,) = parameters(claims=asked)["claims"]
    assert json.loads(text) == asked


@pytest.mark.parametrize(
    "name, value",
    [
        ("max_age", -1),
        ("max_age", 1.5),
        ("max_age", True),
        ("max_age", None),
        ("max_age", [1]),
        ("claims", []),
        ("claims", None),
        ("claims", 1),
        ("resource", []),
        ("resource", ["https://a.example", 1]),
        ("resource", [None]),
        ("resource", {}),
        ("scope", ["openid"]),
        ("scope", None),
        ("state", 5),
        ("unknown", True),
        ("unknown", False),
        ("unknown", {}),
        ("authorization_details", [{"type": "x"}]),
    ],
)
def test_t9_a_parameter_of_another_type_is_refused(name: str, value: object) -> None:
    assert refused(jwt(claims(**{name: value}))) == "parameter"


@pytest.mark.parametrize(
    "change",
    [
        {"aud": [ISSUER]},
        {"aud": ["https://another.example", ISSUER]},
        {"aud": [None, ISSUER]},
        {"nbf": SECONDS + 8, "iat": SECONDS + 8},
        {"nbf": SECONDS - 3590, "exp": SECONDS + 10},
        {"nbf": SECONDS, "exp": SECONDS + 3600},
        {"exp": SECONDS - 9},
        {"jti": ...},
        {"iat": ...},
        {"sub": "somebody"},
    ],
)
@pytest.mark.parametrize("client", [CLIENT, STRICT])
def test_claims_at_the_edge_are_accepted(client: SampleClient, change: Members) -> None:
    assert parameters(client, **change)["scope"] == ["openid profile"]


@pytest.mark.parametrize(
    "change",
    [
        {"nbf": ...},
        {"nbf": ..., "iat": ...},
        {"nbf": ..., "iat": ..., "exp": SECONDS + 3600},
        {"nbf": ..., "iat": SECONDS - 3000},
    ],
)
def test_nbf_may_be_left_out_unless_the_client_must_sign(change: Members) -> None:
    assert parameters(CLIENT, **change)
    assert refused(jwt(claims(**change)), STRICT) == "nbf"


CLAIMS: dict[str, tuple[Members, str]] = {
    "no iss": ({"iss": ...}, "issuer"),
    "wrong iss": ({"iss": "another"}, "issuer"),
    "no client_id": ({"client_id": ...}, "client_id"),
    "wrong client_id": ({"client_id": "another"}, "client_id"),
    "client_id is a list": ({"client_id": [CLIENT_ID]}, "client_id"),
    "sub is the client": ({"sub": CLIENT_ID}, "subject"),
    "no aud": ({"aud": ...}, "audience"),
    "wrong aud": ({"aud": "https://another.example"}, "audience"),
    "aud is an endpoint": ({"aud": f"{ISSUER}/authorize"}, "audience"),
    "aud is an empty list": ({"aud": []}, "audience"),
    "aud is an object": ({"aud": {ISSUER: 1}}, "audience"),
    "aud is nested": ({"aud": [[ISSUER]]}, "audience"),
    "no exp": ({"exp": ...}, "expired"),
    "expired": ({"exp": SECONDS - 300}, "expired"),
    "exp is text": ({"exp": "soon"}, "date"),
    "more than an hour": ({"exp": SECONDS + 3601}, "too_long"),
    "more than an hour since iat": ({"nbf": ..., "exp": SECONDS + 3601}, "too_long"),
    "more than an hour from now": ({"nbf": ..., "iat": ..., "exp": SECONDS + 3612}, "too_long"),
    "nbf more than an hour ago": ({"nbf": SECONDS - 3700}, "too_long"),
    "nbf in 60 seconds": ({"nbf": SECONDS + 60}, "not_yet"),
    "iat in 60 seconds": ({"iat": SECONDS + 60}, "not_yet"),
    "nbf is text": ({"nbf": "now"}, "date"),
    "a request inside": ({"request": "a.b.c"}, "nested"),
    "a request_uri inside": ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "nested"),
}


@pytest.mark.parametrize("client", [CLIENT, STRICT])
@pytest.mark.parametrize("change, reason", CLAIMS.values(), ids=CLAIMS)
def test_t9_a_request_object_with_wrong_claims_is_refused(change: Members, reason: str, client: SampleClient) -> None:
    if client is STRICT and change.get("nbf", 0) is ...:
        reason = "nbf"
    assert refused(jwt(claims(**change)), client) == reason


HEADERS: dict[str, tuple[Members, str]] = {
    "RS256 not registered": ({"alg": "RS256"}, "algorithm"),
    "none": ({"alg": "none", "sign_as": "ES256"}, "algorithm"),
    "HS256": ({"alg": "HS256", "sign_as": "ES256"}, "algorithm"),
    "a client assertion": ({"typ": "client-authentication+jwt"}, "type"),
    "a DPoP proof": ({"typ": "dpop+jwt"}, "type"),
    "another client's key": ({"key": OTHER_EC}, "signature"),
    "another client's kid": ({"key": OTHER_EC, "kid": "k2"}, "unknown_key"),
    "header jwk": ({"key": OTHER_EC, "jwk": public(OTHER_EC)}, "header"),
    "header x5u": ({"x5u": "https://attacker.example"}, "header"),
    "unknown crit": ({"crit": ["x"], "x": 1}, "header"),
}


@pytest.mark.parametrize("header, reason", HEADERS.values(), ids=HEADERS)
def test_t9_a_request_object_with_a_wrong_header_is_refused(header: Members, reason: str) -> None:
    assert refused(jwt(claims(), **header)) == reason


def test_t9_oversize_unsigned_and_touched_request_objects_are_refused() -> None:
    good = jwt(claims())
    assert refused(jwt(claims(state="x" * 16384))) == "malformed"
    assert refused(good.rpartition(".")[0] + ".") == "malformed"
    assert refused(tampered(good)) == "signature"


@pytest.mark.parametrize("registered", ["RS256", "PS256", "ES256", "EdDSA"])
def test_t9_a_client_is_held_to_the_algorithm_it_registered(registered: str) -> None:
    client = replace(CLIENT, request_object_signing_alg=registered)
    assert OBJECTS.parameters(jwt(claims(), alg=registered), client, NOW)
    for other in {"RS256", "PS256", "ES256", "EdDSA"} - {registered}:
        assert refused(jwt(claims(), alg=other), client) == "algorithm"


def test_t9_another_clients_request_is_refused() -> None:
    another = SampleClient(client_id="another", jwks={"keys": [public(EC)]})
    assert refused(jwt(claims()), another) == "issuer"
    assert refused(jwt(claims(iss="another")), another) == "client_id"


def test_t9_a_client_assertion_is_no_request() -> None:
    assertion = {"iss": CLIENT_ID, "sub": CLIENT_ID, "aud": ISSUER, "exp": SECONDS + 60, "jti": "a"}
    assert refused(jwt(assertion)) == "client_id"


def test_a_client_without_keys_is_refused() -> None:
    assert refused(jwt(claims()), SampleClient()) == "unknown_key"


CLAIM_NAMES = st.sampled_from([*claims(), "max_age", "claims", "resource"]) | ANY_TEXT


@settings(max_examples=50)
@given(ANY_TOKEN, st.dictionaries(CLAIM_NAMES, ANY_JSON, max_size=3))
def test_t9_whatever_is_sent_ends_in_parameters_or_a_verdict(token: str, changes: Members) -> None:
    assert refused(token) == "malformed"
    ended = verdict(lambda: OBJECTS.parameters(jwt(claims() | changes), CLIENT, NOW))
    if isinstance(ended, dict):
        assert all(isinstance(value, str) for values in ended.values() for value in values)
    else:
        assert isinstance(ended, InvalidRequestObject)
