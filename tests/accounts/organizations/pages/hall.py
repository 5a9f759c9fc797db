"""A broker, and people who are signed in to it, in front of the pages of organisations."""

import email
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests
from sqlalchemy import Connection, delete, insert, select

from broker.accounts.organizations.capabilities import FreshAdmin, Role
from broker.accounts.organizations.changes import WAIT
from broker.accounts.organizations.model import (
    changes,
    former_memberships,
    invitations,
    last_sign_ins,
    memberships,
    organizations,
)
from broker.audit.model import audit_entries
from broker.signin.sessions import COOKIE, Session
from broker.tenants.model import attestations, exception_places, exceptions, mappings
from broker.tenants.rules import OF_A_NEW_TENANT, Rule, dump, load
from providers.standins import NORTHWIND
from tests.world import Visitor, World

TOM, OLGA = "canary-entra-mfa@personas.example", "canary-msa-mfa@personas.example"
STALE = timedelta(minutes=11)
_TABLES = (
    *(exception_places, exceptions, attestations, mappings),
    *(changes, former_memberships, invitations, last_sign_ins, memberships, organizations),
)


class Someone(Visitor):
    """A person with a browser, and an account that is theirs."""

    def __init__(self, hall: "Hall", persona: str, provider: str) -> None:
        super().__init__(hall.world)
        self.open_account(persona, provider)
        self.hall = hall
        self.account_id = self.session().account_id

    def session(self) -> Session:
        found = self.world.parts.sessions.find(self.http.cookies[COOKIE], self.world.clock())
        assert found is not None
        return found

    def text(self, path: str) -> str:
        """Return what a page says, without its tags."""
        response = self.get(path)
        assert response.status_code == 200, response.text
        return words(response)

    def press(self, here: str, verb: str, data: Mapping[str, str] | None = None) -> requests.Response:
        """Send a form of the page at ``here`` to an address below it."""
        return self.submit(f"{here}/{verb}" if verb else here, data, page=here)

    def done(self, here: str, verb: str, data: Mapping[str, str] | None = None) -> str:
        """Send a form that is not refused, and return what the page it leads to says."""
        response = self.press(here, verb, data)
        assert response.status_code == 303, response.text
        return self.text(response.headers["Location"])


