"""What a pooled connection to PostgreSQL costs to take, and what is noticed all the same."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Connection, text

from broker.storage import pooled
from broker.storage.database import Database


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    opened = Database(postgres_url)
    yield opened
    opened.dispose()


def backend(connection: Connection) -> int:
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def last_words(url: str, number: int) -> tuple[str, str]:
    """Return what a backend was told last, and the state it is in."""
    with psycopg.connect(url) as other:
        row = other.execute("SELECT query, state FROM pg_stat_activity WHERE pid = %s", [number]).fetchone()
    assert row is not None
    return row[0], row[1]


def test_reading_leaves_no_transaction_behind_and_asks_nothing_else(database: Database, postgres_url: str) -> None:
    for _ in range(2):
        with database.read() as connection:
            number = backend(connection)
        assert last_words(postgres_url, number) == ("SELECT pg_backend_pid()", "idle")


def test_a_transaction_is_one_and_the_next_reader_is_in_none(database: Database, postgres_url: str) -> None:
    with database.begin() as connection:
        number = backend(connection)
        assert last_words(postgres_url, number)[1] == "idle in transaction"
    assert last_words(postgres_url, number) == ("COMMIT", "idle")
    with database.read() as connection:
        assert backend(connection) == number
        assert last_words(postgres_url, number)[1] == "idle"


def test_what_was_given_back_unfinished_is_rolled_back(database: Database, postgres_url: str) -> None:
    raw = database.engine.raw_connection()
    driven = raw.driver_connection
    assert isinstance(driven, psycopg.Connection)
    driven.autocommit = False
    number = driven.execute("SELECT pg_backend_pid()").fetchone()[0]  # type: ignore[index]  # one row
    raw.close()
    assert last_words(postgres_url, number) == ("ROLLBACK", "idle")


def test_a_connection_that_rested_long_is_asked_first(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with database.read() as connection:
        number = backend(connection)
    monkeypatch.setattr(pooled, "_ASK_AFTER_SECONDS", -1.0)
    with database.read() as connection:
        assert backend(connection) == number


def test_one_that_does_not_answer_then_is_replaced(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with database.read() as connection:
        number = backend(connection)
    monkeypatch.setattr(pooled, "_ASK_AFTER_SECONDS", -1.0)
    asked: list[str] = []

    class Mute(psycopg.Connection[object]):
        def execute(self, query: object, *_: object, **__: object) -> psycopg.Cursor[object]:
            asked.append(str(query))
            monkeypatch.setattr(pooled, "_ASK_AFTER_SECONDS", 30.0)
            raise psycopg.OperationalError

    raw = database.engine.raw_connection()
    driven = raw.driver_connection
    raw.close()
    monkeypatch.setattr(type(driven), "execute", Mute.execute)
    monkeypatch.setattr(pooled, "_ASK_AFTER_SECONDS", -1.0)
    with database.read() as connection:
        assert backend(connection) != number
    assert asked == ["SELECT 1"]
