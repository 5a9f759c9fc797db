"""What a pooled connection to PostgreSQL costs to take, and what is noticed all the same."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Thread
from time import monotonic, sleep

import psycopg
import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError

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


MOST = 16
WAIT_SECONDS = 5.0


def end(url: str, number: int) -> None:
    """Have the server end a connection, and wait until it did."""
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [number])


def test_readers_and_single_changes_use_what_stays_taken_from_the_pool(database: Database) -> None:
    taken: list[object] = []
    event.listen(database.engine, "checkout", lambda *told: taken.append(told))
    numbers = set()
    for way in (database.read, database.change, database.read):
        with way() as connection:
            assert not connection.in_transaction()
            numbers.add(backend(connection))
    assert len(numbers) == 1
    assert len(taken) == 1


def test_an_error_leaves_a_connection_as_good_as_it_was(database: Database) -> None:
    with database.read() as connection:
        number = backend(connection)
        with pytest.raises(Exception, match="division by zero"):
            connection.execute(text("SELECT 1 / 0"))
    with database.read() as connection:
        assert backend(connection) == number


def test_one_that_was_left_in_a_transaction_is_not_kept_for_the_next(database: Database, postgres_url: str) -> None:
    with database.read() as connection:
        driven = connection.connection.driver_connection
        assert isinstance(driven, psycopg.Connection)
        driven.autocommit = False
        number = backend(connection)
    assert last_words(postgres_url, number) == ("ROLLBACK", "idle")
    with database.read() as connection:
        backend(connection)
        assert last_words(postgres_url, number)[1] == "idle"


def test_what_the_server_closed_meanwhile_is_replaced(database: Database, postgres_url: str) -> None:
    with database.read() as connection:
        number = backend(connection)
    end(postgres_url, number)
    with database.read() as connection:
        assert backend(connection) != number


def test_where_one_is_found_broken_the_others_are_asked_for_anew(database: Database, postgres_url: str) -> None:
    with database.read() as one, database.read() as other:
        numbers = [backend(one), backend(other)]
    with database.read() as broken:
        end(postgres_url, backend(broken))
        with pytest.raises(OperationalError):
            backend(broken)
    with database.read() as one, database.read() as other:
        assert not {backend(one), backend(other)} & set(numbers)


def test_readers_that_are_done_leave_room_for_as_many_transactions(database: Database) -> None:
    for way in (database.read, database.begin, database.read):
        with ExitStack() as all_of_them:
            numbers = {backend(all_of_them.enter_context(way())) for _ in range(MOST)}
        assert len(numbers) == MOST


def test_who_waits_for_a_connection_gets_what_a_reader_gives_back(database: Database) -> None:
    found: list[int] = []

    def wait() -> None:
        with database.begin() as connection:
            found.append(backend(connection))

    waiting = Thread(target=wait)
    with ExitStack() as others:
        first = database.read()
        with first as connection:
            number = backend(connection)
            for _ in range(MOST - 1):
                others.enter_context(database.read())
            waiting.start()
            sleep(0.2)  # until it waits; were it not to wait yet, it would find the same
        waiting.join(WAIT_SECONDS)
        assert found == [number]


def test_a_process_that_is_forked_leaves_its_parents_connections_alone(database: Database) -> None:
    with database.read() as connection:
        number = backend(connection)
    child = os.fork()
    if child == 0:
        other = number
        try:
            with database.read() as connection:
                other = backend(connection)
        finally:
            os._exit(0 if other != number else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with database.read() as connection:
        assert backend(connection) == number


def test_what_waits_is_not_counted_as_used(database: Database, postgres_url: str) -> None:
    used = 0

    def count(change: int) -> None:
        nonlocal used
        used += change

    database.watch(count)
    with database.read() as connection, database.begin(), database.read():
        number = backend(connection)
        assert used == 3
    assert used == 0
    with database.read():
        assert used == 1
    end(postgres_url, number)
    for _ in range(2):
        with database.read(), database.read(), database.read():
            assert used == 3
        assert used == 0
    database.dispose()
    assert used == 0


def test_what_waits_is_closed_with_the_rest(database: Database, postgres_url: str) -> None:
    with database.read() as connection:
        number = backend(connection)
    database.dispose()
    with psycopg.connect(postgres_url, autocommit=True) as other:
        until = monotonic() + WAIT_SECONDS
        while other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [number]).fetchone() is not None:
            assert monotonic() < until
            sleep(0.02)
