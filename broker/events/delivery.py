"""Emptying the outbox."""

import json
import logging
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from broker.events.handling import Handler, Item, NobodyThere, NotSent
from broker.events.model import outbox
from broker.events.service import payload_context
from broker.keys.cipher import FieldCipher, Undecryptable
from broker.storage.database import Database

# Longer than any attempt takes: until then an item belongs to the worker that took it, dead or alive.
_LEASE = timedelta(minutes=10)
# Then other chores have their turn, and ``now`` is read anew: slow receivers are not to delay the one or age the other.
_PASS_SECONDS = 10.0
# A receiver that took longer, or failed, is left alone for a while before the next of its items.
_SLOW_SECONDS = 1.0
_REST = timedelta(seconds=30)

_log = logging.getLogger(__name__)


class Deliveries:
    """Hands over what waits of the kinds that ``handlers`` know; other kinds wait for who knows them.

    Any number of workers may do it at a time; each item goes to one of them.
    """

    def __init__(self, database: Database, cipher: FieldCipher, handlers: Mapping[str, Handler]) -> None:
        self._database = database
        self._cipher = cipher
        self._handlers = handlers

    def deliver(self, now: datetime, limit: int = 20) -> int:
        """Try items that are due, up to ``limit`` or for some ten seconds, and return how many were handed over."""
        started = monotonic()
        self.expire(now)
        delivered = 0
        for _ in range(limit):
            row = self._take(now)
            if row is None:
                break
            delivered += self._attempt(row, now)
            if monotonic() - started > _PASS_SECONDS:
                break
        return delivered

    def expire(self, now: datetime) -> None:
        """Forget what was not handed over in time, of any kind."""
        gone = delete(outbox).where(outbox.c.expires_at <= now).returning(outbox.c.kind, outbox.c.subject)
        with self._database.begin() as connection:
            expired = Counter((row.kind, row.subject) for row in connection.execute(gone))
        for (kind, subject), count in sorted(expired.items(), key=str):
            _log.warning("%d of kind %s for %s expired undelivered", count, kind, subject)

    def _take(self, now: datetime) -> Row[Any] | None:
        """Return the item that is due the longest, held by its lease, or none."""
        due = (
            select(outbox.c.id)
            .where(outbox.c.due_at <= now, outbox.c.kind.in_(self._handlers))
            .order_by(outbox.c.due_at, outbox.c.attempts, outbox.c.created_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with self._database.begin() as connection:
            return connection.execute(
                update(outbox)
                .where(outbox.c.id == due.scalar_subquery())
                .values(due_at=now + _LEASE, attempts=outbox.c.attempts + 1)
                .returning(outbox)
            ).one_or_none()

    def _attempt(self, row: Row[Any], now: datetime) -> bool:
        handler, started = self._handlers[row.kind], monotonic()
        try:
            handler.deliver(self._open(row), now)
        except (NotSent, Undecryptable) as error:
            _log.warning("%s %s not sent, attempt %d: %s", row.kind, row.id, row.attempts, error)
            self._postpone(row, handler, error, now)
            return False
        with self._database.begin() as connection:
            connection.execute(delete(outbox).where(outbox.c.id == row.id))
            if monotonic() - started > _SLOW_SECONDS:
                self._rest(connection, row, now, now + _REST)
        _log.info("%s %s sent, attempt %d", row.kind, row.id, row.attempts)
        return True

    def _postpone(self, row: Row[Any], handler: Handler, error: Exception, now: datetime) -> None:
        due_at = now + handler.back_off[min(row.attempts, len(handler.back_off)) - 1]
        with self._database.begin() as connection:
            connection.execute(update(outbox).where(outbox.c.id == row.id).values(due_at=due_at, last_error=str(error)))
            if isinstance(error, NobodyThere):
                self._rest(connection, row, now, due_at, last_error=str(error))
            else:
                self._rest(connection, row, now, min(due_at, now + _REST))

    def _rest(self, connection: Connection, row: Row[Any], now: datetime, until: datetime, **also: str) -> None:
        """Put off what else waits for the same receiver: it must not hold up all others, once for each item."""
        if row.subject is not None:
            connection.execute(
                update(outbox)
                .where(outbox.c.kind == row.kind, outbox.c.subject == row.subject, outbox.c.due_at <= now)
                .values(due_at=until, **also)
            )

    def _open(self, row: Row[Any]) -> Item:
        payload = json.loads(self._cipher.open(row.payload_sealed, payload_context(row.id)))
        return Item(id=row.id, payload=payload, written_at=row.created_at)
