"""Pushed requests (RFC 9126): of their client alone, used up by the code, and by nothing before it (T7, T8)."""

from datetime import timedelta
from typing import Any

import pytest

from tests.oidc.kinds import post
from tests.world import Arrival, AuthRequest, Page, Visitor, World


def push(world: World, request: AuthRequest, client_id: str = "pushing", /, **changes: Any) -> dict[str, Any]:
    form = {**request.parameters, **changes}
    response = post(world, "/par", client_id, **{name: value for name, value in form.items() if value != ""})
    document: dict[str, Any] = {"status": response.status_code, **response.json()}
    return document


def come(visitor: Visitor, reference: str, client_id: str = "pushing", **more: str) -> Page | Arrival:
    query = {"client_id": client_id, "request_uri": reference, **more}
    return visitor.walk(visitor.authorize(AuthRequest(parameters=query, verifier="", nonce="", state="")), "entra-mfa")


def test_a_pushed_request_signs_in_and_is_used_up_by_its_code(busy: World) -> None:
    registry, visitor = busy.registry("pushing"), busy.visitor()
    request = registry.request(provider="entra")
    pushed = push(busy, request)
    assert (pushed["status"], pushed["expires_in"]) == (201, 60)
    assert pushed["request_uri"].startswith("urn:ietf:params:oauth:request_uri:")
    tokens = registry.redeem(come(visitor, pushed["request_uri"]), request)
    assert tokens.claims["sub"]
    for again in (visitor, busy.visitor()):
        page = come(again, pushed["request_uri"])
        assert isinstance(page, Page)
        assert (page.status, page.meta("code")) == (400, page.meta("code"))
        assert "not here" in page.text or "finished already" in page.text


def test_what_the_url_says_beside_it_counts_for_nothing(busy: World) -> None:
    registry, visitor = busy.registry("pushing"), busy.visitor()
    request = registry.request(provider="entra")
    reference = push(busy, request)["request_uri"]
    arrived = come(
        visitor, reference, state="other", redirect_uri="https://evil.example/", scope="openid", prompt="none"
    )
    assert registry.redeem(arrived, request).response["scope"] == "openid profile email"


def test_a_reload_before_the_code_works(busy: World) -> None:
    registry, visitor = busy.registry("pushing"), busy.visitor()
    request = registry.request()
    reference = push(busy, request)["request_uri"]
    assert isinstance(come(visitor, reference), Page)
    # As long as a sign-in may take.
    busy.clock.move(timedelta(seconds=90))
    chooser = come(visitor, reference)
    assert isinstance(chooser, Page)
    link = next(each for each in chooser.links if each.endswith("/entra"))
    registry.redeem(visitor.walk(visitor.get(link), "entra-mfa"), request)


def test_t7_of_two_sign_ins_with_one_request_one_ends_with_a_code(busy: World) -> None:
    registry = busy.registry("pushing")
    request = registry.request()
    reference = push(busy, request)["request_uri"]
    visitors = [busy.visitor() for _ in range(2)]
    choosers = [come(visitor, reference) for visitor in visitors]
    ends = []
    for visitor, chooser in zip(visitors, choosers, strict=True):
        assert isinstance(chooser, Page)
        link = next(each for each in chooser.links if each.endswith("/entra"))
        ends.append(visitor.walk(visitor.get(link), "entra-mfa"))
    assert [type(end) for end in ends] == [Arrival, Page]


def test_t8_a_client_that_must_push_cannot_do_without(busy: World) -> None:
    visitor = busy.visitor()
    arrived = visitor.walk(visitor.authorize(busy.registry("pushing").request()))
    assert isinstance(arrived, Arrival)
    assert arrived.parameters["error"] == "invalid_request"


def test_t8_a_reference_is_of_its_client_alone(busy: World) -> None:
    reference = push(busy, busy.registry("pushing").request())["request_uri"]
    page = come(busy.visitor(), reference, client_id="registry")
    assert isinstance(page, Page)
    assert page.status == 400


@pytest.mark.parametrize(
    "reference",
    ["urn:ietf:params:oauth:request_uri:", "urn:ietf:params:oauth:request_uri:" + "A" * 43],
)
def test_a_reference_to_nothing_is_shown_here(busy: World, reference: str) -> None:
    page = come(busy.visitor(), reference)
    assert isinstance(page, Page)
    assert page.status == 400


@pytest.mark.parametrize(
    "changes, error",
    [
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"redirect_uri": ""}, "invalid_request"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "request_uri_not_supported"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "email"}, "invalid_scope"),
        ({"request": "e30."}, "invalid_request_object"),
        ({"resource": "https://other.example/"}, "invalid_target"),
        ({"dpop_jkt": "x"}, "invalid_request"),
        ({"client_id": "registry"}, "invalid_request"),
    ],
)
def test_whatever_is_wrong_is_told_where_it_was_pushed(busy: World, changes: dict[str, str], error: str) -> None:
    told = push(busy, busy.registry("pushing").request(), **changes)
    assert (told["status"], told["error"]) == (400, error)


def test_any_client_may_push(busy: World) -> None:
    registry = busy.registry()
    request = registry.request(provider="entra")
    reference = push(busy, request, "registry")["request_uri"]
    registry.redeem(come(busy.visitor(), reference, "registry"), request)


def test_a_live_session_answers_a_pushed_request_once(busy: World) -> None:
    registry, visitor = busy.registry("pushing"), busy.visitor()
    visitor.sign_in("entra-mfa", "entra")
    request = registry.request()
    reference = push(busy, request)["request_uri"]
    registry.redeem(come(visitor, reference), request)
    page = come(visitor, reference)
    assert isinstance(page, Page)
    assert page.status == 400
