"""Claiming a password account: an attempt, its three proofs in any order, and the claim that rests on all of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, select

from broker.accounts.carried import AlreadyCarried
from broker.accounts.organizations.capabilities import FreshPerson
from broker.keys.pseudonyms import BlindIndex
from broker.limits.service import Limits
from broker.storage.database import Database
from broker.storage.sealed import SealedRecords, Sealer
from broker.storage.store import ShortLived
from migrations.accounts.cases import AlreadyHeld, Case, CaseKind, CaseState
from migrations.accounts.claiming import holding
from migrations.accounts.claiming.mailbox import Mailboxes
from migrations.accounts.effects import Effects, TooLate
from migrations.accounts.hashes.breached import BreachList
from migrations.accounts.hashes.verifying import Guesser, Outcome, Verifier
from migrations.accounts.model import legacy_accounts as table
from migrations.accounts.proofs import LIFETIME, Attempt, Attempts, PasswordNote, Proof
from migrations.accounts.records import LegacyAccount, State, sealing_context


class Obstacle(StrEnum):
    """Why an account cannot be claimed by one person, now or at all."""

    SHARED = "shared"  # it becomes an organisation
    UNDECIDED = "undecided"  # somebody has to look first whether it is shared
    TAKEN = "taken"  # claimed or converted, or about to be
    DISPUTED = "disputed"
    CLOSED = "closed"  # the campaign is over


class NotProven(Exception):
    """Something is missing of what it takes. What, is not for everybody to know."""


class NotAlone(Exception):
    """No one person can take this account: it is shared, or somebody has to look first whether it is."""


class AttemptOver(Exception):
    """The attempt was finished by another request, or its hour is over. Nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an attempt has come.

    ``password`` and ``note`` tell what came of a password, ``legacy`` and ``obstacle`` what the account is: all of it
    only where the mailbox is proven. ``tried``: some password was given.
    """

    mailbox: bool
    tried: bool
    password: bool = False
    note: PasswordNote | None = None
    legacy: LegacyAccount | None = None
    obstacle: Obstacle | None = None

    @property
    def complete(self) -> bool:
        """Return whether only the sign-in is missing, if it is."""
        return self.mailbox and self.password and self.obstacle is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claiming:
    """The verbs. ``breaches``: the list of stolen passwords, if there is one. ``widely_used``: so many downloads."""

    attempts: Attempts
    mailboxes: Mailboxes
    effects: Effects
    verifier: Verifier
    limits: Limits
    breaches: BreachList | None
    index: BlindIndex
    database: Database
    store: ShortLived
    sealer: Sealer
    widely_used: int

    def begin(self, browser: str, typed: str, now: datetime) -> Attempt:
        """Return an attempt of this browser on the account of this name or address, whether or not there is one."""
        with self.database.read() as connection:
            legacy = self.effects.ledger.find(connection, typed)
        attempt = self.attempts.begin(browser, legacy.registry_id if legacy is not None else None, now)
        named = {"name": self.index.of(typed.strip())}
        self._named.put(attempt.id, named, int(LIFETIME.total_seconds()))
        return attempt

    def try_password(self, attempt: Attempt, password: str, now: datetime, *, person: str | None = None) -> None:
        """Look whether it is the password, and remember it for whoever proves the mailbox.

        It costs the same whether or not there is such an account, and whatever comes of it. ``person``: the account of
        ours that signed in just now, with MFA. Raises ``limits.TooMany``, ``verifying.Busy``, ``breached.Unavailable``
        and ``StoreUnavailable``.
        """
        named = self._named.get(attempt.id) or {}
        name = str(named.get("name", attempt.id))
        with self.database.read() as connection:
            legacy = self.effects.ledger.get(connection, attempt.registry_id)
            like = self._any_record(connection, name)
        given = self.attempts.given(attempt)
        guesser = Guesser(
            account=attempt.registry_id or f"name:{name}",
            typed=name,
            address=self.limits.here() or attempt.browser,
            person=person,
            mailbox=Proof.MAILBOX in self.mailboxes.holding(given, legacy),
        )
        claimable = legacy if legacy is not None and legacy.state is State.PENDING else None
        record = self._record(claimable.registry_id, claimable.hash_sealed) if claimable is not None else None
        outcome = self.verifier.verify(record, password, guesser, like=like)
        # Asked for wrong ones too: how long it takes must not tell which is right.
        breached = self.breaches is not None and self.breaches.contains(password)
        note = PasswordNote.BREACHED if breached and outcome is Outcome.RIGHT else _NOTES[outcome]
        # What was right stays so when another is typed after it.
        right_for = claimable.hash_digest if claimable and note is PasswordNote.RIGHT else given.hash_digest
        self.attempts.note(attempt, note, right_for, now)

    def progress(self, connection: Connection, attempt: Attempt) -> Progress:
        """Return how far it has come, as far as whoever is in front of it may know."""
        legacy = self.effects.ledger.get(connection, attempt.registry_id)
        given = self.attempts.given(attempt)
        proven, tried = self.mailboxes.holding(given, legacy), given.note is not None
        if legacy is None or Proof.MAILBOX not in proven:
            return Progress(mailbox=False, tried=tried)
        password = Proof.PASSWORD in proven
        return Progress(
            mailbox=True,
            tried=tried,
            password=password,
            # It was right for a password that the account has no more.
            note=None if given.note is PasswordNote.RIGHT and not password else given.note,
            legacy=legacy,
            obstacle=obstacle_of(legacy),
        )

    def waits_until(self, legacy: LegacyAccount, now: datetime) -> datetime | None:
        """Return when a claim that was finished now would take effect; none: at once."""
        due_at = holding.due_at(legacy, self.widely_used, now)
        return due_at if due_at > now else None

    def finish(self, connection: Connection, person: FreshPerson, attempt: Attempt) -> Case:
        """Claim the account for whoever just signed in, as the last thing in the caller's transaction.

        Raises :class:`NotProven`, :class:`NotAlone`, :class:`AttemptOver`, ``TooLate``, ``AccountClosed`` and
        ``StoreUnavailable``; the caller's transaction must not be committed then.
        """
        legacy, now = self._proven(connection, attempt), person.now
        if obstacle_of(legacy) in (Obstacle.SHARED, Obstacle.UNDECIDED):
            raise NotAlone
        self.effects.accounts.hold(connection, person.account_id)
        due_at = holding.due_at(legacy, self.widely_used, now)
        try:
            case = self.effects.begin(connection, legacy, CaseKind.CLAIM, person.proven, now, due_at=due_at)
            if due_at > now:
                holding.tell(connection, self.effects.notices, legacy, case, due_at)
            else:
                case = self.effects.take_effect(connection, case, now)
        except (AlreadyHeld, AlreadyCarried) as error:
            raise TooLate from error
        if case.state not in (CaseState.WAITING, CaseState.EFFECTIVE):
            raise TooLate
        # Last, and in one step: of any number of finishers one finds the proofs, and the others write nothing.
        if not self.store.commit(take=self.attempts.keys(attempt)):
            raise AttemptOver
        return case

    @property
    def _named(self) -> SealedRecords:
        return SealedRecords(self.store, self.sealer, "claim-named")

    def _proven(self, connection: Connection, attempt: Attempt) -> LegacyAccount:
        """Return the account, held, that password and mailbox are proven of."""
        given = self.attempts.given(attempt)
        if given.hash_digest is None or given.address is None:
            raise NotProven
        legacy = self.effects.ledger.held(connection, attempt.registry_id)
        # The password or the address may have changed, or its domain lapsed, since.
        if self.mailboxes.holding(given, legacy) != frozenset(Proof):
            raise NotProven
        return legacy

    def _record(self, registry_id: str, sealed: bytes | None) -> bytes | None:
        if sealed is None:
            return None
        return self.effects.ledger.cipher.open(sealed, sealing_context("hash", registry_id))

    def _any_record(self, connection: Connection, name: str) -> bytes | None:
        """Return the record of the account that comes next in the index: always the same one for a name.

        So what is not there takes as long as something that is, with the formats that the registry really has.
        """
        some = select(table.c.registry_id, table.c.hash_sealed).where(table.c.hash_sealed.is_not(None)).limit(1)
        row = connection.execute(some.where(table.c.name_index >= name).order_by(table.c.name_index)).one_or_none()
        if row is None:
            row = connection.execute(some.where(table.c.name_index.is_not(None))).one_or_none()
        return self._record(row.registry_id, row.hash_sealed) if row is not None else None


def obstacle_of(legacy: LegacyAccount) -> Obstacle | None:
    """Return why one person cannot claim the account, or none."""
    if legacy.state is not State.PENDING:
        return _OBSTACLES[legacy.state]
    if legacy.is_shared:
        return Obstacle.SHARED
    return Obstacle.UNDECIDED if legacy.is_undecided else None


_NOTES = {
    Outcome.RIGHT: PasswordNote.RIGHT,
    Outcome.WRONG: PasswordNote.WRONG,
    Outcome.UNSEEN: PasswordNote.UNSEEN,
}
_OBSTACLES = {
    State.WAITING: Obstacle.TAKEN,
    State.CLAIMED: Obstacle.TAKEN,
    State.CONVERTED: Obstacle.TAKEN,
    State.FROZEN: Obstacle.DISPUTED,
    State.CLOSED: Obstacle.CLOSED,
}
