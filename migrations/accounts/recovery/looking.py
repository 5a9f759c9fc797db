"""Looking for markers in the background: whoever waits for an answer must not tell from its time what there is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from broker.events.handling import Item
from broker.storage.database import Database
from migrations.accounts.recovery.marker import Fetch, seen_in
from migrations.accounts.recovery.service import OPEN, Recovery


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Does what ``Recovery.look`` wrote. What is seen is for operators to weigh, and decides nothing."""

    database: Database
    recovery: Recovery
    fetch: Fetch
    back_off: tuple[timedelta, ...] = (timedelta(minutes=1),)

    def deliver(self, item: Item, now: datetime) -> None:
        """Look in the repositories of the account's packages, and write down what was seen."""
        effects, case_id = self.recovery.effects, str(item.payload["case"])
        with self.database.read() as connection:
            case = effects.cases.get(connection, case_id)
            legacy = effects.ledger.get(connection, case.registry_id)
        if legacy is None or case.state not in OPEN:
            return
        # No transaction is open meanwhile: others' servers take their time.
        marker = self.recovery.tickets.marker(UUID(case.id))
        found = seen_in(self.recovery.where(legacy, case), marker, self.fetch, self.recovery.requests)
        with self.database.begin() as connection:
            effects.ledger.held(connection, case.registry_id)
            case = effects.cases.get(connection, case_id)
            if case.state in OPEN:
                seen = {} if found is None else {"seen": {"repository": found, "seen_at": now.isoformat()}}
                effects.cases.describe(connection, case, {**case.details, "looked_at": now.isoformat(), **seen})
