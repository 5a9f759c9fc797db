"""Sign-ins by the hour: each entry of the audit is counted once, whoever counts, and whenever one dies."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_bytes

import pytest
from sqlalchemy import event, select, text, update

from broker.audit.model import audit_entries
from broker.audit.service import Audit
from broker.audit.tallies import SIGNED_IN, UNREADABLE
from broker.metrics import counts
from broker.metrics.counts import KEPT, ByHour, SignInCounts
from broker.metrics.model import sign_in_counts
from broker.storage.database import Database
from tests.storage.parallel import in_parallel

NOW = datetime(2026, 11, 22, 8, 59, 59, 999999, tzinfo=UTC)
EIGHT = NOW.replace(minute=0, second=0, microsecond=0)
HOUR = timedelta(hours=1)


class Record:
    """An audit record, and who counts it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.audit = Audit(database, token_bytes(32))
        self.counts = SignInCounts(database)

    def signed_in(self, at: datetime, provider_id: str = "github") -> None:
        self._write("signin.satisfied", at, provider_id, {"reason": "satisfied", "strength": "mfa", "binding": "none"})

    def refused(self, at: datetime, reason: str, provider_id: str = "github") -> None:
        self._write("signin.refused", at, provider_id, {"reason": reason, "kind": "registry"})

    def _write(self, action: str, at: datetime, provider_id: str, detail: Mapping[str, str]) -> None:
        with self.database.begin() as connection:
            self.audit.record(connection, action=action, provider_id=provider_id, detail=detail, now=at)

    def read(self, since: datetime = EIGHT - 48 * HOUR) -> ByHour | None:
        with self.database.read() as connection:
            return self.counts.read(connection, since)

    def seal_and_count(self, now: datetime = NOW) -> int:
        self.audit.seal()
        return self.counts.count(now)


@pytest.fixture
def record(database: Database) -> Record:
    return Record(database)


@pytest.fixture
def lite(tmp_path: Path, migrated_sqlite: Path) -> Record:
    (tmp_path / "vestibule.db").write_bytes(migrated_sqlite.read_bytes())
    return Record(Database(f"sqlite:///{tmp_path / 'vestibule.db'}"))


def test_each_hour_has_its_sign_ins_by_provider_and_its_refusals_by_reason(record: Record) -> None:
    for at in (EIGHT, NOW, NOW):
        record.signed_in(at)
    record.signed_in(EIGHT + HOUR, "entra")
    record.refused(EIGHT - timedelta(microseconds=1), "too_weak")
    record.refused(NOW, "too_weak", "entra")
    with record.database.begin() as connection:
        record.audit.record(connection, action="account.created", provider_id="github", now=NOW)
    assert record.read() == {}
    assert record.seal_and_count() == 7
    assert record.read() == {
        (EIGHT, "github", SIGNED_IN): 3,
        (EIGHT + HOUR, "entra", SIGNED_IN): 1,
        (EIGHT - HOUR, "github", "too_weak"): 1,
        (EIGHT, "entra", "too_weak"): 1,
    }
    assert record.read(EIGHT + HOUR) == {(EIGHT + HOUR, "entra", SIGNED_IN): 1}


def test_what_was_counted_is_not_counted_again_and_what_comes_late_is(lite: Record) -> None:
    lite.signed_in(NOW)
    assert [lite.seal_and_count(), lite.seal_and_count()] == [1, 0]
    lite.signed_in(EIGHT)  # into an hour that was counted already
    assert lite.counts.count(NOW) == 0, "not before it is sealed"
    assert [lite.seal_and_count(), lite.seal_and_count()] == [1, 0]
    assert lite.read() == {(EIGHT, "github", SIGNED_IN): 2}


def test_of_any_number_of_workers_each_entry_is_counted_by_one(record: Record) -> None:
    for _ in range(20):
        record.signed_in(NOW)
    record.audit.seal()
    looked_at = in_parallel(6, lambda: SignInCounts(record.database).count(NOW))
    assert sorted(looked_at) == [0, 0, 0, 0, 0, 20]
    assert record.read() == {(EIGHT, "github", SIGNED_IN): 20}


def test_who_dies_while_counting_has_counted_nothing(lite: Record) -> None:
    lite.signed_in(NOW)
    lite.audit.seal()

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    event.listen(lite.database.engine, "commit", die)
    with pytest.raises(KeyboardInterrupt):
        lite.counts.count(NOW)
    event.remove(lite.database.engine, "commit", die)
    assert lite.read() == {}
    assert lite.counts.count(NOW) == 1
    assert lite.read() == {(EIGHT, "github", SIGNED_IN): 1}


def test_a_long_record_is_counted_part_by_part(lite: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "_BATCH", 3)
    for _ in range(7):
        lite.signed_in(NOW)
    assert [lite.seal_and_count() for _ in range(4)] == [3, 3, 1, 0]
    assert lite.read() == {(EIGHT, "github", SIGNED_IN): 7}


def test_hours_go_after_35_days_and_what_is_older_is_not_counted(lite: Record) -> None:
    lite.signed_in(NOW - KEPT - HOUR)
    lite.signed_in(NOW)
    assert lite.seal_and_count() == 2
    assert lite.read(datetime(1971, 1, 1, tzinfo=UTC)) == {(EIGHT, "github", SIGNED_IN): 1}
    lite.signed_in(NOW + KEPT)
    lite.seal_and_count(NOW + KEPT)
    assert lite.read(datetime(1971, 1, 1, tzinfo=UTC)) == {(EIGHT + KEPT, "github", SIGNED_IN): 1}
    assert lite.seal_and_count(NOW + KEPT) == 0, "up to where was counted is kept"


def test_an_entry_that_somebody_changed_keeps_none_of_the_others_from_being_counted(lite: Record) -> None:
    lite.refused(NOW, "too_weak")
    lite.refused(NOW, "too_weak", "entra")
    with lite.database.begin() as connection:
        triggers = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        for trigger in triggers:
            connection.execute(text(f"DROP TRIGGER {trigger}"))
        connection.execute(update(audit_entries).where(audit_entries.c.provider_id == "entra").values(detail="{"))
    lite.seal_and_count()
    assert lite.read() == {(EIGHT, "github", "too_weak"): 1, (EIGHT, "entra", UNREADABLE): 1}


def test_before_the_table_is_there_nothing_is_counted_and_afterwards_all_is(lite: Record) -> None:
    lite.signed_in(NOW)
    with lite.database.begin() as connection:
        sign_in_counts.drop(connection)
    assert lite.seal_and_count() == 0
    assert lite.read() is None
    with lite.database.begin() as connection:
        sign_in_counts.create(connection)
    assert lite.seal_and_count() == 1
    assert lite.read() == {(EIGHT, "github", SIGNED_IN): 1}
    with lite.database.read() as connection:
        assert len(connection.execute(select(sign_in_counts)).all()) == 2, "the hour, and up to where was counted"
