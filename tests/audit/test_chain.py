"""The record under tampering: by a superuser of the database, who can do everything but make a keyed hash."""

import logging
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import func, insert, select

import broker.audit.service
from broker.audit.model import audit_entries, audit_seals
from broker.audit.service import Audit
from broker.storage.database import Database
from tests.storage.parallel import in_parallel

NOW = datetime(2026, 11, 22, 8, 30, 15, 123456, tzinfo=UTC)
KEY = os.urandom(32)
ENTRY = "at, action, account_id, client_id, provider_id, detail"


@pytest.fixture
def audit(database: Database) -> Audit:
    return Audit(database, KEY)


def record(audit: Audit, database: Database, count: int = 1) -> None:
    with database.begin() as connection:
        for number in range(count):
            audit.record(
                connection,
                action="account.created",
                account_id=f"account-{number}",
                provider_id="github",
                detail={"count": number},
                now=NOW + timedelta(seconds=number),
            )


def tamper(database: Database, *statements: str) -> None:
    """Change the record with every rule of the database out of the way."""
    url = database.engine.url
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(url.database), isolation_level=None)) as lite:
            for (trigger,) in lite.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                lite.execute(f"DROP TRIGGER {trigger}")
            for statement in statements:
                lite.execute(statement)
        return
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # no trigger and no foreign key
        for statement in statements:
            connection.execute(statement.encode())


def entry_ids(database: Database) -> list[int]:
    with database.read() as connection:
        return list(connection.execute(select(audit_entries.c.id).order_by(audit_entries.c.id)).scalars())


def seal_count(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(audit_seals)).scalar_one()


def test_an_empty_record_verifies(audit: Audit) -> None:
    report = audit.verify()
    assert (report.ok, report.sealed, report.pending, report.first_bad) == (True, 0, 0, None)
    assert audit.seal() == 0


def test_entries_are_pending_until_they_are_sealed(audit: Audit, database: Database) -> None:
    record(audit, database, 5)
    report = audit.verify()
    assert (report.ok, report.sealed, report.pending) == (True, 0, 5)
    assert audit.seal(limit=3) == 3
    assert audit.seal(limit=3) == 2
    assert audit.seal(limit=3) == 0
    report = audit.verify()
    assert (report.ok, report.sealed, report.pending, report.first_bad) == (True, 5, 0, None)


def test_a_chain_goes_on_in_the_next_process(audit: Audit, database: Database) -> None:
    record(audit, database, 3)
    audit.seal()
    record(audit, database, 2)
    assert Audit(database, KEY).seal() == 2
    assert Audit(database, KEY).verify().ok


def test_more_entries_than_are_read_at_a_time_verify(
    audit: Audit, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker.audit.service, "_BATCH", 3)
    record(audit, database, 14)
    audit.seal(limit=7)
    report = audit.verify()
    assert (report.ok, report.sealed, report.pending) == (True, 7, 7)


def test_parallel_seals_make_one_unbroken_chain(audit: Audit, database: Database) -> None:
    record(audit, database, 60)
    sealed = in_parallel(8, lambda: Audit(database, KEY).seal(limit=10))
    assert sum(sealed) == 60
    report = audit.verify()
    assert (report.ok, report.sealed, report.pending) == (True, 60, 0)


def test_sign_ins_and_seals_at_once_leave_no_entry_out(audit: Audit, database: Database) -> None:
    def work() -> None:
        for _ in range(5):
            record(audit, database)
            audit.seal()

    in_parallel(6, work)
    audit.seal()
    report = audit.verify()
    assert (report.ok, report.sealed, report.pending) == (True, 30, 0)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_entry_committed_late_is_sealed_late(audit: Audit, database: Database) -> None:
    with database.begin() as slow:
        audit.record(slow, action="account.erased", now=NOW)
        record(audit, database, 2)
        assert audit.seal() == 2
    assert audit.seal() == 1
    assert audit.verify().ok


