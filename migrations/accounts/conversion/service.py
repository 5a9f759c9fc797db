"""The verbs of a conversion before it takes effect: start it, accept a place in it, withdraw it; and looking at it."""

import hmac
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import FreshPerson
from broker.keys.pseudonyms import BlindIndex
from migrations.accounts.admins import Named, comes_from
from migrations.accounts.cases import Case, CaseKind, CaseState
from migrations.accounts.conversion import words
from migrations.accounts.conversion.form import Typed, Wish, read
from migrations.accounts.effects import Effects, TooLate
from migrations.accounts.links import Verb
from migrations.accounts.notices import day
from migrations.accounts.periods import GATHERING, OBJECTION, UNDO
from migrations.accounts.proofs import Proof
from migrations.accounts.records import LegacyAccount, State

ACCEPT = "/convert/accept/"
_ORGANIZATION = "organization"


class MissingProofs(Exception):
    """Password or mailbox were not proven."""


class WrongTenant(Exception):
    """The address belongs to a tenant, and the sign-in is not of it."""


class Refusal(StrEnum):
    """Why a link makes nobody an admin."""

    OVER = "over"  # taken, withdrawn, stopped, lapsed, in effect already, or never there
    FORWARDED = "forwarded"  # it was sent to an address that is not the verified one of who came
    ALREADY = "already"  # who came has another place


