"""What time alone brings about: cases take effect, lapse and settle."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

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
        for case_id in due:
            try:
                with self.database.begin() as connection:
                    self._advance(connection, case_id, now)
            except TooLate:
                _log.info("case %s: somebody else was faster", case_id)
            except OperationalError:
                raise  # the database is away, for all of them
            except Exception as error:
                # Nobody's case may hold up those behind it, whatever is the matter with it.
                _log.error("case %s is not brought about: %s", case_id, type(error).__name__)
                with self.database.begin() as connection:
                    self.effects.cases.postpone(connection, case_id, now + _AGAIN)
        return len(due)

    def _advance(self, connection: Connection, case_id: str, now: datetime) -> None:
        case = self.effects.cases.get(connection, case_id)
        if case.state is CaseState.EFFECTIVE:
            self.effects.settle(connection, case, now)
        elif case.state is CaseState.ASKED:
            self.effects.lapse(connection, case, now)
        else:
            self._bring_about(connection, case, now)

    def _bring_about(self, connection: Connection, case: Case, now: datetime) -> None:
        ways = [case.way]
        if case.kind is CaseKind.CONVERSION:
            accepted = self.effects.admins.accepted(connection, case)
            ways += [each.way for each in accepted if each.way is not None]
        thrown = self.effects.standing.switches.thrown(now, connection)
        if any(thrown.shuts(way.provider_id, way.tenant) for way in ways):
            # A kill switch ends nothing that waits: it is judged when the ways of all who have a part in it are
            # open again.
            self.effects.cases.postpone(connection, case.id, now + _AGAIN)
            return
        if self.effects.take_effect(connection, case, now).state is not CaseState.WAITING:
            return
        if now - case.started_at >= GATHERING:
            self.effects.lapse(connection, case, now)
        else:
            self.effects.cases.postpone(connection, case.id, now + _AGAIN)