class Hall:
    """People sign in once for many tests; organisations are of one test each."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.people = world.parts.people
        self._present: dict[tuple[str, str], Someone] = {}

    def clear(self) -> None:
        """Leave nothing to the next test but the people."""
        with self.books() as connection:
            for table in _TABLES:
                connection.execute(delete(table))
        self.world.parts.worker.run_once()
        for mail in (self.folder / "mail").glob("*.eml"):
            mail.unlink()
        store: Any = self.world.parts.store
        for key, marks in list(store._windows.items()):
            for mark in list(marks):
                store.uncount([key], mark)

    def someone(self, persona: str, provider: str) -> Someone:
        """Return who signed in to the broker as this persona, some time ago or just now."""
        if (persona, provider) not in self._present:
            self._present[persona, provider] = Someone(self, persona, provider)
        return self._present[persona, provider]

    @property
    def ada(self) -> Someone:
        """Return who comes by GitHub."""
        return self.someone("2fa-true", "github")

    @property
    def olga(self) -> Someone:
        """Return who comes by a Microsoft account."""
        return self.someone("msa-mfa", "msa")

    @property
    def tom(self) -> Someone:
        """Return who comes by Contoso."""
        return self.someone("entra-mfa", "entra")

    def newcomer(self, persona: str, provider: str) -> "Someone":
        """Return somebody who signs in just now, for this test alone."""
        return Someone(self, persona, provider)

    @contextmanager
    def books(self) -> Iterator[Connection]:
        with self.world.parts.database.begin() as connection:
            yield connection

    @contextmanager
    def later(self, by: timedelta) -> Iterator[None]:
        """Move the clock, and move it back: the next test begins where this one did."""
        self.world.clock.move(by)
        try:
            yield
        finally:
            self.world.clock.move(-by)

    def organization(self, owner: Someone, *members: Someone, name: str | None = None) -> str:
        """Make one, and return the path of its page."""
        with self.books() as connection:
            person = self.people.authority.person(connection, owner.session(), self.world.clock())
            made = self.people.organizations.create(connection, person, name or f"House {uuid4()}")
        for member in members:
            self.join(made, member)
        return f"/organizations/{made}"

    def join(self, organization_id: str, member: Someone, role: Role = Role.MEMBER, *, seen: bool = True) -> None:
        """Make somebody a member, whose sign-in is on record if they were ``seen``."""
        with self.books() as connection:
            connection.execute(
                insert(memberships).values(
                    organization_id=organization_id,
                    account_id=member.account_id,
                    role=role.value,
                    joined_at=self.world.clock(),
                )
            )
        if seen:
            self.people_seen(member)

    def people_seen(self, *members: Someone) -> None:
        """Have the sign-ins of these members on record."""
        with self.books() as connection:
            for member in members:
                self.people.last_sign_ins.record(connection, member.session(), self.world.clock())

    def admin(self, here: str) -> FreshAdmin:
        """Return Ada as an admin with a fresh proof."""
        with self.books() as connection:
            return self.people.authority.fresh_admin(connection, self.ada.session(), id_of(here), self.world.clock())

    def tenant(
        self, here: str, tid: str = NORTHWIND, name: str = "Northwind", state: str = "active", rule: Rule | None = None
    ) -> str:
        """Give the organisation a tenant, and return the mapping's id."""
        mapping_id = str(uuid4())
        with self.books() as connection:
            connection.execute(
                insert(mappings).values(
                    id=mapping_id,
                    organization_id=id_of(here),
                    provider_id="entra",
                    tid=tid,
                    name=name,
                    state=state,
                    rule=dump(rule or OF_A_NEW_TENANT),
                    requested_by=self.ada.account_id,
                    requested_at=self.world.clock(),
                    speaks=True,
                )
            )
        return mapping_id

    def rule(self, here: str, rule: Rule | None = None) -> Rule:
        """Return the organisation's rule, after setting it if there is one to set."""
        this = organizations.c.id == id_of(here)
        with self.books() as connection:
            if rule is not None:
                connection.execute(organizations.update().where(this).values(rule=dump(rule)))
            return load(connection.execute(select(organizations.c.rule).where(this)).scalar_one())

    def role(self, here: str, member: Someone) -> str | None:
        with self.books() as connection:
            return connection.execute(
                select(memberships.c.role).where(
                    memberships.c.organization_id == id_of(here), memberships.c.account_id == member.account_id
                )
            ).scalar_one_or_none()

    def waiting(self, here: str) -> list[str]:
        """Return the ids of the changes that wait."""
        with self.books() as connection:
            pending = changes.c.organization_id == id_of(here), changes.c.state == "pending"
            return list(connection.execute(select(changes.c.id).where(*pending)).scalars())

    def invited(self, here: str) -> list[str]:
        with self.books() as connection:
            these = invitations.c.organization_id == id_of(here)
            return list(connection.execute(select(invitations.c.id).where(these)).scalars())

    def actions(self) -> int:
        """Return how much the audit has."""
        with self.books() as connection:
            return len(connection.execute(select(audit_entries.c.id)).all())

    def wait_a_day(self) -> None:
        """Let the worker do what is due a day from now."""
        with self.later(WAIT + timedelta(minutes=1)):
            self.world.parts.worker.run_once()

    def mails(self) -> list[email.message.Message]:
        """Deliver what is waiting, and return every mail there is."""
        self.world.parts.worker.run_once()
        return [email.message_from_bytes(path.read_bytes()) for path in sorted((self.folder / "mail").glob("*.eml"))]

    def invitation_to(self, address: str) -> str:
        """Return the path that the last mail to an address leads to."""
        bodies = [each.get_payload(decode=True) for each in self.mails() if each["To"] == address]
        assert isinstance(bodies[-1], bytes)
        found = [re.search(r"/invitations/\S+", each.decode()) for each in bodies if isinstance(each, bytes)]
        last = [each for each in found if each is not None][-1]
        return last[0]


def id_of(here: str) -> str:
    return here.rpartition("/")[2]


def words(response: requests.Response) -> str:
    """Return the words of a page, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.text.partition("<main")[2])).split())
