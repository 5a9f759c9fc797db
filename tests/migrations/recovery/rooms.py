"""Recoveries over a database and a short-lived store of the test's own: everything real, but who signed in."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from broker.accounts.organizations.capabilities import FreshOperator, FreshPerson
from broker.events.delivery import Deliveries
from broker.storage.database import Database
from broker.storage.memory import MemoryStore
from migrations.accounts import links
from migrations.accounts.cases import Case
from migrations.accounts.links import Verb
from migrations.accounts.recovery.limits import Requests
from migrations.accounts.recovery.looking import Look
from migrations.accounts.recovery.service import LOOK, Recovery, Request
from migrations.accounts.recovery.tickets import Tickets
from migrations.accounts.recovery.wanted import Missing, Wanted
from providers.guarded import guarded_get
from tests.accounts.organizations.rooms import ISSUER, NOW, SignIn
from tests.limits.counting import counting
from tests.migrations.rooms import OldRoom

OLD = "old@old.example"


class RecoveryRoom(OldRoom):
    """Two operators are called ``otto`` and ``olga``."""

    def __init__(self, database: Database, *, plain_allowed: bool = True) -> None:
        super().__init__(database)
        self.now = NOW
        self.store = MemoryStore(clock=lambda: self.now.timestamp())
        self.recovery = Recovery(
            effects=self.effects,
            tickets=Tickets(self.cipher, self.index),
            requests=Requests(self.store, counting(self.store)),
            index=self.index,
            outbox=self.outbox,
            plain_allowed=plain_allowed,
        )
        fetch = partial(guarded_get, insecure_allow_private=plain_allowed)
        self.looks = Deliveries(
            database, self.cipher, {LOOK: Look(database=database, recovery=self.recovery, fetch=fetch)}
        )

    def passes(self, time: timedelta) -> None:
        """Let time pass, and bring about what is due."""
        self.now += time
        self.due.run(self.now)

    def fresh(self, sign_in: SignIn) -> FreshPerson:
        return FreshPerson(account_id=sign_in.account_id, proven=sign_in, now=self.now)

    def ask(self, sign_in: SignIn, account: str = "user42", package: str | None = None) -> str:
        """Have somebody ask, and return the ticket."""
        wanted = Wanted(account=account, missing=Missing.BOTH, evidence="I wrote it.", package=package)
        with self.database.begin() as connection:
            return self.recovery.ask(connection, self.fresh(sign_in), wanted)

    def find(self, sign_in: SignIn, ticket: str) -> Request:
        with self.database.read() as connection:
            return self.recovery.find(connection, self.fresh(sign_in), ticket)

    def recovering(self, sign_in: SignIn, account: str = "user42") -> Case:
        """Have somebody ask for an account that is there, and return the case."""
        case = self.find(sign_in, self.ask(sign_in, account)).case
        assert case is not None
        return case

    def look(self, sign_in: SignIn, ticket: str) -> None:
        with self.database.begin() as connection:
            self.recovery.look(connection, self.fresh(sign_in), ticket)

    def withdraw(self, sign_in: SignIn, ticket: str) -> None:
        with self.database.begin() as connection:
            self.recovery.withdraw(connection, self.fresh(sign_in), ticket)

    def deciding(self, name: str) -> FreshOperator:
        """Return a new operator, now."""
        return self.operator(name, self.now)

    def approve(self, case: Case, operator: FreshOperator) -> Case:
        with self.database.begin() as connection:
            return self.recovery.approve(connection, case.id, operator)

    def refuse(self, case: Case, operator: FreshOperator) -> Case:
        with self.database.begin() as connection:
            return self.recovery.refuse(connection, case.id, operator)

    def granted_to(self, sign_in: SignIn) -> Case:
        """Have somebody ask, and two operators grant it."""
        case = self.recovering(sign_in)
        self.approve(case, self.deciding("otto"))
        return self.approve(case, self.deciding("olga"))

    def stop_tokens(self) -> list[str]:
        """Return the tokens of all links in mails to the old address that stop something."""
        prefix = f"{ISSUER}/migration/{Verb.STOP.value}/"
        lines = [line for text in self.mails_to(OLD) for line in text.splitlines()]
        return [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]

    def stop(self, token: str) -> Case:
        """Follow a link that stops something, as its page does."""
        with self.database.begin() as connection:
            link = links.use(connection, token, self.now)
            assert link is not None
            assert link.verb is Verb.STOP
            return self.effects.stop(connection, self.cases.get(connection, link.case_id), self.now)

    def details(self, case: Case) -> dict[str, Any]:
        return dict(self.case(case).details)

    def marker(self, case: Case) -> str:
        return self.recovery.tickets.marker(UUID(case.id))
