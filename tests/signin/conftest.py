"""A broker whose organisation Northwind Packages has mapped Northwind, for all tests of a file."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert

from broker.tenants.model import mappings, tenant_domains
from broker.tenants.rules import OF_A_NEW_TENANT, dump
from claims.profile import Profile
from providers.catalog import CONSUMERS
from providers.provider import Subject
from providers.standins import NORTHWIND, Standins
from tests.world import CALLBACK, World, running


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[World]:
    """The broker. No test of it counts on another."""
    folder = tmp_path_factory.mktemp("mapped")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")

    def one_more_client(raw: dict[str, Any]) -> None:
        raw["trusted_proxies"] = 1
        raw["clients"]["forge-only"] = {
            "name": "Forge Only",
            "redirect_uris": [CALLBACK],
            "auth_method": "none",
            "first_party": True,
            "providers": ["github", "operator"],
        }

    with running(folder, standins=standins, change=one_more_client) as world:
        map_tenant(world, "Northwind Packages", NORTHWIND, "northwind.example", "active")
        map_tenant(world, "Off Packages", str(uuid4()), "off.example", "suspended")
        # No verb would do that; the provider refuses to begin there.
        map_tenant(world, "Odd Packages", CONSUMERS, "odd.example", "active")
        yield world


def map_tenant(world: World, organization: str, tid: str, domain: str, state: str) -> None:
    """Make an organisation, and the mapping as an operator would have left it."""
    people, now, mapping_id = world.parts.people, world.clock(), str(uuid4())
    with world.parts.database.begin() as connection:
        subject = Subject(issuer="https://issuer.example", tenant="", id=organization)
        admin = people.accounts.resolve(connection, subject, "github", Profile.read("Ada", None, None), now)
        connection.execute(
            insert(mappings).values(
                id=mapping_id,
                organization_id=people.organizations.create_for(connection, admin.account_id, organization, now),
                provider_id="entra",
                tid=tid,
                name=organization,
                state=state,
                rule=dump(OF_A_NEW_TENANT),
                requested_by=admin.account_id,
                requested_at=now,
                speaks=True,
                decided_at=now,
            )
        )
        connection.execute(insert(tenant_domains).values(domain=domain, mapping_id=mapping_id))
