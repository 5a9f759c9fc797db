"""The end of the campaign: every hash that is left is destroyed, and later names and addresses go."""

from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from broker.settings.migration import MigrationSettings
from broker.storage.database import Database
from migrations.accounts import links
from migrations.accounts.campaign.phases import begin_of, closes_at
from migrations.accounts.effects import Effects
from migrations.accounts.model import legacy_accounts as table
from migrations.accounts.records import State

BATCH = 100
"""Accounts in a transaction: nobody waits long behind it."""
_BATCHES = 5  # in one turn of the worker
_FORGOTTEN = 500  # accounts in a turn
# Once nothing is found, nothing is due for a while: every look is at all rows.
_REST = timedelta(hours=1)


class Closing:
    """Closes what nobody claimed, from the day on. Killed at any moment, it goes on where it was."""

    def __init__(self, *, database: Database, effects: Effects, settings: MigrationSettings) -> None:
        self._database = database
        self._effects = effects
        self._settings = settings

    def run(self, now: datetime) -> int:
        """Close some accounts, and return how many that were."""
        if now < closes_at(self._settings):
            return 0
        closed, after = 0, ""
        for _ in range(_BATCHES):
            ids = self._due(now, after)
            if not ids:
                break
            after = ids[-1]
            closed += self._close(ids, now)
        return closed

    def _due(self, now: datetime, after: str) -> list[str]:
        due = (
            select(table.c.registry_id)
            .where(
                table.c.state.in_([State.PENDING.value, State.FROZEN.value]),
                table.c.closed_at.is_(None),
                or_(table.c.excepted_until.is_(None), table.c.excepted_until <= now),
                table.c.registry_id > after,
            )
            .order_by(table.c.registry_id)
            .limit(BATCH)
        )
        with self._database.read() as connection:
            return list(connection.execute(due).scalars())

    def _close(self, ids: list[str], now: datetime) -> int:
        """Close these in one transaction. In their order: two workers do not wait for each other in a circle."""
        with self._database.begin() as connection:
            count = sum(self._effects.close(connection, registry_id, now) for registry_id in ids)
            if count:
                detail = {"count": count}
                self._effects.audit.record(connection, action="migration.closed", detail=detail, now=now)
        return count


class Forgetting:
    """Has names and addresses go on their day, whatever has become of the accounts; and links whose time is over."""

    def __init__(self, database: Database, settings: MigrationSettings) -> None:
        self._database = database
        self._settings = settings
        self._rests_until: datetime | None = None

    def run(self, now: datetime) -> int:
        """Forget some, and return of how many accounts."""
        if self._rests_until is not None and now < self._rests_until:
            return 0
        personal = (table.c.name_sealed, table.c.name_index, table.c.email_sealed, table.c.email_index)
        due = (
            select(table.c.registry_id)
            .where(table.c.forget_at <= now, or_(*(column.is_not(None) for column in personal)))
            .limit(_FORGOTTEN)
        )
        with self._database.begin() as connection:
            links.expire(connection, now)
            forgotten = 0
            # A campaign that was put off since the import puts this off with it.
            if now >= begin_of(self._settings.forgets_on):
                forgotten = connection.execute(
                    update(table).where(table.c.registry_id.in_(due.scalar_subquery())).values(dict.fromkeys(personal))
                ).rowcount
        if forgotten < _FORGOTTEN:
            self._rests_until = now + _REST
        return forgotten
