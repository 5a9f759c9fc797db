"""Exceptions with an end date: closing passes an account by until then."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import FreshOperator, Shell
from broker.audit.service import Audit
from broker.settings.migration import MigrationSettings
from migrations.accounts.campaign.phases import begin_of
from migrations.accounts.effects import TooLate
from migrations.accounts.periods import EXCEPTION
from migrations.accounts.records import Ledger, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceptions:
    """Gives and ends them."""

    ledger: Ledger
    settings: MigrationSettings
    audit: Audit

    @property
    def latest(self) -> date:
        """Return the last day that one can end on: 90 days after closing, and before names and addresses go."""
        return min(self.settings.closed + EXCEPTION, self.settings.forgets_on)

    def give(self, connection: Connection, by: FreshOperator | Shell, registry_id: str, until: date) -> None:
        """Have closing pass an account by until 00:00 UTC of a day.

        Raises ``LookupError``; ``ValueError`` for a day that is not to come, or beyond :attr:`latest`; ``TooLate``
        for an account whose hash is destroyed already, or that somebody has.
        """
        self._put(connection, by, registry_id, self._checked(until, by.now))

    def end(self, connection: Connection, by: FreshOperator | Shell, registry_id: str) -> None:
        """Have closing treat an account as any other. Raises as :meth:`give`."""
        self._put(connection, by, registry_id, None)

    def _checked(self, until: date, now: datetime) -> datetime:
        at = begin_of(until)
        if at <= now or until > self.latest:
            raise ValueError("not a day that an exception can end on")
        return at

    def _put(self, connection: Connection, by: FreshOperator | Shell, registry_id: str, until: datetime | None) -> None:
        legacy = self.ledger.held(connection, registry_id)
        if legacy.state in (State.CLAIMED, State.CONVERTED) or legacy.closed_at is not None:
            raise TooLate
        if legacy.excepted_until == until:
            return
        self.ledger.write(connection, registry_id, excepted_until=until)
        action = "migration.excepted" if until is not None else "migration.exception_ended"
        detail = {"registry_account": registry_id}
        self.audit.record(connection, action=action, account_id=by.account_id, detail=detail, now=by.now)
