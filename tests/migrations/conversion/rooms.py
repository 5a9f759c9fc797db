"""Conversions over a database of the test's own: everything real, but who signed in and how."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from broker.accounts.organizations.capabilities import FreshPerson
from broker.storage.database import Database
from migrations.accounts import links
from migrations.accounts.cases import Case
from migrations.accounts.conversion.form import Typed
from migrations.accounts.conversion.service import Conversions
from migrations.accounts.links import Verb
from migrations.accounts.proofs import Proof
from migrations.accounts.records import Package, dump_packages
from tests.accounts.organizations.rooms import ISSUER, NOW, SignIn
from tests.migrations.rooms import OldRoom

SHARED = "old@old.example"
ACCEPT = f"{ISSUER}/convert/accept/"
NAME = "Contoso Packages"
PACKAGES = (
    Package(name="contoso.core", role="owner", downloads=10),
    Package(name="contoso.parts", role="maintainer", downloads=5),
)


def address(name: str) -> str:
    """Return the address that ``sign_in`` gives somebody of this name."""
    return f"{name}@example.org"


def just_now(sign_in: SignIn, now: datetime = NOW) -> FreshPerson:
    return FreshPerson(account_id=sign_in.account_id, proven=sign_in.anew(now), now=now)


class ConversionRoom(OldRoom):
    """An account 42 that a team shares is there in most tests."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.conversions = Conversions(effects=self.effects, index=self.index)

    def shared(self, registry_id: str = "42", **values: Any) -> str:
        values = {"kind": "alias", "alias": "confirmed", "packages": dump_packages(PACKAGES), "keys": 3, **values}
        return self.legacy(registry_id, **values)

    def start(
        self,
        starter: SignIn,
        *admins: str,
        registry_id: str = "42",
        proven: Collection[Proof] = tuple(Proof),
        name: str = NAME,
        room: Callable[..., Sequence[bool]] = lambda *mails: [True] * len(mails),
        now: datetime = NOW,
    ) -> Case:
        """Start one, with these addresses as those of its future admins."""
        typed = Typed(organization=name, admins=admins)
        with self.database.begin() as connection:
            return self.conversions.start(connection, just_now(starter, now), registry_id, proven, typed, room)

    def token(self, email: str) -> str:
        """Return the token of the last link by which somebody accepts, from their mail."""
        found = [
            line.removeprefix(ACCEPT)
            for text in self.mails_to(email)
            for line in text.splitlines()
            if line.startswith(ACCEPT)
        ]
        return found[-1]

    def accept(self, who: SignIn, email: str, now: datetime = NOW) -> Case:
        """Have somebody follow the link that was sent to an address, and accept."""
        with self.database.begin() as connection:
            return self.conversions.accept(connection, just_now(who, now), self.token(email))

    def two(self) -> tuple[SignIn, SignIn, Case]:
        """Have Ada start one of the account 42 with Bob, and both accept."""
        self.shared()
        ada, bob = self.sign_in("ada"), self.sign_in("bob")
        case = self.start(ada, address("ada"), address("bob"))
        for each, name in ((ada, "ada"), (bob, "bob")):
            self.accept(each, address(name))
        return ada, bob, case

    def object(self, now: datetime = NOW) -> Case:
        """Have somebody behind the address follow the link to stop it."""
        with self.database.begin() as connection:
            link = links.use(connection, self.link(Verb.STOP), now)
            assert link is not None
            return self.effects.stop(connection, self.cases.get(connection, link.case_id), now)
