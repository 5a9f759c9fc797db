"""Statements of the hot path: put together and compiled once, then run without what is weighed anew at each execution.

SQLAlchemy spends more on a short statement than the driver and the database together. What it does that counts is done
here too: types are converted both ways, errors are its own, and whoever listens to statements hears of them.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Connection, Dialect
from sqlalchemy.sql.base import Executable
from sqlalchemy.types import TypeEngine

_Convert = Callable[[Any], Any]
Rows = Sequence[Sequence[Any]]
_Read = tuple[Rows, int]
# In place of the name of a database: as :mod:`broker.storage.postgres_wire` takes statements.
_WIRE = "wire"


class Prepared:
    """One statement of Core. Its parameters are ``bindparam(name, required=False)``; each run gives all of them."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def all(self, connection: Connection, **parameters: object) -> list[Any]:
        """Return the rows, with their columns by name. Raises as ``connection.execute`` does."""
        compiled, rows, _ = self._run(connection, parameters, _fetched)
        return compiled.named(rows)

    def first(self, connection: Connection, **parameters: object) -> Any:
        """Return the first row, or none. Raises as ``connection.execute`` does."""
        rows = self.all(connection, **parameters)
        return rows[0] if rows else None

    def change(self, connection: Connection, **parameters: object) -> int:
        """Return how many rows were changed. Raises as ``connection.execute`` does."""
        _, _, changed = self._run(connection, parameters, _changed)
        return changed

    def _of(self, dialect: Dialect, kind: str) -> "_Compiled":
        compiled = self._compiled.get(kind)
        if compiled is None:
            own = type(dialect)(paramstyle="numeric_dollar") if kind == _WIRE else dialect  # type: ignore[call-arg]  # of each
            compiled = self._compiled[kind] = _Compiled(self._statement, own)
        return compiled

    def _run(
        self, connection: Connection, given: Mapping[str, object], read: Callable[[Any], "_Read"]
    ) -> "tuple[_Compiled, Rows, int]":
        kept, dialect, listeners = connection.connection.info, connection.dialect, connection.engine.dispatch
        cursor: Any = None
        wire = kept.get("wire")
        if wire is not None and wire.is_free:
            compiled = self._of(dialect, _WIRE)
        else:
            # A cursor lives as long as its connection, and is away while it is in use.
            wire, compiled = None, self._of(dialect, dialect.name)
            cursor = kept.pop("cursor", None) or connection.connection.cursor()
        parameters = compiled.parameters(given)
        for listener in listeners.before_cursor_execute:
            listener(connection, cursor, compiled.text, parameters, None, False)
        try:
            if wire is not None:
                rows, changed = wire(compiled.text, parameters)
            else:
                cursor.execute(compiled.text, parameters)
                rows, changed = read(cursor)
        except Exception as error:
            # SQLAlchemy's own way: the error becomes its own, a connection that is gone is given up, who listens hears.
            connection._handle_dbapi_exception(error, compiled.text, parameters, cursor, None)
        for listener in listeners.after_cursor_execute:
            listener(connection, cursor, compiled.text, parameters, None, False)
        if cursor is not None:
            kept["cursor"] = cursor
        return compiled, rows, changed


def _fetched(cursor: Any) -> "_Read":
    return cursor.fetchall(), 0


def _changed(cursor: Any) -> "_Read":
    return (), cursor.rowcount


class _Compiled:
    """A statement as one kind of database takes it."""

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        compiled = cast(Any, statement).compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        self.text = str(compiled)
        # In the order of the question marks, or none where the driver takes parameters by name.
        self._order: Sequence[str] | None = compiled.positiontup
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}
        self._open = compiled.params.keys() - self._fixed.keys()
        self._outward = _converters(((name, bind.type) for name, bind in compiled.binds.items()), "bind", dialect)
        columns = [(column.keyname, column.type) for column in compiled._result_columns]
        self._row: Any = namedtuple("Row", [name for name, _ in columns])  # type: ignore[misc]  # columns are data
        by_name = _converters(columns, "result", dialect)
        self._inward = [(number, by_name[name]) for number, (name, _) in enumerate(columns) if name in by_name]

    def parameters(self, given: Mapping[str, object]) -> Any:
        """Return what the driver takes."""
        if given.keys() != self._open:
            raise TypeError(f"the parameters of this statement are {sorted(self._open)}")
        values = {**self._fixed, **given}
        for name, convert in self._outward.items():
            if name in given:
                values[name] = convert(values[name])
        return values if self._order is None else tuple(values[name] for name in self._order)

    def named(self, rows: Rows) -> list[Any]:
        """Return the rows of the driver, converted and with names."""
        if not self._inward:
            return [self._row._make(row) for row in rows]
        converted = []
        for row in rows:
            values = list(row)
            for number, convert in self._inward:
                values[number] = convert(values[number])
            converted.append(self._row._make(values))
        return converted


def _converters(typed: Any, way: str, dialect: Dialect) -> dict[str, _Convert]:
    """Return how values are converted, by name, of those that are. ``way`` is ``bind`` or ``result``."""
    found: dict[str, _Convert] = {}
    for name, type_ in typed:
        implementation: TypeEngine[Any] = type_.dialect_impl(dialect)
        convert = (
            implementation.bind_processor(dialect) if way == "bind" else implementation.result_processor(dialect, None)
        )
        if convert is not None:
            found[name] = convert
    return found
