"""The table of checks, driven over HTTP: what is shown here, what goes back to the registry, what passes."""

import json
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from joserfc import jwt

from tests.oidc.kinds import KEY
from tests.world import Arrival, Page, World, arrival

SHOWN = {
    "no client": {"client_id": ""},
    "unknown client": {"client_id": "nobody"},
    "client id with a NUL": {"client_id": "registry\x00"},
    "no redirect URI": {"redirect_uri": ""},
    "another redirect URI": {"redirect_uri": "https://evil.example/callback"},
}

REDIRECTED = {
    "no response type": ({"response_type": ""}, "invalid_request"),
    "implicit": ({"response_type": "token"}, "unsupported_response_type"),
    "hybrid": ({"response_type": "code id_token"}, "unsupported_response_type"),
    "fragment": ({"response_mode": "fragment"}, "invalid_request"),
    "a response mode of fragments": ({"response_mode": "fragment"}, "invalid_request"),
    "a request object without keys": ({"request": "e30."}, "invalid_request_object"),
    "request by reference": ({"request_uri": "https://evil.example/r"}, "request_uri_not_supported"),
    "no scope": ({"scope": ""}, "invalid_scope"),
    "scope without openid": ({"scope": "profile"}, "invalid_scope"),
    "no challenge": ({"code_challenge": ""}, "invalid_request"),
    "no method": ({"code_challenge_method": ""}, "invalid_request"),
    "plain": ({"code_challenge_method": "plain"}, "invalid_request"),
    "challenge too short": ({"code_challenge": "x" * 42}, "invalid_request"),
    "challenge not base64url": ({"code_challenge": "!" * 43}, "invalid_request"),
    "unknown prompt": ({"prompt": "maybe"}, "invalid_request"),
    "none with login": ({"prompt": "none login"}, "invalid_request"),
    "max_age in words": ({"max_age": "soon"}, "invalid_request"),
    "max_age negative": ({"max_age": "-1"}, "invalid_request"),
    "max_age a fraction": ({"max_age": "1.5"}, "invalid_request"),
    "max_age endless": ({"max_age": "9" * 10}, "invalid_request"),
    "claims not JSON": ({"claims": "{"}, "invalid_request"),
    "claims nested beyond reason": ({"claims": "[" * 2000}, "invalid_request"),
    "claims a list": ({"claims": "[]"}, "invalid_request"),
    "claims of a string": ({"claims": '{"id_token": "acr"}'}, "invalid_request"),
    "a claim that is a string": ({"claims": '{"id_token": {"acr": "mfa"}}'}, "invalid_request"),
    "acr of numbers": ({"claims": '{"id_token": {"acr": {"values": [1]}}}'}, "invalid_request"),
    "acr values a string": ({"claims": '{"id_token": {"acr": {"values": "phr"}}}'}, "invalid_request"),
    "a hint that is no token": ({"id_token_hint": "x.y.z"}, "invalid_request"),
    "a hint without end": ({"id_token_hint": "x" * 4000}, "invalid_request"),
    "unknown provider": ({"provider": "twitter"}, "invalid_request"),
    "provider with a path": ({"provider": "../github"}, "invalid_request"),
    "a very long value": ({"nonce": "n" * 4097}, "invalid_request"),
    "control characters": ({"nonce": "a\nb"}, "invalid_request"),
}

ACCEPTED = {
    "nothing unusual": {},
    "no nonce": {"nonce": ""},
    "no state": {"state": ""},
    "an unknown parameter": {"extra": "foobar"},
    "display and locales": {"display": "popup", "ui_locales": "de en", "claims_locales": "de"},
    "a login hint": {"login_hint": "somebody@example.org"},
    "explicit query mode": {"response_mode": "query"},
    "unknown scopes": {"scope": "openid address phone offline_access"},
    "null claims": {"claims": json.dumps({"id_token": {"auth_time": None, "acr": None}, "userinfo": {"name": None}})},
    "voluntary acr": {"acr_values": "phr https://refeds.org/profile/mfa"},
    "max_age zero": {"max_age": "0"},
}


@pytest.mark.parametrize("changes", SHOWN.values(), ids=SHOWN.keys())
def test_an_error_before_the_redirect_uri_is_known_good_is_shown_here(world: World, changes: dict[str, str]) -> None:
    visitor = world.visitor()
    response = visitor.authorize(world.registry().request(**changes))
    assert response.status_code == 400
    assert "Location" not in response.headers


@pytest.mark.parametrize("changes, error", REDIRECTED.values(), ids=REDIRECTED.keys())
def test_an_error_after_that_goes_back_to_the_registry(world: World, changes: dict[str, str], error: str) -> None:
    visitor = world.visitor()
    request = world.registry().request(**changes)
    response = visitor.authorize(request)
    assert response.status_code == 302
    back = arrival(response.headers["Location"])
    assert back.parameters["error"] == error
    assert back.parameters["state"] == request.state
    assert back.parameters["iss"] == world.base
    assert set(back.parameters) == {"error", "error_description", "state", "iss"}


