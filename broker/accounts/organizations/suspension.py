"""Memberships that a sign-in suspends, or brings back: noted for the other members; it is judged anew at every use."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, update

from broker.accounts.organizations.belonging import Belonging
from broker.accounts.organizations.model import memberships
from broker.audit.service import Audit
from broker.signin.proven import Proven


class Suspensions:
    """Notes them."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def note(self, connection: Connection, proven: Proven, belongings: Iterable[Belonging], now: datetime) -> None:
        """Note how a sign-in stands to the memberships of its account. No statement where nothing differs."""
        for each in belongings:
            if each.standing.met != (each.suspended_at is None):
                self._change(connection, proven.account_id, each, now)

    def _change(self, connection: Connection, account_id: str, belonging: Belonging, now: datetime) -> None:
        unmet, organization_id = belonging.standing.unmet, belonging.organization_id
        was_suspended = memberships.c.suspended_at.is_not(None)
        changed = connection.execute(
            update(memberships)
            .where(
                memberships.c.organization_id == organization_id,
                memberships.c.account_id == account_id,
                was_suspended if unmet is None else ~was_suspended,
            )
            .values(suspended_at=None if unmet is None else now)
        )
        # Another sign-in may have been first, or the membership over.
        if changed.rowcount:
            detail = {"organization": organization_id, "member": account_id}
            action = "membership.resumed" if unmet is None else "membership.suspended"
            reason = {} if unmet is None else {"reason": unmet.value}
            self._audit.record(connection, action=action, account_id=account_id, detail={**detail, **reason}, now=now)
