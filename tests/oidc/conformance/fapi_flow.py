"""FAPI 2.0 Security Profile: good requests in every form, and those that are to be refused before anybody signs in."""

import json

from tests.oidc.conformance import checks
from tests.oidc.conformance.fapi import CALLBACK_2, Fapi
from tests.oidc.conformance.names import Modules
from tests.oidc.conformance.op import CALLBACK, SignedIn, Suite
from tests.oidc.conformance.person import Callback, Person
from tests.world import Page

module: Modules[Suite] = Modules("fapi2-security-profile-final-")

ALGORITHMS = {"PS256", "ES256", "EdDSA"}


@module("discovery-end-point-verification")
def discovery(suite: Suite) -> None:
    document = suite.discovery()
    assert document["issuer"] == suite.issuer
    assert ALGORITHMS & set(document["id_token_signing_alg_values_supported"])
    assert ALGORITHMS & set(document["token_endpoint_auth_signing_alg_values_supported"])
    assert set(document["dpop_signing_alg_values_supported"]) <= ALGORITHMS
    assert "private_key_jwt" in document["token_endpoint_auth_methods_supported"]
    assert "S256" in document["code_challenge_methods_supported"]
    assert document["authorization_response_iss_parameter_supported"] is True
    for name in ("token_endpoint", "registration_endpoint", "pushed_authorization_request_endpoint", "jwks_uri"):
        assert document[name].startswith("https://")
    # RFC 8414: the same, for those who look there.
    assert suite.http("GET", f"{suite.issuer}/.well-known/oauth-authorization-server").json() == document


@module("happy-flow")
def happy_flow(suite: Suite) -> None:
    first = Fapi(suite=suite)
    signed_in = first.complete(suite.person(), first.request())
    assert "name" not in signed_in.claims
    second = first.second()
    other = second.complete(suite.person(), second.request())
    # The second client's token with the first client's key.
    assert first.resource(other.access_token).status_code in {400, 401}
    assert second.resource(other.access_token).status_code == 200


@module("user-rejects-authentication")
def user_rejects(suite: Suite) -> None:
    first = Fapi(suite=suite)
    for client in (first, first.second()):
        person, request = suite.person(persona="oidc-declines"), client.request()
        landed = client.authorize(person, client.pushed(request))
        assert isinstance(landed, Page)
        back = next(link for link in landed.links if "/leave/" in link)
        assert client.refused(person.open(back), request, "access_denied") == "access_denied"


@module("ensure-authorization-request-without-state-success")
def without_state(suite: Suite) -> None:
    _complete(suite, state=None)


@module("ensure-authorization-request-without-nonce-success")
def without_nonce(suite: Suite) -> None:
    assert "nonce" not in _complete(suite, nonce=None).claims


@module("ensure-authorization-request-with-64-char-nonce-success")
def nonce_of_64(suite: Suite) -> None:
    assert _complete(suite, nonce="n" * 64).claims["nonce"] == "n" * 64


@module("ensure-authorization-request-with-long-nonce")
def long_nonce(suite: Suite) -> None:
    # It might be refused; what must not be is cut off. We take it.
    assert _complete(suite, nonce="n" * 384).claims["nonce"] == "n" * 384


@module("ensure-authorization-request-with-long-state")
def long_state(suite: Suite) -> None:
    _complete(suite, state="s" * 1000)


@module("ensure-other-scope-order-succeeds")
def other_scope_order(suite: Suite) -> None:
    assert "email" in _complete(suite, scope="email profile openid").userinfo


@module("test-claims-parameter-identity-claims")
def claims_parameter(suite: Suite) -> None:
    document = suite.discovery()
    assert document["claims_parameter_supported"] is True
    standard = ["sub", "name", "email", "email_verified"]
    assert set(standard) <= set(document["claims_supported"])
    ways: list[object] = [None, {}, {"essential": True}, {"essential": False}]
    wanted = dict(zip(standard, ways, strict=True)) | {"aRandomClaim": None}
    claims = {"id_token": wanted, "userinfo": wanted, "aRandomPlace": {"anotherClaim": {"essential": True}}}
    signed_in = _complete(suite, claims=json.dumps(claims))
    for name in standard:
        assert name in signed_in.claims or name in signed_in.userinfo
    assert not [name for name in (*signed_in.claims, *signed_in.userinfo) if "andom" in name]


@module("ensure-different-nonce-inside-and-outside-request-object")
def different_nonce(suite: Suite) -> None:
    _ignored_outside(suite, nonce="outside")


@module("ensure-different-state-inside-and-outside-request-object")
def different_state(suite: Suite) -> None:
    _ignored_outside(suite, state="outside")


@module("state-only-outside-request-object-not-used")
def state_only_outside(suite: Suite) -> None:
    client = Fapi(suite=suite)
    request = client.request(state=None)
    landed = client.authorize(suite.person(), client.pushed(request), state="outside")
    # Had it been used, it would have come back.
    signed_in = client.redeem(client.code(landed, request), request)
    assert "s_hash" not in signed_in.claims


