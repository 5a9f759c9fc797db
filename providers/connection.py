"""One connection of HTTP/1.1, on the standard library's client: every exchange over it is within its limits."""

import io
import select
import socket
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

import requests

_ZLIB_OR_GZIP = 47  # zlib: window bits, and to see by the data which of both it is


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


class _Timed(io.RawIOBase):
    """What http.client takes for a socket: reads wait no longer than they may, and end with the deadline."""

    def __init__(self, wire: socket.socket, seconds: float) -> None:
        self._wire, self._seconds = wire, seconds
        self.deadline = 0.0
        self.got = 0

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._wait_no_longer()
        try:
            count = self._wire.recv_into(buffer)
        except TimeoutError:
            self._wait_no_longer()
            raise
        self.got += count
        return count

    def sendall(self, data: bytes) -> None:
        self._wait_no_longer()
        self._wire.sendall(data)

    def close(self) -> None:
        """Do nothing: readers come and go, and whoever has the connection hangs up."""

    def _wait_no_longer(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise _TooLate
        self._wire.settimeout(min(left, self._seconds))


class Connection(HTTPConnection):
    """One connection. What it has to say it says in one piece."""

    def __init__(self, server: Server, wire: socket.socket, seconds: float) -> None:
        # http.client leaves the port out of Host where it is the scheme's own.
        self.default_port = 443 if server.scheme == "https" else 80
        super().__init__(server.host, server.port)
        self._wire = wire
        self._timed = _Timed(wire, seconds)
        self.sock = self._timed
        self._said = bytearray()
        self.idle_since = 0.0
        self.used_before = False

    def send(self, data: Any) -> None:
        """Keep it until all is said: a second small packet costs as much as the first."""
        self._said += data

    def has_news(self) -> bool:
        """Return whether something came that nobody asked for, which mostly is the end."""
        poll = select.poll()
        poll.register(self._wire, select.POLLIN)
        return bool(poll.poll(0))

    def hang_up(self) -> None:
        self._wire.close()

    def exchange(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        deadline: float,
        max_bytes: int,
    ) -> tuple[Answer, bool]:
        """Return the answer, and whether the connection can be used again."""
        timed, self._said = self._timed, bytearray()
        timed.deadline, timed.got = deadline, 0
        answer: Answer | None = None
        try:
            self.request(method, target, body=body, headers=headers)
            timed.sendall(bytes(self._said))
            response = self.getresponse()
            answer = _head(response)
            said = _read(response, max_bytes)
        except _TooLate as error:
            raise requests.ReadTimeout("the answer takes too long") from error
        except TimeoutError as error:
            if answer is None:
                raise requests.ReadTimeout("no answer in time") from error
            raise requests.ConnectionError("the answer stalled") from error
        except (OSError, HTTPException, ValueError) as error:
            if isinstance(error, requests.RequestException):
                raise
            if self.used_before and timed.got == 0:
                raise DeadConnection from error
            raise requests.ConnectionError(type(error).__name__) from error
        body = _decoded(said, answer.headers.get("content-encoding", ""), max_bytes)
        again = response.isclosed() and not response.will_close
        return Answer(status=answer.status, reason=answer.reason, headers=answer.headers, body=body), again


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
