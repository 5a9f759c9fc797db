"""Basic OP: the flow itself, its parameters, and what userinfo gives. The rest is in ``basic_reuse``."""

import json
from dataclasses import replace
from datetime import timedelta

import requests

from broker.oidc.registration.initial import InitialTokens
from tests.oidc.conformance import checks
from tests.oidc.conformance.names import Modules
from tests.oidc.conformance.op import CALLBACK, Rp, SignedIn, Suite
from tests.world import Page

module: Modules[Suite] = Modules("oidcc-")


def sign_in(suite: Suite, **changes: str | None) -> SignedIn:
    """Go through the flow as somebody new."""
    rp = suite.rp()
    return rp.complete(suite.person(), rp.request(**changes))


@module("server")
def server(suite: Suite) -> None:
    signed_in = sign_in(suite)
    # Nothing was asked for by scope or by claims.
    assert not {"name", "email"} & set(signed_in.claims)
    assert set(signed_in.userinfo) == {"sub"}


@module("response-type-missing")
def response_type_missing(suite: Suite) -> None:
    rp, person = suite.rp(), suite.person()
    request = rp.request(response_type=None)
    rp.refused(rp.authorize(person, request), request, "unsupported_response_type", "invalid_request")
    assert person.sign_ins == 0


@module("idtoken-signature")
def idtoken_signature(suite: Suite) -> None:
    rp = _registered(suite)
    request = rp.request_with_pkce()
    # RS256 where the registration says nothing (OpenID Connect Registration section 2).
    signed_in = rp.redeem(rp.code(rp.authorize(suite.person(), request), request), request, algorithm="RS256")
    assert signed_in.claims["sub"]


@module("idtoken-unsigned")
def idtoken_unsigned(suite: Suite) -> None:
    # The suite skips this module where "none" is not offered; that it is refused is the point of not offering it.
    assert "none" not in suite.discovery()["id_token_signing_alg_values_supported"]
    checks.oauth_error(_register(suite, id_token_signed_response_alg="none"), "invalid_client_metadata")


@module("userinfo-get")
def userinfo_get(suite: Suite) -> None:
    sign_in(suite)


@module("scope-profile")
def scope_profile(suite: Suite) -> None:
    signed_in = sign_in(suite, scope="openid profile")
    assert signed_in.userinfo["name"]
    assert "email" not in signed_in.userinfo


@module("scope-email")
def scope_email(suite: Suite) -> None:
    signed_in = sign_in(suite, scope="openid email")
    assert signed_in.userinfo["email"]
    assert isinstance(signed_in.userinfo["email_verified"], bool)
    assert "name" not in signed_in.userinfo


@module("scope-address")
def scope_address(suite: Suite) -> None:
    # What we do not know of anybody is not an error to ask for.
    assert set(sign_in(suite, scope="openid address").userinfo) == {"sub"}


@module("scope-phone")
def scope_phone(suite: Suite) -> None:
    assert set(sign_in(suite, scope="openid phone").userinfo) == {"sub"}


@module("scope-all")
def scope_all(suite: Suite) -> None:
    signed_in = sign_in(suite, scope="openid profile email address phone")
    assert {"name", "email", "email_verified"} <= set(signed_in.userinfo)


@module("userinfo-post-header")
def userinfo_post_header(suite: Suite) -> None:
    signed_in = sign_in(suite)
    headers = {"Authorization": f"Bearer {signed_in.access_token}"}
    response = suite.http("POST", f"{suite.issuer}/userinfo", headers=headers)
    checks.userinfo(response, signed_in.claims["sub"])


@module("userinfo-post-body")
def userinfo_post_body(suite: Suite) -> None:
    signed_in = sign_in(suite)
    response = suite.http("POST", f"{suite.issuer}/userinfo", data={"access_token": signed_in.access_token})
    checks.userinfo(response, signed_in.claims["sub"])


@module("ensure-request-without-nonce-succeeds-for-code-flow")
def without_nonce(suite: Suite) -> None:
    assert "nonce" not in sign_in(suite, nonce=None).claims


@module("alternate-happy-flow")
def alternate_happy_flow(suite: Suite) -> None:
    rp = suite.rp()
    request = rp.request(scope="email openid")
    backwards = dict(reversed(list(request.parameters.items())))
    signed_in = rp.complete(suite.person(), replace(request, parameters=backwards))
    assert "email" in signed_in.userinfo


@module("display-page")
def display_page(suite: Suite) -> None:
    sign_in(suite, display="page")


@module("display-popup")
def display_popup(suite: Suite) -> None:
    sign_in(suite, display="popup")


@module("ensure-request-with-unknown-parameter-succeeds")
def unknown_parameter(suite: Suite) -> None:
    sign_in(suite, extra="foobar")


@module("login-hint")
def login_hint(suite: Suite) -> None:
    sign_in(suite, login_hint="buffy@suite.example")


@module("ui-locales")
def ui_locales(suite: Suite) -> None:
    sign_in(suite, ui_locales="se")


@module("claims-locales")
def claims_locales(suite: Suite) -> None:
    sign_in(suite, claims_locales="se")


@module("ensure-request-with-acr-values-succeeds")
def acr_values(suite: Suite) -> None:
    wanted = suite.discovery()["acr_values_supported"]
    assert sign_in(suite, acr_values=" ".join(wanted)).claims["acr"] in wanted
    # Without any in its metadata, the suite makes some up.
    sign_in(suite, acr_values="1 2")


@module("ensure-registered-redirect-uri")
def registered_redirect_uri(suite: Suite) -> None:
    rp = suite.rp()
    landed = rp.authorize(suite.person(), rp.request(redirect_uri=f"{CALLBACK}/elsewhere"))
    assert isinstance(landed, Page)
    assert landed.status == 400
    assert "redirect" in (landed.meta("code") or landed.text)


@module("ensure-post-request-succeeds")
def post_request(suite: Suite) -> None:
    rp, person = suite.rp(), suite.person()
    rp.complete(person, rp.request(), post=True)
    # Its form brings no cookies, and the session is found all the same.
    rp.complete(person, rp.request(), post=True)
    assert person.sign_ins == 1


@module("server-client-secret-post")
def client_secret_post(suite: Suite) -> None:
    rp = suite.rp("suite-post")
    rp.complete(suite.person(), rp.request())


@module("ensure-request-with-valid-pkce-succeeds")
def valid_pkce(suite: Suite) -> None:
    rp = suite.rp()
    rp.complete(suite.person(), rp.request_with_pkce())


@module("claims-essential")
def claims_essential(suite: Suite) -> None:
    signed_in = sign_in(suite, claims=json.dumps({"userinfo": {"name": {"essential": True}}}))
    assert signed_in.userinfo["name"]


def _register(suite: Suite, **metadata: object) -> requests.Response:
    """Register a client as the suite's variant dynamic_client does (RFC 7591)."""
    parts, now = suite.world.parts, suite.world.clock()
    with parts.database.begin() as connection:
        token = InitialTokens(parts.audit).create(connection, now + timedelta(hours=1), now)
    document = {"client_name": "Conformance suite, registered", "redirect_uris": [CALLBACK], **metadata}
    headers = {"Authorization": f"Bearer {token}"}
    return suite.http("POST", f"{suite.issuer}/register", json=document, headers=headers)


def _registered(suite: Suite, **metadata: object) -> Rp:
    document = checks.json_object(_register(suite, **metadata), 201)
    return suite.rp(
        document["client_id"], secret=document["client_secret"], method=document["token_endpoint_auth_method"]
    )
