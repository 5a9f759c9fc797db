"""Writing to the outbox, and emptying it."""

import json
import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, delete, insert, select, update

from broker.events.mailer import Mail, Mailer, NotSent
from broker.events.model import outbox
from broker.keys.cipher import FieldCipher, Undecryptable
from broker.storage.database import Database

MAIL = "mail"

# After each failed attempt; the last repeats until the mail expires.
BACK_OFF = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
)
# Longer than any attempt takes: until then a mail belongs to the worker that took it, dead or alive.
_LEASE = timedelta(minutes=10)

_log = logging.getLogger(__name__)


class Outbox:
    """What waits to be sent. Any number of workers may deliver at a time; each mail goes to one of them."""

    def __init__(self, database: Database, cipher: FieldCipher, mailer: Mailer) -> None:
        self._database = database
        self._cipher = cipher
        self._mailer = mailer

    def enqueue_mail(
        self, connection: Connection, *, to: str, subject: str, text: str, now: datetime, expires_at: datetime
    ) -> None:
        """Write a mail in the caller's transaction; it is tried until ``expires_at``, and then forgotten.

        Raises :class:`ValueError` when the address or the subject has a line break or another control
        character, by which a header could be smuggled in.
        """
        if not (to.isprintable() and subject.isprintable()):
            raise ValueError("an address and a subject have printable characters only")
        mail_id = str(uuid4())
        payload = json.dumps({"to": to, "subject": subject, "text": text}).encode()
        connection.execute(
            insert(outbox).values(
                id=mail_id,
                kind=MAIL,
                payload_sealed=self._cipher.seal(payload, _context(mail_id)),
                created_at=now,
                due_at=now,
                attempts=0,
                expires_at=expires_at,
            )
        )

    def deliver(self, now: datetime, limit: int = 20) -> int:
        """Try up to ``limit`` mails that are due, and return how many left."""
        self._expire(now)
        delivered = 0
        for _ in range(limit):
            row = self._take(now)
            if row is None:
                break
            delivered += self._attempt(row, now)
        return delivered

    def _expire(self, now: datetime) -> None:
        with self._database.begin() as connection:
            expired = connection.execute(delete(outbox).where(outbox.c.expires_at <= now)).rowcount
        if expired:
            _log.warning("%d mails expired unsent", expired)

    def _take(self, now: datetime) -> Row[Any] | None:
        """Return the mail that is due the longest, held by its lease, or none."""
        due = (
            select(outbox.c.id)
            .where(outbox.c.due_at <= now)
            .order_by(outbox.c.due_at)
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
        try:
            self._mailer.send(self._open(row))
        except (NotSent, Undecryptable) as error:
            _log.warning("mail %s not sent, attempt %d: %s", row.id, row.attempts, error)
            self._postpone(row, now)
            return False
        with self._database.begin() as connection:
            connection.execute(delete(outbox).where(outbox.c.id == row.id))
        _log.info("mail %s sent, attempt %d", row.id, row.attempts)
        return True

    def _postpone(self, row: Row[Any], now: datetime) -> None:
        due_at = now + BACK_OFF[min(row.attempts, len(BACK_OFF)) - 1]
        with self._database.begin() as connection:
            connection.execute(update(outbox).where(outbox.c.id == row.id).values(due_at=due_at))

    def _open(self, row: Row[Any]) -> Mail:
        payload = json.loads(self._cipher.open(row.payload_sealed, _context(row.id)))
        return Mail(id=row.id, written_at=row.created_at, **payload)


def _context(mail_id: str) -> str:
    return f"outbox.payload:{mail_id}"
