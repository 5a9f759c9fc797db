"""What became of the rows that were not taken, or not taken whole: for the operator, and without anything personal."""

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

_HEADING = ("line", "registry_id", "taken", "code", "sentence")


class Code(StrEnum):
    """Why a row was not taken, or what of it was not. Stable: programs read them."""

    TOO_LONG = "too_long"
    NOT_UTF8 = "not_utf8"
    NOT_A_ROW = "not_a_row"
    UNKNOWN_MEMBER = "unknown_member"
    REGISTRY_ID = "registry_id_malformed"
    NAME = "name_malformed"
    CONFIRMED = "email_confirmed_malformed"
    KIND = "kind_unknown"
    LAST_SIGN_IN = "last_sign_in_malformed"
    PACKAGES = "packages_malformed"
    KEYS = "keys_malformed"
    IDENTITIES = "identities_malformed"
    REPEATED = "registry_id_repeated"
    NAME_TAKEN = "name_taken"
    IDENTITY_TAKEN = "identity_taken"
    NOT_PENDING = "not_pending"
    # Of these the account is there, without what could not be used.
    EMAIL_LEFT = "email_not_taken"
    PASSWORD_LEFT = "password_not_taken"  # noqa: S105 - a code
    IDENTITY_LEFT = "identity_not_taken"

    @property
    def taken(self) -> bool:
        """Return whether the account is there in spite of it."""
        return self in (Code.EMAIL_LEFT, Code.PASSWORD_LEFT, Code.IDENTITY_LEFT)


SENTENCES: Mapping[Code, str] = {
    Code.TOO_LONG: "The row is longer than 1 MiB.",
    Code.NOT_UTF8: "The row is not UTF-8.",
    Code.NOT_A_ROW: "The row is no JSON object with each member once, or has not as many cells as the heading.",
    Code.UNKNOWN_MEMBER: "The row has a member that is not known here.",
    Code.REGISTRY_ID: "registry_id must be 1 to 128 letters, digits and _ . : - or a whole number.",
    Code.NAME: "name must be text of 1 to 200 characters that can be seen.",
    Code.CONFIRMED: "email_confirmed must be true or false.",
    Code.KIND: "kind must be person or alias.",
    Code.LAST_SIGN_IN: "last_sign_in must be a time of ISO 8601 with its zone, such as 2021-05-04T10:00:00Z.",
    Code.PACKAGES: "packages must be a list of objects with name, role and downloads, and perhaps repository.",
    Code.KEYS: "keys must be a whole number from 0.",
    Code.IDENTITIES: "identities must be a list of at most 20 objects with provider, id, and perhaps tenant.",
    Code.REPEATED: "An earlier row of the file has this registry_id.",
    Code.NAME_TAKEN: "Another account has this name, in this or another case.",
    Code.IDENTITY_TAKEN: "An identity of the row is another account's.",
    Code.NOT_PENDING: "The row changes an account that somebody has come for, or that is closed.",
    Code.EMAIL_LEFT: "The address cannot be used: the account is there without one.",
    Code.PASSWORD_LEFT: "The password hash cannot be used: the account is there without a password.",
    Code.IDENTITY_LEFT: "An identity cannot be used: the account is there without it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the report. ``because`` is a sentence that says more, and repeats nothing of the row."""

    line: int
    registry_id: str | None
    code: Code
    because: str = ""

    @property
    def sentence(self) -> str:
        return f"{SENTENCES[self.code]} {self.because}".rstrip()

    def cells(self) -> tuple[int, str, str, str, str]:
        """Return what the report says, in the order of its columns."""
        return self.line, self.registry_id or "", "yes" if self.code.taken else "no", self.code.value, self.sentence


class NoReport(Exception):
    """There is a file at the report's place, and it is no report. It was not touched."""


class Report:
    """The file, private to who runs the import; or, without a path, only what is counted."""

    def __init__(self, path: Path | None) -> None:
        self.codes: Counter[Code] = Counter()
        self._csv = path is not None and path.suffix.lower() == ".csv"
        self._file: BinaryIO | None = None if path is None else _private(path)
        if self._file is None:
            return
        if not self._is_report(self._file.readline()):
            self._file.close()
            raise NoReport
        os.fchmod(self._file.fileno(), 0o600)

    def begin(self, done: int) -> None:
        """Keep what was told of lines up to ``done``, and drop the rest: an interrupted run told more than it did."""
        if self._file is None:
            return
        self._file.seek(0)
        kept = 0
        while (raw := self._file.readline()) and self._is_done(raw, done, first=kept == 0):
            kept += len(raw)
        self._file.truncate(kept)
        self._file.seek(kept)
        if self._csv and kept == 0:
            self._file.write(_csv_line(_HEADING))

    def add(self, entries: Iterable[Entry]) -> None:
        """Write entries, in the order of their lines."""
        told = list(entries)
        self.codes.update(entry.code for entry in told)
        if self._file is not None:
            self._file.writelines(self._line(entry) for entry in told)

    def settle(self) -> None:
        """Put on the disk what was written: rows may be done only after that."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _line(self, entry: Entry) -> bytes:
        if self._csv:
            return _csv_line(entry.cells())
        return json.dumps(dict(zip(_HEADING, entry.cells(), strict=True))).encode() + b"\n"

    def _is_report(self, first: bytes) -> bool:
        if not first:
            return True
        return first == _csv_line(_HEADING) if self._csv else self._number(first) is not None

    def _is_done(self, raw: bytes, done: int, *, first: bool) -> bool:
        if self._csv and first:
            return raw == _csv_line(_HEADING)
        number = self._number(raw) if raw.endswith(b"\n") else None
        return number is not None and number <= done

    def _number(self, raw: bytes) -> int | None:
        """Return which line of the import a line of the report is about."""
        try:
            found = next(csv.reader([raw.decode()]))[0] if self._csv else json.loads(raw)["line"]
            return int(found)
        except (ValueError, TypeError, KeyError, IndexError):
            return None


def _private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b")


def _csv_line(cells: Iterable[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()
