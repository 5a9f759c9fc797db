"""Accounts that several people seem to share: what speaks for it, and the word of a person on it."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from broker.accounts.organizations.capabilities import FreshOperator, Shell
from broker.audit.service import Audit
from migrations.accounts.effects import TooLate
from migrations.accounts.importing.aliases import is_role
from migrations.accounts.model import legacy_accounts as table
from migrations.accounts.records import Alias, Ledger, LegacyAccount, State

MOST = 50
"""How many are shown at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """One that a person is to decide on. ``sharing``: how many accounts have its address."""

    legacy: LegacyAccount
    is_role: bool
    sharing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Aliases:
    """What is proposed, and decided."""

    ledger: Ledger
    audit: Audit

    def proposed(self, connection: Connection, after: str = "") -> list[Proposed]:
        """Return those behind ``after``, in order of their ids, up to :data:`MOST`. Two statements."""
        rows = connection.execute(
            select(table)
            .where(
                table.c.state == State.PENDING.value, table.c.alias == Alias.PROPOSED.value, table.c.registry_id > after
            )
            .order_by(table.c.registry_id)
            .limit(MOST)
        ).all()
        indexes = {row.email_index for row in rows if row.email_index is not None}
        counted = select(table.c.email_index, func.count()).where(table.c.email_index.in_(indexes))
        sharing: dict[str, int] = dict(iter(connection.execute(counted.group_by(table.c.email_index))))
        found = [(self.ledger.read(row), row.email_index) for row in rows]
        return [
            Proposed(
                legacy=legacy,
                is_role=legacy.email is not None and is_role(legacy.email),
                sharing=sharing.get(index, 1),
            )
            for legacy, index in found
        ]

    def decide(self, connection: Connection, by: FreshOperator | Shell, registry_id: str, *, shared: bool) -> None:
        """Write a person's word on an account that nobody has. Raises ``LookupError``, ``TooLate``.

        While a claim waits, it can still be found out that the account is shared: the claim comes to nothing then.
        """
        legacy = self.ledger.held(connection, registry_id)
        if legacy.state not in ({State.PENDING, State.WAITING} if shared else {State.PENDING}):
            raise TooLate
        alias = Alias.CONFIRMED if shared else Alias.REJECTED
        if legacy.alias is alias:
            return
        self.ledger.write(connection, registry_id, alias=alias.value)
        detail = {"registry_account": registry_id}
        action = f"migration.alias_{alias.value}"
        self.audit.record(connection, action=action, account_id=by.account_id, detail=detail, now=by.now)
