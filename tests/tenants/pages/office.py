"""People in front of the pages of tenants, exceptions and operators, and what is in the database behind them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from requests.cookies import RequestsCookieJar
from sqlalchemy import Connection, delete, select

from broker.accounts.model import accounts
from broker.accounts.organizations.capabilities import FreshAdmin, FreshOperator, Role
from broker.accounts.organizations.changes import WAIT
from broker.accounts.organizations.model import changes, former_memberships, memberships, operators, organizations
from broker.audit.model import audit_entries
from broker.signin.sessions import COOKIE, Session
from broker.tenants.mapping_records import Mapping as Tenant
from broker.tenants.mapping_records import find
from broker.tenants.model import (
    attestations,
    exception_approvals,
    exception_places,
    exceptions,
    mappings,
    tenant_domains,
)
from providers.microsoft.roles import GLOBAL_ADMINISTRATOR
from providers.standins import NORTHWIND
from providers.standins import browser as upstream
from tests.world import Page, Visitor, World

SPEAKING = frozenset({GLOBAL_ADMINISTRATOR})
ADA, GRACE, OLGA, OTTO = "2fa-true", "gh-same-email", "entra-mfa", "entra-phr"
_TABLES = (
    *(exception_places, exception_approvals, exceptions, attestations, tenant_domains, mappings),
    *(changes, memberships, former_memberships, organizations, operators),
)


class Office:
    """Ada and Grace come by GitHub; Olga and Otto by Contoso, which is the operators' tenant.

    ``cookies``: of who has signed in already, by persona; a sign-in takes long, and one does for many tests.
    """

    def __init__(self, world: World, cookies: dict[str, RequestsCookieJar]) -> None:
        self.world = world
        self.people = world.parts.people
        self._cookies = cookies

    def close(self) -> None:
        """Leave nothing to whoever comes next."""
        with self.world.parts.database.begin() as connection:
            for table in _TABLES:
                connection.execute(delete(table))
        self.world.clock.move(-self.world.clock.offset)

    @contextmanager
    def books(self) -> Iterator[Connection]:
        with self.world.parts.database.begin() as connection:
            yield connection

    # People

    def signed_in(self, persona: str, provider: str = "github", *, anew: bool = False) -> Visitor:
        """Return somebody who is signed in: ``anew`` where their session is to end, or an older one does not do."""
        visitor, kept = self.world.visitor(), self._cookies.get(persona)
        if kept is not None and not anew and self.world.parts.sessions.find(kept[COOKIE], self.world.clock()):
            visitor.http.cookies.update(kept)
            return visitor
        visitor.open_account(persona, provider)
        if not anew:
            self._cookies[persona] = visitor.http.cookies.copy()
        return visitor

    def operator(self, persona: str = OLGA) -> Visitor:
        visitor = self.signed_in(persona, "entra")
        with self.books() as connection:
            self.people.operators.add(connection, self.session(visitor).account_id, self.world.clock())
        return visitor

    def session(self, visitor: Visitor) -> Session:
        found = self.world.parts.sessions.find(visitor.http.cookies[COOKIE], self.world.clock())
        assert found is not None
        return found

    def admin(self, visitor: Visitor, organization_id: str) -> FreshAdmin:
        with self.books() as connection:
            return self.people.authority.fresh_admin(
                connection, self.session(visitor), organization_id, self.world.clock()
            )

    def fresh_operator(self, visitor: Visitor) -> FreshOperator:
        with self.books() as connection:
            return self.people.authority.fresh_operator(connection, self.session(visitor), self.world.clock())

    # Organisations and tenants

    def organization(self, visitor: Visitor, name: str = "Example House") -> str:
        with self.books() as connection:
            person = self.people.authority.person(connection, self.session(visitor), self.world.clock())
            return self.people.organizations.create(connection, person, name)

    def join(self, visitor: Visitor, organization_id: str, role: Role = Role.MEMBER) -> str:
        account_id = self.session(visitor).account_id
        with self.books() as connection:
            connection.execute(
                memberships.insert().values(
                    organization_id=organization_id,
                    account_id=account_id,
                    role=role.value,
                    joined_at=self.world.clock(),
                )
            )
        return account_id

    def requested(self, visitor: Visitor, organization_id: str, tid: str = NORTHWIND, name: str = "Northwind") -> str:
        admin = self.admin(visitor, organization_id)
        with self.books() as connection:
            return self.people.mappings.request(connection, admin, "entra", tid, name).id

    def proven(
        self,
        visitor: Visitor,
        organization_id: str,
        tid: str = NORTHWIND,
        *,
        roles: frozenset[str] = SPEAKING,
        name: str = "Northwind",
    ) -> str:
        mapping_id = self.requested(visitor, organization_id, tid, name)
        admin = self.admin(visitor, organization_id)
        with self.books() as connection:
            self.people.mappings.prove(connection, admin, mapping_id, tid=tid, roles=roles, guest=False)
        return mapping_id

    def active(self, visitor: Visitor, organization_id: str, operator: Visitor, tid: str = NORTHWIND) -> str:
        mapping_id = self.proven(visitor, organization_id, tid)
        acting = self.fresh_operator(operator)
        with self.books() as connection:
            self.people.mappings.approve(connection, acting, mapping_id)
        return mapping_id

    def tenant(self, mapping_id: str) -> Tenant:
        with self.books() as connection:
            return find(connection, mapping_id)

    def state(self, mapping_id: str) -> str:
        return self.tenant(mapping_id).state.value

    def pass_a_day(self) -> None:
        self.world.clock.move(WAIT + timedelta(seconds=1))
        self.world.parts.worker.run_once()

    def actions(self) -> list[str]:
        with self.books() as connection:
            return list(connection.execute(select(audit_entries.c.action).order_by(audit_entries.c.id)).scalars())

    def close_account(self, account_id: str) -> None:
        with self.books() as connection:
            connection.execute(accounts.update().where(accounts.c.id == account_id).values(status="disabled"))


def place(organization_id: str, mapping_id: str = "") -> str:
    """Return the path of an organisation's page, or of a tenant's."""
    organization = f"/organizations/{organization_id}"
    return f"{organization}/tenants/{mapping_id}" if mapping_id else organization


def onward(visitor: Visitor, response: requests.Response) -> str:
    """Return where the page leads that a form was answered with."""
    assert response.status_code == 200, response.text
    url = visitor.page(response).onward
    assert url is not None, response.text
    return url


def query(url: str) -> Mapping[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def press(visitor: Visitor, here: str, verb: str, data: Mapping[str, str] | None = None) -> requests.Response:
    """Send a form of the page at ``here`` to an address below it."""
    return visitor.submit(f"{here}/{verb}", data, page=here)


def approve(visitor: Visitor, url: str) -> requests.Response:
    """Approve the application at Microsoft, and come back to us."""
    return visitor.come_back(upstream.sign_in(url, "nobody"))


def prove(visitor: Visitor, here: str, persona: str) -> Page:
    """Press the button, approve the application, and sign in at the tenant; return where that ended."""
    ended = visitor.walk(approve(visitor, onward(visitor, press(visitor, here, "prove"))), persona)
    assert isinstance(ended, Page)
    return ended


def asked(office: Office, *, anew: bool = False) -> tuple[Visitor, str, str]:
    """Return Ada, the path of the tenant that her organisation has asked for, and its id."""
    ada = office.signed_in(ADA, anew=anew)
    house = office.organization(ada)
    mapping_id = office.requested(ada, house)
    return ada, place(house, mapping_id), mapping_id


def consent_url(visitor: Visitor, here: str) -> str:
    """Press "Prove it", and return where that leads."""
    return onward(visitor, press(visitor, here, "prove"))


def back_with(visitor: Visitor, url: str, **more: str) -> requests.Response:
    """Come back from the approval with what somebody wrote."""
    asked_for = query(url)
    given = {"state": asked_for["state"], "admin_consent": "True", "tenant": NORTHWIND, **more}
    return visitor.get(f"{asked_for['redirect_uri']}?{urlencode(given)}")
