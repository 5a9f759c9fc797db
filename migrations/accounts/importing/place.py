"""How far a file is: kept with the rows, so that an interrupted import knows where to go on."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from broker.audit.service import Audit
from broker.storage.database import Database, exclusive
from migrations.accounts.importing import aliases
from migrations.accounts.importing.keeping import Plan
from migrations.accounts.model import imports


class Overtaken(Exception):
    """Another import of the same file is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How far a file is, in rows, and what they came to."""

    position: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0

    def with_batch(self, rows: int, plan: Plan, unread: int) -> "Tally":
        """Return it after a batch. ``unread``: how many of its rows were refused before they were judged."""
        return Tally(
            position=self.position + rows,
            added=self.added + len(plan.added),
            changed=self.changed + len(plan.changed),
            unchanged=self.unchanged + plan.unchanged,
            refused=self.refused + plan.refused + unread,
        )


class Place:
    """Of one file. ``id`` is the SHA-256 of what is in it."""

    def __init__(self, database: Database, audit: Audit, id: str) -> None:
        self._database = database
        self._audit = audit
        self._id = id

    def begin(self, now: datetime) -> Tally:
        """Return where the file is: at its beginning, unless an earlier run of it did not come to its end."""
        with self._database.begin() as connection:
            take_turn(connection)
            row = connection.execute(select(imports).where(imports.c.id == self._id)).one_or_none()
            if row is not None and row.finished_at is None:
                self._record(connection, "resumed", row.position, now)
                return Tally(**{name: getattr(row, name) for name in asdict(Tally())})
            fresh = {**asdict(Tally()), "started_at": now, "finished_at": None}
            if row is None:
                connection.execute(insert(imports).values(id=self._id, **fresh))
            else:
                connection.execute(update(imports).where(imports.c.id == self._id).values(**fresh))
            self._record(connection, "started", 0, now)
            return Tally()

    def move(self, connection: Connection, before: Tally, after: Tally) -> None:
        """Go on, in the transaction that writes the rows between. Raises :class:`Overtaken`."""
        moved = connection.execute(
            update(imports)
            .where(imports.c.id == self._id, imports.c.position == before.position, imports.c.finished_at.is_(None))
            .values(**asdict(after))
        )
        if moved.rowcount != 1:
            raise Overtaken

    def finish(self, tally: Tally, now: datetime) -> int:
        """Close the file, and return how many accounts are proposed as shared because others have their address."""
        with self._database.begin() as connection:
            take_turn(connection)
            self.move(connection, tally, tally)
            aliases.propose_shared(connection)
            shared = aliases.count_shared(connection)
            connection.execute(update(imports).where(imports.c.id == self._id).values(finished_at=now))
            self._record(connection, "finished", tally.added + tally.changed, now)
        return shared

    def _record(self, connection: Connection, state: str, count: int, now: datetime) -> None:
        detail: dict[str, str | int | bool] = {"state": state, "count": count, "reference": self._id}
        self._audit.record(connection, action="migration.imported", detail=detail, now=now)


def take_turn(connection: Connection) -> None:
    """Have one import at a time write."""
    exclusive(connection, "migrations.accounts.importing")
