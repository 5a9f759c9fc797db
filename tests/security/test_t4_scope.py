"""T4: tenant and object scope. What belongs to another tenant, account or client is out of reach."""

import re
from pathlib import Path
from typing import Any

import pytest

from providers.standins import Standins
from providers.standins import browser as upstream
from tests.world import Arrival, Page, World, running

FORGED = [
    "msa_key",
    "iss_tid_mismatch",
    "tid_not_guid",
    "no_tid",
    "no_oid",
    "access_wrong_tid",
    "access_wrong_oid",
    "access_wrong_appid",
    "access_wrong_iss",
    "access_wrong_aud",
]


@pytest.mark.parametrize("toggle", FORGED)
def test_t4_a_token_that_mixes_tenants_signs_nobody_in(world: World, toggle: str) -> None:
    world.standins.toggles.set(toggle)
    ended = world.visitor().sign_in("entra-mfa", "entra")
    assert isinstance(ended, Page)
    assert ended.status == 403
    assert ended.meta("reason") == "invalid_response"


def test_t4_a_personal_account_signed_by_the_key_for_tenants_is_refused(world: World) -> None:
    world.standins.toggles.set("entra_key")
    ended = world.visitor().sign_in("msa-mfa", "msa")
    assert isinstance(ended, Page)
    assert ended.meta("reason") == "invalid_response"


@pytest.mark.parametrize(
    "persona, provider, reason",
    [
        ("entra-other-tenant", "entra", "tenant_not_allowed"),
        ("entra-guest-refused", "entra", "guest_refused"),
        ("entra-guest-of-R", "entra", "guest_refused"),
        ("entra-mfa", "operator", None),
    ],
)
def test_t4_tenants_and_guests_that_are_not_allowed(
    world: World, persona: str, provider: str, reason: str | None
) -> None:
    if reason is None:
        with pytest.raises((KeyError, upstream.Stopped)):
            world.visitor().sign_in(persona, provider)
        return
    ended = world.visitor().sign_in(persona, provider)
    assert isinstance(ended, Page)
    assert ended.meta("reason") == reason


def one_provider(raw: dict[str, Any]) -> None:
    raw["clients"]["registry"]["providers"] = ["entra"]


def test_t4_a_client_that_may_not_use_a_provider_gets_nobody_from_it_on_any_path(
    tmp_path: Path, standins: Standins
) -> None:
    with running(tmp_path, standins=standins, change=one_provider) as world:
        visitor = world.visitor()
        chooser = visitor.walk(visitor.authorize(world.registry().request()))
        assert isinstance(chooser, Page)
        assert [link.rpartition("/")[2] for link in chooser.links if "/signin/" in link] == ["entra"]
        # by name in the request, by address, by a session from elsewhere, at redemption
        named = visitor.walk(visitor.authorize(world.registry().request(provider="github")))
        assert isinstance(named, Arrival)
        assert named.parameters["error"] == "invalid_request"
        forced = next(link for link in chooser.links if link.endswith("/entra")).replace("/entra", "/github")
        assert visitor.get(forced).status_code == 400
        visitor.open_account("2fa-true", "github")
        silent = visitor.walk(visitor.authorize(world.registry().request(prompt="none")))
        assert isinstance(silent, Arrival)
        assert silent.parameters["error"] == "login_required"


def test_t4_one_accounts_sessions_and_identities_are_out_of_anothers_reach(world: World) -> None:
    ada, eve = world.visitor(), world.visitor()
    ada.open_account("2fa-true", "github")
    second = world.visitor()
    second.open_account("2fa-true", "github")
    page = ada.get("/account").text
    (sid,) = re.findall(r'action="/account/sessions/([^/"]+)/end"', page)
    eve.open_account("entra-mfa", "entra")
    from sqlalchemy import select

    from broker.accounts.model import identities

    with world.parts.database.read() as connection:
        github = connection.execute(select(identities.c.id).where(identities.c.provider_id == "github")).scalar_one()
    assert eve.submit(f"/account/sessions/{sid}/end").status_code == 404
    assert eve.submit(f"/account/unlink/{github}").status_code == 404
    assert second.get("/account").status_code == 200


def test_t4_one_browsers_transaction_is_out_of_anothers_reach(world: World) -> None:
    ada, eve = world.visitor(), world.visitor()
    page = ada.walk(ada.authorize(world.registry().request()))
    assert isinstance(page, Page)
    eve.get("/signin")
    for link in (*(each for each in page.links if "/signin/" in each or "/leave/" in each), page.url):
        assert eve.get(link).status_code == 400
    assert ada.get(page.url).status_code == 200