@pytest.mark.parametrize("changes", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_request_that_is_merely_unusual_reaches_the_chooser(world: World, changes: dict[str, str]) -> None:
    visitor = world.visitor()
    page = visitor.walk(visitor.authorize(world.registry().request(**changes)))
    assert isinstance(page, Page)
    assert page.status == 200
    assert "Sign in to" in page.text
    assert "Example Registry" in page.text


@pytest.mark.parametrize("name", ["state", "scope", "nonce", "prompt", "extra"])
def test_a_parameter_sent_twice_is_refused(world: World, name: str) -> None:
    request = world.registry().request()
    query = urlencode([*request.parameters.items(), (name, "a"), (name, "b")])
    back = arrival(world.visitor().get(f"/authorize?{query}").headers["Location"])
    assert back.parameters["error"] == "invalid_request"
    assert ("state" in back.parameters) is (name != "state")


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_two_clients_or_two_redirect_uris_are_shown_here(world: World, name: str) -> None:
    request = world.registry().request()
    query = urlencode([*request.parameters.items(), (name, request.parameters[name])])
    response = world.visitor().get(f"/authorize?{query}")
    assert response.status_code == 400


def test_a_request_by_form_is_asked_again_by_get(world: World) -> None:
    visitor = world.visitor()
    request = world.registry().request()
    hint = {"login_hint": "somebody@example.org"}
    response = visitor.post("/authorize", {**request.parameters, **hint})
    assert response.status_code == 303
    # What was posted was not meant for URLs, which end up in logs and histories.
    for value in (*request.parameters.values(), "somebody"):
        assert value not in response.headers["Location"]
    assert response.headers["Location"].startswith("/authorize?relay=")
    page = visitor.walk(response)
    assert isinstance(page, Page)
    assert "Sign in to" in page.text


def test_t10_what_was_posted_is_good_for_a_minute_and_for_the_place_it_was_posted_to(world: World) -> None:
    visitor = world.visitor()
    sealed = visitor.post("/authorize", dict(world.registry().request().parameters)).headers["Location"]
    assert visitor.get(sealed).status_code == 302
    for other in (sealed.replace("/authorize", "/logout"), sealed.replace("/authorize", "/callback/entra")):
        assert visitor.get(other).status_code == 400
    assert visitor.get("/authorize?relay=x").status_code == 400
    world.clock.move(timedelta(seconds=61))
    assert visitor.get(sealed).status_code == 400


def test_prompt_none_without_a_session_is_login_required(world: World) -> None:
    visitor = world.visitor()
    back = visitor.walk(visitor.authorize(world.registry().request(prompt="none")))
    assert isinstance(back, Arrival)
    assert back.parameters["error"] == "login_required"


def test_giving_up_tells_the_registry(world: World) -> None:
    visitor = world.visitor()
    request = world.registry().request()
    page = visitor.walk(visitor.authorize(request))
    assert isinstance(page, Page)
    cancel = next(link for link in page.links if "/leave/" in link)
    back = visitor.walk(visitor.get(cancel))
    assert isinstance(back, Arrival)
    assert back.parameters["error"] == "access_denied"
    assert back.parameters["state"] == request.state
    # The transaction has ended with it.
    assert visitor.get(cancel).status_code == 400


def test_what_is_posted_is_a_form_and_can_be_read(world: World) -> None:
    visitor = world.visitor()
    assert visitor.post("/authorize", json={"client_id": "registry"}).status_code == 400
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert visitor.http.post(f"{world.base}/authorize", "client_id=%ff", headers=headers, timeout=20).status_code == 400


def test_a_request_object_that_is_none_goes_back_to_a_client_that_has_keys(busy: World) -> None:
    visitor = busy.visitor()
    response = visitor.authorize(busy.registry("signing").request(request="a.b.c"))
    assert arrival(response.headers["Location"]).parameters["error"] == "invalid_request_object"


def test_a_request_object_of_the_client_is_the_request(busy: World) -> None:
    now = int(busy.clock().timestamp())
    plain = busy.registry("signing").request()
    claims = {
        **plain.parameters,
        "iss": "signing",
        "aud": busy.base,
        "iat": now,
        "nbf": now,
        "exp": now + 60,
        "jti": "1",
    }
    signed = jwt.encode({"alg": "ES256", "typ": "oauth-authz-req+jwt"}, claims, KEY)
    visitor = busy.visitor()
    chooser = visitor.walk(visitor.get("/authorize?" + urlencode({"client_id": "signing", "request": signed})))
    assert isinstance(chooser, Page)
    assert chooser.status == 200
