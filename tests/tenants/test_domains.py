"""From a domain, an address or a name to a tenant: exactly one way, and nothing about anybody's account."""

import pytest

from broker.accounts.organizations.capabilities import FreshAdmin
from broker.storage.database import Database
from broker.tenants.domains import MOST, Found, domains_of, tenant_of
from broker.tenants.errors import BadInput
from broker.tenants.model import tenant_domains
from tests.accounts.organizations.rooms import NOW, OTHER_TID, TID
from tests.tenants.rooms import Room

FOUND = Found(provider_id="entra", tid=TID, domain="example.org")


def put(room: Room, admin: FreshAdmin, mapping_id: str, *domains: str) -> None:
    with room.database.begin() as connection:
        room.mappings.set_domains(connection, admin, mapping_id, domains)


def find(room: Room, text: str) -> Found | None:
    with room.database.read() as connection:
        return tenant_of(connection, text)


@pytest.fixture
def mapped(room: Room) -> Room:
    ada = room.an_admin()
    put(room, ada, room.map(ada.organization_id), "example.org", "bücher.example")
    return room


LEADING = [
    "example.org",
    " Example.ORG ",
    "example.org.",
    "ada@example.org",
    "Nobody.At.All@EXAMPLE.org",
    "@example.org",
]
ASTRAY = [
    "",
    "@",
    "org",
    "example",
    "sub.example.org",
    "xexample.org",
    "example.org.evil.example",
    "ada@sub.example.org",
    "ada@example.org@evil.example",
    "ada@evil.example@example.org",
    '"a@b"@example.org',
    "example.org@evil.example",
    "ada@example.org\nbob",
    "ada@example.org>",
    "ada@example.org, bob@example.org",
    "ada@[127.0.0.1]",
    "%",
    "_xample.org",
    "ada@" + "x." * 200 + "example.org",
    "a" * 400 + "@example.org",
    "ada@.example.org",
    "\ud800.example.org",
    "\ud800",
    "\x00",
]


def test_a_domain_or_an_address_of_it_leads_to_the_tenant(mapped: Room) -> None:
    for text in LEADING:
        assert find(mapped, text) == FOUND, text
    for text in ("BÜCHER.example", "ada@xn--bcher-kva.example"):
        assert find(mapped, text) == Found(provider_id="entra", tid=TID, domain="xn--bcher-kva.example")


def test_t3_t4_no_trick_with_signs_and_dots_leads_anywhere(mapped: Room) -> None:
    for text in ASTRAY:
        assert find(mapped, text) is None, text


def test_the_name_of_an_organisation_leads_to_the_tenant_it_mapped_first(room: Room) -> None:
    ada = room.an_admin()
    assert find(room, "The ada house") is None
    first, second = room.proven(ada), room.request(ada, OTHER_TID)
    room.approve(room.operator(), first)
    room.prove(ada, second, tid=OTHER_TID)
    assert room.pass_a_day() == 1
    for text in ("The ada house", " the ADA   house "):
        assert find(room, text) == Found(provider_id="entra", tid=TID, domain=None)
    assert find(room, "The ada house@") is None


def test_t5_only_an_active_tenant_of_an_active_organisation_is_found(mapped: Room) -> None:
    with mapped.database.read() as connection:
        (organization,) = mapped.organizations.all(connection)
    with mapped.database.begin() as connection:
        mapped.organizations.disable(connection, organization.id, NOW)
    assert find(mapped, "example.org") is None
    assert find(mapped, organization.name) is None
    operator = mapped.operator()
    with mapped.database.begin() as connection:
        mapped.organizations.enable(connection, organization.id, NOW)
        (mapping,) = mapped.mappings.of_organization(connection, organization.id)
        mapped.mappings.suspend(connection, operator, mapping.id)
    assert find(mapped, "example.org") is None
    assert find(mapped, organization.name) is None


def test_a_domain_leads_to_one_tenant_the_one_that_has_it_now(mapped: Room) -> None:
    bob = mapped.an_admin("bob")
    mapping_id = mapped.map(bob.organization_id, OTHER_TID)
    put(mapped, bob, mapping_id, "example.org", "EXAMPLE.org")
    assert find(mapped, "example.org") == Found(provider_id="entra", tid=OTHER_TID, domain="example.org")
    with mapped.database.read() as connection:
        assert domains_of(connection, mapping_id) == ["example.org"]
    assert mapped.count(tenant_domains) == 2
    put(mapped, bob, mapping_id)
    assert find(mapped, "example.org") is None


def test_what_is_no_domain_leads_to_no_tenant(mapped: Room) -> None:
    bob = mapped.an_admin("bob")
    mapping_id = mapped.map(bob.organization_id, OTHER_TID)
    too_many = [f"d{number}.example" for number in range(MOST + 1)]
    for domains in (["localhost"], ["10.0.0.1"], [""], ["*.example"], ["a@b.example"], ["ok.example", "x y"], too_many):
        with pytest.raises(BadInput, match=r"^domains: "):
            put(mapped, bob, mapping_id, *domains)
    assert mapped.count(tenant_domains) == 2


def test_domains_are_those_of_the_last_that_set_them(database: Database) -> None:
    room = Room(database)
    ada, bob = room.an_admin("ada"), room.an_admin("bob")
    of_ada, of_bob = room.map(ada.organization_id), room.map(bob.organization_id, OTHER_TID)
    put(room, ada, of_ada, "example.org", "example.com")
    put(room, bob, of_bob, "example.com", "example.net")
    put(room, ada, of_ada, "example.org")
    with room.database.read() as connection:
        assert domains_of(connection, of_ada) == ["example.org"]
        assert domains_of(connection, of_bob) == ["example.com", "example.net"]
