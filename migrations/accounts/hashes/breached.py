"""Passwords that thieves have lists of: in a file of our own, or asked for without telling which.

Both speak the format of Have I Been Pwned: SHA-1 of the password's UTF-8 in upper-case hex, a colon, and how often it
was seen. A list that does not answer as it should is :class:`Unavailable`, and then no password is let through.
"""

import hashlib
import re
from collections.abc import Callable
from io import FileIO
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import requests

_LINE = re.compile(rb"([0-9A-F]{40})(?::[0-9]{1,12})?\r?")
_LONGEST = 64  # bytes of a line, with its end
_LOOK_AT = 16  # lines at either end
_SUFFIX = re.compile(r"([0-9A-F]{35}):([0-9]{1,12})")


class Unavailable(Exception):
    """The list gave no answer that could be believed."""


class BreachList(Protocol):
    """Knows stolen passwords."""

    def contains(self, password: str) -> bool:
        """Return whether the password is known to be stolen. Raises :class:`Unavailable`."""
        ...


class FileList:
    """A file of lines in the order of their hashes, searched where it lies: it may have 40 GB.

    Raises :class:`ValueError` unless it looks like one at either end, :class:`OSError` if it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with FileIO(path) as file:
            size = file.seek(0, 2)
            first = _lines(_read(file, 0, _LONGEST * _LOOK_AT), cut_at_end=size > _LONGEST * _LOOK_AT)
            start = max(0, size - _LONGEST * _LOOK_AT)
            last = _lines(_read(file, start, size - start), cut_at_start=start > 0)
        if any(earlier >= later for some in (first, last) for earlier, later in pairwise(some)):
            raise ValueError("the list of breached passwords is not in the order of its hashes")
        if first[0] > last[-1]:
            raise ValueError("the list of breached passwords ends before it begins")

    def contains(self, password: str) -> bool:
        """Return whether the file has the password. Raises :class:`Unavailable`."""
        wanted = _sha1(password).encode()
        try:
            with FileIO(self._path) as file:
                return _found(file, wanted)
        except OSError as error:
            raise Unavailable("the list of breached passwords cannot be read") from error


class RangeList:
    """A service that is told five digits of the hash and answers with all that begin so (k-anonymity).

    ``url``: without the digits. ``fetch`` is called as ``requests.Session.get``, such as that of a session of
    :func:`providers.http.outbound`. Padding is asked for, so that the size of the answer tells nothing either.
    """

    def __init__(self, url: str, fetch: Callable[..., requests.Response]) -> None:
        self._url = url
        self._fetch = fetch

    def contains(self, password: str) -> bool:
        """Return whether the service has the password. Raises :class:`Unavailable`."""
        wanted = _sha1(password)
        try:
            answer = self._fetch(self._url + wanted[:5], headers={"Add-Padding": "true"})
        except requests.RequestException as error:
            raise Unavailable("the service of breached passwords does not answer") from error
        if answer.status_code != 200:
            raise Unavailable(f"the service of breached passwords answers {answer.status_code}")
        return _counts(answer.content).get(wanted[5:], 0) > 0  # padding was seen no times


def _counts(body: bytes) -> dict[str, int]:
    lines = body.decode("latin-1").removesuffix("\n").removesuffix("\r").replace("\r\n", "\n").split("\n")
    matches = [_SUFFIX.fullmatch(line) for line in lines]
    found = {match[1]: int(match[2]) for match in matches if match is not None}
    if len(found) != len(lines):
        raise Unavailable("the service of breached passwords answers in another format")
    return found


def _found(file: FileIO, wanted: bytes) -> bool:
    low, high = 0, file.seek(0, 2)
    while low < high:
        middle = (low + high) // 2
        start = max(low, middle - _LONGEST)
        around = _read(file, start, 2 * _LONGEST)
        begin = around.rfind(b"\n", 0, middle - start) + 1
        end = around.find(b"\n", middle - start)
        end = len(around) if end < 0 else end
        line = _LINE.fullmatch(around[begin:end])
        if line is None:
            raise Unavailable("the list of breached passwords has a line in another format")
        if line[1] == wanted:
            return True
        if line[1] < wanted:
            low = start + end + 1
        else:
            high = start + begin
    return False


def _lines(data: bytes, *, cut_at_start: bool = False, cut_at_end: bool = False) -> list[bytes]:
    lines = data.removesuffix(b"\n").split(b"\n")
    whole = lines[1 if cut_at_start else 0 : len(lines) - 1 if cut_at_end else len(lines)]
    hashes = [line[1] for line in map(_LINE.fullmatch, whole) if line is not None]
    if not hashes or len(hashes) < len(whole):
        raise ValueError("the list of breached passwords is not lines of SHA-1 in upper-case hex")
    return hashes


def _read(file: FileIO, position: int, size: int) -> bytes:
    file.seek(position)
    return file.read(size) or b""


def _sha1(password: str) -> str:
    # A lone surrogate is no text, and on no list.
    return hashlib.sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest().upper()
