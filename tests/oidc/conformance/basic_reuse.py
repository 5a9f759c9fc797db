"""Basic OP: what a session, a code, a refresh token or a request object is good for a second time, and what not."""

import json
from base64 import urlsafe_b64encode
from dataclasses import replace

from tests.oidc.conformance import checks
from tests.oidc.conformance.names import Modules
from tests.oidc.conformance.op import CALLBACK, SignedIn, Suite

module: Modules[Suite] = Modules("oidcc-")


@module("prompt-login")
def prompt_login(suite: Suite) -> None:
    rp, person = suite.rp(), suite.person()
    first = rp.complete(person, rp.request())
    second = rp.complete(person, rp.request(prompt="login"))
    assert person.sign_ins == 2
    assert second.claims["sub"] == first.claims["sub"]
    assert second.claims["auth_time"] > first.claims["auth_time"]


@module("prompt-none-not-logged-in")
def prompt_none_not_logged_in(suite: Suite) -> None:
    rp, person = suite.rp(), suite.person()
    request = rp.request(prompt="none")
    rp.refused(rp.authorize(person, request), request, "login_required", "interaction_required")
    assert person.sign_ins == 0


@module("prompt-none-logged-in")
def prompt_none_logged_in(suite: Suite) -> None:
    _silent(suite)


@module("id-token-hint")
def id_token_hint(suite: Suite) -> None:
    _silent(suite, hint=True)


@module("max-age-1")
def max_age_1(suite: Suite) -> None:
    rp, person = suite.rp(), suite.person()
    first = rp.complete(person, rp.request())
    suite.let_pass(2)
    second = rp.complete(person, rp.request(max_age="1"))
    assert person.sign_ins == 2
    assert second.claims["auth_time"] > first.claims["auth_time"]


@module("max-age-10000")
def max_age_10000(suite: Suite) -> None:
    rp, person = suite.rp(), suite.person()
    first = rp.complete(person, rp.request(max_age="15000"))
    suite.let_pass(1)
    second = rp.complete(person, rp.request(max_age="10000"))
    assert person.sign_ins == 1
    assert second.claims["auth_time"] == first.claims["auth_time"]


@module("codereuse")
def codereuse(suite: Suite) -> None:
    _code_reuse(suite, after=0)


@module("codereuse-30seconds")
def codereuse_30seconds(suite: Suite) -> None:
    _code_reuse(suite, after=30)


@module("request-uri-unsigned-supported-correctly-or-rejected-as-unsupported")
def request_uri_unsigned(suite: Suite) -> None:
    assert suite.discovery()["request_uri_parameter_supported"] is False
    rp = suite.rp()
    request = rp.request(request_uri="https://suite.example/requesturi/x#y")
    rp.refused(rp.authorize(suite.person(), request), request, "request_uri_not_supported")


@module("unsigned-request-object-supported-correctly-or-rejected-as-unsupported")
def unsigned_request_object(suite: Suite) -> None:
    _unsigned_object(suite)


@module("ensure-request-object-with-redirect-uri")
def request_object_with_redirect_uri(suite: Suite) -> None:
    _unsigned_object(suite, redirect_uri=CALLBACK)


@module("refresh-token")
def refresh_token(suite: Suite) -> None:
    assert "refresh_token" in suite.discovery()["grant_types_supported"]
    _refresh(suite, "suite")
    token = _refresh(suite, "suite-2")
    # The second client's token, from the first client.
    stolen = suite.rp().token(grant_type="refresh_token", refresh_token=token)
    checks.oauth_error(stolen, "invalid_grant", status=400)


def _silent(suite: Suite, *, hint: bool = False) -> None:
    rp, person = suite.rp(), suite.person()
    first = rp.complete(person, rp.request())
    id_token = str(first.response["id_token"]) if hint else None
    second = rp.complete(person, rp.request(prompt="none", id_token_hint=id_token))
    assert person.sign_ins == 1
    for name in ("sub", "auth_time"):
        assert second.claims[name] == first.claims[name]


def _code_reuse(suite: Suite, *, after: float) -> None:
    rp = suite.rp()
    signed_in = rp.complete(suite.person(), rp.request())
    suite.let_pass(after)
    checks.oauth_error(rp.redemption(signed_in.code, signed_in.request), "invalid_grant", status=400)
    # RFC 6749 section 4.1.2: and what the code had led to is over.
    assert _userinfo_status(suite, signed_in) == 401


def _userinfo_status(suite: Suite, signed_in: SignedIn) -> int:
    headers = {"Authorization": f"Bearer {signed_in.access_token}"}
    return suite.http("GET", f"{suite.issuer}/userinfo", headers=headers).status_code


def _unsigned_object(suite: Suite, **outside: str | None) -> None:
    """The suite skips both modules where "none" is not offered; a client that sends one anyway gets no code."""
    assert "none" not in suite.discovery()["request_object_signing_alg_values_supported"]
    rp = suite.rp()
    request = rp.request(**outside)
    parts = ({"alg": "none"}, {**request.parameters, "state": "inside", "redirect_uri": CALLBACK})
    encoded = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    request = replace(request, parameters={**request.parameters, "request": f"{'.'.join(encoded)}."})
    rp.refused(rp.authorize(suite.person(), request), request, "request_not_supported", "invalid_request_object")


def _refresh(suite: Suite, client_id: str) -> str:
    """Refresh once, as a client that asked for offline access. Returns the refresh token that is good then."""
    rp, person = suite.rp(client_id), suite.person()
    scope = "openid offline_access"
    # OpenID Connect Core section 11: offline access needs prompt=consent.
    first = rp.complete(person, rp.request(scope=scope, prompt="consent"))
    assert person.consents == 1
    suite.let_pass(1)
    extra = {"scope": scope} if client_id == "suite" else {}
    response = rp.token(grant_type="refresh_token", refresh_token=first.response["refresh_token"], **extra)
    body = checks.token_response(response)
    assert body["access_token"] != first.access_token
    nonce = checks.unverified(body["id_token"]).get("nonce")
    assert nonce in (None, first.request.nonce)
    claims = rp.claims(body, nonce=nonce)
    for name in ("iss", "sub", "aud", "auth_time"):
        assert claims[name] == first.claims[name]
    assert claims["iat"] > first.claims["iat"]
    rp.userinfo(SignedIn(request=first.request, code=first.code, response=body, claims=claims))
    return str(body.get("refresh_token", first.response["refresh_token"]))