def test_entries_far_back_are_not_searched_again_and_again(
    audit: Audit, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker.audit.service, "_LOOK_BACK", 2)
    record(audit, database, 5)
    audit.seal()
    assert audit._settled == entry_ids(database)[-1] - 2
    record(audit, database, 1)
    assert audit.seal() == 1


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "pending"])
@pytest.mark.parametrize(
    "change",
    [
        "at = '2026-11-22 08:30:15.123457+00:00'",
        "action = 'account.erased'",
        "account_id = 'account-0'",
        "account_id = NULL",
        "client_id = 'client'",
        "client_id = ''",
        "provider_id = 'entra'",
        "detail = '{\"count\":9}'",
        "mac = 'x'",
        "mac = 'é'",
        "mac = replace(mac, substr(mac, 40, 1), 'g')",
        "mac = upper(mac)",
    ],
)
def test_a_changed_entry_is_named(audit: Audit, database: Database, change: str, sealed: bool) -> None:
    record(audit, database, 5)
    if sealed:
        audit.seal()
    changed = entry_ids(database)[2]
    tamper(database, f"UPDATE audit_entries SET {change} WHERE id = {changed}")
    report = audit.verify()
    assert (report.ok, report.first_bad) == (False, changed)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "change",
    [f"{column} = {value}" for column in (*ENTRY.split(", "), "mac") for value in ("'odd'", "x'ff00'", "7")],
)
def test_an_entry_of_odd_types_is_named_and_holds_nothing_up(audit: Audit, database: Database, change: str) -> None:
    record(audit, database, 3)
    tamper(database, f"UPDATE audit_entries SET {change} WHERE id = 2")
    assert audit.verify().first_bad == 2
    assert audit.seal() == 3
    assert audit.verify().first_bad == 2


def test_an_entry_changed_before_it_was_sealed_is_named_afterwards(audit: Audit, database: Database) -> None:
    record(audit, database, 3)
    changed = entry_ids(database)[1]
    tamper(database, f"UPDATE audit_entries SET account_id = 'x' WHERE id = {changed}")
    audit.seal()
    assert audit.verify().first_bad == changed


def test_a_removed_entry_is_named(audit: Audit, database: Database) -> None:
    record(audit, database, 5)
    audit.seal()
    removed = entry_ids(database)[2]
    tamper(database, f"DELETE FROM audit_entries WHERE id = {removed}")
    report = audit.verify()
    assert (report.ok, report.first_bad) == (False, removed)


def test_an_entry_removed_with_its_seal_leaves_a_gap(audit: Audit, database: Database) -> None:
    record(audit, database, 5)
    audit.seal()
    removed, after = entry_ids(database)[2:4]
    tamper(
        database,
        f"DELETE FROM audit_seals WHERE entry_id = {removed}",
        f"DELETE FROM audit_entries WHERE id = {removed}",
    )
    report = audit.verify()
    assert (report.ok, report.first_bad) == (False, after)


def test_a_gap_closed_by_renumbering_is_noticed(audit: Audit, database: Database) -> None:
    record(audit, database, 5)
    audit.seal()
    removed, after = entry_ids(database)[2:4]
    tamper(
        database,
        f"DELETE FROM audit_seals WHERE entry_id = {removed}",
        f"DELETE FROM audit_entries WHERE id = {removed}",
        "UPDATE audit_seals SET seq = seq - 1 WHERE seq = 4",
        "UPDATE audit_seals SET seq = seq - 1 WHERE seq = 5",
    )
    assert audit.verify().first_bad == after


def test_a_beginning_cut_off_is_noticed(audit: Audit, database: Database) -> None:
    record(audit, database, 3)
    audit.seal()
    tamper(database, "DELETE FROM audit_seals WHERE seq = 1")
    assert audit.verify().first_bad == entry_ids(database)[1]


def test_entries_that_changed_places_are_named(audit: Audit, database: Database) -> None:
    record(audit, database, 4)
    audit.seal()
    first, second = entry_ids(database)[1:3]
    tamper(
        database,
        f"UPDATE audit_seals SET entry_id = -1 WHERE entry_id = {first}",
        f"UPDATE audit_seals SET entry_id = {first} WHERE entry_id = {second}",
        f"UPDATE audit_seals SET entry_id = {second} WHERE entry_id = -1",
    )
    assert audit.verify().first_bad == second


def test_entries_that_changed_ids_are_named(audit: Audit, database: Database) -> None:
    record(audit, database, 4)
    audit.seal()
    first, second = entry_ids(database)[1:3]
    tamper(
        database,
        f"UPDATE audit_entries SET id = -1 WHERE id = {first}",
        f"UPDATE audit_entries SET id = {first} WHERE id = {second}",
        f"UPDATE audit_entries SET id = {second} WHERE id = -1",
    )
    assert audit.verify().first_bad == first


