"""Claims over a database and a short-lived store of the test's own: everything real, but who signed in and when."""

from dataclasses import replace
from datetime import datetime
from secrets import token_bytes
from typing import Any

from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import FreshPerson
from broker.storage.database import Database
from broker.storage.memory import MemoryStore
from broker.storage.store import ShortLived
from claims.decision import Purpose
from migrations.accounts.cases import Case
from migrations.accounts.claiming.mailbox import Mailboxes
from migrations.accounts.claiming.service import Claiming
from migrations.accounts.hashes.formats import parse
from migrations.accounts.hashes.verifying import Verifier
from migrations.accounts.hashes.wrapped import Wrapper
from migrations.accounts.proofs import Attempt, Attempts
from migrations.accounts.records import sealing_context
from tests.accounts.organizations.rooms import ISSUER, NOW, SignIn
from tests.limits.counting import counting
from tests.migrations.legacy import PASSWORD, aspnet_v3
from tests.migrations.rooms import OldRoom

OLD = "old@old.example"
WIDELY_USED = 1000
BREACHED = "password1"
_PARSED = {password: parse(aspnet_v3(password, iterations=1)) for password in (PASSWORD, BREACHED)}
_LINK = f"{ISSUER}/claim/link/"


class Breached:
    """A list of one."""

    def contains(self, password: str) -> bool:
        return password == BREACHED


class ClaimRoom(OldRoom):
    """``browser`` is the cookie of the browser in which attempts are begun, unless another one is told."""

    browser = "the-first-browser-of-them-all-0001"
    other_browser = "another-browser-than-the-first-0002"

    def __init__(self, database: Database, store: ShortLived | None = None) -> None:
        super().__init__(database)
        self.now = NOW
        self.store = store or MemoryStore(clock=lambda: self.now.timestamp())
        self.wrapper = Wrapper(key=token_bytes(32), memory_kib=1024)
        self.limits = counting(self.store, index=self.index)
        self.attempts = Attempts(self.store, self.cipher)
        self.mailboxes = Mailboxes(
            attempts=self.attempts,
            ledger=self.ledger,
            index=self.index,
            limits=self.limits,
            outbox=self.outbox,
            issuer=ISSUER,
            registry="Example Registry",
        )
        self.claiming = Claiming(
            attempts=self.attempts,
            mailboxes=self.mailboxes,
            effects=self.effects,
            verifier=Verifier(self.limits, self.wrapper),
            limits=self.limits,
            breaches=Breached(),
            index=self.index,
            database=database,
            store=self.store,
            sealer=self.cipher,
            widely_used=WIDELY_USED,
        )

    def password_account(self, registry_id: str = "42", password: str = PASSWORD, **values: Any) -> str:
        """Write an account with a password, and return its id."""
        wrapped = self.wrapper.wrap(_PARSED[password])
        sealed = self.cipher.seal(wrapped, sealing_context("hash", registry_id))
        return self.legacy(registry_id, **{"hash_sealed": sealed, "hash_format": "aspnet_v3", **values})

    def attempt(self, typed: str = "user42", browser: str | None = None) -> Attempt:
        return self.claiming.begin(browser or self.browser, typed, self.now)

    def password(self, attempt: Attempt, password: str = PASSWORD, *, person: str | None = None) -> None:
        self.claiming.try_password(attempt, password, self.now, person=person)

    def mail(self, attempt: Attempt) -> str:
        """Have the link sent, and return its token as the mail to the old address has it."""
        before = self.tokens()
        self.send(attempt)
        (token,) = self.tokens() - before
        return token

    def send(self, attempt: Attempt, *, person: str | None = None) -> None:
        with self.database.begin() as connection:
            self.mailboxes.send(connection, attempt, self.now, person=person)

    def tokens(self, address: str = OLD) -> set[str]:
        """Return the tokens of all links to be sent there."""
        lines = [line for text in self.mails_to(address) for line in text.splitlines()]
        return {line.removeprefix(_LINK) for line in lines if line.startswith(_LINK)}

    def follow(self, token: str, browser: str | None = None) -> Attempt | None:
        return self.mailboxes.follow(token, browser or self.browser, self.now)

    def finish(self, attempt: Attempt, session: SignIn) -> Case:
        """Finish as the page does: whoever it is, judged, and the claim, in one transaction."""
        with self.database.begin() as connection:
            return self.claiming.finish(connection, self.fresh(connection, session), attempt)

    def fresh(self, connection: Connection, session: SignIn) -> FreshPerson:
        return self.authority.fresh_person(connection, session, self.now, Purpose.CLAIM)

    def proven(self, typed: str = "user42", browser: str | None = None) -> Attempt:
        """Return an attempt with password and mailbox proven."""
        attempt = self.attempt(typed, browser)
        self.password(attempt)
        assert self.follow(self.mail(attempt), browser) is not None
        return attempt

    def claim(self, name: str = "ada") -> Case:
        """Have somebody new claim account 42."""
        return self.finish(self.proven(), self.somebody(name))

    def somebody(self, name: str = "ada", *, at: datetime | None = None) -> SignIn:
        """Return somebody new who signed in with MFA, now unless told otherwise."""
        made = self.sign_in(name)
        when = at or self.now
        evidence = tuple(replace(each, observed_at=when) for each in made.authentication.evidence)
        return replace(made.with_evidence(*evidence), signed_in_at=when)
