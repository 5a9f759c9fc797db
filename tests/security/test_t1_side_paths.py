"""T1: MFA proof lost on a side path. Every way that reuses an earlier proof judges it again."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from broker.accounts.model import identities
from claims.vocabulary import ACR_PHR
from providers.standins import Standins
from providers.standins import browser as upstream
from tests.world import Arrival, Page, Visitor, World, arrival, running

REGISTRY = {"secret": "s" + "0123456789abcdef" * 3, "redirect_uris": ["http://127.0.0.1:1/callback"]}


def stricter_clients(raw: dict[str, Any]) -> None:
    raw["clients"]["session-only"] = {**REGISTRY, "name": "Session only", "bindings": ["session", "attested"]}
    raw["clients"]["recent"] = {**REGISTRY, "name": "Recent", "max_age": 600}
    raw["clients"]["strong"] = {**REGISTRY, "name": "Strong", "strength": "phishing_resistant"}


def upstream_url(visitor: Visitor, **extra: str) -> str:
    """Go as far as the redirect to the provider."""
    request = visitor.world.registry().request(**extra)
    visitor.last_request = request
    response = visitor.authorize(request)
    while response.is_redirect and response.headers["Location"].startswith("/"):
        response = visitor.get(response.headers["Location"])
    return response.headers["Location"]


@pytest.mark.parametrize("client_id", ["session-only", "recent", "strong"])
def test_t1_a_session_good_enough_for_one_client_is_judged_again_for_a_stricter_one(
    client_id: str, tmp_path: Path, standins: Standins
) -> None:
    with running(tmp_path, standins=standins, change=stricter_clients) as world:
        visitor = world.visitor()
        assert isinstance(visitor.sign_in("2fa-true", "github"), Arrival)
        world.clock.move(timedelta(minutes=11))
        request = world.registry(client_id).request(prompt="none")
        back = visitor.walk(visitor.authorize(request))
        assert isinstance(back, Arrival)
        assert back.parameters["error"] == "login_required"


@pytest.mark.parametrize("client_id, reason", [("session-only", "binding_not_accepted"), ("strong", "too_weak")])
def test_t1_the_clients_rule_is_judged_at_the_callback(
    client_id: str, reason: str, tmp_path: Path, standins: Standins
) -> None:
    with running(tmp_path, standins=standins, change=stricter_clients) as world:
        visitor = world.visitor()
        request = world.registry(client_id).request(provider="github")
        page = visitor.walk(visitor.authorize(request), "2fa-true")
        assert isinstance(page, Page)
        assert page.meta("reason") == reason


def test_t1_a_refused_sign_in_leaves_no_session_and_no_account(world: World) -> None:
    visitor = world.visitor()
    assert isinstance(visitor.sign_in("2fa-false", "github"), Page)
    assert visitor.get("/account").status_code == 303
    with world.parts.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(identities)).scalar_one() == 0


def test_t1_a_restarted_flow_does_not_inherit_the_proof_of_the_first(world: World) -> None:
    visitor = world.visitor()
    first = upstream_url(visitor, provider="entra")
    second = upstream_url(visitor, provider="entra")
    strong, weak = upstream.sign_in(first, "entra-mfa"), upstream.sign_in(second, "entra-pwd")
    # The weak person's code under the strong one's state.
    mixed = {**dict(weak.fields), "state": dict(strong.fields)["state"]}
    ended = visitor.walk(
        visitor.come_back(upstream.Returned(method="POST", url=strong.url, fields=tuple(mixed.items())))
    )
    assert isinstance(ended, Page)
    assert ended.status in (400, 403)
    assert visitor.get("/account").status_code == 303


def test_t1_an_empty_post_and_a_double_submit_change_nothing(world: World) -> None:
    visitor = world.visitor()
    assert visitor.walk(visitor.post("/callback/entra", {})).status == 400  # type: ignore[union-attr]
    assert visitor.post("/token", {}).status_code == 400
    url = upstream_url(visitor, provider="entra")
    returned = upstream.sign_in(url, "entra-mfa")
    first = visitor.walk(visitor.come_back(returned))
    assert isinstance(first, Arrival)
    again = visitor.walk(visitor.come_back(returned))
    assert isinstance(again, Page)
    assert again.status == 400


def test_t1_one_transaction_gives_one_code_whatever_number_of_flows_it_began(world: World) -> None:
    visitor = world.visitor()
    url = upstream_url(visitor, provider="entra")
    chooser = visitor.authorize(visitor.world.registry().request()).headers["Location"]
    transaction_path = f"{chooser}/entra"
    begun = visitor.get(transaction_path)
    other = begun.headers["Location"]
    another = visitor.get(transaction_path).headers["Location"]
    assert url != other != another
    assert isinstance(visitor.walk(visitor.come_back(upstream.sign_in(other, "entra-mfa"))), Arrival)
    late = visitor.walk(visitor.come_back(upstream.sign_in(another, "entra-mfa")))
    assert isinstance(late, Page)
    assert late.status == 400


def test_t1_an_essential_acr_is_judged_again_at_redemption(world: World) -> None:
    visitor = world.visitor()
    claims = json.dumps({"id_token": {"acr": {"essential": True, "values": [ACR_PHR]}}})
    page = visitor.sign_in("entra-mfa", "entra", claims=claims)
    assert isinstance(page, Page)
    assert page.meta("reason") == "acr_unmet"


def test_t1_an_aged_proof_opens_neither_the_account_page_nor_linking(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account("2fa-true", "github")
    page = visitor.page(visitor.get("/account"))
    world.clock.move(timedelta(hours=8, seconds=1))
    assert visitor.get("/account").status_code == 303
    response = visitor.post("/account/link/entra", {"csrf_token": page.form_token()})
    assert response.status_code == 303
    assert response.headers["Location"] == "/signin"


def test_t1_a_link_that_began_fresh_fails_when_its_session_has_ended(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account("2fa-true", "github")
    leaving = visitor.page(visitor.submit("/account/link/entra"))
    url = next(each for each in leaving.links if each.startswith("http://127.0.0.1"))
    visitor.submit("/signout")
    ended = visitor.walk(visitor.come_back(upstream.sign_in(url, "entra-mfa")))
    assert isinstance(ended, Page)
    assert ended.status == 400
    with world.parts.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(identities)).scalar_one() == 1


def test_t1_the_error_that_goes_back_says_what_was_unmet(world: World) -> None:
    visitor = world.visitor()
    page = visitor.sign_in("entra-pwd", "entra")
    assert isinstance(page, Page)
    leave = visitor.get(next(link for link in page.links if "/leave/" in link))
    back = arrival(leave.headers["Location"])
    assert back.parameters["error"] == "unmet_authentication_requirements"
    assert back.parameters["iss"] == world.base