class NotAccepted(Exception):
    """The link does not make this person an admin."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A conversion as those see it who have a part in it. ``named``: empty once it is over."""

    case: Case
    legacy: LegacyAccount
    organization: str | None
    named: Sequence[Named]

    @property
    def accepted(self) -> int:
        """Return how many accepted."""
        return sum(each.way is not None for each in self.named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversions:
    """The verbs. Each that changes something takes the caller's transaction, and holds the account first."""

    effects: Effects
    index: BlindIndex

    def open_to(self, connection: Connection, registry_id: str, proven: Collection[Proof]) -> LegacyAccount:
        """Return the account of a whole set of proofs, if it can still become an organisation.

        Raises :class:`MissingProofs` and :class:`TooLate`.
        """
        legacy = self.effects.ledger.get(connection, registry_id)
        # An address whose domain has lapsed since proves nothing, whoever reads its mail now.
        if not set(Proof) <= set(proven) or legacy is None or legacy.mailbox is None:
            raise MissingProofs
        if legacy.state is not State.PENDING:
            raise TooLate
        return legacy

    def start(
        self,
        connection: Connection,
        person: FreshPerson,
        registry_id: str,
        proven: Collection[Proof],
        typed: Typed,
        room: Callable[..., Sequence[bool]],
    ) -> Case:
        """Have a conversion wait for its admins, and for objections; everybody concerned is told.

        ``room``: asked last, with pairs of who sends and an address, whether each may go, as ``MailLimit.room``. Raises
        what it raises, :class:`MissingProofs`, :class:`TooLate`, :class:`WrongTenant`, ``BadInput``.
        """
        self.open_to(connection, registry_id, proven)
        self.effects.ledger.held(connection, registry_id)
        legacy, now = self.open_to(connection, registry_id, proven), person.now  # as nobody else changes it now
        if not comes_from(connection, legacy, person.proven):
            raise WrongTenant
        wish = read(typed, str(legacy.mailbox), lambda name: self.effects.organizations.has_name(connection, name))
        case = self.effects.begin(
            connection,
            legacy,
            CaseKind.CONVERSION,
            person.proven,
            now,
            due_at=now + OBJECTION,
            details={_ORGANIZATION: wish.organization},
        )
        # A bucket for each line of the form: an account is started for no more often than that, too.
        rooms = room(*((f"conversion:{registry_id}:{n}", each) for n, each in enumerate(wish.admins)))
        self._tell(connection, legacy, case, wish, rooms, now)
        return case

    def invited(self, connection: Connection, token: str) -> tuple[Named, Seen] | None:
        """Return who a link is for, and in what, or none where it leads nowhere. Changes nothing."""
        named = self.effects.admins.by_token(connection, token)
        if named is None:
            return None
        seen = self._seen(connection, self.effects.cases.get(connection, named.case_id))
        return (named, seen) if seen.case.state is CaseState.WAITING else None

    def accept(self, connection: Connection, person: FreshPerson, token: str) -> Case:
        """Give somebody the place that a link is for. Who has it already keeps it.

        Raises :class:`NotAccepted`, :class:`WrongTenant`, ``AccountClosed``.
        """
        effects, now = self.effects, person.now
        found = self.invited(connection, token)
        if found is None:
            raise NotAccepted(Refusal.OVER)
        legacy = effects.ledger.held(connection, found[1].case.registry_id)
        found = self.invited(connection, token)  # as it is now that nobody else changes it
        if found is None:
            raise NotAccepted(Refusal.OVER)
        named, seen = found
        effects.accounts.hold(connection, person.account_id)
        if not self._has_address(connection, person.account_id, named):
            raise NotAccepted(Refusal.FORWARDED)
        if not comes_from(connection, legacy, person.proven):
            raise WrongTenant
        if named.account_id == person.account_id:
            return seen.case
        if any(each.account_id == person.account_id for each in seen.named):
            raise NotAccepted(Refusal.ALREADY)
        if not effects.admins.accept(connection, named, person.proven, now):
            raise NotAccepted(Refusal.OVER)
        detail: dict[str, str | int | bool] = {"case": seen.case.id, "registry_account": seen.case.registry_id}
        action = "migration.conversion_accepted"
        effects.audit.record(connection, action=action, account_id=person.account_id, detail=detail, now=now)
        return seen.case

    def withdraw(self, connection: Connection, person: FreshPerson, case_id: str) -> Case:
        """End a conversion at the word of who started it. Raises ``LookupError`` and :class:`TooLate`."""
        effects, now = self.effects, person.now
        seen = self.look(connection, case_id, person.account_id)
        if seen.case.account_id != person.account_id:
            raise LookupError("somebody else started it")
        legacy = effects.ledger.held(connection, seen.case.registry_id)
        accepted = [each.account_id for each in effects.admins.accepted(connection, seen.case)]
        case = effects.withdraw(connection, seen.case, now)
        text = words.WITHDRAWN.format(registry=effects.notices.registry)
        effects.notices.old_address(connection, legacy, words.WITHDRAWN_SUBJECT, text, now)
        told = (person.account_id, *accepted)
        effects.notices.people(connection, told, words.WITHDRAWN_SUBJECT, text, now)
        return case

    def look(self, connection: Connection, case_id: str, account_id: str) -> Seen:
        """Return a conversion to who started it, and to who accepted. Raises ``LookupError`` for anybody else."""
        seen = self._seen(connection, self.effects.cases.get(connection, case_id))
        has_part = account_id in (seen.case.account_id, *(each.account_id for each in seen.named))
        if seen.case.kind is not CaseKind.CONVERSION or not has_part:
            raise LookupError("not theirs")
        return seen

    def _seen(self, connection: Connection, case: Case) -> Seen:
        legacy = self.effects.ledger.get(connection, case.registry_id)
        if legacy is None:
            raise LookupError("no such legacy account")
        name = case.details.get(_ORGANIZATION)
        if case.organization_id is not None:
            name = self.effects.organizations.get(connection, case.organization_id).name
        return Seen(case=case, legacy=legacy, organization=name, named=self.effects.admins.of(connection, case))

    def _has_address(self, connection: Connection, account_id: str, named: Named) -> bool:
        person = self.effects.accounts.person(connection, account_id)
        if person.email is None or not person.email_verified:
            return False
        return hmac.compare_digest(self.index.of(person.email), named.email_index)

    def _tell(
        self,
        connection: Connection,
        legacy: LegacyAccount,
        case: Case,
        wish: Wish,
        rooms: Sequence[bool],
        now: datetime,
    ) -> None:
        notices = self.effects.notices
        person = self.effects.accounts.person(connection, case.account_id)
        said = {
            "registry": notices.registry,
            "organization": wish.organization,
            "lapses": day(lapses_at(case)),
        }
        # Longer than it can wait: it ends with what it stops, and a worker that is late must not outlive it.
        link = notices.link(connection, case, Verb.STOP, lapses_at(case) + UNDO)
        starter = words.called(person.name, person.email if person.email_verified else None)
        admins, due = words.listed(wish.admins), day(takes_effect_at(case))
        text = words.STARTED.format(**said, starter=starter, admins=admins, due=due, link=link)
        notices.old_address(connection, legacy, words.STARTED_SUBJECT, text, now)
        # To strangers, whose addresses anybody can type: nothing that somebody wrote leads them anywhere.
        account = words.without_links(legacy.name) or legacy.registry_id
        starter = words.called(person.name)
        for (named, token), room in zip(self.effects.admins.name(connection, case, wish.admins), rooms, strict=True):
            text = words.NAMED.format(**said, account=account, starter=starter, link=notices.page(ACCEPT + token))
            notices.address(connection, named.email, words.NAMED_SUBJECT, text, now, withheld=not room)


def takes_effect_at(case: Case) -> datetime:
    """Return when a conversion takes effect, if two have accepted by then. ``due_at`` is when to look again."""
    return case.started_at + OBJECTION


def lapses_at(case: Case) -> datetime:
    """Return when it lapses, if there are not two."""
    return case.started_at + GATHERING
