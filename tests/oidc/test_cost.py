"""What the endpoints that registries call most cost in statements and commands, counted, on PostgreSQL and Redis."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from sqlalchemy import Connection, event

from broker.switches.service import KEY
from providers.standins import Standins
from tests.oidc.kinds import OFFLINE, clients_of_every_kind, post, refresh, sign_in
from tests.servers import fresh_database
from tests.storage.commands import watched
from tests.world import Arrival, World, running

# The ways of people who come by a tenant and by none cost the same: the tenant is looked up with the account.
PERSONAS = {"github": "2fa-true", "entra": "entra-mfa"}


@pytest.fixture(scope="module")
def costly(
    tmp_path_factory: pytest.TempPathFactory,
    standins: Standins,
    postgres_url: str,
    migrated_postgres: str,
    redis_url: str,
) -> Iterator[World]:
    def change(raw: dict[str, Any]) -> None:
        raw["clients"].update(clients_of_every_kind(raw["clients"]["registry"]))

    folder = tmp_path_factory.mktemp("costly")
    with (
        fresh_database(postgres_url, migrated_postgres) as database_url,
        running(folder, standins=standins, database_url=database_url, store_url=redis_url, change=change) as world,
    ):
        # What others left there who have the same store.
        world.parts.store.delete(KEY)
        yield world


def cost(world: World, call: Callable[[], requests.Response]) -> tuple[int, int]:
    """Return how many statements and how many commands a call takes that succeeds."""
    statements: list[str] = []
    # The copy of the switches lives ten minutes from here: that it is made again now and then is not counted.
    world.parts.store.delete(KEY)
    world.parts.switches.mend(world.clock())

    def count(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(world.parts.database.engine, "before_cursor_execute", count)
    try:
        with watched(world.raw["store"]["url"]) as commands:
            assert call().status_code == 200
    finally:
        event.remove(world.parts.database.engine, "before_cursor_execute", count)
    return len(statements), len(commands)


def code(world: World, client_id: str, provider: str, scope: str) -> Callable[[], requests.Response]:
    """Return what redeems a new code."""
    registry, visitor = world.registry(client_id), world.visitor()
    request = registry.request(provider=provider, scope=scope)
    arrived = visitor.walk(visitor.authorize(request), PERSONAS[provider])
    assert isinstance(arrived, Arrival)
    return lambda: registry.token_response(arrived.code, request.verifier)


@pytest.mark.parametrize("provider", PERSONAS)
def test_a_code_is_redeemed_in_one_statement_and_one_command(costly: World, provider: str) -> None:
    code(costly, "registry", provider, "openid profile email")()
    # The code, and with it the switches.
    assert cost(costly, code(costly, "registry", provider, "openid profile email")) == (1, 1)


def test_a_refresh_token_costs_two_statements_more_and_one_command(costly: World) -> None:
    # The family; and, after it is there, its marks and the judgement once more.
    assert cost(costly, code(costly, "offline", "entra", " ".join(OFFLINE))) == (3, 2)


@pytest.mark.parametrize("provider, statements", [("github", 2), ("entra", 3)])
def test_a_refresh_takes_two_statements_with_a_tenant_three_and_one_command(
    costly: World, provider: str, statements: int
) -> None:
    # The family with its owner; the tenant, which only the opened record names; the token in place of the old one.
    token = code(costly, "offline", provider, " ".join(OFFLINE))().json()["refresh_token"]
    assert cost(costly, lambda: refresh(costly, "offline", token)) == (statements, 1)


def test_userinfo_takes_one_statement_and_one_command(costly: World) -> None:
    token = sign_in(costly, "offline").response["access_token"]
    assert cost(costly, lambda: costly.registry().userinfo(token)) == (1, 1)


def test_introspection_takes_one_statement_and_one_command(costly: World) -> None:
    token = sign_in(costly, "offline").response["access_token"]
    assert cost(costly, lambda: post(costly, "/introspect", "offline", token=token)) == (1, 1)


def test_a_client_that_acts_for_itself_costs_no_statement(costly: World) -> None:
    assert cost(costly, lambda: post(costly, "/token", "service", grant_type="client_credentials")) == (0, 1)


@pytest.mark.parametrize("path", ["/jwks", "/.well-known/openid-configuration"])
def test_what_is_public_costs_nothing(costly: World, path: str) -> None:
    assert cost(costly, lambda: requests.get(costly.base + path, timeout=20)) == (0, 0)
