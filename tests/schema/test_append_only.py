from datetime import UTC, datetime

import pytest
from sqlalchemy import Executable, Table, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from broker.audit.model import audit_entries, audit_seals
from broker.storage.database import Database

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ENTRY = {"at": NOW, "action": "test.done", "detail": "{}"}
TABLES = [audit_entries, audit_seals]


@pytest.fixture
def written(database: Database) -> Database:
    with database.begin() as connection:
        connection.execute(insert(audit_entries).values(ENTRY | {"id": 1, "mac": "one"}))
        connection.execute(insert(audit_seals).values(seq=1, entry_id=1, mac="one"))
    return database


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_the_database_refuses_to_change_what_was_recorded(written: Database, table: Table) -> None:
    refused(written, update(table).values(mac="two"))


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_the_database_refuses_to_remove_what_was_recorded(written: Database, table: Table) -> None:
    refused(written, delete(table))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("table", TABLES, ids=str)
def test_postgresql_refuses_to_empty_the_record(written: Database, table: Table) -> None:
    refused(written, text(f"TRUNCATE {table} CASCADE"))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "values", ["(1, '2026', 'x', NULL, NULL, NULL, '{}', 'two')", "(2, '2026', 'x', NULL, NULL, NULL, '{}', 'one')"]
)
def test_sqlite_refuses_to_replace_an_entry(written: Database, values: str) -> None:
    refused(written, text(f"INSERT OR REPLACE INTO audit_entries VALUES {values}"))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("values", ["(1, 2, 'two')", "(2, 1, 'two')"])
def test_sqlite_refuses_to_replace_a_seal(written: Database, values: str) -> None:
    refused(written, text(f"INSERT OR REPLACE INTO audit_seals VALUES {values}"))


def refused(database: Database, statement: Executable) -> None:
    with pytest.raises(DBAPIError, match="append-only"), database.begin() as connection:
        connection.execute(statement)
    with database.read() as connection:
        for table in TABLES:
            assert connection.execute(select(table.c.mac)).scalars().all() == ["one"]
