"""T5: disabled means disabled: provider, client, account, identity and key, at every step that follows."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from broker.accounts.model import accounts, identities
from broker.oidc.clients import Clients
from broker.settings import ClientSettings
from providers.standins import Standins
from providers.standins import browser as upstream
from tests.security.test_t1_side_paths import upstream_url
from tests.world import CALLBACK, Arrival, Page, Registry, World, running

SECRET = "s" + "0123456789abcdef" * 3


def database_client(world: World) -> Registry:
    settings = ClientSettings.model_validate(
        {"name": "Added", "redirect_uris": [CALLBACK], "secret": SECRET, "first_party": True}
    )
    parts = world.parts
    with parts.database.begin() as connection:
        parts.clients.add(connection, "added", settings, parts.audit, world.clock(), secret=SECRET)
    return Registry(world, "added", SECRET)


def disable(world: World) -> None:
    parts = world.parts
    with parts.database.begin() as connection:
        parts.clients.set_status(connection, "added", "disabled", parts.audit, world.clock())


def test_t5_a_disabled_client_is_refused_at_authorize_token_and_userinfo(world: World) -> None:
    registry = database_client(world)
    visitor = world.visitor()
    request = registry.request(provider="github")
    tokens = registry.redeem(visitor.walk(visitor.authorize(request), "2fa-true"), request)
    second = registry.request(provider="github")
    arrived = visitor.walk(visitor.authorize(second))
    assert isinstance(arrived, Arrival)
    disable(world)
    assert visitor.authorize(registry.request()).status_code == 400
    assert registry.token_response(arrived.code, second.verifier).json()["error"] == "invalid_client"
    assert registry.userinfo(tokens.response["access_token"]).status_code == 401


def test_t5_a_client_disabled_while_the_user_is_away_gets_nobody(world: World) -> None:
    registry = database_client(world)
    visitor = world.visitor()
    response = visitor.authorize(registry.request(provider="entra"))
    while response.headers["Location"].startswith("/"):
        response = visitor.get(response.headers["Location"])
    returned = upstream.sign_in(response.headers["Location"], "entra-mfa")
    disable(world)
    ended = visitor.walk(visitor.come_back(returned))
    assert isinstance(ended, Page)
    assert ended.status == 400
    assert visitor.get("/account").status_code == 303


def test_t5_a_disabled_provider_is_not_offered_begun_or_finished(tmp_path: Path, standins: Standins) -> None:
    def off(raw: dict[str, Any]) -> None:
        raw["providers"]["github"]["enabled"] = False

    database_url = f"sqlite:///{tmp_path / 'shared.db'}"
    with running(tmp_path, standins=standins, change=off, database_url=database_url) as world:
        visitor = world.visitor()
        chooser = visitor.walk(visitor.authorize(world.registry().request()))
        assert isinstance(chooser, Page)
        assert not any(link.endswith("/github") for link in chooser.links)
        named = visitor.walk(visitor.authorize(world.registry().request(provider="github")))
        assert isinstance(named, Arrival)
        assert named.parameters["error"] == "invalid_request"
        begun = next(link for link in chooser.links if link.endswith("/entra")).replace("/entra", "/github")
        assert visitor.get(begun).status_code == 400


def test_t5_a_provider_switched_off_while_the_user_is_away_or_signed_in(world: World) -> None:
    visitor, away = world.visitor(), world.visitor()
    arrived = visitor.sign_in("2fa-true", "github")
    assert isinstance(arrived, Arrival)
    returned = upstream.sign_in(upstream_url(away, provider="github"), "2fa-true")
    providers = world.parts.gate.providers
    assert isinstance(providers, dict)
    github = providers.pop("github")
    try:
        ended = away.walk(away.come_back(returned))
        assert isinstance(ended, Page)
        assert ended.status == 400
        assert visitor.get("/account").status_code == 303, "a session by it is worth nothing"
    finally:
        providers["github"] = github


def test_t5_an_unproven_provider_signs_nobody_in(tmp_path: Path, standins: Standins) -> None:
    def unproven(raw: dict[str, Any]) -> None:
        raw["providers"]["github"]["insecure_allow_unproven"] = False

    with running(tmp_path, standins=standins, change=unproven) as world:
        visitor = world.visitor()
        chooser = visitor.walk(visitor.authorize(world.registry().request()))
        assert isinstance(chooser, Page)
        assert not any(link.endswith("/github") for link in chooser.links)
        begun = next(link for link in chooser.links if link.endswith("/entra")).replace("/entra", "/github")
        assert visitor.get(begun).status_code == 400


@pytest.mark.parametrize("status", ["disabled", "erased"])
def test_t5_a_closed_account_is_refused_everywhere(world: World, status: str) -> None:
    visitor = world.visitor()
    tokens = world.registry().redeem(visitor.sign_in("2fa-true", "github"), visitor.last_request)
    arrived = visitor.sign_in("2fa-true", "github")
    assert isinstance(arrived, Arrival)
    request = visitor.last_request
    with world.parts.database.begin() as connection:
        connection.execute(update(accounts).values(status=status))
    assert world.registry().token_response(arrived.code, request.verifier).status_code == 400
    assert world.registry().userinfo(tokens.response["access_token"]).status_code == 401
    silent = visitor.walk(visitor.authorize(world.registry().request(prompt="none")))
    assert isinstance(silent, Arrival)
    assert silent.parameters["error"] == "login_required"
    assert visitor.get("/account").status_code == 303
    ended = world.visitor().sign_in("2fa-true", "github")
    assert isinstance(ended, Page)
    assert ended.status == 403


def test_t5_an_unlinked_identity_is_refused_everywhere(world: World) -> None:
    visitor = world.visitor()
    tokens = world.registry().redeem(visitor.sign_in("2fa-true", "github"), visitor.last_request)
    with world.parts.database.begin() as connection:
        connection.execute(identities.delete())
    assert world.registry().userinfo(tokens.response["access_token"]).status_code == 401
    silent = visitor.walk(visitor.authorize(world.registry().request(prompt="none")))
    assert isinstance(silent, Arrival)
    assert silent.parameters["error"] == "login_required"


def test_t5_clients_in_configuration_can_be_switched_off_too(tmp_path: Path, standins: Standins) -> None:
    def off(raw: dict[str, Any]) -> None:
        raw["clients"]["registry"]["enabled"] = False

    with running(tmp_path, standins=standins, change=off) as world:
        assert world.visitor().authorize(world.registry().request()).status_code == 400
        listed = Clients(world.parts.settings, world.parts.database).all()
        assert [(client.client_id, client.enabled, where) for client, where in listed] == [
            ("registry", False, "configuration")
        ]
