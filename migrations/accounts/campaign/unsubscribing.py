"""Who wants no more campaign mails. Notices about the safety of an account are others, and come all the same."""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from broker.audit.service import Audit
from migrations.accounts.model import legacy_accounts as table


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Whether an account gets campaign mails."""

    registry_id: str
    subscribed: bool


class Unsubscribing:
    """Its links are made of the account's id and a keyed hash of it: there is one in every mail, and none is kept."""

    def __init__(self, key: bytes, issuer: str, audit: Audit) -> None:
        self._key = key
        self._issuer = issuer
        self._audit = audit

    def link(self, registry_id: str) -> str:
        """Return the address for a mail."""
        return f"{self._issuer}/unsubscribe/{self.token(registry_id)}"

    def token(self, registry_id: str) -> str:
        """Return the token of an account."""
        return f"{registry_id}.{self._mac(registry_id)}"

    def find(self, connection: Connection, token: str) -> Subscription | None:
        """Return what a token is for, or none. Changes nothing: mail scanners follow links."""
        registry_id, _, mac = token.rpartition(".")
        if not hmac.compare_digest(self._mac(registry_id).encode(), mac.encode()):
            return None
        found = select(table.c.unsubscribed_at).where(table.c.registry_id == registry_id)
        row = connection.execute(found).one_or_none()
        if row is None:
            return None
        return Subscription(registry_id=registry_id, subscribed=row.unsubscribed_at is None)

    def unsubscribe(self, connection: Connection, token: str, now: datetime) -> bool:
        """Send no more campaign mails to the account, and return whether the token is one. It can be repeated."""
        return self._put(connection, token, now, subscribed=False)

    def subscribe(self, connection: Connection, token: str, now: datetime) -> bool:
        """Send them again. Otherwise as :meth:`unsubscribe`."""
        return self._put(connection, token, now, subscribed=True)

    def _put(self, connection: Connection, token: str, now: datetime, *, subscribed: bool) -> bool:
        found = self.find(connection, token)
        if found is None:
            return False
        before = table.c.unsubscribed_at.is_not(None) if subscribed else table.c.unsubscribed_at.is_(None)
        changed = connection.execute(
            update(table)
            .where(table.c.registry_id == found.registry_id, before)
            .values(unsubscribed_at=None if subscribed else now)
        )
        if changed.rowcount:
            action = f"migration.{'subscribed' if subscribed else 'unsubscribed'}"
            detail = {"registry_account": found.registry_id}
            self._audit.record(connection, action=action, detail=detail, now=now)
        return True

    def _mac(self, registry_id: str) -> str:
        return urlsafe_b64encode(hmac.digest(self._key, registry_id.encode(), "sha256")).rstrip(b"=").decode()
