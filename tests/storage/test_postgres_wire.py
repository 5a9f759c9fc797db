"""Statements on the wire give what psycopg's own cursors give, and go wrong as they do."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import BigInteger, Column, MetaData, Table, bindparam, func, select, text
from sqlalchemy.exc import OperationalError

from broker.storage import postgres_wire
from broker.storage.database import Database
from broker.storage.postgres_wire import Wire
from broker.storage.prepared import Prepared

NUMBERS = "SELECT n FROM generate_series(1, $1::int) AS n"


@pytest.fixture
def connection(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres_url, autocommit=True) as opened:
        opened.execute("CREATE TEMPORARY TABLE things (id bigint PRIMARY KEY, note varchar)")
        yield opened


@pytest.fixture
def wire(connection: psycopg.Connection[Any]) -> Wire:
    return Wire(connection)


def prepared(connection: psycopg.Connection[Any]) -> list[str]:
    rows = connection.execute("SELECT name FROM pg_prepared_statements WHERE name LIKE 'vestibule%' ORDER BY 1")
    return [name for (name,) in rows]


@pytest.mark.parametrize(
    "type_, value",
    [
        ("varchar", ""),
        ("varchar", "a\N{EURO SIGN}%s$1'"),
        ("text", None),
        ("bytea", b""),
        ("bytea", bytes(range(256))),
        ("bytea", None),
        ("boolean", True),
        ("boolean", False),
        ("boolean", None),
        ("integer", 0),
        ("integer", -(2**31)),
        ("bigint", 2**63 - 1),
        ("bigint", -(2**63)),
        ("bigint", 1),
        ("numeric", Decimal("1.50")),
        ("double precision", 0.1),
        ("uuid", UUID(int=7)),
        ("timestamptz", datetime(2026, 11, 22, 8, 30, 15, 123456, tzinfo=UTC)),
        ("timestamptz", datetime(1969, 1, 1, tzinfo=timezone(timedelta(hours=-3)))),
        ("timestamptz", None),
        ("varchar[]", ["a", None]),
        ("bigint[]", []),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_a_value_comes_back_as_a_cursor_brings_it(
    connection: psycopg.Connection[Any], wire: Wire, type_: str, value: object, zone: str
) -> None:
    connection.execute(f"SET TIME ZONE '{zone}'")
    expected = connection.execute(f"SELECT %s::{type_}", [value]).fetchall()
    for _ in range(2):
        rows, _ = wire(f"SELECT $1::{type_}", [value])
        assert rows == expected
        assert type(rows[0][0]) is type(expected[0][0])
        assert repr(rows) == repr(expected)


def test_rows_that_are_found_or_changed_are_counted(wire: Wire) -> None:
    assert wire("INSERT INTO things SELECT n FROM generate_series(1, $1::int) AS n", [3]) == ([], 3)
    assert wire("UPDATE things SET note = $1 WHERE id > $2 RETURNING id", ["a", 1])[1] == 2
    assert wire("DELETE FROM things WHERE id = $1", [9]) == ([], 0)
    assert wire("SELECT id FROM things ORDER BY id", []) == ([(1,), (2,), (3,)], 3)


def test_after_an_error_the_connection_goes_on_and_answers_stay_in_order(
    connection: psycopg.Connection[Any], wire: Wire
) -> None:
    wire("INSERT INTO things VALUES ($1, NULL)", [1])
    for _ in range(2):
        with pytest.raises(psycopg.errors.UniqueViolation):
            wire("INSERT INTO things VALUES ($1, NULL)", [1])
        with pytest.raises(psycopg.errors.UndefinedTable):
            wire("SELECT * FROM nothings", [])
        assert wire(NUMBERS, [1]) == ([(1,)], 1)
        assert connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_t5_no_other_client_prepares_statements_by_our_names(postgres_url: str, wire: Wire) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as other:
        Wire(other)(NUMBERS, [1])
        wire(NUMBERS, [1])
        (theirs,), (ours,) = prepared(other), prepared(wire._connection)
    assert theirs.rpartition("_")[0] != ours.rpartition("_")[0]


def test_what_was_forgotten_is_prepared_anew(connection: psycopg.Connection[Any], wire: Wire) -> None:
    wire(NUMBERS, [1])
    connection.execute("DEALLOCATE ALL")
    assert wire(NUMBERS, [2])[1] == 2
    assert len(prepared(connection)) == 1


def test_what_was_prepared_before_a_table_was_altered_is_prepared_anew(
    connection: psycopg.Connection[Any], wire: Wire
) -> None:
    wire("INSERT INTO things VALUES ($1, NULL)", [1])
    assert wire("SELECT * FROM things", []) == ([(1, None)], 1)
    connection.execute("ALTER TABLE things ALTER COLUMN id TYPE integer, ADD COLUMN good boolean DEFAULT true")
    assert wire("SELECT * FROM things", []) == ([(1, None, True)], 1)
    assert len(prepared(connection)) == 2


def test_what_the_server_does_not_do_is_an_error_each_time_and_leaves_nothing_behind(
    connection: psycopg.Connection[Any], wire: Wire
) -> None:
    for _ in range(3):
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            wire("SELECT EXTRACT(HOUR FROM $1::date)", ["2026-11-22"])
    assert len(prepared(connection)) <= 1


def test_a_connection_has_no_more_statements_than_it_may(
    connection: psycopg.Connection[Any], wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_wire, "_MOST", 2)
    for number in range(5):
        assert wire(f"SELECT {number}", []) == ([(number,)], 1)
    assert len(prepared(connection)) == 2
    connection.execute("DEALLOCATE ALL")
    assert wire("SELECT 7", []) == ([(7,)], 1)


def test_it_is_free_only_outside_of_a_transaction(connection: psycopg.Connection[Any], wire: Wire) -> None:
    found = [wire.is_free]
    for change in (
        lambda: connection.execute("BEGIN"),
        lambda: connection.execute("ROLLBACK"),
        lambda: connection.set_autocommit(False),
        connection.close,
    ):
        change()
        found.append(wire.is_free)
    assert found == [True, False, True, False, False]


HOLDERS = Table("holders", MetaData(), Column("id", BigInteger, primary_key=True))
FIND = Prepared(select(HOLDERS.c.id).where(HOLDERS.c.id == bindparam("wanted", required=False)))


def test_in_a_transaction_a_statement_is_part_of_it(postgres_url: str) -> None:
    database = Database(postgres_url)
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE holders (id bigint)"))
        connection.execute(text("INSERT INTO holders VALUES (1)"))
        assert FIND.first(connection, wanted=1) == (1,)
        connection.rollback()
    with database.begin() as connection:
        assert connection.execute(text("SELECT to_regclass('holders')")).scalar_one() is None
    database.dispose()


def test_t5_a_statement_that_takes_too_long_or_whose_connection_is_ended_is_an_operational_error(
    postgres_url: str,
) -> None:
    database = Database(postgres_url)
    sleeping = Prepared(select(func.pg_sleep(5).label("slept")))
    with database.read() as connection:
        connection.execute(text("SET statement_timeout = 20"))
        with pytest.raises(OperationalError):
            sleeping.first(connection)
        number = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with psycopg.connect(postgres_url) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [number])
        with pytest.raises(OperationalError):
            sleeping.first(connection)
        assert connection.invalidated
    with database.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    database.dispose()
