"""Statements to PostgreSQL with as little around them as there can be: psycopg's cursors cost twice the round trip."""

from collections.abc import Sequence
from itertools import count
from secrets import token_hex
from typing import Any

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName, error_from_result
from psycopg.generators import execute
from psycopg.pq import ExecStatus, TransactionStatus

_GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
_BINARY = 1
_MOST = 500
"""So many statements are prepared on a connection: one more takes the place of the oldest."""


class Wire:
    """Sends one statement at a time over a connection in autocommit, each prepared there once.

    ``connection`` waits for the answers, so its patience is what counts. Texts have their parameters as ``$1``.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._transformer = Transformer(connection)
        # Nobody's else: behind a pooler that gives the server's connection to others in between, a name that two use
        # would have one run what the other prepared. So it is an error, or what was meant.
        self._prefix = f"vestibule_{token_hex(8)}"
        self._numbers = count()
        # As psycopg has it: what a parameter is sent as may be another type for another value.
        self._names: dict[tuple[str, tuple[int, ...]], bytes] = {}

    @property
    def is_free(self) -> bool:
        """Whether the connection is in no transaction, and a statement begins none."""
        idle = self._connection.pgconn.transaction_status == TransactionStatus.IDLE
        return idle and self._connection.autocommit

    def __call__(self, text: str, parameters: Sequence[object]) -> tuple[list[tuple[Any, ...]], int]:
        """Return the rows, and how many were found or changed. Raises :class:`psycopg.Error`."""
        transformer = self._transformer
        values = transformer.dump_sequence(parameters, [PyFormat.AUTO] * len(parameters))
        types, formats = transformer.types or (), transformer.formats
        known = (text, types) in self._names
        try:
            result = self._run(text, types, values, formats)
        except InvalidSqlStatementName:
            # Whoever rolled back here forgot all that was prepared, as psycopg does: nothing was carried out.
            self._names.clear()
            result = self._run(text, types, values, formats)
        except FeatureNotSupported:
            # A table was altered: "cached plan must not change result type". Nothing was carried out.
            if not known:
                raise
            self._forget((text, types))
            result = self._run(text, types, values, formats)
        transformer.set_pgresult(result)
        rows: list[tuple[Any, ...]] = transformer.load_rows(0, result.ntuples, tuple) if result.nfields else []
        return rows, result.command_tuples or 0

    def _run(self, text: str, types: tuple[int, ...], values: Any, formats: Any) -> Any:
        name = self._names.get((text, types))
        if name is None:
            if len(self._names) >= _MOST:
                self._forget(next(iter(self._names)))
            name = f"{self._prefix}_{next(self._numbers)}".encode()
            self._connection.pgconn.send_prepare(name, text.encode(), types)
            self._result()
            self._names[text, types] = name
        self._connection.pgconn.send_query_prepared(name, values, formats, _BINARY)
        return self._result()

    def _forget(self, which: tuple[str, tuple[int, ...]]) -> None:
        self._connection.pgconn.send_query(b"DEALLOCATE " + self._names.pop(which))
        self._result()

    def _result(self) -> Any:
        result = self._connection.wait(execute(self._connection.pgconn))[-1]
        if result.status not in _GOOD:
            raise error_from_result(result)
        return result