@module("ensure-request-object-without-redirect-uri-fails", "ensure-redirect-uri-in-authorization-request")
def without_redirect_uri(suite: Suite) -> None:
    _not_pushed(suite, "invalid_request", redirect_uri=None)


@module("ensure-registered-redirect-uri", "plain-fapi-tolerate-unregistered-redirect-uri")
def unregistered_redirect_uri(suite: Suite) -> None:
    # RFC 9126 section 2.4 would let us take it. We do not.
    for uri in (f"{CALLBACK}/unregistered", CALLBACK_2):
        _not_pushed(suite, "invalid_request", redirect_uri=uri)


@module("ensure-unsigned-authorization-request-without-using-par-fails")
def without_par(suite: Suite) -> None:
    client, person = Fapi(suite=suite), suite.person()
    request = client.request()
    landed = person.open(suite.authorize_url(request))
    client.refused(landed, request, "invalid_request")
    assert person.sign_ins == 0


@module("ensure-response-type-code-idtoken-fails")
def hybrid(suite: Suite) -> None:
    _not_pushed(suite, "unsupported_response_type", "invalid_request", response_type="code id_token")


@module("ensure-response-type-token-fails")
def implicit(suite: Suite) -> None:
    _not_pushed(suite, "unsupported_response_type", "invalid_request", response_type="token")


@module("par-without-duplicate-parameters")
def without_duplicates(suite: Suite) -> None:
    client = Fapi(suite=suite)
    request = client.request()
    client.redeem(client.code(client.authorize(suite.person(), client.pushed(request)), request), request)


@module("par-ensure-reused-request-uri-prior-to-auth-completion-succeeds")
def reload_before_sign_in(suite: Suite) -> None:
    client = Fapi(suite=suite)
    request = client.request()
    reference = client.pushed(request)
    person = suite.person(signs_in=False)
    looked = client.authorize(person, reference)
    assert isinstance(looked, Page)
    assert looked.status == 200
    client.redeem(client.code(client.authorize(_ready(person), reference), request), request)


@module("par-attempt-reuse-request_uri")
def reuse_after_sign_in(suite: Suite) -> None:
    client, person = Fapi(suite=suite), suite.person()
    request = client.request()
    reference = client.pushed(request)
    client.redeem(client.code(client.authorize(person, reference), request), request)
    client.refused(client.authorize(person, reference), request, "invalid_request_uri")


@module("par-attempt-to-use-expired-request_uri")
def expired_reference(suite: Suite) -> None:
    client, person = Fapi(suite=suite), suite.person()
    request = client.request()
    body = checks.json_object(client.push(request), 201)
    suite.let_pass(body["expires_in"] + 1)
    client.refused(client.authorize(person, body["request_uri"]), request, "invalid_request_uri")
    assert person.sign_ins == 0


@module("par-attempt-to-use-request_uri-for-different-client")
def reference_of_another(suite: Suite) -> None:
    client, person = Fapi(suite=suite), suite.person()
    request = client.request()
    landed = client.second().authorize(person, client.pushed(request))
    client.refused(landed, request, "invalid_request_uri", "invalid_request")
    assert person.sign_ins == 0


@module("par-authorization-request-containing-request_uri-form-param")
def reference_in_form(suite: Suite) -> None:
    client = Fapi(suite=suite)
    response = client.push(client.request(), request_uri="https://suite.example/request_uri")
    checks.oauth_error(response, "invalid_request", "invalid_request_object", "request_uri_not_supported")


@module("par-attempt-invalid-http-method")
def wrong_method(suite: Suite) -> None:
    client = Fapi(suite=suite)
    form = {**client.request().parameters, **client.authenticated()}
    assert 400 <= suite.http("PUT", f"{suite.issuer}/par", data=form).status_code < 500


@module("par-ensure-pkce-required")
def pkce_required(suite: Suite) -> None:
    _not_pushed(suite, "invalid_request", code_challenge=None, code_challenge_method=None)


@module("par-plain-pkce-rejected")
def plain_pkce(suite: Suite) -> None:
    _not_pushed(suite, "invalid_request", code_challenge="c" * 43, code_challenge_method="plain")


def _complete(suite: Suite, **changes: str | None) -> SignedIn:
    client = Fapi(suite=suite)
    return client.complete(suite.person(), client.request(**changes))


def _ignored_outside(suite: Suite, **outside: str) -> None:
    """What stands in the URL beside the pushed request does not count."""
    client = Fapi(suite=suite)
    request = client.request()
    landed = client.authorize(suite.person(), client.pushed(request), **outside)
    assert isinstance(landed, Callback)
    client.redeem(client.code(landed, request), request)


def _not_pushed(suite: Suite, *errors: str, **changes: str | None) -> None:
    client = Fapi(suite=suite)
    checks.oauth_error(client.push(client.request(**changes)), *errors)


def _ready(person: Person) -> Person:
    person.signs_in = True
    return person
