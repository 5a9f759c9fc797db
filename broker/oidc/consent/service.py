"""What people let clients know of them, asked once by clients that are not first-party."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from broker.audit.service import Audit
from broker.oidc.model import consents
from broker.storage.database import exclusive


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What one client may know, since when."""

    client_id: str
    scopes: frozenset[str]
    given_at: datetime


class Consents:
    """The verbs of consent. Every one takes the caller's connection."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def covers(self, connection: Connection, account_id: str, client_id: str, scopes: Iterable[str]) -> bool:
        """Return whether the account has consented to all of ``scopes`` at this client."""
        kept = connection.execute(
            select(consents.c.scopes).where(consents.c.account_id == account_id, consents.c.client_id == client_id)
        ).scalar_one_or_none()
        return kept is not None and set(scopes) <= set(json.loads(kept))

    def give(
        self, connection: Connection, account_id: str, client_id: str, scopes: Iterable[str], now: datetime
    ) -> None:
        """Remember a consent, added to what was given before."""
        exclusive(connection, f"consents:{account_id}")
        which = (consents.c.account_id == account_id, consents.c.client_id == client_id)
        kept = connection.execute(select(consents.c.scopes).where(*which)).scalar_one_or_none()
        merged = json.dumps(sorted({*scopes, *(json.loads(kept) if kept is not None else ())}))
        if kept is None:
            connection.execute(
                insert(consents).values(account_id=account_id, client_id=client_id, scopes=merged, given_at=now)
            )
        else:
            connection.execute(update(consents).where(*which).values(scopes=merged, given_at=now))
        self._audit.record(connection, action="consent.given", account_id=account_id, client_id=client_id, now=now)

    def withdraw(self, connection: Connection, account_id: str, client_id: str, now: datetime) -> bool:
        """Forget a consent. Returns whether there was one."""
        gone = connection.execute(
            delete(consents).where(consents.c.account_id == account_id, consents.c.client_id == client_id)
        )
        if gone.rowcount:
            self._audit.record(
                connection, action="consent.withdrawn", account_id=account_id, client_id=client_id, now=now
            )
        return gone.rowcount > 0

    def of_account(self, connection: Connection, account_id: str) -> list[Consent]:
        """Return an account's consents, newest first."""
        rows = connection.execute(
            select(consents).where(consents.c.account_id == account_id).order_by(consents.c.given_at.desc())
        )
        return [
            Consent(client_id=row.client_id, scopes=frozenset(json.loads(row.scopes)), given_at=row.given_at)
            for row in rows
        ]

    def forget(self, connection: Connection, account_id: str) -> None:
        """Forget everything an account consented to."""
        connection.execute(delete(consents).where(consents.c.account_id == account_id))
