"""A running broker, people who are signed in to it, and shared accounts of the old world."""

import email
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from itertools import count
from pathlib import Path
from uuid import uuid4

import requests
from sqlalchemy import insert, update

from broker.composition.old_world import OldWorld
from broker.keys.pseudonyms import BlindIndex
from broker.signin.browser import BINDING_COOKIE
from broker.signin.sessions import COOKIE
from broker.tenants import domains
from broker.tenants.model import mappings
from broker.tenants.rules import OF_A_NEW_TENANT, dump
from migrations.accounts.cases import Case
from migrations.accounts.proofs import Attempt, PasswordNote, Proof
from migrations.accounts.records import State
from tests.migrations.legacy import Legacy, legacy, package
from tests.world import Visitor, World

STALE = timedelta(minutes=11)
_numbers = count(1)


class Someone(Visitor):
    """A person with a browser, whose account has the verified address ``email``."""

    def __init__(self, house: "House", name: str, persona: str, provider: str) -> None:
        super().__init__(house.world)
        self.open_account(persona, provider)
        self.email = f"{name}@people.example"
        found = self.world.parts.sessions.find(self.http.cookies[COOKIE], self.world.clock())
        assert found is not None
        self.account_id = found.account_id
        self.persona, self.provider = persona, provider
        with self.world.parts.database.begin() as connection:
            self.world.parts.accounts.set_email(
                connection, self.account_id, self.email, verified=True, now=self.world.clock()
            )

    def attempt(self, registry_id: str, *proofs: Proof) -> Attempt:
        """Return an attempt of this browser with proofs: all, unless some are told."""
        attempts, now = self.old_world.attempts, self.world.clock()
        cookie, proofs = self.http.cookies[BINDING_COOKIE], proofs or tuple(Proof)
        attempt = attempts.begin(cookie, registry_id, now)
        with self.world.parts.database.read() as connection:
            legacy = self.old_world.ledger.get(connection, registry_id)
        if legacy is not None and Proof.PASSWORD in proofs:
            attempts.note(attempt, PasswordNote.RIGHT, legacy.hash_digest, now)
        if legacy is not None and legacy.mailbox is not None and Proof.MAILBOX in proofs:
            # As a link that was sent there and followed leaves it, without a mail that would count towards limits.
            address = BlindIndex(self.world.parts.settings.secrets.index_key()).of(legacy.mailbox)
            attempts.follow(attempts.link(attempt, address, now), cookie, now)
        return attempt

    @property
    def old_world(self) -> OldWorld:
        found = self.world.parts.people.old_world
        assert found is not None
        return found

    def text(self, path: str) -> str:
        """Return what a page says, without its tags."""
        return words(self.get(path))

    def press(self, here: str, data: Mapping[str, str] | None = None, *, verb: str = "") -> requests.Response:
        """Send a form of the page at ``here``."""
        return self.submit(f"{here}{verb}", data, page=here)


class House:
    """People sign in once for all tests of a module; each test has a shared account of its own."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.ada = Someone(self, "ada", "2fa-true", "github")
        self.tom = Someone(self, "tom", "entra-mfa", "entra")
        self.mia = Someone(self, "mia", "msa-mfa", "msa")

    @property
    def old_world(self) -> OldWorld:
        return self.ada.old_world

    def shared(self) -> Legacy:
        """Import an account that a team shares."""
        number = next(_numbers)
        return legacy(
            self.world,
            str(number),
            name=f"team{number}",
            kind="alias",
            packages=[package("contoso.core"), package("contoso.parts", role="maintainer")],
            keys=3,
        )

    def started(self, *admins: Someone, account: Legacy | None = None) -> tuple[str, str]:
        """Have Ada start one, and return the id of its case, and its name."""
        account = account or self.shared()
        here = f"/convert/{self.ada.attempt(account.registry_id).id}"
        name = f"Team {account.registry_id}"
        form = {f"admin-{number}": each.email for number, each in enumerate(admins or (self.ada, self.tom), 1)}
        done = self.ada.press(here, {"organization": name, **form})
        assert done.status_code == 303, words(done)
        return done.headers["Location"].partition("?")[0].rpartition("/")[2], name

    def case(self, case_id: str) -> Case:
        with self.world.parts.database.read() as connection:
            return self.old_world.effects.cases.get(connection, case_id)

    @contextmanager
    def later(self, by: timedelta) -> Iterator[None]:
        self.world.clock.move(by)
        try:
            yield
        finally:
            self.world.clock.move(-by)

    @contextmanager
    def company(self, tid: str, domain: str) -> Iterator[None]:
        """Have a tenant mapped, with a domain, by an organisation of Mia's."""
        people, database, now = self.world.parts.people, self.world.parts.database, self.world.clock()
        session = self.world.parts.sessions.find(self.mia.http.cookies[COOKIE], now)
        assert session is not None
        mapping = {"id": str(uuid4()), "provider_id": "entra", "tid": tid, "name": "A company", "state": "active"}
        with database.begin() as connection:
            person = people.authority.person(connection, session, now)
            owner = people.organizations.create(connection, person, "The company")
            asked = {"requested_by": self.mia.account_id, "requested_at": now, "speaks": True}
            connection.execute(
                insert(mappings).values(**mapping, **asked, organization_id=owner, rule=dump(OF_A_NEW_TENANT))
            )
            domains.put(connection, mapping["id"], (domain,))
        yield
        with database.begin() as connection:
            connection.execute(update(mappings).where(mappings.c.id == mapping["id"]).values(state="released"))
            domains.put(connection, mapping["id"], ())

    def mail(self, to: str | None, about: str, pattern: str) -> str:
        """Return what of the one mail to an address in which ``about`` occurs matches."""
        for _ in range(3):  # it sends so many at a time
            self.world.parts.worker.run_once()
        found = []
        for path in (self.folder / "mail").glob("*.eml"):
            sent = email.message_from_bytes(path.read_bytes())
            body = sent.get_payload(decode=True)
            assert isinstance(body, bytes)
            if sent["To"] == to and about in body.decode():
                found += re.findall(pattern, body.decode())
        (one,) = found
        return str(one)

    def door(self, name: str, who: Someone) -> str:
        """Return the path of the link by which somebody accepts."""
        return self.mail(who.email, f'"{name}"', r"/convert/accept/\S+")


def words(response: requests.Response) -> str:
    """Return the words of a page, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.text.partition("<main")[2])).split())


def typed(response: requests.Response) -> dict[str, str]:
    """Return what stands in the fields of a form."""
    found = re.findall(r'<input id="[^"]*" name="([^"]+)"[^>]* value="([^"]*)"', response.text)
    return {name: unescape(value) for name, value in found if value}


def state(house: House, registry_id: str) -> State:
    with house.world.parts.database.read() as connection:
        found = house.old_world.ledger.get(connection, registry_id)
    assert found is not None
    return found.state
