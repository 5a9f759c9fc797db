"""What a backup says, line by line: JSON, the same whatever database it came from and goes to.

First the head, then each table with its columns, its rows and how many they were, and at the end how many tables.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from broker.backup.sealed import NotABackup

BATCH = 1000
"""How many rows are read, and written, at a time."""

_Rows = list[list[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """``schema`` is the revision of the tables. ``secrets`` are those of the section of that name, as it takes them.

    ``configuration`` is the text of the file, if it was wanted.
    """

    made_at: datetime
    schema: str
    issuer: str
    secrets: Mapping[str, object]
    configuration: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some rows of a table, of which there may be none."""

    table: str
    columns: Sequence[str]
    rows: _Rows


def head_line(head: Head) -> bytes:
    """Return the line of the head."""
    return _line(
        {
            "made_at": head.made_at,
            "schema": head.schema,
            "issuer": head.issuer,
            "secrets": head.secrets,
            "configuration": head.configuration,
        }
    )


def table_lines(table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """Yield the lines of a table."""
    count = 0
    yield _line({"table": table, "columns": list(columns)})
    for row in rows:
        count += 1
        yield _line(list(row))
    yield _line({"rows": count})


def end_line(tables: int) -> bytes:
    """Return the last line."""
    return _line({"tables": tables})


def read(lines: Iterator[bytes]) -> tuple[Head, Iterator[Batch]]:
    """Return the head and the rows. What is not as it was written raises :class:`NotABackup` when it is come to."""
    said = _read(lines)
    try:
        head = Head(
            made_at=cast(datetime, _native(cast("dict[str, object]", said["made_at"]))),
            schema=str(said["schema"]),
            issuer=str(said["issuer"]),
            secrets=cast("Mapping[str, object]", said["secrets"]),
            configuration=cast("str | None", said["configuration"]),
        )
    except (KeyError, ValueError):
        raise _incomplete() from None
    return head, _batches(lines)


def _batches(lines: Iterator[bytes]) -> Iterator[Batch]:
    tables = 0
    while "table" in (said := _read(lines)):
        tables += 1
        yield from _table(lines, str(said["table"]), cast("list[str]", said["columns"]))
    if said != {"tables": tables} or next(lines, None) is not None:
        raise _incomplete()


def _table(lines: Iterator[bytes], table: str, columns: Sequence[str]) -> Iterator[Batch]:
    count, rows = 0, cast(_Rows, [])
    for line in lines:
        row = _value(line)
        if not isinstance(row, list):
            break
        count += 1
        rows.append(row)
        if len(rows) == BATCH:
            yield Batch(table=table, columns=columns, rows=rows)
            rows = []
    else:
        raise _incomplete()
    yield Batch(table=table, columns=columns, rows=rows)
    if row != {"rows": count}:
        raise _incomplete()


def _read(lines: Iterator[bytes]) -> dict[str, object]:
    line = next(lines, None)
    # Not as rows are read: a version of a key may go by any name, also by that of one of our marks.
    value = _value(line, marked=False) if line is not None else None
    if not isinstance(value, dict):
        raise _incomplete()
    return value


def _incomplete() -> NotABackup:
    return NotABackup("The backup does not say what it should: it was not finished, or a newer version made it.")


def _line(value: object) -> bytes:
    return json.dumps(value, default=_portable, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _value(line: bytes, *, marked: bool = True) -> object:
    try:
        return json.loads(line, object_hook=_native if marked else None)
    except ValueError:
        raise _incomplete() from None


def _portable(value: object) -> object:
    match value:
        case bytes() | memoryview():
            return {"bytes": b64encode(value).decode()}
        case datetime():
            # SQLite drops the zone; what was written was UTC.
            aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
            return {"time": aware.isoformat()}
        case _:
            raise TypeError(f"no place in a backup for {type(value).__name__}")


def _native(value: dict[str, object]) -> object:
    match value:
        case {"bytes": str(text), **rest} if not rest:
            return b64decode(text, validate=True)
        case {"time": str(text), **rest} if not rest:
            return datetime.fromisoformat(text)
        case _:
            return value
