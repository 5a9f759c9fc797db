"""A PostgreSQL that is silent, or no longer the one that takes writes, counts as one that is away.

Its connections may stay open while nothing comes: of a host that was cut off, a disk that hangs, a process that was
paused. No request may wait for that, or all threads soon would.
"""

from typing import Any

import psycopg
from psycopg.abc import PQGen
from psycopg.errors import ReadOnlySqlTransaction
from sqlalchemy import Engine, ExceptionContext, event
from sqlalchemy.exc import OperationalError

SECONDS = 10.0
"""How long a statement may take that somebody waits for."""
# As often as it looks whether the connection was closed meanwhile.
_LOOK_EVERY = 0.1


class _Impatient(psycopg.Connection[Any]):
    def wait(self, gen: PQGen[Any], interval: float = _LOOK_EVERY, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, SECONDS if timeout is None else timeout)
        except psycopg.errors._WaitTimeout:
            # Without a word to a server that does not listen. Whether it did what it was told, nobody knows.
            self.pgconn.finish()
            raise psycopg.OperationalError("no answer in time") from None


def lose_patience(engine: Engine) -> None:
    """Have statements on ``engine`` that take too long, or are refused by a standby, end in ``OperationalError``.

    The connection is given up with them: the next one may lead to another server, or to the same in a better state.
    """

    @event.listens_for(engine, "do_connect")
    def connect(_: object, __: object, arguments: Any, parameters: Any) -> psycopg.Connection[Any]:
        return _Impatient.connect(*arguments, **parameters)

    @event.listens_for(engine, "handle_error")
    def as_away(context: ExceptionContext) -> None:
        # A primary that has become a standby, while those that lead to it have not all noticed.
        if isinstance(context.original_exception, ReadOnlySqlTransaction):
            context.is_disconnect = True
            raise OperationalError(None, None, context.original_exception)
