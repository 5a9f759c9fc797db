"""How the town comes to be: people sign in, and the services make what they could have made on the pages."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from broker.accounts.organizations.capabilities import Role
from broker.settings.clients import DEVICE_CODE
from broker.switches.service import Kind
from broker.tenants.rules import Rule as OwnRule
from providers.microsoft.roles import SPEAKING_ROLES
from providers.standins import FABRIKAM, NORTHWIND, OPERATOR, Standins
from tests.management.estate import access_token, clients
from tests.migrations.legacy import with_campaign
from tests.organizations import Organization, SignedIn, a_day_passes, invited, organization, signed_in
from tests.security.admins.old_town import moved_in
from tests.security.admins.people import PERSONAS, Who
from tests.security.admins.town import Credentials, Town
from tests.security.tenants import with_organizations
from tests.world import World, running

UNCLAIMED, PROVEN_TENANT = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


@contextmanager
def open_town(folder: Path, standins: Standins, migrated: Path) -> Iterator[Town]:
    """Yield a town over a migrated database."""
    shutil.copy(migrated, folder / "vestibule.db")

    def change(raw: dict[str, Any]) -> None:
        with_organizations(raw)
        with_campaign(raw)
        registry = raw["clients"]["registry"]
        raw["clients"] |= {
            **clients(),
            "third-party": {**registry, "name": "Third Party", "first_party": False, "secret": token_urlsafe(32)},
            "cli": {
                "name": "A command line",
                "auth_method": "none",
                "grant_types": [DEVICE_CODE],
                "first_party": True,
            },
            "off": {**registry, "name": "Switched Off", "secret": token_urlsafe(32)},
        }
        raw["tokens"] = {"access": 3600}

    with running(folder, standins=standins, change=change) as world:
        town = _founded(world, folder)
        try:
            yield town
        finally:
            town.close()


def _founded(world: World, folder: Path) -> Town:
    early = PERSONAS.keys() - {Who.EXEMPT}
    there: dict[Who, SignedIn] = {who: signed_in(world, *PERSONAS[who]) for who in early}
    own, other = organization(world, there[Who.ADMIN], "Example"), organization(world, there[Who.OTHER], "Elsewhere")
    own.set_rule(OwnRule(providers=frozenset({"entra"})))
    own.add(there[Who.MEMBER])
    own.add(there[Who.SUSPENDED_MEMBER])
    own.add(there[Who.SUSPENDED], Role.ADMIN)
    tenants = _tenants(own)
    there[Who.EXEMPT] = _exempt(own, there[Who.OPERATOR])
    own.add(there[Who.EXEMPT], Role.ADMIN)
    things = {
        "organization_id": own.id,
        "account_id": there[Who.MEMBER].account_id,
        **tenants,
        **_waiting(own, there[Who.SUSPENDED], there[Who.MEMBER]),
        **_invited(own, there[Who.OTHER], folder),
        **moved_in(world, there[Who.ADMIN], there[Who.OPERATOR], _address(there[Who.OTHER])),
        "context": "c1",
        "provider_id": "entra",
        "northwind": NORTHWIND,
        "wanted": OPERATOR,
        "unclaimed": UNCLAIMED,
    }
    world.parts.switches.throw(Kind.CLIENT, "off", world.clock())
    things |= {"state": _at_microsoft(there[Who.ADMIN], own.id, things["requested"])}
    assert world.parts.worker.run_once() == []
    nobody = world.visitor()
    form_token = nobody.page(nobody.get("/device")).form_token()
    people = {who: _credentials(person) for who, person in there.items()}
    people[Who.NOBODY] = Credentials(cookies=_cookies(nobody.http), form_token=form_token)
    return Town(world=world, organization=own, other=other, people=people, things=things)


def _tenants(own: Organization) -> dict[str, str]:
    """Give the organisation a tenant in each state in which somebody can do something with it."""
    world, mappings = own.world, own.world.parts.people.mappings
    active, admin = own.map_tenant(), own.fresh_admin()
    made: dict[str, str] = {"mapping_id": active}
    proofs: Sequence[tuple[str, str, frozenset[str] | None]] = (
        ("suspended", FABRIKAM, SPEAKING_ROLES),
        ("proven", PROVEN_TENANT, frozenset()),
        ("requested", OPERATOR, None),
    )
    for name, tid, roles in proofs:
        with world.parts.database.begin() as connection:
            made[name] = mappings.request(connection, admin, "entra", tid, name).id
            if roles is not None:
                mappings.prove(connection, admin, made[name], tid=tid, roles=roles, guest=False)
    own.attest(active, "c1", "mfa")
    a_day_passes(world)
    with world.parts.database.begin() as connection:
        mappings.suspend(connection, own.fresh_admin(), made["suspended"])
    return made


def _exempt(own: Organization, deciding: SignedIn) -> SignedIn:
    """Have one person of the tenant excepted from MFA, and signed in."""
    parts, now = own.world.parts, own.world.clock()
    with parts.database.begin() as connection:
        parts.people.operators.add(connection, deciding.account_id, now)
        operator = parts.people.authority.fresh_operator(connection, deciding.session, now)
        asked = parts.people.exceptions.ask(
            connection,
            own.fresh_admin(),
            tid=NORTHWIND,
            members=(),
            people=1,
            reason="No telephones.",
            ends_at=now + timedelta(days=2),
        )
        parts.people.exceptions.approve(connection, operator, asked.id)
    return signed_in(own.world, *PERSONAS[Who.EXEMPT])


def _waiting(own: Organization, admin_too: SignedIn, member: SignedIn) -> dict[str, str]:
    """Have a demotion and an exception wait."""
    people, admin, now = own.world.parts.people, own.fresh_admin(), own.world.clock()
    with own.world.parts.database.begin() as connection:
        change = people.organizations.change_role(connection, admin, admin_too.account_id, Role.MEMBER)
        exception = people.exceptions.ask(
            connection,
            admin,
            tid=None,
            members=[member.account_id],
            people=1,
            reason="A lost key.",
            ends_at=now + timedelta(days=2),
        )
    assert change is not None
    return {"change_id": change.id, "exception_id": exception.id}


def _invited(own: Organization, somebody: SignedIn, folder: Path) -> dict[str, str]:
    """Invite somebody by mail, to the address that is theirs for certain."""
    invitation_id, link = invited(own, _address(somebody), folder)
    return {"invitation_id": invitation_id, "token": link.rpartition("/")[2]}


def _address(somebody: SignedIn) -> str:
    with somebody.world.parts.database.read() as connection:
        address = somebody.world.parts.accounts.person(connection, somebody.account_id).email
    assert address is not None
    return address


def _at_microsoft(admin: SignedIn, organization_id: str, mapping_id: str) -> str:
    """Have the admin on the way to Microsoft, and return the state to come back with."""
    page = f"/organizations/{organization_id}/tenants/{mapping_id}"
    onward = admin.visitor.page(admin.visitor.submit(f"{page}/prove", page=page)).onward
    assert onward is not None
    return parse_qs(urlsplit(onward).query)["state"][0]


def _credentials(person: SignedIn) -> Credentials:
    token, visitor = access_token(person), person.visitor
    form_token = visitor.page(visitor.get("/account")).form_token()
    return Credentials(cookies=_cookies(visitor.http), form_token=form_token, access_token=token)


def _cookies(http: requests.Session) -> str:
    return "; ".join(f"{each.name}={each.value}" for each in http.cookies)
