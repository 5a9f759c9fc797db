"""The exported file, record by record: JSON Lines, or CSV (RFC 4180); UTF-8, with or without a byte order mark.

No more than one record is held at a time, and none that is longer than :data:`LONGEST`.
"""

import csv
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NoReturn, Self

from migrations.accounts.importing.report import Code

LONGEST = 1 << 20  # bytes of a record

COLUMNS = (
    *("registry_id", "name", "email", "email_confirmed", "password_hash", "password_format", "kind"),
    *("last_sign_in", "packages", "keys", "identities"),
)
NEEDED = ("registry_id", "name")
_NESTED = frozenset({"packages", "identities"})  # JSON in a cell
_TRUTHS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_MARK = b"\xef\xbb\xbf"
_SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}


class Format(StrEnum):
    """How the file is written."""

    JSONL = "jsonl"
    CSV = "csv"


class BadFile(Exception):
    """Nothing of the file can be taken. The text is a sentence for the operator, and repeats nothing of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record: its members, or why it cannot be read. ``line`` counts from 1, ``end`` is an offset in bytes."""

    line: int
    end: int
    members: Mapping[str, object] | None = None
    fault: Code | None = None


class Source:
    """An open file. ``id`` is the SHA-256 of its content, ``size`` in bytes. Raises :class:`BadFile`, ``OSError``."""

    def __init__(self, path: Path, form: Format | None = None) -> None:
        self.format = form or _format_of(path)
        self._file: BinaryIO = path.open("rb")
        try:
            self._stamp = self._look()
            self.size = self._stamp[0]
            self.id = hashlib.file_digest(self._file, "sha256").hexdigest()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def check(self) -> None:
        """Raise :class:`BadFile` if somebody wrote to the file since it was opened."""
        if self._look() != self._stamp:
            raise BadFile("The file was changed while it was read. Run the same command again.")

    def is_at(self, path: Path) -> bool:
        """Return whether this is the file at ``path``."""
        return path.exists() and os.path.samestat(path.stat(), os.fstat(self._file.fileno()))

    def records(self) -> Iterator[Record]:
        """Yield every record. Raises :class:`BadFile` for a CSV file whose heading is none."""
        self._file.seek(0)
        start = len(_MARK) if self._file.read(len(_MARK)) == _MARK else 0
        self._file.seek(start)
        return _lines(self._file, start) if self.format is Format.JSONL else _table(self._file, start)

    def _look(self) -> tuple[int, int]:
        found = os.fstat(self._file.fileno())
        return found.st_size, found.st_mtime_ns


def _format_of(path: Path) -> Format:
    try:
        return Format(_SUFFIXES[path.suffix.lower()])
    except KeyError:
        raise BadFile("The name of the file does not tell its format: add --format jsonl or --format csv.") from None


def _lines(file: BinaryIO, offset: int) -> Iterator[Record]:
    line = 0
    while raw := file.readline(LONGEST + 1):
        line += 1
        whole = len(raw) <= LONGEST
        offset += len(raw) if whole else len(raw) + _skip(file, raw)
        if not whole:
            yield Record(line=line, end=offset, fault=Code.TOO_LONG)
        elif raw.strip():
            yield _object(raw, line, offset)


def _skip(file: BinaryIO, raw: bytes) -> int:
    """Pass the rest of a line that is too long, piece by piece, and return how many bytes that was."""
    passed = 0
    while not raw.endswith(b"\n") and (raw := file.readline(LONGEST)):
        passed += len(raw)
    return passed


def _object(raw: bytes, line: int, end: int) -> Record:
    try:
        read = parse_json(raw.decode())
    except UnicodeDecodeError:
        return Record(line=line, end=end, fault=Code.NOT_UTF8)
    except ValueError:
        return Record(line=line, end=end, fault=Code.NOT_A_ROW)
    if not isinstance(read, dict):
        return Record(line=line, end=end, fault=Code.NOT_A_ROW)
    return Record(line=line, end=end, members=read)


def parse_json(text: str) -> object:
    """Return a JSON value. A member that is there twice, NaN and what is nested too deeply raise ``ValueError``."""
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member is there twice")
    return members


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _table(file: BinaryIO, offset: int) -> Iterator[Record]:
    csv.field_size_limit(LONGEST)
    heading: tuple[str, ...] = ()
    line = 0
    while first := file.readline(LONGEST + 1):
        line += 1
        raw = _quoted_on(file, first)
        cells = _cells(raw) if raw.strip() else []
        if isinstance(cells, Code) or (heading and cells and len(cells) != len(heading)):
            if not heading:
                raise BadFile(_NO_HEADING)
            offset += len(first)
            # A stray quote swallows what follows it, so only the first line is given up.
            file.seek(offset)
            offset += _skip(file, first) if len(first) > LONGEST else 0
            yield Record(line=line, end=offset, fault=cells if isinstance(cells, Code) else Code.NOT_A_ROW)
            continue
        offset += len(raw)
        if not cells:
            continue
        if not heading:
            heading = _heading(cells)
        else:
            yield Record(line=line, end=offset, members=dict(_members(heading, cells)))
        line += raw.count(b"\n", 0, -1)
    if not heading:
        raise BadFile(_NO_HEADING)


def _quoted_on(file: BinaryIO, first: bytes) -> bytes:
    """Return the whole record: a line break between quotes does not end it."""
    lines, length, quotes = [first], len(first), first.count(b'"')
    while quotes % 2 and length <= LONGEST and (following := file.readline(LONGEST + 1)):
        lines.append(following)
        length += len(following)
        quotes += following.count(b'"')
    return b"".join(lines)


def _cells(raw: bytes) -> list[str] | Code:
    if len(raw) > LONGEST:
        return Code.TOO_LONG
    try:
        return next(csv.reader([raw.decode()], strict=True))
    except UnicodeDecodeError:
        return Code.NOT_UTF8
    except csv.Error:
        return Code.NOT_A_ROW


_NO_HEADING = (
    f"The first line must name the columns, each once, of these: {', '.join(COLUMNS)}. "
    f"{' and '.join(NEEDED)} are needed."
)


def _heading(cells: list[str]) -> tuple[str, ...]:
    names = tuple(cell.strip() for cell in cells)
    if len(set(names)) < len(names) or not set(NEEDED) <= set(names) <= set(COLUMNS):
        raise BadFile(_NO_HEADING)
    return names


def _members(heading: tuple[str, ...], cells: list[str]) -> Iterator[tuple[str, object]]:
    for name, cell in zip(heading, cells, strict=True):
        if cell:
            yield name, _value(name, cell)


def _value(name: str, cell: str) -> object:
    """Return what a cell says, as JSON would; what it should not say, as text, for the row to be refused."""
    if name in _NESTED:
        try:
            return parse_json(cell)
        except ValueError:
            return cell
    if name == "email_confirmed":
        return _TRUTHS.get(cell.lower(), cell)
    if name == "keys" and cell.isascii() and cell.isdigit() and len(cell) <= 10:
        return int(cell)
    return cell
