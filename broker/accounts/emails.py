"""Changing an email address: it counts once a link that was sent there is followed, by the account that asked."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select

from broker.accounts.model import email_changes
from broker.accounts.service import Accounts
from broker.audit.service import Audit
from broker.events.mail import enqueue_mail
from broker.events.service import Outbox
from broker.keys.cipher import FieldCipher
from broker.storage.sealed import digest
from claims.profile import Profile

LINK_LIFETIME = timedelta(hours=2)


class EmailChanges:
    """The verbs of a change under way. Like those of :class:`Accounts`, they take the caller's connection."""

    def __init__(self, accounts: Accounts, cipher: FieldCipher, audit: Audit, outbox: Outbox) -> None:
        self._accounts = accounts
        self._cipher = cipher
        self._audit = audit
        self._outbox = outbox

    def request(self, connection: Connection, account_id: str, email: str, link_prefix: str, now: datetime) -> None:
        """Send a link to ``email``; the address changes only once it is followed. A newer request replaces it.

        Raises ``ValueError`` for an address that :class:`Profile` does not take.
        """
        clean = Profile.read(None, email, None).email
        if clean is None:
            raise ValueError("not an email address")
        self._accounts.hold(connection, account_id)
        token = secrets.token_urlsafe(32)
        connection.execute(delete(email_changes).where(email_changes.c.account_id == account_id))
        connection.execute(
            insert(email_changes).values(
                token_hash=digest(token),
                account_id=account_id,
                email_sealed=self._cipher.seal(clean.encode(), _context(account_id)),
                expires_at=now + LINK_LIFETIME,
            )
        )
        enqueue_mail(
            self._outbox,
            connection,
            to=clean,
            subject="Confirm your email address",
            text=_CONFIRM_EMAIL.format(link=link_prefix + token),
            now=now,
            expires_at=now + LINK_LIFETIME,
        )
        self._audit.record(connection, action="email.requested", account_id=account_id, now=now)

    def confirm(self, connection: Connection, account_id: str, token: str, now: datetime) -> bool:
        """Make the address of a followed link the account's, once. False: the account has no such link."""
        self._accounts.hold(connection, account_id)
        sealed = connection.execute(
            delete(email_changes)
            .where(
                email_changes.c.token_hash == digest(token),
                email_changes.c.account_id == account_id,
                email_changes.c.expires_at > now,
            )
            .returning(email_changes.c.email_sealed)
        ).scalar_one_or_none()
        if sealed is None:
            return False
        email = self._cipher.open(sealed, _context(account_id)).decode()
        self._accounts.set_email(connection, account_id, email, verified=True, now=now)
        return True

    def pending(self, connection: Connection, account_id: str, now: datetime) -> bool:
        """Return whether a link was sent that can still be followed."""
        return (
            connection.execute(
                select(func.count())
                .select_from(email_changes)
                .where(email_changes.c.account_id == account_id, email_changes.c.expires_at > now)
            ).scalar_one()
            > 0
        )

    def expire(self, connection: Connection, now: datetime) -> None:
        """Forget the addresses of links that nobody followed in time."""
        connection.execute(delete(email_changes).where(email_changes.c.expires_at <= now))


def _context(account_id: str) -> str:
    return f"email_changes.email:{account_id}"


_CONFIRM_EMAIL = """\
Somebody, hopefully you, asked to use this address for an account.

Follow this link within two hours to confirm it:

{link}

If it was not you, do nothing. The address will not be used.
"""
