"""Consent: asked once, by clients that are not first-party, remembered, shown, and taken back (T1, T10)."""

from datetime import timedelta

import pytest

from tests.oidc.kinds import API, added, consent, refresh, sign_in
from tests.world import Arrival, AuthRequest, Page, Visitor, World


def ask(world: World, visitor: Visitor, persona: str = "entra-mfa", **extra: str) -> tuple[Page | Arrival, AuthRequest]:
    request = world.registry("third-party").request(**{"provider": "entra", **extra})
    return visitor.walk(visitor.authorize(request), persona), request


def asked(world: World, visitor: Visitor, persona: str, **extra: str) -> tuple[Page, AuthRequest]:
    page, request = ask(world, visitor, persona, **extra)
    assert isinstance(page, Page), page
    assert "/consent/" in page.url
    return page, request


def test_a_client_that_is_not_ours_asks_once(busy: World) -> None:
    visitor = busy.visitor()
    page, request = asked(busy, visitor, "entra-edov-false")
    assert "Third Party" in page.text
    assert "Know your email address" in page.text
    arrived = consent(busy, visitor, page)
    busy.registry("third-party").redeem(arrived, request)
    again, request = ask(busy, visitor)
    busy.registry("third-party").redeem(again, request)
    elsewhere, request = ask(busy, busy.visitor(), "entra-edov-false")
    busy.registry("third-party").redeem(elsewhere, request)


def test_more_than_was_given_is_asked_for(busy: World) -> None:
    visitor = busy.visitor()
    page, _ = asked(busy, visitor, "entra-phr", scope="openid")
    assert "email address" not in page.text
    consent(busy, visitor, page)
    page, _ = asked(busy, visitor, "entra-phr", scope="openid email")
    consent(busy, visitor, page)
    for scope in ("openid", "openid email"):
        assert isinstance(ask(busy, visitor, scope=scope)[0], Arrival)
    claims = '{"id_token": {"name": null}}'
    page, _ = asked(busy, visitor, "entra-phr", scope="openid", claims=claims)
    assert "Know your name" in page.text


def test_a_no_goes_back_to_the_registry_and_is_not_remembered(busy: World) -> None:
    visitor = busy.visitor()
    page, request = asked(busy, visitor, "entra-when-forced")
    arrived = consent(busy, visitor, page, "deny")
    assert isinstance(arrived, Arrival)
    assert arrived.parameters["error"] == "access_denied"
    assert arrived.parameters["state"] == request.state
    asked(busy, visitor, "entra-when-forced")


def test_prompt_none_says_that_consent_is_needed(busy: World) -> None:
    visitor = busy.visitor()
    page, _ = asked(busy, visitor, "entra-noemail")
    arrived, _ = ask(busy, visitor, prompt="none")
    assert isinstance(arrived, Arrival)
    assert arrived.parameters["error"] == "consent_required"
    consent(busy, visitor, page)
    arrived, request = ask(busy, visitor, prompt="none")
    busy.registry("third-party").redeem(arrived, request)


def test_prompt_consent_asks_whatever_was_given(busy: World) -> None:
    visitor = busy.visitor()
    for client_id in ("third-party", "registry"):
        request = busy.registry(client_id).request(provider="entra", prompt="consent")
        page = visitor.walk(visitor.authorize(request), "entra-mfa")
        assert isinstance(page, Page)
        assert "/consent/" in page.url
        busy.registry(client_id).redeem(consent(busy, visitor, page), request)


def test_t7_an_answer_counts_once(busy: World) -> None:
    visitor = busy.visitor()
    page, _ = asked(busy, visitor, "entra-mfa", prompt="consent")
    assert isinstance(consent(busy, visitor, page), Arrival)
    for answer in ("allow", "deny"):
        again = consent(busy, visitor, page, answer)
        assert isinstance(again, Page)
        assert again.status == 400


def test_t10_the_question_is_of_its_browser_and_session_alone(busy: World) -> None:
    visitor = busy.visitor()
    page, _ = asked(busy, visitor, "entra-mfa", prompt="consent")
    path = page.url.removeprefix(busy.base)
    stranger = busy.visitor()
    stranger.sign_in("entra-mfa", "entra")
    assert busy.visitor().get(path).status_code == 400
    assert stranger.get(path).status_code == 400
    # Without the form's token nothing happens, and a GET changes nothing.
    assert visitor.post(path, {"answer": "allow"}).status_code == 400
    assert visitor.get(path).status_code == 200
    visitor.submit("/signout")
    assert visitor.get(path).status_code == 400


def test_t1_the_proof_is_judged_again_when_the_answer_comes(busy: World) -> None:
    visitor = busy.visitor()
    page, _ = asked(busy, visitor, "entra-stale", prompt="login consent", max_age="60")
    busy.clock.move(timedelta(minutes=9, seconds=50))
    # Asked for when the registry asked: that the user took their time is no fault.
    assert isinstance(consent(busy, visitor, page), Arrival)
    page, _ = asked(busy, visitor, "entra-stale", prompt="consent")
    busy.clock.move(timedelta(hours=24))
    late = consent(busy, visitor, page)
    assert isinstance(late, Page)
    assert late.status == 400


def test_what_was_given_is_shown_and_can_be_taken_back(busy: World) -> None:
    visitor = busy.visitor()
    tokens = sign_in(busy, "third-party", visitor=visitor, persona="entra-ngcmfa")
    account = visitor.page(visitor.get("/account"))
    assert "Third Party" in account.text
    assert "Has access while you are away" in account.text
    assert visitor.get("/account/data.json").json()["registries"][0]["client_id"] == "third-party"
    taken = visitor.submit("/account/registries/withdraw", {"client_id": "third-party"})
    assert taken.status_code == 303
    assert "Third Party" not in visitor.get("/account").text
    assert refresh(busy, "third-party", tokens.response["refresh_token"]).json()["error"] == "invalid_grant"
    assert busy.registry().userinfo(tokens.response["access_token"]).status_code == 401
    assert visitor.submit("/account/registries/withdraw", {"client_id": "third-party"}).status_code == 404
    assert visitor.submit("/account/registries/withdraw", {"client_id": "../no client id"}).status_code == 404
    asked(busy, visitor, "entra-ngcmfa")


def test_t1_a_consent_taken_back_while_a_code_is_under_way_lets_it_lead_nowhere(busy: World) -> None:
    visitor = busy.visitor()
    page, request = asked(busy, visitor, "entra-mfa", prompt="consent")
    arrived = consent(busy, visitor, page)
    assert isinstance(arrived, Arrival)
    visitor.submit("/account/registries/withdraw", {"client_id": "third-party"})
    response = busy.registry("third-party").token_response(arrived.code, request.verifier)
    assert response.json()["error"] == "invalid_grant"


@pytest.mark.parametrize("client_id", ["registry", "offline", "pairwise"])
def test_a_first_party_client_asks_nobody(busy: World, client_id: str) -> None:
    sign_in(busy, client_id, persona="entra-noemail")


def test_a_resource_is_asked_for_by_its_name_and_on_top_of_what_was_given(busy: World) -> None:
    added(busy, "acting", first_party=False, name="Acting", resources=[API])
    visitor = busy.visitor()
    sign_in(busy, "acting", visitor=visitor)
    request = busy.registry("acting").request(scope="openid", resource=API)
    page = visitor.walk(visitor.authorize(request))
    assert isinstance(page, Page)
    assert f"Act for you at {API}" in page.text
    busy.registry("acting").redeem(consent(busy, visitor, page), request)
    assert f"Act for you at {API}" in visitor.get("/account").text
