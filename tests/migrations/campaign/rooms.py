"""The campaign over a database of the test's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from secrets import token_bytes
from typing import Any

from sqlalchemy import event, func, select

from broker.accounts.organizations.capabilities import Shell
from broker.settings.migration import MigrationSettings
from broker.storage.database import Database
from migrations.accounts.campaign.campaign import prepare
from migrations.accounts.campaign.templates import TemplateName
from migrations.accounts.campaign.waves import Audience, Wave
from migrations.accounts.model import sent_mails
from tests.accounts.organizations.rooms import ISSUER, NOW
from tests.migrations.rooms import OldRoom

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DATES: dict[str, Any] = {
    "registry": "Example Registry",
    "announced": date(2026, 10, 1),
    "encouraged": date(2026, 11, 1),
    "required": date(2026, 12, 15),
    "closed": date(2027, 1, 15),
    "mails_per_hour": 120,
}
CLOSED = datetime.fromisoformat("2027-01-15T00:00:00+00:00")
SHELL = Shell(now=NOW)


class CampaignRoom(OldRoom):
    """An old world in the second phase of its campaign."""

    def __init__(self, database: Database, **changes: Any) -> None:
        super().__init__(database)
        self.settings = MigrationSettings.model_validate({**DATES, **changes})
        self.campaign = prepare(
            settings=self.settings,
            effects=self.effects,
            database=database,
            outbox=self.outbox,
            issuer=ISSUER,
            key=token_bytes(32),
        )

    def start(
        self,
        template: TemplateName = TemplateName.ANNOUNCED,
        audience: Audience = Audience.PEOPLE,
        *,
        at: datetime = NOW,
        **limits: Any,
    ) -> Wave:
        """Start a wave."""
        with self.database.begin() as connection:
            return self.campaign.waves.start(connection, Shell(now=at), template, audience, **limits)

    def wave(self) -> Wave:
        """Return the newest wave."""
        with self.database.read() as connection:
            return self.campaign.waves.all(connection)[0]

    def told(self) -> list[str]:
        """Return to whom mails wait, as often as they do."""
        return [each["to"] for each in self.mails()]

    def marks(self) -> int:
        with self.database.read() as connection:
            return connection.execute(select(func.count()).select_from(sent_mails)).scalar_one()


def people(room: OldRoom, count: int, **values: Any) -> list[str]:
    """Write so many pending accounts, and return their addresses."""
    for number in range(count):
        room.legacy(f"p{number:03}", email=f"p{number:03}@old.example", **values)
    return [f"p{number:03}@old.example" for number in range(count)]


class Killed(Exception):
    """The process is gone."""


@contextmanager
def killed_at(database: Database, statement: int) -> Iterator[list[str]]:
    """Have everything end at this statement, counted from 1 and yielded; before it is done."""
    seen: list[str] = []

    def watch(*arguments: Any) -> None:
        seen.append(arguments[2])
        if len(seen) == statement:
            raise Killed

    event.listen(database.engine, "before_cursor_execute", watch)
    try:
        yield seen
    finally:
        event.remove(database.engine, "before_cursor_execute", watch)


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Yield every statement that is executed."""
    with killed_at(database, 0) as seen:
        yield seen
