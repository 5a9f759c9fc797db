"""What time alone brings about: cases take effect, lapse and settle."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from broker.accounts.service import AccountClosed
from broker.storage.database import Database
from migrations.accounts.cases import Case, CaseKind, CaseState
from migrations.accounts.effects import Effects, TooLate
from migrations.accounts.periods import GATHERING

# A conversion whose admins have not all accepted: how often to look.
_AGAIN = timedelta(minutes=10)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Any number of workers may do it at a time: each case is held, and looked at once more."""

    database: Database
    effects: Effects

    def run(self, now: datetime) -> int:
        """Bring about what is due, each case in a transaction of its own, and return how many there were."""
        with self.database.read() as connection:
            due = self.effects.cases.due(connection, now)
        for case in due:
            try:
                with self.database.begin() as connection:
                    self._advance(connection, case, now)
            except TooLate:
                _log.info("case %s: somebody else was faster", case.id)
        return len(due)

    def _advance(self, connection: Connection, case: Case, now: datetime) -> None:
        if case.state is CaseState.EFFECTIVE:
            self.effects.settle(connection, case, now)
        elif case.state is CaseState.ASKED:
            self.effects.lapse(connection, case, now)
        else:
            self._bring_about(connection, case, now)

    def _bring_about(self, connection: Connection, case: Case, now: datetime) -> None:
        try:
            with connection.begin_nested():
                advanced = self.effects.take_effect(connection, case, now)
        except AccountClosed:
            self.effects.lapse(connection, case, now)
            return
        if advanced.state is not CaseState.WAITING:
            return
        if case.kind is CaseKind.CONVERSION and now - case.started_at >= GATHERING:
            self.effects.lapse(connection, case, now)
        else:
            self.effects.cases.postpone(connection, case, now + _AGAIN)
