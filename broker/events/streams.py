"""What clients are still to be told of security events, one stream for each client.

Of one subject a client is told in order: an event is neither taken nor offered before every earlier one of the same
subject has arrived. Subjects do not wait for each other, and neither do streams. It may be told twice, and never less
than once. Every verb takes the caller's write transaction, but for those that say they only read.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Row, Select, exists, select, update

from broker.events.model import security_deliveries as deliveries
from broker.events.model import security_events as events
from broker.storage.database import exclusive

# Longer than any attempt takes: until then an event belongs to the worker that took it, dead or alive.
LEASE = timedelta(minutes=10)
RESTING = "resting: "
"""In front of the code of a failure that is the receiver's, and not one event's: until its time, the stream rests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """An event that a client is to be told. ``attempt`` counts from 1, and is of this time that it was taken alone."""

    event_id: int
    jti: str
    kind: str
    subject: str
    data: Mapping[str, object]
    occurred_at: datetime
    attempt: int


def take(connection: Connection, client_id: str, now: datetime) -> Untold | None:
    """Return the event that is due the longest, held by its lease; none while there is none, or the stream rests."""
    hold(connection, client_id)
    # A failed attempt whose time has come is the one that finds out whether the receiver is there again: as long as it
    # is held, the others go on resting.
    rests = exists().where(
        _waits(client_id, _other), _other.c.due_at > now, _other.c.last_error.startswith(RESTING, autoescape=True)
    )
    due = (
        select(deliveries.c.event_id)
        .where(_waits(client_id), deliveries.c.due_at <= now, ~_earlier(), ~rests)
        .order_by(*_LONGEST)
        .limit(1)
        .with_for_update(skip_locked=True, of=deliveries)
    )
    event_id = connection.execute(due).scalar_one_or_none()
    if event_id is None:
        return None
    taken = {"due_at": now + LEASE, "attempts": deliveries.c.attempts + 1}
    connection.execute(update(deliveries).where(_is(client_id, event_id)).values(taken))
    return _untold(connection.execute(_events().where(_is(client_id, event_id))).one())


def told(connection: Connection, client_id: str, untold: Untold, now: datetime) -> None:
    """Note that the client has taken an event. Not of an attempt that was overtaken: it is told again, in order."""
    connection.execute(
        update(deliveries)
        .where(_is(client_id, untold.event_id), deliveries.c.attempts == untold.attempt)
        .values(delivered_at=now, last_error=None)
    )


def put_off(connection: Connection, client_id: str, untold: Untold, code: str, until: datetime, *, rests: bool) -> None:
    """Note that it has not, and why. ``rests``: it is the receiver that failed, and takes nothing else either."""
    connection.execute(
        update(deliveries)
        .where(_is(client_id, untold.event_id), deliveries.c.attempts == untold.attempt)
        .values(due_at=until, last_error=f"{RESTING}{code}" if rests else code)
    )


def offered(connection: Connection, client_id: str, now: datetime, limit: int) -> list[Untold]:
    """Return the next event of each subject, for a client that asks, as often as it asks. Only reads."""
    rows = connection.execute(
        _events().where(_waits(client_id), deliveries.c.due_at <= now, ~_earlier()).order_by(*_LONGEST).limit(limit)
    )
    return sorted(map(_untold, rows), key=lambda each: each.event_id)


def has_more(connection: Connection, client_id: str, now: datetime, besides: Sequence[Untold]) -> bool:
    """Return whether anything is left to offer, once ``besides`` has arrived. Only reads."""
    # Behind what is put off, nothing can be offered.
    behind = exists().where(
        _waits(client_id, _other),
        _other.c.subject == deliveries.c.subject,
        _other.c.event_id < deliveries.c.event_id,
        _other.c.due_at > now,
    )
    left = (
        select(deliveries.c.event_id)
        .where(_waits(client_id), deliveries.c.due_at <= now, ~behind)
        .where(deliveries.c.event_id.not_in([each.event_id for each in besides]))
        .limit(1)
    )
    return connection.execute(left).one_or_none() is not None


def acknowledge(connection: Connection, client_id: str, jtis: Collection[str], now: datetime) -> None:
    """Note that the client has taken these events. What was never offered to it is passed over."""
    ids = [row.event_id for row in _first(connection, client_id, jtis)]
    connection.execute(
        update(deliveries)
        .where(deliveries.c.client_id == client_id, deliveries.c.event_id.in_(ids))
        .values(delivered_at=now, last_error=None)
    )


def refuse(
    connection: Connection, client_id: str, codes: Mapping[str, str], now: datetime, back_off: Sequence[timedelta]
) -> None:
    """Note that the client would not take these events, by ``jti``, and why; they are offered again, later."""
    for row in _first(connection, client_id, codes.keys()):
        attempts = row.attempts + 1
        until = now + back_off[min(attempts, len(back_off)) - 1]
        connection.execute(
            update(deliveries)
            .where(_is(client_id, row.event_id))
            .values(due_at=until, attempts=attempts, last_error=codes[row.jti])
        )


def hold(connection: Connection, client_id: str) -> None:
    """Let one transaction at a time say what is next in a stream."""
    exclusive(connection, f"security_deliveries:{client_id}")


_other = deliveries.alias("other")
# As an index has it, with the column that is null in all of them: a million that wait are not to be sorted each time.
_LONGEST = (deliveries.c.delivered_at, deliveries.c.due_at)


def _is(client_id: str, event_id: int) -> ColumnElement[bool]:
    return (deliveries.c.client_id == client_id) & (deliveries.c.event_id == event_id)


def _waits(client_id: str, table: FromClause = deliveries) -> ColumnElement[bool]:
    return (table.c.client_id == client_id) & table.c.delivered_at.is_(None)


def _earlier() -> ColumnElement[bool]:
    """Whether the client has not been told an earlier event of the same subject."""
    return exists().where(
        _other.c.client_id == deliveries.c.client_id,
        _other.c.subject == deliveries.c.subject,
        _other.c.event_id < deliveries.c.event_id,
        _other.c.delivered_at.is_(None),
    )


def _first(connection: Connection, client_id: str, jtis: Collection[str]) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return those of these events that are the next of their subject: a late word about others does not count."""
    hold(connection, client_id)
    return connection.execute(
        select(deliveries.c.event_id, deliveries.c.attempts, events.c.jti)
        .join(events, events.c.id == deliveries.c.event_id)
        .where(_waits(client_id), events.c.jti.in_(jtis), ~_earlier())
    ).all()


def _events() -> Select[*tuple[Any, ...]]:
    return select(deliveries.c.event_id, deliveries.c.attempts, events).join(
        events, events.c.id == deliveries.c.event_id
    )


def _untold(row: Row[*tuple[Any, ...]]) -> Untold:
    return Untold(
        event_id=row.event_id,
        jti=row.jti,
        kind=row.kind,
        subject=row.subject,
        data=json.loads(row.data),
        occurred_at=row.occurred_at,
        attempt=row.attempts,
    )
