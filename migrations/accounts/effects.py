"""What a case does to an account of the old world: its effect, its undoing, its end. Nothing else changes either.

Every verb takes the caller's transaction, holds the account first, and writes audit, mails and the event for the
registry in it: they stand or fall together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from secrets import token_hex

from sqlalchemy import Connection, delete

from broker.accounts import carried
from broker.accounts.end_access import ask_to_end_access
from broker.accounts.organizations.capabilities import FreshOperator
from broker.accounts.organizations.contact import keep_contact
from broker.accounts.organizations.people import admins_of
from broker.accounts.organizations.records import LastAdmin
from broker.accounts.organizations.service import Organizations
from broker.accounts.service import AccountClosed, Accounts
from broker.audit.service import Audit
from broker.events.security import EventKind, SecurityEvents
from broker.events.service import Outbox
from broker.signin.kept import KeptProofs
from broker.signin.proven import Proven
from broker.signin.standing import Standing
from broker.switches.service import Kind as Switch
from claims.decision import Purpose
from migrations.accounts import links, words
from migrations.accounts.admins import Admins, comes_from
from migrations.accounts.cases import DISPUTED, Case, CaseKind, Cases, CaseState
from migrations.accounts.impartial import Impartiality, granted_by
from migrations.accounts.model import legacy_identities
from migrations.accounts.notices import Notices, day
from migrations.accounts.periods import ASKING, UNDO
from migrations.accounts.records import Ledger, LegacyAccount, State
from migrations.accounts.telling import DONE, UNDONE, Telling

FEWEST_ADMINS = 2
APPROVALS = 2
"""How many operators grant a recovery."""


class TooLate(Exception):
    """The case is not in a state any more in which this could be done. Nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """The verbs."""

    ledger: Ledger
    cases: Cases
    admins: Admins
    accounts: Accounts
    organizations: Organizations
    standing: Standing
    proofs: KeptProofs
    events: SecurityEvents
    notices: Notices
    outbox: Outbox
    audit: Audit

    def begin(
        self,
        connection: Connection,
        legacy: LegacyAccount,
        kind: CaseKind,
        proven: Proven,
        now: datetime,
        *,
        due_at: datetime,
        details: Mapping[str, object] | None = None,
    ) -> Case:
        """Open a case that takes effect at ``due_at``; ``legacy`` is held, and nobody else can start one meanwhile.

        ``proven`` is judged again then. Raises :class:`TooLate` where somebody has a part in the account already, or
        the campaign is over for it.
        """
        if legacy.state is not State.PENDING:
            raise TooLate
        case = self.cases.open(
            connection, kind, legacy.registry_id, proven, CaseState.WAITING, now, due_at=due_at, details=details
        )
        self.proofs.keep(connection, case.id, proven, now)
        self.ledger.write(connection, legacy.registry_id, state=State.WAITING.value)
        self._telling.record(connection, f"{kind.value}_waits", case, proven.account_id, now)
        return case

    def wait(self, connection: Connection, case: Case, now: datetime, *, due_at: datetime) -> Case:
        """Have a recovery that was granted take effect at ``due_at``. Raises :class:`TooLate`.

        One that the campaign is over for can be recovered still.
        """
        legacy = self.ledger.held(connection, case.registry_id)
        case = self._current(connection, case, {CaseState.ASKED})
        if legacy.state not in (State.PENDING, State.CLOSED):
            raise TooLate
        self.ledger.write(connection, legacy.registry_id, state=State.WAITING.value)
        self._telling.record(connection, f"{case.kind.value}_waits", case, None, now)
        return self.cases.move(connection, case, CaseState.WAITING, due_at=due_at)

    def take_effect(self, connection: Connection, case: Case, now: datetime) -> Case:
        """Have a case that is ``WAITING`` take effect, or lapse where whoever started it cannot sign in any more.

        A conversion with fewer than two admins who accepted goes on waiting, until it lapses at its end. A recovery
        that fewer than two operators stand by has to be granted anew. Raises :class:`TooLate`.
        """
        legacy = self.ledger.held(connection, case.registry_id)
        case = self._current(connection, case, {CaseState.WAITING})
        if case.kind is CaseKind.CONVERSION:
            return self._convert(connection, legacy, case, now)
        # Somebody may have found out meanwhile that it is several people's, or that the mailbox is anybody's.
        if legacy.is_shared or _unproven(legacy, case) or not self._still_open(connection, case, now):
            return self.lapse(connection, case, now)
        if case.kind is CaseKind.RECOVERY and len(granted_by(connection, case.id)) < APPROVALS:
            return self._ask_again(connection, legacy, case, now)
        return self._attach(connection, legacy, case, case.account_id, now)

    def after_switch(self, connection: Connection, kind: Switch, _target: str, since: datetime, now: datetime) -> None:
        """Give back to everybody the time in which nothing could be changed, and so nothing stopped or undone."""
        if kind is Switch.READ_ONLY:
            self.cases.prolong(connection, since, now)
            links.prolong(connection, since, now)

    def lapse(self, connection: Connection, case: Case, now: datetime) -> Case:
        """End a case that came to nothing, and set the account free. Raises :class:`TooLate`."""
        everyone = self._telling.everyone(connection, case)
        lapsed = self._release(connection, case, {CaseState.ASKED, CaseState.WAITING}, CaseState.LAPSED, None, now)
        # Of a request that nobody has granted, nobody hears: it would tell that there is such an account.
        if case.state is CaseState.WAITING:
            text = words.LAPSED.format(registry=self.notices.registry)
            self.notices.people(connection, everyone, "It came to nothing", text, now)
        return lapsed

    def withdraw(self, connection: Connection, case: Case, now: datetime) -> Case:
        """End a case at the word of who started it, before it takes effect. Raises :class:`TooLate`."""
        states = {CaseState.ASKED, CaseState.WAITING}
        return self._release(connection, case, states, CaseState.WITHDRAWN, case.account_id, now)

    def refuse(self, connection: Connection, case: Case, operator: FreshOperator) -> Case:
        """Refuse a recovery at an operator's word, before it takes effect. Raises :class:`TooLate`, ``Denied``."""
        self.require_impartial(connection, operator, case)
        states, now = {CaseState.ASKED, CaseState.WAITING}, operator.now
        if case.kind is not CaseKind.RECOVERY:
            raise TooLate
        refused = self._release(connection, case, states, CaseState.REFUSED, operator.account_id, now)
        text = words.REFUSED.format(registry=self.notices.registry)
        self.notices.people(connection, [case.account_id], "Your recovery was not granted", text, now)
        return refused

    def halt(self, connection: Connection, case: Case, operator: FreshOperator) -> Case:
        """Stop a claim or a conversion at an operator's word, before it takes effect: the account is frozen.

        A recovery is refused by :meth:`refuse`. Raises :class:`TooLate`, ``Denied``.
        """
        self.require_impartial(connection, operator, case)
        if case.kind is CaseKind.RECOVERY:
            raise TooLate
        return self.stop(connection, case, operator.now, by=operator.account_id)

    def stop(self, connection: Connection, case: Case, now: datetime, *, by: str | None = None) -> Case:
        """Stop a case before it takes effect, at the word of the old address, or of ``by``. Raises :class:`TooLate`.

        A recovery ends by that. A claim and a conversion had their proofs: the account is frozen, and an operator
        decides; and so they do where nothing says that who reads the mail there is the owner.
        """
        legacy = self.ledger.held(connection, case.registry_id)
        case = self._current(connection, case, {CaseState.ASKED, CaseState.WAITING})
        links.end(connection, case.id)
        if case.state is CaseState.ASKED and not legacy.email_confirmed:
            self._telling.record(connection, f"{case.kind.value}_objected", case, by, now)
            self.notices.operators(connection, case, now)
            return case
        ends = case.kind is CaseKind.RECOVERY and legacy.email_confirmed
        stopped = self.cases.move(
            connection,
            case,
            CaseState.REFUSED if ends else CaseState.STOPPED,
            ended_at=now if ends else None,
            decided_by=by,
            **({"details_sealed": None} if ends else {}),
        )
        if ends:
            if case.state is CaseState.WAITING:
                self.ledger.write(connection, legacy.registry_id, state=_free(legacy).value)
        else:
            self.ledger.write(connection, legacy.registry_id, state=State.FROZEN.value)
            self.notices.operators(connection, stopped, now)
        self._telling.record(connection, f"{case.kind.value}_stopped", case, by, now)
        text = words.STOPPED.format(registry=self.notices.registry)
        self.notices.people(connection, self._telling.everyone(connection, case), "It was stopped", text, now)
        self.notices.old_address(connection, legacy, "It was stopped", text, now)
        return stopped

    def undo(self, connection: Connection, case: Case, now: datetime) -> Case:
        """Undo what a case did, at the word of the old address: the account is frozen, and an operator decides.

        Raises :class:`TooLate` when its 14 days are over.
        """
        legacy = self.ledger.held(connection, case.registry_id)
        case = self._current(connection, case, {CaseState.EFFECTIVE})
        if case.undo_until is None or now >= case.undo_until:
            raise TooLate
        links.end(connection, case.id)
        carried.detach(connection, legacy.registry_id)
        undone = self.cases.move(connection, case, CaseState.UNDONE)
        self.ledger.write(connection, legacy.registry_id, state=State.FROZEN.value)
        if case.organization_id is not None:
            self.organizations.disable(connection, case.organization_id, now)
        else:
            # What registries learnt of this account they learnt in its sessions.
            ask_to_end_access(connection, self.outbox, self.audit, case.account_id, now)
        self._telling.registry(connection, UNDONE[case.kind], undone, now, state="frozen")
        self._telling.record(connection, f"{case.kind.value}_undone", case, None, now)
        text = words.UNDONE_TEXT.format(registry=self.notices.registry)
        self.notices.people(connection, self._telling.everyone(connection, case), "It was undone", text, now)
        self.notices.old_address(connection, legacy, "It was undone", text, now)
        self.notices.operators(connection, undone, now)
        return undone

    def uphold(self, connection: Connection, case: Case, operator: FreshOperator) -> Case:
        """Decide a dispute for the case: what was undone has its effect again, for good; what was stopped goes on.

        Nobody's word makes the days shorter in which it can be stopped or undone. Raises :class:`TooLate`, ``Denied``.
        """
        legacy = self.ledger.held(connection, case.registry_id)
        case = self._current(connection, case, DISPUTED)
        self._require_judge(connection, operator, case)
        now = operator.now
        if case.state is CaseState.STOPPED:
            return self._go_on(connection, legacy, case, operator)
        case = self._restore(connection, legacy, case, now)
        self._telling.record(connection, f"{case.kind.value}_upheld", case, operator.account_id, now)
        self._telling.of_decision(connection, legacy, case, words.UPHELD, now)
        return self._settle(connection, case, CaseState.UPHELD, now, decided_by=operator.account_id)

    def give_back(self, connection: Connection, case: Case, operator: FreshOperator) -> Case:
        """Decide a dispute against the case: the account is as it was before. Raises as :meth:`uphold`."""
        legacy = self.ledger.held(connection, case.registry_id)
        case = self._current(connection, case, DISPUTED)
        self._require_judge(connection, operator, case)
        now = operator.now
        self.ledger.write(connection, legacy.registry_id, state=_free(legacy).value, account_id=None, effective_at=None)
        if case.kind is CaseKind.LINKED:
            # Or the next sign-in would attach it again, to whom it was just taken from.
            _unlink(connection, legacy.registry_id)
        if case.state is CaseState.UNDONE:
            self._telling.registry(connection, UNDONE[case.kind], case, now, state="returned")
        self._telling.record(connection, f"{case.kind.value}_returned", case, operator.account_id, now)
        self._telling.of_decision(connection, legacy, case, words.RETURNED, now)
        self.admins.forget(connection, case)
        if case.organization_id is not None:
            keep_contact(connection, self.ledger.cipher, case.organization_id, None)
        return self.cases.move(
            connection,
            case,
            CaseState.RETURNED,
            ended_at=now,
            undo_until=None,
            decided_by=operator.account_id,
            details_sealed=None,
        )

    def settle(self, connection: Connection, case: Case, now: datetime) -> Case:
        """End the days in which a case could be undone: the hash is destroyed, name and address go.

        Raises :class:`TooLate` for a case that is not in effect, or can still be undone.
        """
        self.ledger.held(connection, case.registry_id)
        case = self._current(connection, case, {CaseState.EFFECTIVE})
        if case.undo_until is None or now < case.undo_until:
            raise TooLate
        return self._settle(connection, case, CaseState.SETTLED, now)

    def close(self, connection: Connection, registry_id: str, now: datetime) -> bool:
        """Destroy the hash of an account that nobody claimed, or that is disputed; return whether one was to be closed.

        What waits comes to its end first.
        """
        legacy = self.ledger.held(connection, registry_id)
        excepted = legacy.excepted_until is not None and legacy.excepted_until > now
        if legacy.state not in (State.PENDING, State.FROZEN) or legacy.closed_at is not None or excepted:
            return False
        state = State.CLOSED if legacy.state is State.PENDING else State.FROZEN
        self.ledger.write(connection, registry_id, state=state.value, hash_sealed=None, hash_format=None, closed_at=now)
        _unlink(connection, registry_id)
        data = {"reason": "campaign_closed"}
        self.events.write(connection, EventKind.PASSWORD_CLOSED, registry_id, data, now)
        return True

    def require_impartial(self, connection: Connection, operator: FreshOperator, case: Case) -> None:
        """Raise ``Denied`` for an operator who has a part in the case."""
        self.impartiality.require(connection, operator, case)

    def _require_judge(self, connection: Connection, operator: FreshOperator, case: Case) -> None:
        self.impartiality.require(connection, operator, case)
        self.impartiality.require_undecided(connection, operator, case)

    @property
    def impartiality(self) -> Impartiality:
        """Return what judges who may decide."""
        return Impartiality(ledger=self.ledger, cases=self.cases, admins=self.admins, accounts=self.accounts)

    def _go_on(self, connection: Connection, legacy: LegacyAccount, case: Case, operator: FreshOperator) -> Case:
        """Have what was stopped wait for the rest of its days. It can be undone afterwards, and stopped no more."""
        now = operator.now
        due_at = max(now, case.due_at) if case.due_at is not None else now
        self.ledger.write(connection, legacy.registry_id, state=State.WAITING.value)
        self._telling.record(connection, f"{case.kind.value}_goes_on", case, operator.account_id, now)
        self._telling.of_decision(connection, legacy, case, words.GOES_ON, now, due=day(due_at))
        return self.cases.move(connection, case, CaseState.WAITING, due_at=due_at, decided_by=operator.account_id)

    def _ask_again(self, connection: Connection, legacy: LegacyAccount, case: Case, now: datetime) -> Case:
        """Have operators decide once more on a recovery, as one who had granted it is an operator no more."""
        links.end(connection, case.id)
        self.ledger.write(connection, legacy.registry_id, state=_free(legacy).value)
        asked = self.cases.move(connection, case, CaseState.ASKED, due_at=now + ASKING)
        self._telling.record(connection, f"{case.kind.value}_asked_again", case, None, now)
        self.notices.operators(connection, asked, now)
        return asked

    def _attach(
        self,
        connection: Connection,
        legacy: LegacyAccount,
        case: Case,
        carrier_id: str,
        now: datetime,
    ) -> Case:
        """Have an account carry it from now on, and whoever can say no told how."""
        state = State.CONVERTED if case.kind is CaseKind.CONVERSION else State.CLAIMED
        if case.kind is not CaseKind.CONVERSION:
            self.accounts.hold(connection, carrier_id)  # or it could be closed at this very moment
        carried.attach(connection, legacy.registry_id, carrier_id, now)
        self.ledger.write(connection, legacy.registry_id, state=state.value, account_id=carrier_id, effective_at=now)
        links.end(connection, case.id)
        effective = self.cases.move(
            connection, case, CaseState.EFFECTIVE, effective_at=now, undo_until=now + UNDO, due_at=None
        )
        for other in self.cases.of_registry_account(connection, legacy.registry_id):
            if other.state is CaseState.ASKED:
                self.lapse(connection, other, now)
        self._telling.registry(connection, DONE[case.kind], effective, now)
        self._telling.record(connection, f"{case.kind.value}_effective", case, case.account_id, now)
        self._telling.of_effect(connection, legacy, effective, now)
        return effective

    def _convert(self, connection: Connection, legacy: LegacyAccount, case: Case, now: datetime) -> Case:
        # Whoever started it need not be among them, and must not have been shut out since.
        may = self._still_open(connection, case, now) and comes_from(connection, legacy, case.way)
        if _unproven(legacy, case) or not may:
            return self.lapse(connection, case, now)
        able = [
            each.account_id
            for each in self.admins.accepted(connection, case)
            if self.admins.still_able(connection, legacy, each, now)
        ]
        if len(set(able)) < FEWEST_ADMINS:
            return case
        name = wanted = str(case.details["organization"])
        # Somebody else may have taken it in the days between. Nobody can foresee this one; its admins can change it.
        while self.organizations.has_name(connection, name):
            name = f"{wanted[:60]} {token_hex(4)}"
        organization_id = self.organizations.create_shared(connection, able, name, now)
        keep_contact(connection, self.ledger.cipher, organization_id, legacy.told_at)
        case = self.cases.move(connection, case, CaseState.WAITING, organization_id=organization_id)
        return self._attach(connection, legacy, case, organization_id, now)

    def _restore(self, connection: Connection, legacy: LegacyAccount, case: Case, now: datetime) -> Case:
        """Bring back the effect that was undone."""
        try:
            if case.organization_id is not None:
                self.organizations.enable(connection, case.organization_id, now)
                if len(admins_of(connection, case.organization_id)) < FEWEST_ADMINS:
                    raise TooLate  # nobody alone gets what several shared
            else:
                self.accounts.hold(connection, case.account_id)
        except (AccountClosed, LastAdmin) as gone:
            raise TooLate from gone
        state = State.CONVERTED if case.kind is CaseKind.CONVERSION else State.CLAIMED
        carried.attach(connection, legacy.registry_id, case.organization_id or case.account_id, now)
        self.ledger.write(connection, legacy.registry_id, state=state.value)
        self._telling.registry(connection, DONE[case.kind], replace(case, undo_until=None), now)
        return case

    def _settle(
        self, connection: Connection, case: Case, state: CaseState, now: datetime, *, decided_by: str | None = None
    ) -> Case:
        links.end(connection, case.id)
        self.ledger.write(
            connection,
            case.registry_id,
            hash_sealed=None,
            hash_format=None,
            closed_at=now,
            **_NOBODY,
        )
        _unlink(connection, case.registry_id)
        self.admins.forget(connection, case)
        data = {"reason": case.kind.value, "case": case.id}
        self.events.write(connection, EventKind.PASSWORD_CLOSED, case.registry_id, data, now)
        settled = self.cases.move(
            connection, case, state, ended_at=now, decided_by=decided_by, undo_until=None, details_sealed=None
        )
        self._telling.record(connection, f"{case.kind.value}_settled", case, decided_by, now)
        return settled

    def _release(
        self,
        connection: Connection,
        case: Case,
        states: set[CaseState],
        state: CaseState,
        by: str | None,
        now: datetime,
    ) -> Case:
        legacy = self.ledger.held(connection, case.registry_id)
        case = self._current(connection, case, states)
        links.end(connection, case.id)
        if case.state is CaseState.WAITING:
            self.ledger.write(connection, legacy.registry_id, state=_free(legacy).value)
        self._telling.record(connection, f"{case.kind.value}_{state.value}", case, by, now)
        self.admins.forget(connection, case)
        decided_by = by if by != case.account_id else None
        return self.cases.move(connection, case, state, ended_at=now, decided_by=decided_by, details_sealed=None)

    def _current(self, connection: Connection, case: Case, states: "set[CaseState] | frozenset[CaseState]") -> Case:
        """Return the case as it is now that its account is held. Raises :class:`TooLate`."""
        current = self.cases.get(connection, case.id)
        if current.state not in states:
            raise TooLate
        return current

    def _still_open(self, connection: Connection, case: Case, now: datetime) -> bool:
        """Return whether whoever started it could do so still (T1, T5), however long ago that was."""
        if not self.proofs.still_hold(connection, case.id, Purpose.CLAIM, now):
            return False
        admission, person = self.standing.open_way(connection, case.way.as_of(now), now)
        return admission is not None and person is not None

    @property
    def _telling(self) -> Telling:
        return Telling(notices=self.notices, events=self.events, audit=self.audit, admins=self.admins)


def _unlink(connection: Connection, registry_id: str) -> None:
    """Forget the identities that the registry had linked to the account."""
    connection.execute(delete(legacy_identities).where(legacy_identities.c.registry_id == registry_id))


def _unproven(legacy: LegacyAccount, case: Case) -> bool:
    """Return whether the mailbox, by which the case was proven, proves nothing any more."""
    return case.kind in (CaseKind.CLAIM, CaseKind.CONVERSION) and legacy.mailbox is None


def _free(legacy: LegacyAccount) -> State:
    """Return the state of an account that nobody has a part in."""
    return State.PENDING if legacy.closed_at is None else State.CLOSED


_NOBODY = {"name_sealed": None, "name_index": None, "email_sealed": None, "email_index": None}
