"""The database: SQLite for one process, PostgreSQL for any number of them."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    TypeDecorator,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from broker.storage.patience import lose_patience
from broker.storage.pooled import READING, Spares, spare_round_trips
from broker.storage.replica import Replica

# Constraints need names that are the same on both databases, or a later migration could not find them.
metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

_creating = Lock()
_COUNTED = "counted"
_POOLED, _MORE = 8, 8  # connections that are kept, and that there may be beside them

# SQLite counts up by itself only in a column it calls INTEGER.
Serial = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware ``datetime``, in UTC, on both databases. A naive one is refused with :class:`ValueError`."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the database")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        # SQLite drops the zone; what was written was UTC.
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """A connection pool with one way to read and one way to write.

    ``url`` is ``sqlite:///PATH``, ``postgresql://…`` or ``postgresql+psycopg://…`` (psycopg 3 either way);
    anything else raises :class:`ValueError`. Nothing is connected before the first use. ``hurried``: somebody waits for
    what is asked of it, so PostgreSQL has 10 seconds for each statement. ``replica_url``: a copy, for
    :meth:`read_stale`.
    """

    def __init__(self, url: str, *, hurried: bool = False, replica_url: str | None = None) -> None:
        parsed = _parse(url)
        sqlite = parsed.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(parsed) if sqlite else _postgresql_engine(parsed, hurried)
        # Spares the BEGIN and ROLLBACK round trips around every read.
        self._reader = self.engine.execution_options(**{READING: True})
        self._spares = None if sqlite else Spares(self._reader, _POOLED + _MORE)
        self._replica: Replica | None = None
        if replica_url is not None:
            copy = _postgresql_engine(_parse(replica_url), hurried)
            self._replica = Replica(copy.execution_options(**{READING: True}))

    def read(self) -> AbstractContextManager[Connection]:
        """Return a connection for reading; each statement sees what was committed before it. ``with`` gives it back.

        Raises :class:`sqlalchemy.exc.OperationalError` when the database cannot be reached, and
        :class:`sqlalchemy.exc.TimeoutError` when all 16 connections are in use for 10 seconds.
        """
        return self._reader.connect() if self._spares is None else self._spares.take()

    @contextmanager
    def read_stale(self) -> Iterator[Connection]:
        """Yield a connection for reading what may be some seconds old: lists and pictures of how things stand.

        Never for what decides anything. From the replica, or from the primary if there is none or it is away; raises as
        :meth:`read`.
        """
        connection = self._replica.connect() if self._replica is not None else None
        if self._replica is None or connection is None:
            with self.read() as connection:
                yield connection
            return
        try:
            with connection:
                yield connection
        except OperationalError as error:
            self._replica.leave_alone(error)
            raise

    def change(self) -> AbstractContextManager[Connection]:
        """Return a connection on which every statement is a transaction of its own: for a change that is but one.

        Raises as :meth:`begin`.
        """
        return self.read()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Yield a connection in a write transaction: committed at the end, rolled back on any exception.

        Raises as :meth:`read`, and :class:`sqlalchemy.exc.OperationalError` also when another writer keeps
        SQLite locked for 5 seconds.
        """
        taken = self.engine.connect() if self._spares is None else self._spares.connect(self.engine)
        with taken as connection, connection.begin():
            yield connection

    def watch(self, count: Callable[[int], None]) -> None:
        """Have ``count`` told how many more connections are in use, one at a time: 1 or -1."""

        def taken(_: object, record: Any, __: object) -> None:
            record.record_info[_COUNTED] = True
            count(1)

        def given_back(_: object, record: Any) -> None:
            # One that could not be made anew, as the server is away, comes back and was never taken.
            if record.record_info.pop(_COUNTED, False):
                count(-1)

        event.listen(self.engine, "checkout", taken)
        event.listen(self.engine, "checkin", given_back)
        if self._spares is not None:
            self._spares.watch(count)

    def dispose(self) -> None:
        """Close every pooled connection."""
        if self._spares is not None:
            self._spares.dispose()
        self.engine.dispose()
        if self._replica is not None:
            self._replica.dispose()


def exclusive(connection: Connection, name: str) -> None:
    """Let one transaction at a time pass here, over all processes, until it ends.

    A write transaction on SQLite is alone already; PostgreSQL has advisory locks.
    """
    if connection.dialect.name == "postgresql":
        number = int.from_bytes(sha256(name.encode()).digest()[:8], signed=True)
        connection.execute(select(func.pg_advisory_xact_lock(number)))


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The library's message repeats the address, and with it the password.
        raise ValueError("not a database address") from None
    if parsed.drivername == "sqlite":
        if parsed.database in (None, "", ":memory:") or parsed.database.startswith("file:"):
            raise ValueError("an SQLite address must name a file: sqlite:///PATH")
        return parsed
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    raise ValueError("a database address starts with sqlite:/// or postgresql://")


def _postgresql_engine(url: URL, hurried: bool) -> Engine:
    engine = create_engine(
        url,
        pool_size=_POOLED,
        max_overflow=_MORE,
        pool_timeout=10,
        pool_reset_on_return=None,  # see spare_round_trips: a restarted server costs no sign-in
        connect_args={"connect_timeout": 5, "application_name": "vestibule"},
        hide_parameters=True,  # an error must not carry what was being written into a log
    )
    spare_round_trips(engine)
    if hurried:
        lose_patience(engine)
    return engine


def _sqlite_engine(url: URL) -> Engine:
    path = Path(str(url.database))
    engine = create_engine(url, pool_size=_POOLED, max_overflow=_MORE, pool_timeout=10, hide_parameters=True)

    @event.listens_for(engine, "do_connect")
    def make_private(*_: object) -> None:
        # SQLite would create the file for all to read. Its -wal and -shm files take the mode of this one.
        # Never open a file that is there: closing it would drop the locks this process holds on it (POSIX).
        with _creating, suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # transactions begin where begin_immediate says, nowhere else
        connection.execute("PRAGMA busy_timeout=5000")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # what was erased is overwritten, not just unlinked

    @event.listens_for(engine, "begin")
    def begin_immediate(connection: Connection) -> None:
        # A transaction that reads first and locks later fails, without waiting, if another wrote in between.
        if not connection.get_execution_options().get(READING):
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
