"""T5 for tenants and organisations: what is suspended, released or switched off is so at every step that follows."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from broker.tenants.mappings import Mappings
from providers.standins import Standins
from providers.standins import browser as upstream
from tests.organizations import Organization, a_day_passes, operator
from tests.security.tenants import ALL, NOTHING, InUse, mapped_world, refused
from tests.security.test_t1_side_paths import upstream_url
from tests.world import Arrival, Page, World


@pytest.fixture(scope="module")
def _mapped(tmp_path_factory: pytest.TempPathFactory, standins: Standins) -> Iterator[tuple[World, Organization, str]]:
    with mapped_world(tmp_path_factory.mktemp("tenants"), standins) as made:
        yield made


@pytest.fixture
def mapped(_mapped: tuple[World, Organization, str]) -> Iterator[tuple[World, Organization, str]]:
    yield _mapped
    _mapped[0].clock.offset = timedelta(0)


def mappings_of(world: World) -> Mappings:
    return world.parts.people.mappings


def suspend(world: World, mapping_id: str) -> None:
    deciding = operator(world)
    with world.parts.database.begin() as connection:
        mappings_of(world).suspend(connection, deciding, mapping_id)


def resume(world: World, mapping_id: str) -> None:
    deciding = operator(world)
    with world.parts.database.begin() as connection:
        mappings_of(world).resume(connection, deciding, mapping_id)


def test_t5_a_suspended_tenant_admits_nobody_and_what_its_people_had_is_of_no_use(
    mapped: tuple[World, Organization, str],
) -> None:
    world, _, mapping_id = mapped
    used, bystander = InUse.of(world, "northwind-mfa"), InUse.of(world, "entra-mfa")
    assert used.stands() == ALL
    suspend(world, mapping_id)
    assert refused(world, "northwind-mfa") == "tenant_not_allowed"
    assert used.stands() == NOTHING
    assert bystander.stands() == ALL, "another tenant's people are not touched"
    resume(world, mapping_id)
    assert used.stands() == ALL


def test_t5_a_callback_in_flight_while_the_tenant_is_suspended_signs_nobody_in(
    mapped: tuple[World, Organization, str],
) -> None:
    world, _, mapping_id = mapped
    visitor = world.visitor()
    returned = upstream.sign_in(upstream_url(visitor, provider="entra"), "northwind-mfa")
    suspend(world, mapping_id)
    ended = visitor.walk(visitor.come_back(returned))
    resume(world, mapping_id)
    assert isinstance(ended, Page)
    assert (ended.status, ended.meta("reason")) == (403, "tenant_not_allowed")
    assert visitor.get("/account").status_code == 303, "and there is no session"


def test_t5_a_code_in_flight_while_the_tenant_is_suspended_is_worth_nothing(
    mapped: tuple[World, Organization, str],
) -> None:
    world, _, mapping_id = mapped
    visitor = world.visitor()
    arrived = visitor.sign_in("northwind-mfa", "entra")
    assert isinstance(arrived, Arrival)
    suspend(world, mapping_id)
    response = world.registry().token_response(arrived.code, visitor.last_request.verifier)
    resume(world, mapping_id)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


def test_t5_an_organisation_switched_off_takes_its_tenant_and_its_memberships_along(
    mapped: tuple[World, Organization, str],
) -> None:
    world, owner, _ = mapped
    organizations = world.parts.people.organizations
    used, member = InUse.of(world, "northwind-mfa"), InUse.of(world, "2fa-true", "github")
    owner.add(member.person)
    claimed = {"id": owner.id, "role": "member"}
    token = InUse.of(world, "2fa-true", "github")
    assert claimed in token.tokens.claims["organizations"]
    with world.parts.database.begin() as connection:
        organizations.disable(connection, owner.id, world.clock())
    assert used.stands() == NOTHING
    assert refused(world, "northwind-mfa") == "tenant_not_allowed"
    again = InUse.of(world, "2fa-true", "github")
    assert again.tokens.claims["organizations"] == []
    userinfo = world.registry().userinfo(token.tokens.response["access_token"]).json()
    assert userinfo["organizations"] == [], "a token from before says it no more"
    assert owner.admin.visitor.get(f"/organizations/{owner.id}").status_code == 404
    with world.parts.database.begin() as connection:
        organizations.enable(connection, owner.id, world.clock())
    assert used.stands() == ALL


def test_t5_a_released_tenant_admits_nobody(mapped: tuple[World, Organization, str]) -> None:
    world, owner, mapping_id = mapped
    used = InUse.of(world, "northwind-mfa")
    admin = owner.fresh_admin()
    with world.parts.database.begin() as connection:
        mappings_of(world).release(connection, admin, mapping_id)
    assert used.stands() == ALL, "an admin's release waits a day"
    a_day_passes(world)
    assert used.stands() == NOTHING
    assert refused(world, "northwind-mfa") == "tenant_not_allowed"
