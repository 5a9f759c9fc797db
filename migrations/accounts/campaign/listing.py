"""Cases in lists: a page at a time, without what is sealed of them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, tuple_

from migrations.accounts.cases import CaseKind, CaseState
from migrations.accounts.model import cases as table

MOST = 50
"""How many are shown at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a line says of a case."""

    id: str
    kind: CaseKind
    registry_id: str
    state: CaseState
    started_at: datetime
    due_at: datetime | None
    ended_at: datetime | None


def page_of(
    connection: Connection, states: Collection[CaseState], kind: CaseKind | None = None, after: str = ""
) -> tuple[list[Listed], str | None]:
    """Return those behind the case ``after``, the first one first, up to :data:`MOST`; and what the next are behind.

    That is none where there are no more. Of an id that is no case's, it is the first ones. One statement.
    """
    names = ("id", "kind", "registry_id", "state", "started_at", "due_at", "ended_at")
    wanted = select(*(table.c[name] for name in names)).where(table.c.state.in_([each.value for each in states]))
    if kind is not None:
        wanted = wanted.where(table.c.kind == kind.value)
    place = (table.c.started_at, table.c.id)
    last = select(table.c.started_at).where(table.c.id == after).scalar_subquery()
    if after:
        behind = tuple_(*place) > tuple_(last, after)
        wanted = wanted.where(behind | last.is_(None))
    rows = connection.execute(wanted.order_by(*place).limit(MOST + 1)).all()
    found = [
        Listed(
            id=row.id,
            kind=CaseKind(row.kind),
            registry_id=row.registry_id,
            state=CaseState(row.state),
            started_at=row.started_at,
            due_at=row.due_at,
            ended_at=row.ended_at,
        )
        for row in rows[:MOST]
    ]
    return found, found[-1].id if len(rows) > MOST else None
