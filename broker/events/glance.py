"""What waits to be delivered, asked in one statement: most of the time it is nothing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, select

from broker.events.model import outbox
from broker.events.model import security_deliveries as deliveries
from broker.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """``kinds`` and ``clients``: the chores that deliver a kind of item, and the events of a client, by name."""

    database: Database
    kinds: Mapping[str, str]
    clients: Mapping[str, str]

    @property
    def names(self) -> Collection[str]:
        return frozenset((*self.kinds.values(), *self.clients.values()))

    def look(self, now: datetime) -> Collection[str]:
        """Return the names of those chores that have something to deliver by now."""
        asked: dict[str, ColumnElement[bool]] = {
            name: exists().where(outbox.c.kind == kind, outbox.c.due_at <= now) for kind, name in self.kinds.items()
        }
        for client_id, name in self.clients.items():
            asked[name] = exists().where(
                deliveries.c.client_id == client_id, deliveries.c.delivered_at.is_(None), deliveries.c.due_at <= now
            )
        if not asked:
            return ()
        with self.database.read() as connection:
            found = connection.execute(select(*asked.values())).one()
        return [name for name, there in zip(asked, found, strict=True) if there]
