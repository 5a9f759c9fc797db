"""Killing a process at every statement that it sends to the database, and before and after it commits.

    deaths = killed_at_every_statement(database, action)

runs ``action`` in a child process again and again: the first child is killed as it sends its first statement, the next
at its second one, and so on, the last but one when it has sent all of them and asks to commit. The last one lives.
SIGKILL leaves a process no time to tidy up, and the database is all that is left of it.
"""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, event, select

from broker.storage.database import Database, metadata

State = Mapping[str, frozenset[tuple[Any, ...]]]
"""Every row of every table that has any, by the table's name."""

_MOST = 500
_ENDED_BADLY = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """What was there after a child was killed ``at`` a statement, or at COMMIT; the last one lived, ``at`` its end."""

    at: str
    state: State


def killed_at_every_statement(database: Database, action: Callable[[], None]) -> list[Death]:
    """Return what was there after each child. ``action`` uses ``database``, of which no connection may be in use.

    Every child finds what the ones before it left, so each of them has to leave what it found, until one commits.
    """
    deaths = []
    for number in range(1, _MOST):
        at = _child(database, action, number)
        deaths.append(Death(at=at or "its end", state=state_of(database)))
        if at is None:
            return deaths
    raise AssertionError(f"an action of more than {_MOST} statements")


def state_of(database: Database) -> State:
    """Return all there is."""
    with database.read() as connection:
        rows = {
            table.name: frozenset(tuple(row) for row in connection.execute(select(table)))
            for table in metadata.sorted_tables
        }
    return {name: found for name, found in rows.items() if found}


def _child(database: Database, action: Callable[[], None], number: int) -> str | None:
    """Run ``action`` in a child that is killed at its ``number``-th statement; return which, or none if it lived."""
    if database.engine.dialect.name == "sqlite":
        # What SQLite knows of a file that is open is of no use after a fork, and in the way.
        database.dispose()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        database.engine.dispose(close=False)  # the parent's connections stay the parent's
        _live_and_die(action, number, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        at = told.read().decode()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return at
    assert os.waitstatus_to_exitcode(status) == 0, at
    return None


def _live_and_die(action: Callable[[], None], number: int, writing: int) -> None:
    """Be the child. Nothing of the test's process may go on in here."""
    count = 0

    def die(at: str) -> None:
        nonlocal count
        count += 1
        if count == number:
            os.write(writing, at.encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def at_statement(_: Connection, __: Any, statement: str, *___: Any) -> None:
        die(statement)

    def at_commit(_: Connection) -> None:
        die("COMMIT")

    event.listen(Engine, "before_cursor_execute", at_statement)
    event.listen(Engine, "commit", at_commit)
    code = _ENDED_BADLY
    try:
        action()
        code = 0
    except BaseException as error:  # whatever it is, it must not return into the test's process
        os.write(writing, repr(error).encode())
    finally:
        os._exit(code)
