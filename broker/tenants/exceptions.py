"""Exceptions: for some time, people of an organisation who cannot use MFA sign in without."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Label, Select, and_, exists, func, insert, or_, select, update

from broker.accounts.organizations.capabilities import FreshAdmin, FreshOperator, Shell
from broker.accounts.organizations.notices import Notices
from broker.accounts.organizations.records import Share, TooOften
from broker.accounts.organizations.service import active_ids
from broker.audit.service import Audit
from broker.keys.cipher import FieldCipher
from broker.storage.database import exclusive
from broker.tenants.errors import BadInput, Conflict, Conflicting, NotFound
from broker.tenants.exception_records import ExceptionRecord, State, reason_context, record, records
from broker.tenants.model import exception_approvals, exception_places, exceptions, mappings
from broker.tenants.parties import hold_for, members_among, organizations_of, require_impartial
from claims.clock import require_utc
from claims.decision import Exemption
from providers.microsoft.guids import is_guid

LONGEST = timedelta(days=90)
MOST_PEOPLE = 10_000
MOST_ASKED = 10
"""How many exceptions an organisation can ask for in a day, or have undecided."""

_REASON_LIMIT = 2000  # characters
_LINE_BREAK = re.compile(r"\r\n?")
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs"})
_TOLD = {
    "requested": ("Asked for: an exception", "An admin asked for an exception from MFA. An operator decides."),
    "approved": ("An exception begins", "An exception from MFA was approved, and counts until its end."),
    "refused": ("An exception was refused", "An exception from MFA was refused. Nothing has changed."),
    "ended": ("An exception has ended", "An exception from MFA is over. Whoever it covered signs in with MFA again."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """An exception as it applies to one person now. ``placed``: it covers them already, and need not make room."""

    exception_id: str
    exemption: Exemption
    placed: bool


class Exceptions:
    """The verbs of exceptions, and what is waived by them now."""

    def __init__(self, cipher: FieldCipher, audit: Audit, notices: Notices) -> None:
        self._cipher = cipher
        self._audit = audit
        self._notices = notices

    def ask(
        self,
        connection: Connection,
        admin: FreshAdmin,
        *,
        tid: str | None,
        members: Sequence[str],
        people: int,
        reason: str,
        ends_at: datetime,
    ) -> ExceptionRecord:
        """Ask for an exception for whoever comes by a tenant of the organisation, or for the members named.

        ``people``, the most it may cover, is for a tenant; members are counted. Raises :class:`BadInput`,
        ``TooOften``, and ``ValueError`` unless ``ends_at`` is aware UTC.
        """
        hold_for(connection, admin, admin.organization_id)
        _require_share(connection, admin)
        named = frozenset(members)
        self._check_scope(connection, admin.organization_id, tid, named)
        count = len(named) if tid is None else people
        if not 1 <= count <= MOST_PEOPLE:
            raise BadInput("people", "out_of_range", f"An exception covers 1 to {MOST_PEOPLE} people.")
        require_utc(ends_at)
        if not admin.now < ends_at <= admin.now + LONGEST:
            raise BadInput("ends_at", "out_of_range", f"An exception ends at most {LONGEST.days} days from now.")
        text = _reason(reason)
        exception_id = str(uuid4())
        connection.execute(
            insert(exceptions).values(
                id=exception_id,
                organization_id=admin.organization_id,
                tid=tid,
                people=count,
                reason_sealed=self._cipher.seal(text.encode(), reason_context(exception_id)),
                requested_by=admin.account_id,
                requested_at=admin.now,
                ends_at=ends_at,
                state=State.REQUESTED,
            )
        )
        if named:
            places = [{"exception_id": exception_id, "account_id": each, "taken_at": admin.now} for each in named]
            connection.execute(insert(exception_places), places)
        return self._done(connection, "requested", exception_id, admin.now, admin.account_id)

    def approve(self, connection: Connection, operator: FreshOperator, exception_id: str) -> ExceptionRecord:
        """Say yes to it. Where two operators must, it stays requested until the other one has, too.

        Raises :class:`NotFound`, :class:`Conflict`, and ``Denied`` for an operator who is on both sides.
        """
        asked = self._held(connection, operator, exception_id, State.REQUESTED)
        require_impartial(
            connection,
            operator,
            asked.organization_id,
            requested_by=asked.requested_by,
            requested_at=asked.requested_at,
        )
        if asked.ends_at <= operator.now:
            raise Conflict(Conflicting.OVER)
        if operator.account_id in asked.approvals:
            raise Conflict(Conflicting.APPROVED_ALREADY)
        connection.execute(
            insert(exception_approvals).values(
                exception_id=exception_id, operator_id=operator.account_id, approved_at=operator.now
            )
        )
        given = record(connection, self._cipher, exception_id)
        if len(given.approvals) < given.approvals_needed:
            return self._done(connection, "supported", exception_id, operator.now, operator.account_id)
        self._set(connection, exception_id, State.APPROVED, operator.now)
        return self._done(connection, "approved", exception_id, operator.now, operator.account_id)

    def refuse(self, connection: Connection, operator: FreshOperator, exception_id: str) -> ExceptionRecord:
        """Say no to it. Raises :class:`NotFound` and :class:`Conflict`."""
        self._held(connection, operator, exception_id, State.REQUESTED)
        self._set(connection, exception_id, State.REFUSED, operator.now)
        return self._done(connection, "refused", exception_id, operator.now, operator.account_id)

    def end(
        self, connection: Connection, acting: FreshAdmin | FreshOperator | Shell, exception_id: str
    ) -> ExceptionRecord:
        """End it at once, or take the request back. Raises :class:`NotFound` and :class:`Conflict`."""
        found = self._held(connection, acting, exception_id, State.REQUESTED, State.APPROVED)
        self._set(connection, exception_id, State.ENDED, found.decided_at)
        return self._done(connection, "ended", exception_id, acting.now, acting.account_id)

    def expire(self, connection: Connection, now: datetime) -> int:
        """Write down as ended what has come to its end, and return how many. They count no more anyway."""
        return self._end_where(connection, exceptions.c.ends_at <= now, now)

    def end_of_tenant(self, connection: Connection, organization_id: str, tid: str, now: datetime) -> None:
        """End those of a tenant that the organisation gives up: they must not come back with it."""
        of_it = and_(exceptions.c.organization_id == organization_id, exceptions.c.tid == tid)
        self._end_where(connection, of_it, now)

    def of_organization(self, connection: Connection, organization_id: str) -> list[ExceptionRecord]:
        """Return all there ever were, the newest first."""
        return records(connection, self._cipher, exceptions.c.organization_id == organization_id)

    def to_decide(self, connection: Connection) -> list[ExceptionRecord]:
        """Return the requests that wait for an operator."""
        return records(connection, self._cipher, exceptions.c.state == State.REQUESTED)

    def current(self, connection: Connection, now: datetime) -> list[ExceptionRecord]:
        """Return what counts now, of all organisations."""
        return records(connection, self._cipher, exceptions.c.state == State.APPROVED, exceptions.c.ends_at > now)

    def get(self, connection: Connection, exception_id: str) -> ExceptionRecord:
        """Return one. Raises :class:`NotFound`."""
        return record(connection, self._cipher, exception_id)

    def waivers(self, connection: Connection, tenant: str, account_id: str | None, now: datetime) -> list[Waiver]:
        """Return what is waived for somebody who came by ``tenant`` (empty: by none), placed ones first.

        One statement. ``account_id`` none: who has no account yet, and can be covered by a tenant's only.
        """
        return [
            Waiver(
                exception_id=row.id,
                exemption=Exemption(organization=row.organization_id, until=row.ends_at),
                placed=bool(row.placed),
            )
            for row in connection.execute(_applying(tenant, account_id, now))
            if row.placed or row.taken < row.people
        ]

    def take_place(self, connection: Connection, exception_id: str, account_id: str, now: datetime) -> bool:
        """Return whether the exception covers the account from now on; it never covers more than ``people``.

        The caller has it from :meth:`waivers` of that account.
        """
        exclusive(connection, _lock(exception_id))
        row = connection.execute(
            select(exceptions.c.tid, exceptions.c.people, _placed(account_id), _TAKEN).where(
                exceptions.c.id == exception_id, exceptions.c.state == State.APPROVED, exceptions.c.ends_at > now
            )
        ).one_or_none()
        if row is None or row.placed:
            return row is not None
        if row.tid is None or row.taken >= row.people:
            return False
        connection.execute(
            insert(exception_places).values(exception_id=exception_id, account_id=account_id, taken_at=now)
        )
        return True

    def _check_scope(
        self, connection: Connection, organization_id: str, tid: str | None, named: frozenset[str]
    ) -> None:
        if (tid is None) == (not named):
            raise BadInput("scope", "one_of", "An exception is for a tenant, or for members by name. Choose one.")
        # What is no id is not looked up: a database may not even take it.
        if tid is not None and not (
            is_guid(tid) and connection.execute(select(_serves(organization_id, tid))).scalar_one()
        ):
            raise BadInput("tid", "unknown", "That is not an active tenant of this organisation.")
        if not all(map(is_guid, named)) or members_among(connection, organization_id, named) != named:
            raise BadInput("members", "unknown", "Only members of this organisation can be named.")

    def _held(
        self, connection: Connection, acting: FreshAdmin | FreshOperator | Shell, exception_id: str, *states: State
    ) -> ExceptionRecord:
        """Return one in these states, of which nothing else changes until this transaction ends."""
        organization_id = record(connection, self._cipher, exception_id).organization_id
        if not hold_for(connection, acting, organization_id):
            raise NotFound(exception_id)
        exclusive(connection, _lock(exception_id))
        found = record(connection, self._cipher, exception_id)
        if found.state not in states:
            raise Conflict(Conflicting.STATE)
        return found

    def _set(self, connection: Connection, exception_id: str, state: State, decided_at: datetime | None) -> None:
        this = exceptions.c.id == exception_id
        connection.execute(update(exceptions).where(this).values(state=state, decided_at=decided_at))

    def _end_where(self, connection: Connection, condition: ColumnElement[bool], now: datetime) -> int:
        is_open = exceptions.c.state.in_((State.REQUESTED, State.APPROVED))
        ended = update(exceptions).where(is_open, condition).values(state=State.ENDED).returning(exceptions.c.id)
        ids = connection.execute(ended).scalars().all()
        for each in sorted(ids):
            self._done(connection, "ended", each, now)
        return len(ids)

    def _done(
        self, connection: Connection, verb: str, exception_id: str, now: datetime, account_id: str | None = None
    ) -> ExceptionRecord:
        """Write down what was done, tell the admins, and return the exception as it is now."""
        found = record(connection, self._cipher, exception_id)
        detail = {"organization": found.organization_id, "exception": exception_id, "state": found.state.value}
        self._audit.record(connection, action=f"exception.{verb}", account_id=account_id, detail=detail, now=now)
        if verb in _TOLD:
            self._notices.tell_admins(connection, found.organization_id, *_TOLD[verb], now)
        return found


def _require_share(connection: Connection, admin: FreshAdmin) -> None:
    of_today = exceptions.c.requested_at > admin.now - timedelta(days=1)
    asked = (
        select(func.count())
        .select_from(exceptions)
        .where(
            exceptions.c.organization_id == admin.organization_id,
            or_(exceptions.c.state == State.REQUESTED, of_today),
        )
    )
    if connection.execute(asked).scalar_one() >= MOST_ASKED:
        raise TooOften(Share.EXCEPTIONS)


def _reason(raw: str) -> str:
    text = _LINE_BREAK.sub("\n", raw).strip()
    odd = {unicodedata.category(each) for each in text if each not in "\n\t"} & _UNPRINTABLE
    if odd or not 1 <= len(text) <= _REASON_LIMIT:
        raise BadInput("reason", "unreadable", f"Give a reason of 1 to {_REASON_LIMIT} printable characters.")
    return text


def _lock(exception_id: str) -> str:
    return f"exception:{exception_id}"


def _serves(organization_id: str | ColumnElement[str], tid: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that the tenant is the organisation's, and active."""
    return exists().where(
        mappings.c.organization_id == organization_id, mappings.c.tid == tid, mappings.c.state == "active"
    )


