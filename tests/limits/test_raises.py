"""Raises: for a time, audited, and known to every process within seconds."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from broker.audit.model import audit_entries
from broker.audit.service import Audit
from broker.limits.raises import KNOWN_WITHIN, Raises
from broker.limits.table import Name
from broker.storage.database import Database
from tests.limits.counting import NOW

DAY = timedelta(days=1)


class Process:
    """A process of the broker, with a clock of its own."""

    def __init__(self, database: Database) -> None:
        self.seconds = 0.0
        self.database = database
        self.raises = Raises(database, Audit(database, bytes(32)), lambda: self.seconds)

    def put(
        self, limit: Name = Name.MAIL_ACCOUNT, subject: str = "ada", size: int = 50, lasting: timedelta = DAY
    ) -> None:
        with self.database.begin() as connection:
            self.raises.put(connection, limit, subject, size, lasting, NOW)

    def drop(self, limit: Name = Name.MAIL_ACCOUNT, subject: str = "ada") -> None:
        with self.database.begin() as connection:
            self.raises.drop(connection, limit, subject, NOW)

    def size(self, limit: Name = Name.MAIL_ACCOUNT, subject: str = "ada", later: timedelta = timedelta()) -> int:
        return self.raises.size(limit.value, subject, NOW + later)


def entries(database: Database) -> list[Any]:
    with database.read() as connection:
        rows = connection.execute(select(audit_entries).order_by(audit_entries.c.id)).all()
    return [(row.action, row.account_id, row.client_id, row.provider_id, json.loads(row.detail)) for row in rows]


def test_a_raise_holds_everywhere_within_seconds_and_until_its_end(database: Database) -> None:
    here, there = Process(database), Process(database)
    assert (here.size(), there.size()) == (0, 0)
    here.put()
    there.seconds += KNOWN_WITHIN - 0.1
    assert there.size() == 0
    there.seconds += 0.1
    assert there.size() == 50
    assert there.size(subject="bob") == there.size(Name.MAIL_ADDRESS) == 0
    assert there.size(later=DAY) == 0, "it ends by itself, though nobody read it again"
    assert [(each.size, each.until) for each in here.raises.running(NOW)] == [(50, NOW + DAY)]
    assert here.raises.running(NOW + DAY) == []


def test_a_raise_takes_the_place_of_an_earlier_one_and_what_is_over_goes(database: Database) -> None:
    process = Process(database)
    process.put(size=20)
    process.put(size=70)
    process.put(subject="bob")
    assert sorted((each.subject, each.size) for each in process.raises.running(NOW)) == [("ada", 70), ("bob", 50)]
    with database.begin() as connection:
        process.raises.put(connection, Name.RECOVERY_ACCOUNT, "eve", 9, DAY, NOW + 2 * DAY)
        assert connection.execute(text("SELECT count(*) FROM limit_raises")).scalar_one() == 1


def test_t12_raising_and_dropping_are_audited_by_whom_they_are_for(database: Database) -> None:
    process = Process(database)
    process.put()
    process.put(Name.API_CLIENT, "my~registry", 5000)
    process.put(Name.SIGN_IN_PROVIDER, "github", 5000)
    process.put(Name.SIGN_IN_ADDRESS, "ab" * 32, 100)
    process.drop()
    assert entries(database) == [
        ("limit.raised", "ada", None, None, {"kind": "mail_account", "count": 50}),
        ("limit.raised", None, "my~registry", None, {"kind": "api_client", "count": 5000}),
        ("limit.raised", None, None, "github", {"kind": "sign_in_provider", "count": 5000}),
        ("limit.raised", None, None, None, {"kind": "sign_in_address", "count": 100, "reference": "ab" * 32}),
        ("limit.dropped", "ada", None, None, {"kind": "mail_account"}),
    ]


def test_what_is_not_raised_cannot_be_dropped(database: Database) -> None:
    process = Process(database)
    process.put(lasting=timedelta(seconds=1))
    with pytest.raises(LookupError), database.begin() as connection:
        process.raises.drop(connection, Name.MAIL_ACCOUNT, "ada", NOW + DAY)
    with pytest.raises(LookupError):
        process.drop(subject="bob")


@pytest.mark.parametrize(
    "change",
    [
        lambda process: process.put(size=0),
        lambda process: process.put(lasting=timedelta()),
        lambda process: process.put(lasting=timedelta(days=31, seconds=1)),
    ],
)
def test_a_raise_is_to_one_or_more_and_for_a_month_at_most(
    database: Database, change: Callable[[Process], None]
) -> None:
    with pytest.raises(ValueError, match="at most 31 days"):
        change(Process(database))


def test_before_the_table_is_there_nothing_is_raised(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE limit_raises RENAME TO limit_raises_to_come"))
    process = Process(database)
    assert process.size() == 0
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE limit_raises_to_come RENAME TO limit_raises"))
    process.put()
    process.seconds += KNOWN_WITHIN
    assert process.size() == 50
