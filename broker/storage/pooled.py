"""A pooled PostgreSQL connection that costs no round trip to take and none to give back."""

import select
from collections.abc import Callable
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import Any, cast
from weakref import WeakMethod

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, QueuePool, event
from sqlalchemy.exc import DisconnectionError

from broker.storage.postgres_wire import Wire

AnyConnection = psycopg.Connection[Any]

READING = "vestibule_read"
"""The option of a connection whose every statement is a transaction of its own."""
# So many wait for their next use beside the pool.
_SPARES = 8
# A firewall in between may have forgotten a connection that nobody used for so long, and tell neither end.
_ASK_AFTER_SECONDS = 30.0
_RESTED = "rested"  # of one that comes back to the pool and was not used just now


def spare_round_trips(engine: Engine) -> None:
    """Have connections of ``engine`` begin a transaction where one is asked for, and looked at before they are used.

    One that the server closed while nobody used it is replaced on the spot. Give ``pool_reset_on_return=None``.
    """

    for name, listener in (("connect", _connected), ("begin", _begin), ("checkout", _look), ("reset", _reset)):
        event.listen(engine, name, listener)


def _connected(connection: AnyConnection, record: Any) -> None:
    connection.autocommit = True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    record.info.update(poll=poll, used=monotonic(), wire=Wire(connection))


def _begin(connection: Connection) -> None:
    if not connection.get_execution_options().get(READING):
        cast(AnyConnection, connection.connection.driver_connection).autocommit = False


def _look(connection: AnyConnection, record: Any, _: object) -> None:
    # Nobody asked it anything: what there is to read is that it is closed, or a word about why.
    if connection.closed or record.info["poll"].poll(0):
        raise DisconnectionError
    if monotonic() - record.info["used"] > _ASK_AFTER_SECONDS:
        try:
            connection.execute("SELECT 1")
        except psycopg.Error:
            raise DisconnectionError from None


def _reset(connection: AnyConnection, record: Any, _: object) -> None:
    if connection.pgconn.transaction_status != TransactionStatus.IDLE:
        connection.rollback()
    if not connection.autocommit:
        connection.autocommit = True
    if not record.info.pop(_RESTED, False):
        record.info["used"] = monotonic()


class Spares:
    """Connections of ``engine`` in autocommit that stay taken from its pool from one use to the next.

    To take one from there and give it back costs SQLAlchemy more than most of what they are taken for. All the same
    they are looked at before they are used, let go of once one to the same server was found broken, and no more than
    ``most`` are open together with those of the pool.
    """

    def __init__(self, engine: Engine, most: int) -> None:
        self._engine = engine
        self._most = most
        self._idle: list[_Spare] = []
        self._age = 0  # those that are younger lead to where the address did not lead then
        self._lock = Lock()
        self._asking = 0  # so many ask the pool for one, and may have to wait there
        self._count: Callable[[int], None] = _uncounted
        _when_broken(engine, self._grow_old)

    def take(self) -> "_Spare":
        """Return a connection for ``with``, which gives it back. Raises as ``engine.connect`` does."""
        while True:
            try:
                spare = self._idle.pop()
            except IndexError:
                age = self._age
                return _Spare(self, self.connect(self._engine), age)
            self._count(1)
            if spare.age != self._age:
                spare.hand_on()  # to the pool, which knows whether it is of any use
            elif spare.is_usable():
                spare.lent = True
                return spare
            else:
                spare.give_up()

    def connect(self, engine: Engine) -> Connection:
        """Return a connection of the pool, to which one of those here goes where it has no other to give."""
        with self._lock:
            self._asking += 1
        try:
            self._make_room()
            return engine.connect()
        finally:
            with self._lock:
                self._asking -= 1

    def give_back(self, spare: "_Spare") -> None:
        """Keep it for the next use; or leave it to the pool if it is not as it came, or somebody waits for it."""
        if not spare.lent:
            raise RuntimeError("this connection was given back before")
        spare.lent = False
        if len(self._idle) >= _SPARES or spare.age != self._age or not spare.is_as_it_came():
            spare.connection.close()
            return
        self._idle.append(spare)
        self._count(-1)
        # In this order: whoever asks from here on finds it, and who has asked before is seen.
        if self._asking:
            self._make_room()

    def watch(self, count: Callable[[int], None]) -> None:
        """Tell ``count`` how many more are in use, which the pool takes those that wait here for, too."""
        self._count = count

    def dispose(self) -> None:
        """Let go of all that wait, and of those that are lent once they are given back."""
        self._grow_old()
        while self._let_go_of_one():
            pass

    def _make_room(self) -> None:
        if cast(QueuePool, self._engine.pool).checkedout() + self._asking > self._most:
            self._let_go_of_one()

    def _let_go_of_one(self) -> bool:
        try:
            spare = self._idle.pop()
        except IndexError:
            return False
        self._count(1)
        spare.hand_on()
        return True

    def _grow_old(self) -> None:
        self._age += 1


def _when_broken(engine: Engine, told: Callable[[], None]) -> None:
    # Weakly, or a pool would never be garbage: whoever is told has connections of it.
    method = WeakMethod(told)

    def broken(*_: object) -> None:
        found = method()
        if found is not None:
            found()

    for name in ("invalidate", "soft_invalidate"):
        event.listen(engine, name, broken)


class _Spare:
    """A connection that is lent, or waits."""

    __slots__ = ("_driver", "_options", "_record", "_spares", "age", "connection", "lent")

    def __init__(self, spares: Spares, connection: Connection, age: int) -> None:
        self._spares, self.connection, self.age, self.lent = spares, connection, age, True
        pooled: Any = connection.connection
        self._driver: AnyConnection = pooled.driver_connection
        self._record = pooled._connection_record
        self._options = connection.get_execution_options()

    def is_usable(self) -> bool:
        """Return whether the server has not closed it meanwhile, as far as can be seen from here."""
        try:
            _look(self._driver, self._record, None)
        except DisconnectionError:
            return False
        return True

    def is_as_it_came(self) -> bool:
        """Return whether it is good for another use: open, in autocommit, and nothing under way."""
        connection = self.connection
        if connection.closed or connection.invalidated or connection.in_nested_transaction():
            return False
        if self._driver.closed or not self._driver.autocommit:
            return False
        if self._driver.pgconn.transaction_status != TransactionStatus.IDLE:
            return False
        if connection.get_execution_options() is not self._options:
            return False
        if connection.in_transaction():
            connection.rollback()  # of SQLAlchemy's own book-keeping: the server knows of none
        self._record.info["used"] = monotonic()
        return True

    def hand_on(self) -> None:
        """Give it back to the pool, as long unused as it is."""
        self._record.info[_RESTED] = True
        self.connection.close()

    def give_up(self) -> None:
        """Close it, and have the pool forget it."""
        self.connection.invalidate()
        self.connection.close()

    def __enter__(self) -> Connection:
        if not self.lent:
            raise RuntimeError("this connection was given back before")
        return self.connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._spares.give_back(self)


def _uncounted(_: int) -> None:
    """Nobody counts."""
