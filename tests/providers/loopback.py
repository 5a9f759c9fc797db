"""Real servers on loopback that answer as a test wants them to: badly, mostly."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import trustme

Answer = Callable[["Handler"], None]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Handler(BaseHTTPRequestHandler):
    """``answer`` does what it likes with the connection; ``released`` is set when the server stops."""

    protocol_version = "HTTP/1.1"
    timeout = 20
    seen: list[Seen]
    answer: Answer
    released: Event

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.seen.append(Seen(method=self.command, path=self.path, headers=headers, body=self.rfile.read(length)))
        type(self).answer(self)

    do_GET = do_POST = do_DELETE = handle_any  # noqa: N815 - http.server's names

    def reply(self, body: bytes = b"{}", status: int = 200, **headers: str) -> None:
        """Send a plain answer; ``_`` in a header's name stands for ``-``."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self, data: bytes) -> None:
        """Send one byte again and again, for as long as somebody listens."""
        self.close_connection = True
        while not self.released.wait(0.02):
            self.wfile.write(data)
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # a busy machine answers late, and must not refuse
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up, or shake no hands, are what the tests are about."""


@dataclass(kw_only=True)
class Server:
    """A running server. ``names`` are the server names (SNI) that clients asked for."""

    port: int
    scheme: str
    seen: list[Seen] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"

    def count(self, path: str = "") -> int:
        """Return how many requests there were, to ``path`` if it is given."""
        return sum(seen.path == path or not path for seen in self.seen)


@contextmanager
def serve(
    answer: Answer, *, authority: trustme.CA | None = None, names: tuple[str, ...] = ("localhost",)
) -> Iterator[Server]:
    """Run a server; over TLS if there is an ``authority`` to certify its ``names``."""
    released = Event()
    state = Server(port=0, scheme="http" if authority is None else "https")
    handler = type("OneHandler", (Handler,), {"answer": staticmethod(answer), "seen": state.seen, "released": released})
    server = _Server(("127.0.0.1", 0), handler)
    state.port = server.server_port
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(context)
        context.sni_callback = lambda _socket, name, _context: state.names.append(name)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def trust(authority: trustme.CA, folder: Path) -> Path:
    """Return a file that holds the authority's certificate."""
    path = folder / "authority.pem"
    path.write_bytes(authority.cert_pem.bytes())
    return path
