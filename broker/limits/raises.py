"""Limits that an operator raised for a time: kept in the database, the same for every process within seconds.

A process reads them at most every :data:`KNOWN_WITHIN` seconds, and only while it counts anything. A raise ends by
itself; its row goes with the next change of any.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from broker.audit.service import Audit
from broker.limits.model import limit_raises as table
from broker.limits.table import TABLE, By, Name
from broker.storage import schema
from broker.storage.database import Database, exclusive

KNOWN_WITHIN = 5  # seconds
LONGEST = timedelta(days=31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Raise:
    """``subject``: an id, or the keyed hash of an address. No window of the limit holds less than ``size``."""

    limit: str
    subject: str
    size: int
    raised_at: datetime
    until: datetime


class Raises:
    """``monotonic`` returns seconds that never go back."""

    def __init__(self, database: Database, audit: Audit, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._audit = audit
        self._monotonic = monotonic
        self._read_at: float | None = None
        self._sizes: Mapping[tuple[str, str], tuple[int, datetime]] = {}

    def size(self, limit: str, subject: str, now: datetime) -> int:
        """Return what a limit was raised to for this subject; 0 where it was not, or not any more.

        Raises as :meth:`Database.read`.
        """
        at = self._monotonic()
        if self._read_at is None or at - self._read_at >= KNOWN_WITHIN:
            # Said before it is read: of many threads that find it old, the others go on with what is known.
            self._read_at = at
            self._sizes = {(each.limit, each.subject): (each.size, each.until) for each in self.running(now)}
        size, until = self._sizes.get((limit, subject), (0, now))
        return size if now < until else 0

    def running(self, now: datetime) -> Sequence[Raise]:
        """Return the raises that hold, the one that ends first in front."""
        with self._database.read() as connection:
            # While hosts are upgraded one by one, the table may not be there yet.
            if not schema.has(connection, table):
                return []
            rows = connection.execute(select(table).where(table.c.until > now).order_by(table.c.until)).all()
        return [Raise(**row._asdict()) for row in rows]

    def put(
        self, connection: Connection, limit: Name, subject: str, size: int, lasting: timedelta, now: datetime
    ) -> Raise:
        """Raise a limit, in place of an earlier raise. Raises ``ValueError`` for what is none, or over a month."""
        if size < 1 or not timedelta() < lasting <= LONGEST:
            raise ValueError("a limit is raised to 1 or more, for at most 31 days")
        exclusive(connection, f"limit:{limit}")
        connection.execute(delete(table).where(table.c.until <= now))
        connection.execute(delete(table).where(table.c.limit == limit.value, table.c.subject == subject))
        made = Raise(limit=limit.value, subject=subject, size=size, raised_at=now, until=now + lasting)
        connection.execute(
            insert(table).values(limit=made.limit, subject=subject, size=size, raised_at=now, until=made.until)
        )
        self._record(connection, "limit.raised", limit, subject, {"count": size}, now)
        return made

    def drop(self, connection: Connection, limit: Name, subject: str, now: datetime) -> None:
        """End a raise before its time. Raises ``LookupError`` where there is none."""
        mine = (table.c.limit == limit.value, table.c.subject == subject, table.c.until > now)
        if connection.execute(delete(table).where(*mine)).rowcount == 0:
            raise LookupError("no such raise")
        self._record(connection, "limit.dropped", limit, subject, {}, now)

    def _record(
        self, connection: Connection, action: str, limit: Name, subject: str, more: Mapping[str, int], now: datetime
    ) -> None:
        by, detail = TABLE[limit].by[0], {"kind": limit.value, **more}
        if by not in (By.ACCOUNT, By.CLIENT, By.PROVIDER):
            detail["reference"] = subject
        self._audit.record(
            connection,
            action=action,
            account_id=subject if by is By.ACCOUNT else None,
            client_id=subject if by is By.CLIENT else None,
            provider_id=subject if by is By.PROVIDER else None,
            detail=detail,
            now=now,
        )
