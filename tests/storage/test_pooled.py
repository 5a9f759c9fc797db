"""What a pooled connection to PostgreSQL costs to take, and what is noticed all the same."""

import gc
import warnings
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Event, Thread
from time import monotonic, sleep

import psycopg
import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError

from broker.storage import pooled
from broker.storage.database import Database
from tests.servers import free_port


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


@pytest.mark.parametrize("way", ["begin", "read"])
def test_all_who_wait_for_a_connection_get_what_readers_give_back(database: Database, way: str) -> None:
    found: list[int] = []
    ended = Event()

    def wait() -> None:
        with getattr(database, way)() as connection:
            found.append(backend(connection))
            ended.wait(WAIT_SECONDS)

    waiting = [Thread(target=wait) for _ in range(6)]
    with ExitStack() as others, ExitStack() as readers:
        numbers = {backend(readers.enter_context(database.read())) for _ in waiting}
        for _ in range(MOST - len(waiting)):
            others.enter_context(database.read())
        for each in waiting:
            each.start()
        sleep(0.2)  # until they wait; were one not to wait yet, it would find the same
        readers.close()
        until = monotonic() + WAIT_SECONDS
        while len(found) < len(waiting):
            assert monotonic() < until, f"{len(waiting) - len(found)} wait beside connections that nobody uses"
            sleep(0.02)
        ended.set()
        for each in waiting:
            each.join()
    assert set(found) == numbers


@pytest.mark.parametrize("way, used", [("begin", MOST), ("read", 1)])
def test_what_rested_long_is_asked_before_its_next_use_also_by_way_of_the_pool(
    database: Database, monkeypatch: pytest.MonkeyPatch, way: str, used: int
) -> None:
    with ExitStack() as readers:
        drivers = [readers.enter_context(database.read()).connection.driver_connection for _ in range(pooled._SPARES)]
    asked: list[object] = []
    for each in drivers:
        monkeypatch.setattr(each, "execute", lambda *_, me=each: asked.append(me))
    monkeypatch.setattr(pooled, "_ASK_AFTER_SECONDS", 0.1)
    sleep(0.15)
    with ExitStack() as taken:
        for _ in range(used):
            taken.enter_context(getattr(database, way)())
    assert len(asked) == min(used, len(drivers))


def test_one_that_aged_is_as_long_unused_in_the_pool(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with database.read() as connection, database.read() as broken:
        driver = connection.connection.driver_connection
        other = database.read()
        with other as third:
            third_driver = third.connection.driver_connection
        broken.invalidate()
    del driver
    asked: list[object] = []
    monkeypatch.setattr(third_driver, "execute", lambda *_: asked.append(None))
    monkeypatch.setattr(pooled, "_ASK_AFTER_SECONDS", 0.1)
    sleep(0.15)
    with database.read(), database.read(), database.read():
        assert asked == [None]


def test_what_is_lent_while_all_is_let_go_of_is_not_used_again(database: Database) -> None:
    with database.read() as connection:
        number = backend(connection)
        database.dispose()
    with database.read() as connection:
        assert backend(connection) != number


def test_a_database_that_nobody_uses_any_more_is_garbage(postgres_url: str) -> None:
    opened = Database(postgres_url)
    with opened.read() as connection:
        number = backend(connection)
    pool = weakref.ref(opened.engine.pool)
    del opened, connection
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # psycopg's, of those that nobody closed
        for _ in range(3):  # what one round lets go of is garbage in the next
            gc.collect()
    assert pool() is None
    wait_until_closed(postgres_url, number)


def test_nobody_uses_what_was_given_back_as_theirs_again(database: Database) -> None:
    lent = database.read()
    with lent as connection:
        number = backend(connection)
    with pytest.raises(RuntimeError, match="given back"):
        lent.__enter__()
    with pytest.raises(RuntimeError, match="given back"):
        lent.__exit__(None, None, None)
    with database.read() as one, database.read() as other:
        assert backend(one) == number != backend(other)


def test_options_of_one_use_are_not_those_of_the_next(database: Database) -> None:
    with database.read() as connection:
        connection.execution_options(yield_per=1)
    with database.read() as connection:
        assert "yield_per" not in connection.get_execution_options()


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


def test_connections_that_could_not_be_made_are_not_counted() -> None:
    away = Database(f"postgresql://127.0.0.1:{free_port()}/nowhere")
    used: list[int] = []
    away.watch(used.append)
    for way in (away.read, away.begin, away.read):
        with pytest.raises(OperationalError), way():
            pass
    assert sum(used) == 0


def test_what_waits_is_closed_with_the_rest(database: Database, postgres_url: str) -> None:
    with database.read() as connection:
        number = backend(connection)
    database.dispose()
    wait_until_closed(postgres_url, number)


def wait_until_closed(url: str, number: int) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        until = monotonic() + WAIT_SECONDS
        while other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [number]).fetchone() is not None:
            assert monotonic() < until
            sleep(0.02)
