"""One connection of HTTP/1.1: every exchange over it is within its limits.

An answer that is said plainly, with its length, is read here. Whatever else there is (pieces, an end that only the
connection's own end tells, folded lines, more than one head) the standard library reads, which takes far longer.
"""

import io
import re
import select
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any

import requests

_ZLIB_OR_GZIP = 47  # zlib: window bits, and to see by the data which of both it is
_PIECE = 16384  # bytes; also the longest head that is read here
_METHOD = re.compile(r"[A-Z]+")
_TARGET = re.compile(r"[\x21-\x7e]+")
# As http.client holds them (RFC 9110, section 5.5), but for folded lines, which nobody here sends.
_SAID = re.compile(r"[^:\s][^:\r\n]*: [^\r\n]*")
# RFC 9112, sections 4 and 5: what is answered, and its fields, each in a line of its own.
_STATUS = re.compile(r"HTTP/1\.1 ([1-9][0-9]{2})(?: ([^\r\n]*))?")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*?)[ \t]*")
_LENGTH = re.compile(r"[0-9]{1,15}", re.ASCII)
_BODILESS = ("204", "304")
_MOST_INTERIM = 8  # answers ahead of the one that counts
_OF_BODIES = frozenset({"content-length", "transfer-encoding"})
# Said twice, they leave open how the answer is read.
_ONCE = frozenset({"connection", "content-encoding", "content-length"})


class ResponseTooLarge(requests.RequestException):
    """The answer has more bytes than were allowed for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer, read to its end. Names in ``headers`` are in lower case."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def content(self) -> bytes:
        """Return the body, by the name that requests has for it."""
        return self.body


@dataclass(frozen=True, slots=True)
class Server:
    scheme: str
    host: str
    port: int


class DeadConnection(Exception):
    """A kept connection on which not a byte of an answer came: the server had given it up."""


class _TooLate(TimeoutError):
    """The deadline has passed."""


class _Reader(io.BufferedReader):
    def close(self) -> None:
        """Stay open: http.client closes it after an answer, and what it read beyond that is still to be found."""


class _Timed(io.RawIOBase):
    """What http.client takes for a socket: reads wait no longer than they may, and end with the deadline.

    ``ahead`` was read already, and comes first.
    """

    def __init__(self, wire: socket.socket, seconds: float) -> None:
        self._wire, self._seconds = wire, seconds
        self._limit: float | None = None
        self._reader: _Reader | None = None
        self._over = False
        self.deadline = 0.0
        self.got = 0
        self.ahead = b""

    def begin(self, deadline: float) -> None:
        """Begin an exchange, which ends by then."""
        self.deadline, self.got, self.ahead = deadline, 0, b""
        self._reader, self._over = None, False

    def is_used_up(self) -> bool:
        """End the exchange, and return whether all that was read was of its answer."""
        self._over = True
        return not self.ahead and (self._reader is None or not self._reader.peek())

    def makefile(self, _mode: str) -> io.BufferedReader:
        self._reader = _Reader(self)
        return self._reader

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._over:
            return 0
        if self.ahead:
            piece, self.ahead = self.ahead[: len(buffer)], self.ahead[len(buffer) :]
        else:
            piece = self.receive(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def receive(self, most: int = _PIECE) -> bytes:
        """Return what came, which is nothing at the end."""
        self._wait_no_longer()
        try:
            piece = self._wire.recv(most)
        except TimeoutError:
            self._wait_no_longer()
            raise
        self.got += len(piece)
        return piece

    def sendall(self, data: bytes) -> None:
        self._wait_no_longer()
        self._wire.sendall(data)

    def close(self) -> None:
        """Do nothing: readers come and go, and whoever has the connection hangs up."""

    def _wait_no_longer(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise _TooLate
        limit = min(left, self._seconds)
        # To set it is a call of the system.
        if limit != self._limit:
            self._wire.settimeout(limit)
            self._limit = limit


class Connection:
    """One connection. What it has to say it says in one piece: a second small packet costs as much as the first."""

    def __init__(self, wire: socket.socket, seconds: float) -> None:
        self._wire = wire
        self._timed = _Timed(wire, seconds)
        self._poll = select.poll()
        self._poll.register(wire, select.POLLIN)
        # Of what TLS has read and nobody asked it for, there is nothing to be seen at the socket.
        self._pending = wire.pending if isinstance(wire, ssl.SSLSocket) else lambda: 0
        self.idle_since = 0.0
        self.used_before = False

    def has_news(self) -> bool:
        """Return whether something came that nobody asked for, which mostly is the end."""
        return bool(self._pending() or self._poll.poll(0))

    def hang_up(self) -> None:
        self._wire.close()

    def exchange(self, method: str, request: bytes, deadline: float, max_bytes: int) -> tuple[Answer, bool]:
        """Return the answer to what :func:`composed` said, and whether the connection can be used again.

        It cannot after anything but one whole answer: what is left of it would be taken for the answer to a later
        request, which may be another user's. Raises ``requests.RequestException``, and :class:`DeadConnection`.
        """
        timed = self._timed
        timed.begin(deadline)
        answer: Answer | None = None
        try:
            timed.sendall(request)
            read = bytearray()
            answer, length = _plain_head(read, timed, method)
            if answer is not None:
                said, again = _rest(read, timed, length, max_bytes), len(read) <= length
            else:
                timed.ahead = bytes(read)
                response = HTTPResponse(timed, method=method)  # type: ignore[arg-type]  # all it asks is makefile
                response.begin()
                if response.status < 200:
                    raise requests.ConnectionError("an interim answer that cannot be read")
                answer = _head(response)
                said = _read(response, max_bytes)
                again = response.isclosed() and not response.will_close and timed.is_used_up()
        except _TooLate as error:
            raise requests.ReadTimeout("the answer takes too long") from error
        except TimeoutError as error:
            if answer is None:
                raise requests.ReadTimeout("no answer in time") from error
            raise requests.ConnectionError("the answer stalled") from error
        except (OSError, HTTPException) as error:
            if isinstance(error, requests.RequestException):
                raise
            if self.used_before and timed.got == 0:
                raise DeadConnection from error
            raise requests.ConnectionError(type(error).__name__) from error
        again = again and not self._pending()
        content = _decoded(said, answer.headers.get("content-encoding", ""), max_bytes)
        return Answer(status=answer.status, reason=answer.reason, headers=answer.headers, body=content), again


def _host(server: Server) -> str:
    """Return the value of ``Host``, without the port where it is the scheme's own (RFC 9110, section 7.2)."""
    host = server.host if server.host.isascii() else server.host.encode("idna").decode()
    named = f"[{host}]" if ":" in host else host
    return named if server.port == (443 if server.scheme == "https" else 80) else f"{named}:{server.port}"