def test_an_inserted_entry_is_named_before_and_after_it_is_sealed(audit: Audit, database: Database) -> None:
    record(audit, database, 2)
    audit.seal()
    tamper(database, f"INSERT INTO audit_entries ({ENTRY}, mac) SELECT {ENTRY}, 'x' FROM audit_entries WHERE id = 1")
    inserted = entry_ids(database)[-1]
    assert audit.verify().first_bad == inserted
    record(audit, database)
    assert audit.seal() == 2
    assert audit.verify().first_bad == inserted


def test_a_copied_entry_is_named_even_where_the_database_lets_it_in(audit: Audit, database: Database) -> None:
    record(audit, database, 2)
    tamper(database, *_without_unique_mac(database))
    tamper(database, f"INSERT INTO audit_entries ({ENTRY}, mac) SELECT {ENTRY}, mac FROM audit_entries WHERE id = 1")
    copy = entry_ids(database)[-1]
    assert audit.verify().first_bad == copy
    audit.seal()
    assert audit.verify().first_bad == copy


def test_a_forged_seal_is_noticed(audit: Audit, database: Database) -> None:
    record(audit, database, 2)
    audit.seal(limit=1)
    with database.begin() as connection:
        connection.execute(insert(audit_seals).values(seq=2, entry_id=2, mac="0" * 64))
    assert audit.verify().first_bad == 2


def test_nothing_verifies_under_another_key(audit: Audit, database: Database) -> None:
    record(audit, database)
    other = Audit(database, os.urandom(32))
    assert other.verify().first_bad == 1
    audit.seal()
    assert other.verify().first_bad == 1


def test_an_end_cut_off_is_noticed_by_whoever_kept_the_head(audit: Audit, database: Database) -> None:
    record(audit, database, 5)
    audit.seal()
    head = audit.verify().head
    tamper(database, "DELETE FROM audit_seals WHERE seq > 3", "DELETE FROM audit_entries WHERE id > 3")
    assert audit.verify().ok
    report = audit.verify(head)
    assert (report.ok, report.first_bad, report.sealed) == (False, None, 3)


def test_an_end_cut_off_and_grown_again_is_noticed_too(audit: Audit, database: Database) -> None:
    record(audit, database, 5)
    audit.seal()
    head = audit.verify().head
    tamper(database, "DELETE FROM audit_seals WHERE seq > 3", "DELETE FROM audit_entries WHERE id > 3")
    record(audit, database, 4)
    audit.seal()
    assert audit.verify().ok
    assert not audit.verify(head).ok


def test_the_head_of_an_earlier_day_is_still_on_the_way(audit: Audit, database: Database) -> None:
    heads = [audit.verify().head]
    for _ in range(3):
        record(audit, database, 2)
        audit.seal()
        heads.append(audit.verify().head)
    assert len(set(heads)) == 4
    assert all(audit.verify(head).ok for head in heads)


@pytest.mark.parametrize("head", ["", "1", f"-1:{'0' * 64}", f"1:{'0' * 63}", f"1:{'G' * 64}", f"01:{'0' * 64}"])
def test_what_is_no_head_is_refused(audit: Audit, head: str) -> None:
    with pytest.raises(ValueError, match="head of a chain"):
        audit.verify(head)


def test_the_sealing_process_notices_a_cut_end_itself(
    audit: Audit, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "broker.audit")
    record(audit, database, 5)
    audit.seal()
    assert audit.verify().head in caplog.text
    assert "cut" not in caplog.text
    tamper(database, "DELETE FROM audit_seals WHERE seq > 3")
    audit.seal()
    assert "audit chain was cut: it ended at seal 5, and now at 3" in caplog.text
    assert audit.verify().ok
    assert seal_count(database) == 5


def test_no_log_line_names_an_account(audit: Audit, database: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    record(audit, database, 2)
    audit.seal()
    audit.verify()
    assert "account-0" not in caplog.text


def _without_unique_mac(database: Database) -> list[str]:
    if database.engine.dialect.name == "postgresql":
        return ["ALTER TABLE audit_entries DROP CONSTRAINT uq_audit_entries_mac"]
    definition = "id INTEGER PRIMARY KEY, at, action, account_id, client_id, provider_id, detail, mac"
    return [
        f"CREATE TABLE loose ({definition})",
        "INSERT INTO loose SELECT * FROM audit_entries",
        "DROP TABLE audit_entries",
        "ALTER TABLE loose RENAME TO audit_entries",
    ]
