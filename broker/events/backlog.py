"""How much waits, and for how long."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from broker.events.model import outbox, security_deliveries, security_events


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How many wait, and since when the oldest does; none when nothing waits."""

    count: int
    since: datetime | None


NOTHING = Backlog(count=0, since=None)


def of_outbox(connection: Connection) -> dict[str, Backlog]:
    """Return what waits in the outbox by its kind; kinds of which nothing waits are not there."""
    waiting = select(outbox.c.kind, func.count().label("number"), func.min(outbox.c.created_at).label("since"))
    rows = connection.execute(waiting.group_by(outbox.c.kind))
    return {row.kind: Backlog(count=row.number, since=row.since) for row in rows}


def of_stream(connection: Connection, client_id: str) -> Backlog:
    """Return the security events that a client has not taken."""
    waiting = (
        select(func.count().label("number"), func.min(security_events.c.occurred_at).label("since"))
        .select_from(security_deliveries)
        .join(security_events, security_events.c.id == security_deliveries.c.event_id)
        .where(security_deliveries.c.client_id == client_id, security_deliveries.c.delivered_at.is_(None))
    )
    row = connection.execute(waiting).one()
    return Backlog(count=row.number, since=row.since)
