"""Mail, as one kind of what waits to be sent."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from broker.events.handling import BACK_OFF, Item
from broker.events.mailer import Mail, Mailer
from broker.events.service import Outbox

MAIL = "mail"
# Nobody's, for ever (RFC 2606, section 2).
_NOWHERE = "nobody@decoy.invalid"
_SOON = timedelta(minutes=1)


def enqueue_mail(
    outbox: Outbox,
    connection: Connection,
    *,
    to: str,
    subject: str,
    text: str,
    now: datetime,
    expires_at: datetime,
    unsubscribe: str | None = None,
    withheld: bool = False,
) -> None:
    """Write a mail in the caller's transaction; it is tried until ``expires_at``, and then forgotten.

    ``unsubscribe``: the address by which whoever gets it asks for no more of its kind (RFC 8058).
    ``withheld``: it is written as any other and goes nowhere, so that nobody can tell by how long it takes.

    Raises :class:`ValueError` when the address or the subject has a line break or another control character, by
    which a header could be smuggled in.
    """
    if not (to.isprintable() and subject.isprintable()):
        raise ValueError("an address and a subject have printable characters only")
    if withheld:
        # Expired before it is due, so that it is dropped and never tried.
        to, now, expires_at = _NOWHERE, now + _SOON, now
    payload = {"to": to, "subject": subject, "text": text}
    if unsubscribe is not None:
        payload["unsubscribe"] = unsubscribe
    outbox.enqueue(connection, MAIL, payload, now=now, expires_at=expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailHandler:
    """Sends what :func:`enqueue_mail` wrote."""

    mailer: Mailer
    back_off: tuple[timedelta, ...] = BACK_OFF

    def deliver(self, item: Item, now: datetime) -> None:
        del now
        self.mailer.send(Mail(id=item.id, written_at=item.written_at, **item.payload))
