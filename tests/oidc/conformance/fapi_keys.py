"""FAPI 2.0 Security Profile: who the client is, by its assertions, and which key it holds, by its proofs."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import requests
from joserfc.jwk import ECKey

from tests.oidc.conformance import checks
from tests.oidc.conformance.fapi import GOOD, Fapi, Proof
from tests.oidc.conformance.names import Modules
from tests.oidc.conformance.op import SignedIn, Suite
from tests.oidc.jose.samples import tampered

module: Modules[Suite] = Modules("fapi2-security-profile-final-")

HOUR = 3600


@module("access-token-type-header-case-sensitivity")
def scheme_in_other_case(suite: Suite) -> None:
    client = Fapi(suite=suite)
    signed_in = client.complete(suite.person(), client.request())
    assert client.resource(signed_in.access_token, scheme="dPOP").status_code == 200


@module("check-dpop-proof-nbf-exp")
def proof_with_nbf_and_exp(suite: Suite) -> None:
    client, now = Fapi(suite=suite), int(suite.world.clock().timestamp())
    client.complete(suite.person(), client.request(), proof=Proof(claims={"nbf": now, "exp": now + 300}))


@module("ensure-dpopproof-with-iat-10seconds-before-succeeds")
def proof_of_10_seconds_ago(suite: Suite) -> None:
    _complete_at(suite, -10)


@module("ensure-dpopproof-with-iat-10seconds-after-succeeds")
def proof_10_seconds_ahead(suite: Suite) -> None:
    _complete_at(suite, 10)


@module("ensure-mismatched-dpop-jkt-fails")
def other_jkt_at_par(suite: Suite) -> None:
    client = Fapi(suite=suite)
    response = client.push(client.request(dpop_jkt=Fapi(suite=suite).jkt), proof=GOOD)
    checks.oauth_error(response, "invalid_request", "invalid_dpop_proof")


@module("ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt")
def other_proof_than_at_par(suite: Suite) -> None:
    client = Fapi(suite=suite)
    request = client.request()
    code = client.code_of(suite.person(), request, proof=GOOD)
    _key_refused(client.redemption(code, request, proof=another_key()))


@module("ensure-token-endpoint-fails-with-mismatched-dpop-jkt")
def other_proof_than_jkt(suite: Suite) -> None:
    client = Fapi(suite=suite)
    request = client.request(dpop_jkt=Fapi(suite=suite).jkt)
    _key_refused(client.redemption(client.code_of(suite.person(), request), request))


@module("ensure-dpopproof-at-par-endpoint-binding-success")
def bound_by_proof_at_par(suite: Suite) -> None:
    client = Fapi(suite=suite)
    client.complete(suite.person(), client.request(), bound=True)


@module("ensure-dpop-auth-code-binding-success")
def bound_by_jkt_and_proof(suite: Suite) -> None:
    client = Fapi(suite=suite)
    client.complete(suite.person(), client.request(dpop_jkt=client.jkt), bound=True)


@module("ensure-holder-of-key-required")
def proof_required(suite: Suite) -> None:
    client = Fapi(suite=suite)
    request = client.request()
    _key_refused(client.redemption(client.code_of(suite.person(), request), request, proof=None))


@module("dpop-negative-tests")
def bad_proofs(suite: Suite) -> None:
    client = Fapi(suite=suite)
    token = client.complete(suite.person(), client.request()).access_token
    now = int(suite.world.clock().timestamp())
    url = f"{suite.issuer}/userinfo"
    private = client.dpop_key.as_dict(private=True)
    good = {
        "header in capitals": Proof(name="DPOP"),
        "query and fragment in htu": Proof(claims={"htu": f"{url}?foo=bar#baz"}),
        "htu in capitals": Proof(claims={"htu": url.replace("https://localhost", "HTTPS://LOCALHOST")}),
        "members nobody knows": Proof(header={"foo": "bar"}, claims={"foo": {"bar": 1}}),
        "first use": Proof(claims={"jti": "a-jti-that-is-used-twice"}),
    }
    bad = {
        "two in one header": Proof(as_sent=lambda proof: f"{proof}, {proof}"),
        "no JWT": Proof(as_sent=lambda proof: proof.replace(".", "")),
        "no typ": Proof(header={"typ": ...}),
        "other typ": Proof(header={"typ": "jwt"}),
        "no alg": Proof(header={"alg": ...}),
        "none": Proof(header={"alg": "none"}, as_sent=lambda proof: f"{proof.rpartition('.')[0]}."),
        "no jwk": Proof(header={"jwk": ...}),
        "private jwk": Proof(header={"jwk": private}),
        **{f"no {name}": Proof(claims={name: ...}) for name in ("jti", "htm", "htu", "iat", "ath")},
        "other htm": Proof(claims={"htm": "PUT"}),
        "other htu": Proof(claims={"htu": "https://suite.example/userinfo"}),
        "other ath": Proof(claims={"ath": "A" * 43}),
        "an hour ahead": Proof(claims={"iat": now + HOUR}),
        "an hour ago": Proof(claims={"iat": now - HOUR}),
        "bad signature": Proof(as_sent=tampered),
        "other key": another_key(),
        "second use": Proof(claims={"jti": "a-jti-that-is-used-twice"}),
    }
    for name, proof in good.items():
        assert client.resource(token, proof).status_code == 200, name
    for name, proof in bad.items():
        assert client.resource(token, proof).status_code in {400, 401}, name
    assert client.resource(token, None).status_code == 401
    assert client.resource(token, None, scheme="Bearer").status_code == 401
    # So it was the proofs.
    assert client.resource(token).status_code == 200


@module("ensure-client-id-in-token-endpoint")
def other_client_id(suite: Suite) -> None:
    """The second client's id and assertion, by the first client's key."""
    client = Fapi(suite=suite)
    request = client.request()
    code = client.code_of(suite.person(), request)
    second = client.second()
    forged = second.assertion(signer="fapi", alg="PS256")
    checks.oauth_error(second.redemption(code, request, assertion=forged), "invalid_client", "invalid_grant")


@module("ensure-client-assertion-in-token-endpoint")
def no_assertion(suite: Suite) -> None:
    client = Fapi(suite=suite)
    request = client.request()
    code = client.code_of(suite.person(), request)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": request.redirect_uri,
        "code_verifier": str(request.verifier),
        "client_id": client.client_id,
    }
    response = client.send("as", "POST", f"{suite.issuer}/token", GOOD, data=form)
    checks.oauth_error(response, "invalid_client", "invalid_request")


@module("ensure-signed-client-assertion-with-RS256-fails")
def rs256_assertion(suite: Suite) -> None:
    _not_redeemed(suite, alg="RS256")


@module("ensure-client-assertion-with-exp-is-5-minutes-in-past-fails")
def expired_assertion(suite: Suite) -> None:
    now = int(suite.world.clock().timestamp())
    _not_redeemed(suite, exp=now - 300, iat=now - 360)


@module("ensure-client-assertion-with-wrong-aud-fails")
def assertion_for_another(suite: Suite) -> None:
    _not_redeemed(suite, aud="https://other.example/token")


@module("ensure-client-assertion-with-no-sub-fails")
def assertion_without_sub(suite: Suite) -> None:
    _not_redeemed(suite, sub=...)


@module("ensure-invalid-client-assertions-fail")
def bad_assertions(suite: Suite) -> None:
    now = int(suite.world.clock().timestamp())
    changes: Mapping[str, Mapping[str, Any]] = {
        "no sub": {"sub": ...},
        "other sub": {"sub": "fapi-2"},
        "no iss": {"iss": ...},
        "other iss": {"iss": "fapi-2"},
        "no aud": {"aud": ...},
        "other aud": {"aud": "https://other.example"},
        "our PAR endpoint": {"aud": f"{suite.issuer}/par"},
        "our token endpoint": {"aud": f"{suite.issuer}/token"},
        "a list": {"aud": [suite.issuer, "https://other.example"]},
        "expired": {"iat": now - 360, "exp": now - 300},
        "of the future": {"iat": now + 70, "nbf": now + 70, "exp": now + 130},
        "RS256": {"alg": "RS256"},
    }
    client = Fapi(suite=suite)
    request = client.request()
    forms = {name: client.authenticated(client.assertion(**change)) for name, change in changes.items()}
    good = client.authenticated()
    forms |= {
        "none at all": {"client_id": client.client_id},
        "no type": {name: value for name, value in good.items() if name != "client_assertion_type"},
        "other type": {**good, "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        "unsigned": {**good, "client_assertion": _unsigned(good["client_assertion"])},
        "bad signature": {**good, "client_assertion": tampered(good["client_assertion"])},
    }
    for name, form in forms.items():
        response = suite.http("POST", f"{suite.issuer}/par", data={**request.parameters, **form})
        error = checks.oauth_error(response, "invalid_client", "invalid_request")
        assert error, name
    ahead = client.assertion(iat=now + 8, nbf=now + 8, exp=now + 68)
    client.pushed(request, assertion=ahead)
    client.pushed(request)


@module("par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted")
def assertion_8_seconds_ahead(suite: Suite) -> None:
    client, now = Fapi(suite=suite), int(suite.world.clock().timestamp())
    client.pushed(client.request(), assertion=client.assertion(iat=now + 8, nbf=now + 8, exp=now + 68))


@module("par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails")
def assertion_of_the_future(suite: Suite) -> None:
    now = int(suite.world.clock().timestamp())
    _not_authenticated(suite, iat=now + 70, nbf=now + 70, exp=now + 130)


@module("par-test-array-as-audience-fails")
def list_as_audience(suite: Suite) -> None:
    _not_authenticated(suite, aud=[suite.issuer, "https://other.example"])


@module("par-test-par-endpoint-url-as-audience-fails")
def par_endpoint_as_audience(suite: Suite) -> None:
    _not_authenticated(suite, aud=f"{suite.issuer}/par")


@module("par-test-token-endpoint-url-as-audience-fails")
def token_endpoint_as_audience(suite: Suite) -> None:
    _not_authenticated(suite, aud=f"{suite.issuer}/token")


def _complete_at(suite: Suite, seconds: int) -> SignedIn:
    client, now = Fapi(suite=suite), int(suite.world.clock().timestamp())
    return client.complete(suite.person(), client.request(), proof=Proof(claims={"iat": now + seconds}), bound=True)


def another_key() -> Proof:
    return Proof(key=ECKey.generate_key("P-256"))


def _key_refused(response: requests.Response) -> None:
    """RFC 9449 section 5; what the suite takes."""
    checks.oauth_error(response, "invalid_request", "invalid_grant", "invalid_dpop_proof", status=400)


def _not_redeemed(suite: Suite, **changes: Any) -> None:
    client = Fapi(suite=suite)
    request = client.request()
    code = client.code_of(suite.person(), request)
    response = client.redemption(code, request, assertion=client.assertion(**changes))
    checks.oauth_error(response, "invalid_client")


def _not_authenticated(suite: Suite, **changes: Any) -> None:
    client = Fapi(suite=suite)
    response = client.push(client.request(), assertion=client.assertion(**changes))
    checks.oauth_error(response, "invalid_client", "invalid_request")


def _unsigned(token: str) -> str:
    header = urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."