def _placed(account_id: str | None) -> Label[bool]:
    places = exception_places.c
    return exists().where(places.exception_id == exceptions.c.id, places.account_id == account_id).label("placed")


_TAKEN = (
    select(func.count())
    .select_from(exception_places)
    .where(exception_places.c.exception_id == exceptions.c.id)
    .scalar_subquery()
    .label("taken")
)


def _applying(tenant: str, account_id: str | None, now: datetime) -> Select[*tuple[Any, ...]]:
    placed = _placed(account_id)
    by_tenant = and_(exceptions.c.tid == tenant, _serves(exceptions.c.organization_id, exceptions.c.tid))
    by_name = and_(
        exceptions.c.tid.is_(None),
        placed.element,
        # Who has left the organisation has left its exceptions.
        exceptions.c.organization_id.in_(organizations_of(account_id)),
    )
    return (
        select(exceptions.c.id, exceptions.c.organization_id, exceptions.c.ends_at, exceptions.c.people, placed, _TAKEN)
        .where(
            exceptions.c.state == State.APPROVED,
            exceptions.c.ends_at > now,
            exceptions.c.organization_id.in_(active_ids()),
            or_(by_tenant, by_name),
        )
        .order_by(placed.desc(), exceptions.c.ends_at.desc(), exceptions.c.id)
    )