def composed(server: Server, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """Return a request as it is sent. Raises :class:`requests.ConnectionError` for what would be more than that."""
    try:
        return _composed(method, target, _host(server), headers, body)
    except ValueError as error:
        raise requests.ConnectionError(type(error).__name__) from error


def _composed(method: str, target: str, host: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    if not _METHOD.fullmatch(method) or not _TARGET.fullmatch(target):
        raise ValueError("a method and a target are of printable characters")
    lines = [f"{_text(name)}: {_text(value)}" for name, value in headers.items()]
    known = {line.partition(":")[0].lower() for line in lines}
    if "host" not in known:
        lines.insert(0, f"Host: {host}")
    if "accept-encoding" not in known:
        lines.append("Accept-Encoding: identity")
    if "content-length" not in known and (body is not None or method != "GET"):
        lines.append(f"Content-Length: {len(body or b'')}")
    if not all(map(_SAID.fullmatch, lines)):
        raise ValueError("not a header")
    return "\r\n".join((f"{method} {target} HTTP/1.1", *lines, "", "")).encode("latin-1") + (body or b"")


def _text(said: str | bytes) -> str:
    # requests takes bytes, too, whatever its types say.
    return said.decode("latin-1") if isinstance(said, bytes) else said


def _plain_head(read: bytearray, timed: _Timed, method: str) -> tuple[Answer | None, int]:
    """Read the final head into ``read``, and return it with the length of its body, leaving there what came of that.

    None, and all that was read of it is there, where it is one that the standard library is to read. Interim ones ahead
    of it (RFC 9110, section 15.2) are passed over, which the library does for 100 only.
    """
    found, interim = _next_head(read, timed), 0
    while found is not None and found[0][0] == "1":
        status, _, headers, end = found
        interim += 1
        # Nobody asked for 101 (Switching Protocols), and none of them has a body.
        if status == "101" or interim > _MOST_INTERIM or not headers.keys().isdisjoint(_OF_BODIES):
            raise requests.ConnectionError("an interim answer that nobody asked for")
        del read[:end]
        found = _next_head(read, timed)
    if found is None:
        return None, 0
    status, reason, headers, end = found
    length = _LENGTH.fullmatch(headers.get("content-length", ""))
    if status in _BODILESS or length is None or method == "HEAD":
        return None, 0
    if "transfer-encoding" in headers or headers.get("connection", "keep-alive").lower() != "keep-alive":
        return None, 0
    del read[:end]
    return Answer(status=int(status), reason=reason, headers=headers), int(length[0])


def _next_head(read: bytearray, timed: _Timed) -> tuple[str, str, dict[str, str], int] | None:
    """Return status and reason, the fields, and where in ``read`` the head ends; none where it is not a plain one."""
    while (end := read.find(b"\r\n\r\n")) < 0:
        piece = timed.receive() if len(read) < _PIECE else b""
        if not piece:
            return None
        read += piece
    first, *lines = read[:end].decode("latin-1").split("\r\n")
    status, headers = _STATUS.fullmatch(first), dict[str, str]()
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            return None
        name = field[1].lower()
        if name in _ONCE and name in headers:
            return None
        headers[name] = field[2]
    return None if status is None else (status[1], status[2] or "", headers, end + 4)


def _rest(read: bytearray, timed: _Timed, length: int, max_bytes: int) -> bytes:
    """Return the body, of which ``read`` has the beginning."""
    while len(read) < min(length, max_bytes + 1):
        piece = timed.receive()
        if not piece:
            raise requests.ConnectionError("the answer ended early")
        read += piece
    if length > max_bytes:
        raise ResponseTooLarge(f"more than {max_bytes} bytes")
    return bytes(read[:length])


def _head(response: HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status, reason=response.reason, headers=headers)


def _read(response: HTTPResponse, max_bytes: int) -> bytes:
    said = response.read(max_bytes + 1)
    if len(said) > max_bytes:
        raise ResponseTooLarge(f"more than {max_bytes} bytes")
    if response.length:
        raise requests.ConnectionError("the answer ended early")
    return said


def _decoded(said: bytes, encoding: str, max_bytes: int) -> bytes:
    """Return the content. We ask for no encoding, and some have one all the same."""
    if encoding.lower() not in ("gzip", "deflate"):
        return said
    inflating = zlib.decompressobj(_ZLIB_OR_GZIP)
    try:
        content = inflating.decompress(said, max_bytes + 1)
    except zlib.error as error:
        raise requests.ConnectionError("the answer cannot be decoded") from error
    if len(content) > max_bytes:
        raise ResponseTooLarge(f"more than {max_bytes} bytes")
    return content
