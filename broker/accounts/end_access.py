"""Ending all access of an account at an operator's word.

The word comes from a process that need not share the short-lived store with those that serve, so it goes by the
outbox, and one of them does it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from broker.accounts.access import RegistryAccess
from broker.accounts.model import accounts
from broker.audit.service import Audit
from broker.events.handling import Item, NotSent
from broker.events.service import Outbox
from broker.signin.ending import EndedBy, Ending
from broker.storage.store import StoreUnavailable

END_ACCESS = "end_access"
# Longer than a session lives, should nobody serve meanwhile.
_EXPIRES_AFTER = timedelta(days=30)


def ask_to_end_access(connection: Connection, outbox: Outbox, audit: Audit, account_id: str, now: datetime) -> None:
    """Have every session of an account, and whatever registries may do in its name, end within seconds.

    Raises ``LookupError`` when there is no such account.
    """
    if connection.execute(select(accounts.c.id).where(accounts.c.id == account_id)).one_or_none() is None:
        raise LookupError("no such account")
    payload = {"account_id": account_id, "asked_at": now.isoformat()}
    outbox.enqueue(connection, END_ACCESS, payload, now=now, expires_at=now + _EXPIRES_AFTER, subject=account_id)
    audit.record(connection, action="access.ended", account_id=account_id, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndAccess:
    """Does what :func:`ask_to_end_access` wrote."""

    ending: Ending
    registries: RegistryAccess
    back_off: tuple[timedelta, ...] = (timedelta(seconds=10),)

    def deliver(self, item: Item, now: datetime) -> None:
        """End what there was when it was asked for: a session opened since is none of it."""
        account_id, asked_at = item.payload["account_id"], datetime.fromisoformat(item.payload["asked_at"])
        try:
            self.ending.end_of_account(
                account_id, now, EndedBy.OPERATOR, lambda session: session.started_at <= asked_at
            )
            # After the sessions, out of which registries could get something new.
            self.registries.end_all(account_id, asked_at)
        except StoreUnavailable as error:
            raise NotSent(type(error).__name__) from error
