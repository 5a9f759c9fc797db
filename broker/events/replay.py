"""Security events told again, counted, and forgotten."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Integer, String, delete, exists, func, insert, literal, select, update

from broker.audit.service import Audit
from broker.events.model import security_deliveries as deliveries
from broker.events.model import security_events as events
from broker.events.streams import hold

KEPT = timedelta(days=400)
"""How long an event is kept after it happened; longer only until every client has been told."""

_AT_A_TIME = 1000


def replay(
    connection: Connection,
    client_id: str,
    audit: Audit,
    now: datetime,
    *,
    subject: str | None = None,
    since: datetime | None = None,
) -> int:
    """Have a client told again what happened, of all subjects or one, in order, and return how many events it is.

    What it was never told is among them: it may have begun to listen later. What happened more than :data:`KEPT` ago is
    not told again.
    """
    hold(connection, client_id)
    wanted = [events.c.occurred_at > now - KEPT]
    if since is not None:
        wanted.append(events.c.occurred_at >= since)
    if subject is not None:
        wanted.append(events.c.subject == subject)
    again = connection.execute(
        update(deliveries)
        .where(deliveries.c.client_id == client_id, deliveries.c.event_id.in_(select(events.c.id).where(*wanted)))
        # One more attempt: whoever is telling one of them just now does not tell it for this time.
        .values(delivered_at=None, due_at=now, attempts=deliveries.c.attempts + 1, last_error=None)
    ).rowcount
    has_it = exists().where(deliveries.c.client_id == client_id, deliveries.c.event_id == events.c.id)
    missing = select(
        literal(client_id, String),
        events.c.id,
        events.c.subject,
        literal(now, deliveries.c.due_at.type),
        literal(0, Integer),
    ).where(*wanted, ~has_it)
    columns = ["client_id", "event_id", "subject", "due_at", "attempts"]
    added = insert(deliveries).from_select(columns, missing).execution_options(preserve_rowcount=True)
    first = connection.execute(added).rowcount
    detail: dict[str, str | int | bool] = {"count": again + first}
    if subject is not None:
        detail["registry_account"] = subject
    audit.record(connection, action="security_events.replayed", client_id=client_id, detail=detail, now=now)
    return again + first


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What a client is still to be told: how many events, since when the oldest waits, and the last failure, a code."""

    client_id: str
    count: int
    since: datetime
    last_error: str | None


def backlogs(connection: Connection) -> list[Backlog]:
    """Return the streams in which anything waits, by client."""
    waiting = deliveries.c.delivered_at.is_(None)
    counted = connection.execute(
        select(deliveries.c.client_id, func.count().label("waiting"), func.min(events.c.occurred_at).label("since"))
        .join(events, events.c.id == deliveries.c.event_id)
        .where(waiting)
        .group_by(deliveries.c.client_id)
        .order_by(deliveries.c.client_id)
    ).all()
    failed = (
        select(deliveries.c.last_error)
        .where(waiting, deliveries.c.last_error.is_not(None))
        .order_by(deliveries.c.due_at.desc())
        .limit(1)
    )
    return [
        Backlog(
            client_id=row.client_id,
            count=row.waiting,
            since=row.since,
            last_error=connection.execute(failed.where(deliveries.c.client_id == row.client_id)).scalar_one_or_none(),
        )
        for row in counted
    ]


def expire(connection: Connection, now: datetime, listeners: Collection[str]) -> int:
    """Forget events of long ago that every one of ``listeners`` was told, a thousand at most; return how many."""
    awaited = exists().where(
        deliveries.c.event_id == events.c.id,
        deliveries.c.delivered_at.is_(None),
        deliveries.c.client_id.in_(listeners),
    )
    gone = connection.execute(
        select(events.c.id).where(events.c.occurred_at <= now - KEPT, ~awaited).limit(_AT_A_TIME)
    ).scalars()
    ids = list(gone)
    if ids:
        connection.execute(delete(deliveries).where(deliveries.c.event_id.in_(ids)))
        connection.execute(delete(events).where(events.c.id.in_(ids)))
    return len(ids)
