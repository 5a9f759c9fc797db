"""Asking for a recovery, looking for its marker, and granting it. What follows is in ``effects``."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, insert

from broker.accounts.organizations.capabilities import FreshOperator, FreshPerson, Person
from broker.events.service import Outbox
from broker.keys.pseudonyms import BlindIndex
from broker.storage.database import exclusive
from migrations.accounts.cases import HELD, Case, CaseKind, CaseState
from migrations.accounts.effects import APPROVALS, Effects, TooLate
from migrations.accounts.impartial import granted_by
from migrations.accounts.links import Verb
from migrations.accounts.model import case_approvals
from migrations.accounts.notices import day
from migrations.accounts.periods import ASKING, RECOVERY
from migrations.accounts.records import LegacyAccount, State
from migrations.accounts.recovery import words
from migrations.accounts.recovery.limits import MOST_OPEN, MOST_RIVALS, Requests, TooMany
from migrations.accounts.recovery.repositories import repositories_of
from migrations.accounts.recovery.tickets import Tickets, asked_at, nowhere
from migrations.accounts.recovery.wanted import Wanted

LOOK = "recovery_look"
"""What waits in the outbox for somebody to look for a marker."""

OPEN = frozenset({CaseState.ASKED, CaseState.WAITING})
# Of an account that has moved already there is nothing for an operator to grant.
_ASKABLE = frozenset({State.PENDING, State.WAITING, State.FROZEN, State.CLOSED})
_GRANTABLE = frozenset({State.PENDING, State.CLOSED})
_LOOKED_FOR = timedelta(hours=1)


class ApprovedAlready(Exception):
    """By this very operator, or by another account of theirs: another one has to."""


class NotAPersons(Exception):
    """The account is shared, or nobody has decided yet whether it is: it is handed to nobody alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What whoever asked sees of it. ``due_at``: when it takes effect, or else lapses. ``case``: where it has one."""

    id: UUID
    ticket: str
    state: CaseState
    asked_at: datetime
    due_at: datetime
    marker: str
    looked_at: datetime | None
    seen: Mapping[str, str] | None
    case: Case | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """The verbs. Each takes the caller's transaction.

    ``plain_allowed``: the operator's word that repositories may be on private addresses, and without TLS.
    """

    effects: Effects
    tickets: Tickets
    requests: Requests
    index: BlindIndex
    outbox: Outbox
    plain_allowed: bool

    def ask(self, connection: Connection, person: FreshPerson, wanted: Wanted) -> str:
        """Return the ticket of a request, the old one where the same was asked for before.

        Whether there is an account that it leads to shows nowhere. Raises :class:`TooMany`, ``StoreUnavailable``.
        """
        exclusive(connection, f"recovery:{person.account_id}")
        called = self.index.of(wanted.account)
        open_ones = self._open(connection, person)
        if called in open_ones:
            return self.tickets.write(person.account_id, open_ones[called])
        if len(open_ones) >= MOST_OPEN:
            raise TooMany
        self.requests.count_request(person.account_id)
        request_id = self._case_for(connection, person, wanted, called)
        if request_id is None:
            request_id = nowhere(person.now)
            # Who asks for many accounts that are not there is looking for those that are.
            self._record(connection, "asked", {"reason": "nowhere"}, person.account_id, person.now)
        self.requests.add(person.account_id, called, request_id)
        ticket = self.tickets.write(person.account_id, request_id)
        notices = self.effects.notices
        text = words.REQUESTED.format(
            registry=notices.registry, link=notices.page(f"/recover/{ticket}"), until=day(person.now + ASKING)
        )
        notices.people(connection, [person.account_id], "You asked for a recovery", text, person.now)
        return ticket

    def find(self, connection: Connection, person: Person, ticket: str) -> Request:
        """Return a request of this person. Changes nothing. Raises ``LookupError``, ``StoreUnavailable``."""
        request_id = self.tickets.read(person.account_id, ticket)
        if request_id is None:
            raise LookupError("no such request")
        case = self._case(connection, request_id)
        started = case.started_at.replace(microsecond=0) if case is not None else asked_at(request_id)
        due_at = case.due_at if case is not None and case.due_at is not None else started + ASKING
        state = case.state if case is not None else CaseState.ASKED
        if case is None and self.requests.is_withdrawn(request_id):
            state = CaseState.WITHDRAWN
        elif state is CaseState.ASKED and person.now >= due_at:
            state = CaseState.LAPSED
        return Request(
            id=request_id,
            ticket=ticket,
            state=state,
            asked_at=started,
            due_at=due_at,
            marker=self.tickets.marker(request_id),
            looked_at=self.requests.looked_at(request_id),
            seen=case.details.get("seen") if case is not None else None,
            case=case,
        )

    def look(self, connection: Connection, person: Person, ticket: str) -> None:
        """Have the marker looked for, in a while: how long that takes is not for whoever waits to see.

        Raises ``LookupError``, :class:`TooLate`, :class:`TooMany`, ``StoreUnavailable``.
        """
        request = self.find(connection, person, ticket)
        if request.state not in OPEN:
            raise TooLate
        self.requests.count_look(request.id, person.now)
        if request.case is not None:
            payload = {"case": request.case.id}
            until = person.now + _LOOKED_FOR
            self.outbox.enqueue(connection, LOOK, payload, now=person.now, expires_at=until, subject=request.case.id)

    def withdraw(self, connection: Connection, person: Person, ticket: str) -> None:
        """End a request before it takes effect. Raises ``LookupError``, :class:`TooLate`, ``StoreUnavailable``."""
        request = self.find(connection, person, ticket)
        if request.state not in OPEN:
            raise TooLate
        if request.case is not None:
            self.effects.withdraw(connection, request.case, person.now)
        else:
            self.requests.withdraw(request.id)
        self.requests.drop(person.account_id, request.id)

    def approve(self, connection: Connection, case_id: str, operator: FreshOperator) -> Case:
        """Say yes to it; at the second operator's word it waits a week, and everybody is told.

        An approval counts while whoever gave it is an operator. Raises ``LookupError``, :class:`TooLate`,
        :class:`ApprovedAlready`, :class:`NotAPersons`, ``Denied``.
        """
        case, legacy = self._held_for(connection, case_id, operator)
        if case.state is not CaseState.ASKED or legacy.state not in _GRANTABLE:
            raise TooLate
        if case.due_at is None or operator.now >= case.due_at:
            raise TooLate
        if legacy.is_shared or legacy.is_undecided:
            raise NotAPersons
        if self._has_approved(connection, case, operator.account_id):
            raise ApprovedAlready
        connection.execute(
            insert(case_approvals).values(case_id=case.id, operator_id=operator.account_id, approved_at=operator.now)
        )
        self._record(connection, "approved", _named(case), operator.account_id, operator.now)
        if len(self.approved_by(connection, case)) < APPROVALS:
            return case
        waiting = self.effects.wait(connection, case, operator.now, due_at=operator.now + RECOVERY)
        self._tell_granted(connection, legacy, waiting, operator.now)
        return waiting

    def refuse(self, connection: Connection, case_id: str, operator: FreshOperator) -> Case:
        """Say no to it: one is enough. Raises ``LookupError``, :class:`TooLate`, ``Denied``."""
        case, _ = self._held_for(connection, case_id, operator)
        return self.effects.refuse(connection, case, operator)

    def approved_by(self, connection: Connection, case: Case) -> frozenset[str]:
        """Return the operators who have approved it, and are operators still."""
        return granted_by(connection, case.id)

    def _has_approved(self, connection: Connection, case: Case, account_id: str) -> bool:
        """Return whether an operator has approved it, by this account or by another one that has their address."""
        approved_by = self.approved_by(connection, case)
        addresses = self.effects.impartiality.addresses
        own, theirs = (addresses(connection, each) for each in ({account_id}, approved_by))
        return account_id in approved_by or not own.isdisjoint(theirs)

    def is_partial(self, connection: Connection, case: Case, account_id: str) -> bool:
        """Return whether somebody has a part in what they would look at."""
        return self.effects.impartiality.has_part(connection, account_id, case)

    def where(self, legacy: LegacyAccount, case: Case) -> tuple[str, ...]:
        """Return the repositories that the marker is looked for in."""
        return repositories_of(legacy.packages, case.details.get("package"), plain_allowed=self.plain_allowed)

    def _held_for(self, connection: Connection, case_id: str, operator: FreshOperator) -> tuple[Case, LegacyAccount]:
        """Return a recovery and its account, which nobody else changes until the transaction ends."""
        case = self.effects.cases.get(connection, case_id)
        if case.kind is not CaseKind.RECOVERY:
            raise LookupError("no recovery")
        legacy = self.effects.ledger.held(connection, case.registry_id)
        case = self.effects.cases.get(connection, case_id)
        self.effects.require_impartial(connection, operator, case)
        return case, legacy

    def _case(self, connection: Connection, request_id: UUID) -> Case | None:
        try:
            return self.effects.cases.get(connection, str(request_id))
        except LookupError:
            return None

    def _open(self, connection: Connection, person: Person) -> dict[str, UUID]:
        """Return what somebody asked for that can still come to something, by what they called it."""
        found = {}
        for called, request_id in self.requests.of(person.account_id).items():
            case = self._case(connection, request_id)
            if case is None or case.state in OPEN:
                found[called] = request_id
            else:
                self.requests.drop(person.account_id, request_id)
        return found

    def _case_for(self, connection: Connection, person: FreshPerson, wanted: Wanted, called: str) -> UUID | None:
        """Open a case, and tell everybody; none where that cannot be, for whatever reason."""
        found = self.effects.ledger.find(connection, wanted.account)
        if found is None:
            return None
        legacy = self.effects.ledger.held(connection, found.registry_id)
        if legacy.is_shared or legacy.state not in _ASKABLE:
            return None
        cases = self.effects.cases.of_registry_account(connection, legacy.registry_id)
        asked = [each for each in cases if each.kind is CaseKind.RECOVERY and each.state in OPEN]
        own = [each for each in asked if each.account_id == person.account_id]
        if own:
            # By another name: that both are one account's is not for everybody to learn.
            return UUID(own[0].id) if own[0].details.get("called") == called else None
        if self._asks_elsewhere(connection, person) >= MOST_OPEN:
            return None
        case = self.effects.cases.open(
            connection,
            CaseKind.RECOVERY,
            legacy.registry_id,
            person.proven,
            CaseState.ASKED,
            person.now,
            due_at=person.now + ASKING,
            details={
                "called": called,
                "missing": wanted.missing.value,
                "evidence": wanted.evidence,
                "package": wanted.package,
            },
        )
        self.effects.proofs.keep(connection, case.id, person.proven, person.now)
        self._record(connection, "asked", _named(case), person.account_id, person.now)
        # Whoever asks first keeps nobody else from asking; only nobody is flooded with mails about it.
        self._tell_asked(connection, legacy, case, cases if len(asked) < MOST_RIVALS else None, person.now)
        return UUID(case.id)

    def _asks_elsewhere(self, connection: Connection, person: Person) -> int:
        cases = self.effects.cases.of_account(connection, person.account_id)
        return sum(each.kind is CaseKind.RECOVERY and each.state in OPEN for each in cases)

    def _tell_asked(
        self, connection: Connection, legacy: LegacyAccount, case: Case, others: list[Case] | None, now: datetime
    ) -> None:
        """Tell the operators; and whose account it is or may be, unless ``others``, the account's cases, are none."""
        notices = self.effects.notices
        notices.operators(connection, case, now)
        if others is None:
            return
        # It outlives the case, which ends all its links.
        link = notices.link(connection, case, Verb.STOP, now + ASKING + 2 * RECOVERY)
        text = words.ASKED.format(registry=notices.registry, link=link)
        notices.old_address(connection, legacy, "Somebody asks for your account", text, now)
        # Not those who merely asked, too: a notice would tell any stranger with two accounts that there is such a one.
        holders = [each.account_id for each in others if each.state in HELD]
        text = words.ASKED_ALSO.format(registry=notices.registry)
        told = {*holders, legacy.account_id} - {case.account_id, None}
        notices.people(connection, sorted(filter(None, told)), "Somebody asks for an account of yours", text, now)

    def _tell_granted(self, connection: Connection, legacy: LegacyAccount, case: Case, now: datetime) -> None:
        notices, due = self.effects.notices, day(now + RECOVERY)
        link = notices.link(connection, case, Verb.STOP, now + 2 * RECOVERY)
        text = words.GRANTED.format(registry=notices.registry, due=due, link=link)
        notices.old_address(connection, legacy, "Your account is about to move", text, now)
        text = words.GRANTED_TO_YOU.format(registry=notices.registry, due=due)
        notices.people(connection, [case.account_id], "Your recovery was granted", text, now)

    def _record(self, connection: Connection, what: str, detail: Mapping[str, str], by: str, now: datetime) -> None:
        self.effects.audit.record(
            connection, action=f"migration.recovery_{what}", account_id=by, detail=detail, now=now
        )


def _named(case: Case) -> Mapping[str, str]:
    return {"case": case.id, "registry_account": case.registry_id}
