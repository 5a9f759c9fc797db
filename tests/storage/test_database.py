import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, event, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError

from broker.accounts.model import accounts, people
from broker.storage.database import Database, UtcDateTime, exclusive
from tests.servers import free_port
from tests.storage.parallel import in_parallel

NOW = datetime(2026, 11, 22, 8, 30, 15, 123456, tzinfo=UTC)

things = Table(
    "things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime),
    Column("count", Integer),
    Column("note", String),
)


@pytest.fixture
def bare(empty_database_url: str) -> Iterator[Database]:
    """A database with one table, ``things``, of one row."""
    database = Database(empty_database_url)
    with database.begin() as connection:
        things.create(connection)
        connection.execute(insert(things).values(id=1, count=0))
    yield database
    database.dispose()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'private.db'}")
    yield database
    database.dispose()


@pytest.mark.parametrize("written", [NOW, NOW.astimezone(timezone(timedelta(hours=-7))), NOW.replace(microsecond=0)])
def test_a_time_comes_back_as_the_same_instant_in_utc(bare: Database, written: datetime) -> None:
    with bare.begin() as connection:
        connection.execute(update(things).values(at=written))
    with bare.read() as connection:
        read = connection.execute(select(things.c.at)).scalar_one()
    assert read == written
    assert read.tzinfo is UTC


def test_times_compare_as_instants(bare: Database) -> None:
    with bare.begin() as connection:
        connection.execute(update(things).values(at=NOW))
    elsewhere = timezone(timedelta(hours=9))
    with bare.read() as connection:
        later = select(things.c.id).where(things.c.at < (NOW + timedelta(microseconds=1)).astimezone(elsewhere))
        earlier = select(things.c.id).where(things.c.at < NOW.astimezone(elsewhere))
        assert connection.execute(later).all() != []
        assert connection.execute(earlier).all() == []


def test_no_time_is_no_time(bare: Database) -> None:
    with bare.begin() as connection:
        connection.execute(update(things).values(at=None))
        assert connection.execute(select(things.c.at)).scalar_one() is None


def test_a_naive_time_is_refused(bare: Database) -> None:
    with bare.begin() as connection, pytest.raises(StatementError, match="naive"):
        connection.execute(update(things).values(at=NOW.replace(tzinfo=None)))


def test_a_transaction_is_committed_at_its_end(bare: Database) -> None:
    with bare.begin() as connection:
        connection.execute(update(things).values(count=7))
    with bare.read() as connection:
        assert connection.execute(select(things.c.count)).scalar_one() == 7


def test_a_transaction_that_fails_leaves_nothing(bare: Database) -> None:
    def fail() -> None:
        with bare.begin() as connection:
            connection.execute(update(things).values(count=7))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with bare.read() as connection:
        assert connection.execute(select(things.c.count)).scalar_one() == 0


def test_a_savepoint_undoes_its_own_part_only(bare: Database) -> None:
    with bare.begin() as connection:
        connection.execute(update(things).values(count=7))
        savepoint = connection.begin_nested()
        connection.execute(update(things).values(note="undone"))
        with pytest.raises(IntegrityError):
            connection.execute(insert(things).values(id=1))
        savepoint.rollback()
    with bare.read() as connection:
        assert connection.execute(select(things.c.count, things.c.note)).one() == (7, None)


def test_a_reader_sees_what_was_committed_meanwhile(bare: Database) -> None:
    with bare.read() as reader:
        assert reader.execute(select(things.c.count)).scalar_one() == 0
        with bare.begin() as writer:
            writer.execute(update(things).values(count=7))
            assert reader.execute(select(things.c.count)).scalar_one() == 0
        assert reader.execute(select(things.c.count)).scalar_one() == 7


