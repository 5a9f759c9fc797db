"""What waited when a backup was taken begins anew once it is restored: nobody could say no to it meanwhile.

What somebody stopped after the backup waits again, as that is not known any more. By the time of a restore it would be
overdue, and take effect before anybody could stop it once more.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Table, bindparam, select, update

from broker.backup.tables import tables_of

ASKED_FOR = frozenset({"email_changes", "invitations"})
"""The tables of links that let somebody in who follows them: not restored, so that they are asked for anew."""

_CHANGES, _CASES, _LINKS = "changes", "migration_cases", "migration_links"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Period:
    """Rows of ``table`` in one of ``states`` wait from ``since`` until ``until``: columns, both of them times."""

    table: str
    states: tuple[str, ...]
    since: str
    until: str


_PERIODS = (
    _Period(table=_CHANGES, states=("pending",), since="requested_at", until="effective_at"),
    _Period(table=_CASES, states=("asked", "waiting"), since="started_at", until="due_at"),
    # What has taken effect can be undone.
    _Period(table=_CASES, states=("effective",), since="effective_at", until="undo_until"),
)


def begin_anew(connection: Connection, made_at: datetime, now: datetime) -> int:
    """Have every period that ran at ``made_at`` begin at ``now``, as long as it was; return how many there are.

    Links that stop or undo a case lead there for as much longer.
    """
    tables = {table.name: table for table in tables_of(connection)}
    count = 0
    for period in _PERIODS:
        table = tables[period.table]
        since, until = table.c[period.since], table.c[period.until]
        running = table.c.state.in_(period.states) & since.is_not(None) & until.is_not(None)
        rows = connection.execute(select(table.c.id, since, until).where(running)).all()
        ends = {row[0]: (_aware(row[2]), now + (_aware(row[2]) - _aware(row[1]))) for row in rows}
        if ends:
            later = [{"which": name, "later": end} for name, (_, end) in ends.items()]
            changed = update(table).where(table.c.id == bindparam("which"))
            connection.execute(changed.values({period.until: bindparam("later", type_=until.type)}), later)
        if ends and table.name == _CASES:
            _prolong(connection, tables[_LINKS], ends, made_at)
        count += len(ends)
    return count


def _prolong(
    connection: Connection, links: Table, ends: dict[str, tuple[datetime, datetime]], made_at: datetime
) -> None:
    rows = connection.execute(select(links.c.token_hash, links.c.case_id, links.c.expires_at)).all()
    later = []
    for row in rows:
        expires_at = _aware(row.expires_at)
        if row.case_id in ends and expires_at > made_at:
            before, after = ends[row.case_id]
            later.append({"which": row.token_hash, "later": expires_at + (after - before)})
    if later:
        changed = update(links).where(links.c.token_hash == bindparam("which"))
        connection.execute(changed.values(expires_at=bindparam("later", type_=links.c.expires_at.type)), later)


def _aware(value: datetime) -> datetime:
    """Return the time with its zone, which SQLite drops. What was written was UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
