"""Operators: the accounts of those who run the broker. The first are added by ``vestibule operators add``."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from broker.accounts.model import accounts
from broker.accounts.organizations.model import operators
from broker.audit.service import Audit


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAccount:
    """Whose account it is, and since when."""

    account_id: str
    added_at: datetime


def operators_among(connection: Connection, account_ids: Collection[str]) -> frozenset[str]:
    """Return which of the accounts are operators' now, and active."""
    found = (
        select(operators.c.account_id)
        .join(accounts, accounts.c.id == operators.c.account_id)
        .where(operators.c.account_id.in_(account_ids), accounts.c.status == "active")
    )
    return frozenset(connection.execute(found).scalars())


class Operators:
    """The list. How its members must sign in is for ``authority`` to judge."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def includes(self, connection: Connection, account_id: str) -> bool:
        """Return whether it is an operator's account."""
        found = connection.execute(select(operators.c.account_id).where(operators.c.account_id == account_id))
        return found.one_or_none() is not None

    def all(self, connection: Connection) -> list[OperatorAccount]:
        """Return them, the first one first."""
        rows = connection.execute(select(operators).order_by(operators.c.added_at, operators.c.account_id))
        return [OperatorAccount(account_id=row.account_id, added_at=row.added_at) for row in rows]

    def add(self, connection: Connection, account_id: str, now: datetime) -> None:
        """Make an account an operator's, whose caller has looked that it is there. Once more changes nothing."""
        if not self.includes(connection, account_id):
            connection.execute(insert(operators).values(account_id=account_id, added_at=now))
            self._audit.record(connection, action="operator.added", account_id=account_id, now=now)

    def remove(self, connection: Connection, account_id: str, now: datetime) -> None:
        """Take it back. Raises ``LookupError`` when it is none."""
        gone = connection.execute(delete(operators).where(operators.c.account_id == account_id))
        if gone.rowcount != 1:
            raise LookupError("not an operator")
        self._audit.record(connection, action="operator.removed", account_id=account_id, now=now)
