"""Exceptions as they were asked for and decided, read from their tables; the reasons are sealed there."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, ColumnElement, Connection, Label, Table, func, select

from broker.accounts.organizations.operators import operators_among
from broker.keys.cipher import FieldCipher
from broker.tenants.errors import NotFound
from broker.tenants.model import exception_approvals, exception_places, exceptions

ONE_APPROVER = 20
"""For how many people the word of one operator is enough: of an organisation, over all its exceptions, and over all
that the same account asked for, in any organisation."""


class State(StrEnum):
    """Where an exception stands. An approved one counts until its end, written down as ended or not."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionRecord:
    """An exception as it was asked for and decided.

    ``tid`` none: it is for members by name. Otherwise it covers at most ``people`` accounts that come by that tenant.
    ``places`` are the accounts it covers by now, ``approvals`` the operators who said yes, of ``approvals_needed``;
    until it is decided, only those who are operators still.
    """

    id: str
    organization_id: str
    tid: str | None
    people: int
    places: tuple[str, ...]
    reason: str
    requested_by: str
    requested_at: datetime
    ends_at: datetime
    state: State
    decided_at: datetime | None
    approvals: tuple[str, ...]
    approvals_needed: int

    def runs(self, now: datetime) -> bool:
        """Return whether it counts now."""
        return self.state is State.APPROVED and now < self.ends_at


def reason_context(exception_id: str) -> str:
    """Return where a reason lives, for the cipher."""
    return f"exceptions.reason:{exception_id}"


def records(connection: Connection, cipher: FieldCipher, *conditions: ColumnElement[bool]) -> list[ExceptionRecord]:
    """Return the exceptions of which these hold, the newest first. Raises ``Undecryptable``."""
    rows = connection.execute(
        select(exceptions, _of_others("organization_id"), _of_others("requested_by"))
        .where(*conditions)
        .order_by(exceptions.c.requested_at.desc(), exceptions.c.id)
    ).all()
    ids = [row.id for row in rows]
    approvals = _by_exception(
        connection, exception_approvals, exception_approvals.c.operator_id, exception_approvals.c.approved_at, ids
    )
    said = frozenset(who for row in rows if row.state == State.REQUESTED for who in approvals[row.id])
    counting = operators_among(connection, said) if said else frozenset()
    places = _by_exception(
        connection, exception_places, exception_places.c.account_id, exception_places.c.taken_at, ids
    )
    return [
        ExceptionRecord(
            id=row.id,
            organization_id=row.organization_id,
            tid=row.tid,
            people=row.people,
            places=places[row.id],
            reason=cipher.open_row(
                row.reason_sealed, reason_context(row.id), f"exceptions.reason of {row.id}"
            ).decode(),
            requested_by=row.requested_by,
            requested_at=row.requested_at,
            ends_at=row.ends_at,
            state=State(row.state),
            decided_at=row.decided_at,
            approvals=tuple(who for who in approvals[row.id] if row.state != State.REQUESTED or who in counting),
            approvals_needed=_needed(row.people, row.covered_by_organization_id, row.covered_by_requested_by),
        )
        for row in rows
    ]


def record(connection: Connection, cipher: FieldCipher, exception_id: str) -> ExceptionRecord:
    """Return one. Raises :class:`NotFound`."""
    found = records(connection, cipher, exceptions.c.id == exception_id)
    if not found:
        raise NotFound(exception_id)
    return found[0]


_OTHERS = exceptions.alias()


def _of_others(shared: str) -> Label[int]:
    """Return how many people the other exceptions cover that have this in common.

    So that nobody asks for one big exception as several small ones.
    """
    return (
        select(func.coalesce(func.sum(_OTHERS.c.people), 0))
        .where(
            _OTHERS.c[shared] == exceptions.c[shared],
            _OTHERS.c.state == State.APPROVED,
            _OTHERS.c.id != exceptions.c.id,
        )
        .scalar_subquery()
        .label(f"covered_by_{shared}")
    )


def _needed(people: int, *covered: int) -> int:
    return 1 if people + max(covered) <= ONE_APPROVER else 2


def _by_exception(
    connection: Connection, table: Table, value: Column[str], when: Column[datetime], exception_ids: Collection[str]
) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = dict.fromkeys(exception_ids, ())
    rows = connection.execute(
        select(table.c.exception_id, value.label("value"))
        .where(table.c.exception_id.in_(exception_ids))
        .order_by(when, value)
    )
    for row in rows:
        found[row.exception_id] += (row.value,)
    return found
