"""Sign-ins and refusals by the hour: counted from the audit record, for the operators' page."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from broker.audit.tallies import Tally, last_seal, tally
from broker.metrics.model import sign_in_counts
from broker.storage import schema
from broker.storage.database import Database, exclusive

KEPT = timedelta(days=35)
"""How long the hours are kept. The audit record keeps what they were counted from."""

_BATCH = 5000  # entries of the audit in one pass
# The row that is no hour: its count is the last seal that was counted, written with what was.
_MARK = (datetime(1970, 1, 1, tzinfo=UTC), "", "")
_counts = sign_in_counts.c

ByHour = Mapping[tuple[datetime, str, str], int]
"""Counts by (beginning of the hour, id of the provider, outcome)."""


class SignInCounts:
    """Counts what was sealed since it last did. Any number of processes may: each entry is counted once.

    The place up to which was counted is in the table itself, and changes in the transaction that counts. Before the
    table is there (an older schema), nothing is counted; afterwards all is, back to when it began to be kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, now: datetime) -> int:
        """Count up to some thousand entries of the audit, forget old hours, and return how many were looked at."""
        with self._database.read() as connection:
            if not self.is_there(connection) or last_seal(connection) == _mark(connection):
                return 0
        with self._database.begin() as connection:
            exclusive(connection, "sign_in_counts")
            before = _mark(connection)
            found = tally(connection, before, _BATCH)
            _add(connection, found, now - KEPT)
            _put(connection, _MARK, found.seq - before)
            connection.execute(delete(sign_in_counts).where(_counts.hour < now - KEPT, _counts.provider_id != ""))
        return found.seq - before

    def read(self, connection: Connection, since: datetime) -> ByHour | None:
        """Return the counts of the hours that begin at ``since`` or later; none where the table is not there yet."""
        if not self.is_there(connection):
            return None
        hours = select(_counts.hour, _counts.provider_id, _counts.outcome, _counts.count.label("number"))
        rows = connection.execute(hours.where(_counts.hour >= since, _counts.provider_id != ""))
        return {(row.hour, row.provider_id, row.outcome): row.number for row in rows}

    def is_there(self, connection: Connection) -> bool:
        """Return whether the schema has the table. Once it has, nobody is asked again."""
        return schema.has(connection, sign_in_counts)


def _mark(connection: Connection) -> int:
    """Return the last seal that was counted."""
    return connection.execute(select(_counts.count).where(*_is(_MARK))).scalar_one_or_none() or 0


def _add(connection: Connection, found: Tally, since: datetime) -> None:
    for key, count in sorted(found.counts.items()):
        if key[0] >= since and key[1]:
            _put(connection, key, count)


def _put(connection: Connection, key: tuple[datetime, str, str], count: int) -> None:
    """Add to a row, which nobody else does meanwhile."""
    added = update(sign_in_counts).where(*_is(key)).values(count=_counts.count + count)
    if connection.execute(added).rowcount == 0:
        hour, provider_id, outcome = key
        connection.execute(
            insert(sign_in_counts).values(hour=hour, provider_id=provider_id, outcome=outcome, count=count)
        )


def _is(key: tuple[datetime, str, str]) -> tuple[ColumnElement[bool], ...]:
    return _counts.hour == key[0], _counts.provider_id == key[1], _counts.outcome == key[2]
