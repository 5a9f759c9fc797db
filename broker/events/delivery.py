"""Emptying the outbox."""

import json
import logging
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import Row, delete, select, update

from broker.events.handling import BACK_OFF, Handler, Item, NobodyThere, NotSent
from broker.events.model import outbox
from broker.events.service import payload_context
from broker.keys.cipher import FieldCipher, Undecryptable
from broker.storage.database import Database

# Longer than any attempt takes: until then an item belongs to the worker that took it, dead or alive.
_LEASE = timedelta(minutes=10)
# Then other chores have their turn, and ``now`` is read anew: slow receivers are not to delay the one or age the other.
_PASS_SECONDS = 10.0

_log = logging.getLogger(__name__)


class Deliveries:
    """Hands over what waits, by kind. Any number of workers may do it at a time; each item goes to one of them."""

    def __init__(self, database: Database, cipher: FieldCipher, handlers: Mapping[str, Handler]) -> None:
        self._database = database
        self._cipher = cipher
        self._handlers = handlers

    def deliver(self, now: datetime, limit: int = 20) -> int:
        """Try items that are due, up to ``limit`` or for some ten seconds, and return how many were handed over."""
        started = monotonic()
        self._expire(now)
        delivered = 0
        for _ in range(limit):
            row = self._take(now)
            if row is None:
                break
            delivered += self._attempt(row, now)
            if monotonic() - started > _PASS_SECONDS:
                break
        return delivered

    def _expire(self, now: datetime) -> None:
        gone = delete(outbox).where(outbox.c.expires_at <= now).returning(outbox.c.kind, outbox.c.subject)
        with self._database.begin() as connection:
            expired = Counter((row.kind, row.subject) for row in connection.execute(gone))
        for (kind, subject), count in sorted(expired.items(), key=str):
            _log.warning("%d of kind %s for %s expired undelivered", count, kind, subject)

    def _take(self, now: datetime) -> Row[Any] | None:
        """Return the item that is due the longest, held by its lease, or none."""
        due = (
            select(outbox.c.id)
            .where(outbox.c.due_at <= now)
            .order_by(outbox.c.due_at, outbox.c.created_at)
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
        handler = self._handlers.get(row.kind)
        try:
            if handler is None:
                raise NotSent("no_handler")
            handler.deliver(self._open(row), now)
        except (NotSent, Undecryptable) as error:
            _log.warning("%s %s not sent, attempt %d: %s", row.kind, row.id, row.attempts, error)
            self._postpone(row, handler, error, now)
            return False
        with self._database.begin() as connection:
            connection.execute(delete(outbox).where(outbox.c.id == row.id))
        _log.info("%s %s sent, attempt %d", row.kind, row.id, row.attempts)
        return True

    def _postpone(self, row: Row[Any], handler: Handler | None, error: Exception, now: datetime) -> None:
        back_off = BACK_OFF if handler is None else handler.back_off
        due_at = now + back_off[min(row.attempts, len(back_off)) - 1]
        with self._database.begin() as connection:
            connection.execute(update(outbox).where(outbox.c.id == row.id).values(due_at=due_at, last_error=str(error)))
            if isinstance(error, NobodyThere) and row.subject is not None:
                # One receiver that is down must not hold up all others, once for each item that waits for it.
                connection.execute(
                    update(outbox)
                    .where(outbox.c.kind == row.kind, outbox.c.subject == row.subject, outbox.c.due_at <= now)
                    .values(due_at=due_at, last_error=str(error))
                )

    def _open(self, row: Row[Any]) -> Item:
        payload = json.loads(self._cipher.open(row.payload_sealed, payload_context(row.id)))
        return Item(id=row.id, payload=payload, written_at=row.created_at)