def test_reading_takes_one_statement(bare: Database) -> None:
    statements: list[str] = []
    event.listen(bare.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    with bare.read() as connection:
        connection.execute(select(things.c.count))
    assert len(statements) == 1


def test_a_write_after_reading_never_fails_for_want_of_a_lock(bare: Database) -> None:
    def count_up() -> None:
        with bare.begin() as connection:
            count = connection.execute(select(things.c.count).with_for_update()).scalar_one()
            connection.execute(update(things).values(count=count + 1))

    in_parallel(16, count_up)
    with bare.read() as connection:
        assert connection.execute(select(things.c.count)).scalar_one() == 16


def test_exclusive_lets_one_transaction_in_at_a_time(bare: Database) -> None:
    def count_up() -> None:
        with bare.begin() as connection:
            exclusive(connection, "counting")
            count = connection.execute(select(things.c.count)).scalar_one()
            connection.execute(update(things).values(count=count + 1))

    in_parallel(16, count_up)
    with bare.read() as connection:
        assert connection.execute(select(things.c.count)).scalar_one() == 16


def test_foreign_keys_hold(database: Database) -> None:
    with pytest.raises(IntegrityError), database.begin() as connection:
        connection.execute(insert(people).values(account_id="nobody", email_verified=False, updated_at=NOW))


def test_an_error_does_not_carry_what_was_written(database: Database) -> None:
    account = {"id": "canary-value", "kind": "person", "status": "active", "created_at": NOW}
    with database.begin() as connection:
        connection.execute(insert(accounts).values(account))
    with pytest.raises(IntegrityError) as raised, database.begin() as connection:
        connection.execute(insert(accounts).values(account | {"kind": "canary-kind"}))
    assert "canary-kind" not in str(raised.value)


def test_the_sqlite_file_and_its_companions_are_private(sqlite: Database, tmp_path: Path) -> None:
    with sqlite.begin() as connection:
        things.create(connection)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"private.db": 0o600, "private.db-wal": 0o600, "private.db-shm": 0o600}


def test_a_database_of_sqlite_is_made_only_when_it_is_used(sqlite: Database, tmp_path: Path) -> None:
    assert list(tmp_path.iterdir()) == []


def test_opening_another_connection_leaves_the_locks_of_the_first_alone(sqlite: Database, tmp_path: Path) -> None:
    with sqlite.begin() as connection:
        things.create(connection)
    # Another process that believes to be the last one to close removes the log under our hands.
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('DELETE FROM things'); c.close()"
    with sqlite.read(), sqlite.read() as connection:
        subprocess.run([sys.executable, "-c", code, tmp_path / "private.db"], check=True)
        assert (tmp_path / "private.db-wal").exists()
        assert connection.execute(select(things.c.id)).all() == []


def test_sqlite_is_set_up_on_every_connection(sqlite: Database) -> None:
    with sqlite.read() as one, sqlite.read() as other:
        for connection in (one, other):
            asked = ("journal_mode", "foreign_keys", "busy_timeout", "secure_delete")
            values = [connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in asked]
            assert values == ["wal", 1, 5000, 1]


def test_what_was_deleted_from_sqlite_is_overwritten(sqlite: Database, tmp_path: Path) -> None:
    with sqlite.begin() as connection:
        things.create(connection)
        connection.execute(insert(things).values(id=1, note="canary-note"))
    with sqlite.begin() as connection:
        connection.execute(things.delete())
    sqlite.dispose()  # the last connection writes the log back into the file
    assert [path.name for path in tmp_path.iterdir()] == ["private.db"]
    assert b"canary-note" not in (tmp_path / "private.db").read_bytes()


def test_a_locked_sqlite_database_is_an_error_in_the_end(sqlite: Database) -> None:
    event.listen(sqlite.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=50"))
    with sqlite.begin(), pytest.raises(OperationalError, match="locked"), sqlite.begin():
        pass


def test_a_restarted_postgresql_costs_no_read(postgres_url: str) -> None:
    database, other = Database(postgres_url), Database(postgres_url)
    with database.read() as connection:
        number = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with other.read() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:number, 5000)"), {"number": number})
    with database.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    database.dispose()
    other.dispose()


def test_a_postgresql_that_is_not_there_is_an_error() -> None:
    database = Database(f"postgresql://user:canary-password@127.0.0.1:{free_port()}/vestibule")
    with pytest.raises(OperationalError) as raised, database.read():
        pass
    assert "canary-password" not in str(raised.value)
    with pytest.raises(OperationalError), database.begin():
        pass
    database.dispose()


@pytest.mark.parametrize("prefix", ["postgresql://", "postgresql+psycopg://"])
def test_postgresql_is_reached_by_psycopg_3_either_way(prefix: str, postgres_url: str) -> None:
    database = Database(prefix + postgres_url.partition("://")[2])
    with database.read() as connection:
        assert connection.dialect.driver == "psycopg"
    database.dispose()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "vestibule.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file:vestibule.db?uri=true",
        "sqlite+pysqlcipher:///vestibule.db",
        "postgres://user:canary-password@127.0.0.1/vestibule",
        "postgresql+psycopg2://user:canary-password@127.0.0.1/vestibule",
        "mysql://user:canary-password@127.0.0.1/vestibule",
        "canary-password",
    ],
)
def test_any_other_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"database address|SQLite address") as raised:
        Database(url)
    assert "canary-password" not in str(raised.value)
