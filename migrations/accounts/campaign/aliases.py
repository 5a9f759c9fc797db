"""Accounts that several people seem to share: what speaks for it, and the word of a person on it."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from broker.accounts.organizations.capabilities import FreshOperator, Shell
from broker.audit.service import Audit
from migrations.accounts.effects import TooLate
from migrations.accounts.importing.aliases import is_role
from migrations.accounts.model import legacy_accounts as table
from migrations.accounts.notices import Notices
from migrations.accounts.records import Alias, Ledger, LegacyAccount, State

MOST = 50
"""How many are shown at a time."""
DECIDABLE = frozenset({State.PENDING, State.CLOSED})
"""What nobody has, and somebody could still get: once it is closed, by a recovery."""

_NOT_SHARED = """\
You get this mail because you are behind this address. An operator of {registry} has decided that your account is one
person's, and not shared by a team.

One person alone can claim it: whoever knows its password, can read this mailbox, and signs in with a second factor. It
does not become an organisation then. No such claim takes effect within the next seven days.

If it is one person's, there is nothing to do. If several people share it, write to the operators at once, so that they
take it back, and change its password.
"""


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
    notices: Notices

    def proposed(self, connection: Connection, after: str = "") -> list[Proposed]:
        """Return those behind ``after``, in order of their ids, up to :data:`MOST`. Two statements."""
        rows = connection.execute(
            select(table)
            .where(
                table.c.state.in_([each.value for each in DECIDABLE]),
                table.c.alias == Alias.PROPOSED.value,
                table.c.registry_id > after,
            )
            .order_by(table.c.registry_id)
            .limit(MOST)
        ).all()
        indexes = {row.email_index for row in rows if row.email_index is not None}
        counted = select(table.c.email_index, func.count()).where(
            table.c.email_index.in_(indexes), table.c.email_confirmed
        )
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

        While a claim waits, it can still be found out that the account is shared: the claim comes to nothing then. What
        was held to be shared, and is not any more, one person could take: those behind its address are told at once.
        """
        legacy = self.ledger.held(connection, registry_id)
        if legacy.state not in (DECIDABLE | {State.WAITING} if shared else DECIDABLE):
            raise TooLate
        alias = Alias.CONFIRMED if shared else Alias.REJECTED
        if legacy.alias is alias:
            return
        parted_at = by.now if legacy.is_shared else None
        self.ledger.write(connection, registry_id, alias=alias.value, parted_at=parted_at)
        detail = {"registry_account": registry_id}
        action = f"migration.alias_{alias.value}"
        self.audit.record(connection, action=action, account_id=by.account_id, detail=detail, now=by.now)
        if legacy.is_shared:
            text = _NOT_SHARED.format(registry=self.notices.registry)
            self.notices.old_address(connection, legacy, "Your account counts as one person's now", text, by.now)
