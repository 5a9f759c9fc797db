"""A closed loop of HTTP over keep-alive connections, cheap enough not to be what is measured.

An operation is a generator: it yields requests and gets their answers. A lane works off one operation after the other,
with one connection to each server; there are as many lanes as connections were asked for.
"""

import re
import selectors
import socket
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

STALL_SECONDS = 30

Origin = tuple[str, int]
"""Host and port of a server."""


class Failed(Exception):
    """An operation did not end as it must. The text repeats what came instead, and is for tests alone."""


@dataclass(frozen=True, slots=True)
class Request:
    """``data`` is the whole request as it goes over the wire."""

    origin: Origin
    data: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """``head`` is the status line and the header fields, each with its line break."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first value of a header field, by its name in lower case."""
        return next(iter(self.headers(name)), None)

    def headers(self, name: str) -> list[str]:
        """Return every value of a header field."""
        found = re.findall(rb"\r\n" + name.encode() + rb":[ \t]*([^\r]*)", self.head, re.IGNORECASE)
        return [value.decode("latin-1") for value in found]


Operation = Generator[Request, Answer, Any]
"""What it returns is of interest to another operation that it is a part of."""


def origin_of(url: str) -> Origin:
    """Return where a URL's server listens."""
    return _origin(urlsplit(url))


def _origin(parts: SplitResult) -> Origin:
    return parts.hostname or "", parts.port or 80


def get(url: str, headers: Mapping[str, str] | None = None) -> Request:
    """Return a GET request."""
    return Request(*_head("GET", url, headers or {}))


def post(url: str, body: str, headers: Mapping[str, str] | None = None) -> Request:
    """Return a POST request with a form."""
    form = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    origin, head = _head("POST", url, {**form, **(headers or {})})
    return Request(origin, head + body.encode("ascii"))


def _head(method: str, url: str, headers: Mapping[str, str]) -> tuple[Origin, bytes]:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}", "Accept: */*"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return _origin(parts), "\r\n".join([*lines, "", ""]).encode("ascii")


def parse(data: bytes) -> tuple[Answer, int] | None:
    """Return the answer that ``data`` begins with and how many bytes it takes, or none while there are too few."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head, begin = data[: end + 2], end + 4
    status = int(head[9:12])
    lower = head.lower()
    if b"\r\ntransfer-encoding: chunked" in lower:
        chunked = _chunks(data, begin)
        return (Answer(status, head, chunked[0]), chunked[1]) if chunked else None
    if status in (204, 304):
        return Answer(status, head, b""), begin
    length = re.search(rb"\r\ncontent-length:[ \t]*(\d+)", lower)
    if length is None:
        raise Failed(f"an answer without a length: {head!r}")
    stop = begin + int(length[1])
    return (Answer(status, head, data[begin:stop]), stop) if len(data) >= stop else None


def _chunks(data: bytes, at: int) -> tuple[bytes, int] | None:
    parts: list[bytes] = []
    while (line := data.find(b"\r\n", at)) >= 0:
        size, start = int(data[at:line].partition(b";")[0], 16), line + 2
        at = start + size + 2
        if len(data) < at:
            return None
        if size == 0:
            return b"".join(parts), at
        parts.append(data[start : start + size])
    return None


class _Lane:
    """One of the connections at work. What is unfinished of an answer waits in ``left``."""

    def __init__(self) -> None:
        self.sockets: dict[Origin, socket.socket] = {}
        self.operation: Operation | None = None
        self.began = 0.0
        self.left = b""

    def socket_to(self, origin: Origin) -> tuple[socket.socket, bool]:
        """Return the connection to a server, and whether it is new."""
        if origin in self.sockets:
            return self.sockets[origin], False
        made = self.sockets[origin] = socket.create_connection(origin, timeout=STALL_SECONDS)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made, True

    def close(self) -> None:
        for each in self.sockets.values():
            each.close()
        if self.operation is not None:
            self.operation.close()


class Loop:
    """Lanes with their connections, which stay open from one :meth:`run` to the next."""

    def __init__(self, lanes: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._lanes = [_Lane() for _ in range(lanes)]

    def close(self) -> None:
        """Close every connection."""
        for lane in self._lanes:
            lane.close()
        self._selector.close()

    def run(self, operations: Iterable[Callable[[], Operation]]) -> list[float]:
        """Perform all operations, as many at a time as there are lanes; return how long each took, in seconds.

        Raises :class:`Failed` at the first that fails, and when no answer comes for 30 seconds.
        """
        waiting, took = iter(operations), list[float]()
        busy = sum(self._next(lane, waiting) for lane in self._lanes)
        while busy:
            ready = self._selector.select(STALL_SECONDS)
            if not ready:
                raise Failed(f"no answer for {STALL_SECONDS} seconds")
            for key, _ in ready:
                lane: _Lane = key.data
                answer = self._read(lane, key.fileobj)
                if answer is None:
                    continue
                assert lane.operation is not None
                try:
                    self._send(lane, lane.operation.send(answer))
                except StopIteration:
                    took.append(time.perf_counter() - lane.began)
                    busy -= not self._next(lane, waiting)
        return took

    def _next(self, lane: _Lane, waiting: Iterable[Callable[[], Operation]]) -> bool:
        """Begin the lane's next operation; return whether there was one."""
        for begin in waiting:
            lane.operation, lane.began = begin(), time.perf_counter()
            self._send(lane, next(lane.operation))
            return True
        lane.operation = None
        return False

    def _send(self, lane: _Lane, request: Request) -> None:
        connection, new = lane.socket_to(request.origin)
        if new:
            self._selector.register(connection, selectors.EVENT_READ, lane)
        connection.sendall(request.data)

    def _read(self, lane: _Lane, connection: object) -> Answer | None:
        assert isinstance(connection, socket.socket)
        data = connection.recv(262144)
        if not data and lane.operation is None:  # nobody has anything to ask for the moment
            self._drop(lane, connection)
            return None
        if not data or lane.operation is None:
            raise Failed("a server closed a connection, or spoke out of turn")
        parsed = parse(lane.left + data)
        if parsed is None:
            lane.left += data
            return None
        answer, taken = parsed
        if taken != len(lane.left) + len(data):
            raise Failed("more than one answer to one request")
        lane.left = b""
        if (answer.header("connection") or "").lower() == "close":
            self._drop(lane, connection)
        return answer

    def _drop(self, lane: _Lane, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        origin = next(each for each, known in lane.sockets.items() if known is connection)
        lane.sockets.pop(origin).close()
