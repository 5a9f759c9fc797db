"""The wire: HTTP/1.1 on the standard library's client, over connections that are kept, each exchange within its limits.

urllib3 does as much and costs twice the time, which is most of what a sign-in costs here; and neither it nor requests
limits how long the head of an answer may take.
"""

import socket
import ssl
import time
import weakref
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from providers.circuit import Circuit
from providers.connection import Answer, Connection, DeadConnection, ResponseTooLarge, Server, composed

USER_AGENT = "vestibule"
MAX_BYTES = 262144
TOTAL_SECONDS = 20.0
IDLE_SECONDS = 20.0
"""How long a connection is kept that nobody uses: shorter than most servers keep theirs."""

_MOST_IDLE = 32  # connections to one server
_RETRIED = frozenset({502, 503, 504})
_PAUSES = (0.0, 0.2)  # seconds before the second and the third time
_MOST_SERVERS = 64

Timeout = tuple[float, float]
"""Seconds to connect, and seconds between two reads."""


class Wire:
    """Connections to servers; safe to share between threads. ``timeout`` and ``total`` are in seconds.

    A GET that is answered 502, 503 or 504 is tried up to twice more, and so is once one whose kept connection turned
    out to be dead. Nothing else is sent twice. ``circuit`` is asked before, and told of what came of it.
    """

    def __init__(
        self,
        ca_bundle: Path | None = None,
        timeout: Timeout = (3.05, 10),
        max_bytes: int = MAX_BYTES,
        total: float = TOTAL_SECONDS,
        *,
        circuit: Circuit | None = None,
    ) -> None:
        self._ca_bundle = ca_bundle
        self._timeout, self._max_bytes, self._total = timeout, max_bytes, total
        self._circuit = circuit
        self._lock = Lock()
        self._context: ssl.SSLContext | None = None
        self._idle: dict[Server, deque[Connection]] = {}
        weakref.finalize(self, _hang_up_all, self._idle)

    def exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Return the answer to a request.

        Raises a ``requests.RequestException`` for any trouble on the way, and what the circuit raises where the
        server is not to be asked now.
        """
        server, target = _target(url)
        # What cannot even be said is no failure of the provider.
        request = composed(server, method, target, headers, body)
        if self._circuit is None:
            return self._exchange(server, method, request)
        with self._circuit.asking() as asked:
            try:
                answer = self._exchange(server, method, request)
            except ResponseTooLarge:
                # It answers. How much it says of somebody may be up to them.
                asked.answered(fine=True)
                raise
            asked.answered(fine=not _is_fault(answer))
        return answer

    def close(self) -> None:
        """Hang up what is idle. The wire may be used again."""
        with self._lock:
            _hang_up_all(self._idle)

    def _exchange(self, server: Server, method: str, request: bytes) -> Answer:
        deadline = time.monotonic() + self._total
        answer = self._once(server, method, request, deadline)
        for pause in _PAUSES:
            # Only a GET, and only after an answer: whatever else was sent may have had its effect. Retry-After is not
            # obeyed, because it could hold a sign-in for an hour.
            if method != "GET" or answer.status not in _RETRIED:
                break
            time.sleep(pause)
            answer = self._once(server, method, request, deadline)
        return answer

    def _once(self, server: Server, method: str, request: bytes, deadline: float) -> Answer:
        kept = self._take_idle(server)
        if kept is not None:
            try:
                return self._on(kept, server, method, request, deadline)
            except DeadConnection as dead:
                if method != "GET":
                    raise requests.ConnectionError("the connection was dead") from dead
        return self._on(self._connect(server, deadline), server, method, request, deadline)

    def _on(self, connection: "Connection", server: Server, method: str, request: bytes, deadline: float) -> Answer:
        try:
            answer, again = connection.exchange(method, request, deadline, self._max_bytes)
        except BaseException:
            # What is left unread must not be taken for the answer to a later request.
            connection.hang_up()
            raise
        if again:
            self._keep(server, connection)
        else:
            connection.hang_up()
        return answer

    def _take_idle(self, server: Server) -> "Connection | None":
        oldest = time.monotonic() - IDLE_SECONDS
        while True:
            with self._lock:
                idle = self._idle.get(server)
                connection = idle.pop() if idle else None
            if connection is None:
                return None
            if connection.idle_since >= oldest and not connection.has_news():
                connection.used_before = True
                return connection
            connection.hang_up()

    def _keep(self, server: Server, connection: "Connection") -> None:
        connection.idle_since = time.monotonic()
        dropped: list[Connection] = []
        with self._lock:
            if server not in self._idle and len(self._idle) >= _MOST_SERVERS:
                dropped += self._idle.pop(next(iter(self._idle)))
            idle = self._idle.setdefault(server, deque())
            idle.append(connection)
            while len(idle) > _MOST_IDLE or (idle and idle[0].idle_since < connection.idle_since - IDLE_SECONDS):
                dropped.append(idle.popleft())
        for each in dropped:
            each.hang_up()

    def _connect(self, server: Server, deadline: float) -> "Connection":
        seconds = max(0.001, min(self._timeout[0], deadline - time.monotonic()))
        try:
            wire = socket.create_connection((server.host, server.port), timeout=seconds)
            try:
                wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if server.scheme == "https":
                    wire = self._tls().wrap_socket(wire, server_hostname=server.host)
            except BaseException:
                wire.close()
                raise
        except ssl.SSLError as error:
            raise requests.exceptions.SSLError(type(error).__name__) from error
        except TimeoutError as error:
            raise requests.ConnectTimeout("no connection in time") from error
        except (OSError, ValueError) as error:
            raise requests.ConnectionError(type(error).__name__) from error
        return Connection(wire, self._timeout[1])

    def _tls(self) -> ssl.SSLContext:
        """Return what verifies servers. To read the authorities takes long, so it is done once."""
        with self._lock:
            if self._context is None:
                authorities = DEFAULT_CA_BUNDLE_PATH if self._ca_bundle is None else str(self._ca_bundle)
                self._context = ssl.create_default_context(cafile=authorities)
            return self._context


def _is_fault(answer: Answer) -> bool:
    """Return whether it is no answer of a provider that works: 5xx, a redirect, or a good one that is not JSON."""
    return answer.status // 100 in (3, 5) or (answer.status == 200 and answer.body.lstrip()[:1] not in (b"{", b"["))


@lru_cache(maxsize=256)
def _target(url: str) -> tuple[Server, str]:
    try:
        parts = urlsplit(url)
        given = parts.port
    except ValueError as error:
        raise requests.exceptions.InvalidURL("not a URL") from error
    if given == 0:
        raise requests.exceptions.InvalidURL("not a port")
    port = given or (443 if parts.scheme == "https" else 80)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise requests.exceptions.InvalidURL("not an http URL")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Server(parts.scheme, parts.hostname, port), target


def _hang_up_all(idle: dict[Server, "deque[Connection]"]) -> None:
    for each in idle.values():
        for connection in each:
            connection.hang_up()
    idle.clear()
