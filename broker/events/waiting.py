"""What waits in the outbox, as an operator sees it and may change it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from broker.audit.service import Audit
from broker.events.model import outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An item without what it says. ``subject`` is the id of a client or an account; ``last_error`` a code."""

    id: str
    kind: str
    subject: str | None
    attempts: int
    due_at: datetime
    expires_at: datetime
    last_error: str | None


def list_waiting(connection: Connection) -> list[Waiting]:
    """Return what waits, the oldest first."""
    rows = connection.execute(select(*_SHOWN).order_by(outbox.c.created_at, outbox.c.id))
    return [Waiting(**row._mapping) for row in rows]


def retry(connection: Connection, item_id: str, audit: Audit, now: datetime) -> None:
    """Make an item due now. Raises ``LookupError`` when there is none of this id."""
    due = update(outbox).where(outbox.c.id == item_id).values(due_at=now).returning(outbox.c.kind)
    _record(connection, audit, "outbox.retried", item_id, connection.execute(due).scalar_one_or_none(), now)


def drop(connection: Connection, item_id: str, audit: Audit, now: datetime) -> None:
    """Forget an item undelivered. Raises ``LookupError`` when there is none of this id."""
    gone = delete(outbox).where(outbox.c.id == item_id).returning(outbox.c.kind)
    _record(connection, audit, "outbox.dropped", item_id, connection.execute(gone).scalar_one_or_none(), now)


def _record(connection: Connection, audit: Audit, action: str, item_id: str, kind: str | None, now: datetime) -> None:
    if kind is None:
        raise LookupError("nothing of this id waits")
    audit.record(connection, action=action, detail={"kind": kind, "reference": item_id}, now=now)


_SHOWN = (
    outbox.c.id,
    outbox.c.kind,
    outbox.c.subject,
    outbox.c.attempts,
    outbox.c.due_at,
    outbox.c.expires_at,
    outbox.c.last_error,
)
