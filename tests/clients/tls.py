"""A running broker over TLS, as clients of other makers meet it, and the authority that vouches for it."""

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import trustme
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from broker.app import create_app, parts
from broker.settings import Settings
from providers.standins import Standins
from tests.world import PROVIDERS, Clock, World, raw_settings

Start = Callable[..., World]
"""The clients, and other settings by name -> the broker that was started with them."""


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        """An access log would repeat every code."""


@dataclass(frozen=True, kw_only=True)
class Authority:
    """A certificate authority of the tests' own. ``ca_file`` is what a client is told to trust."""

    ca_file: Path
    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path) -> "Authority":
        """Return an authority with one certificate for ``localhost``, written below ``folder``."""
        authority = trustme.CA(organization_name="Vestibule tests")
        issued = authority.issue_cert("localhost")
        made = cls(ca_file=folder / "ca.pem", certificate=folder / "localhost.pem", key=folder / "localhost.key")
        authority.cert_pem.write_to_path(made.ca_file)
        made.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(made.key)
        return made

    def context(self) -> ssl.SSLContext:
        """Return what a server of these tests speaks TLS with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


@contextmanager
def serving(app: Flask, authority: Authority, listener: socket.socket) -> Iterator[None]:
    """Serve ``app`` over TLS on ``listener`` until left."""
    server = make_server(
        "127.0.0.1",
        listener.getsockname()[1],
        app,
        threaded=True,
        request_handler=_Quiet,
        ssl_context=authority.context(),
        fd=listener.fileno(),
    )
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def running_over_tls(
    folder: Path, *, standins: Standins, authority: Authority, clients: Mapping[str, Mapping[str, Any]], **settings: Any
) -> Iterator[World]:
    """Yield a broker at an https issuer. ``folder`` holds a migrated ``vestibule.db``."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        base = f"https://localhost:{listener.getsockname()[1]}"
        standins.admit([f"{base}/callback/{provider_id}" for provider_id in PROVIDERS])
        raw = raw_settings(
            base=base,
            folder=folder,
            standins=standins,
            database_url=f"sqlite:///{folder / 'vestibule.db'}",
            store_url="memory://",
        )
        raw |= settings
        raw["clients"] = {name: dict(client) for name, client in clients.items()}
        clock = Clock()
        app = create_app(Settings.model_validate(raw), clock=clock)
        try:
            with serving(app, authority, listener):
                yield World(base=base, app=app, parts=parts(app), standins=standins, clock=clock, raw=raw)
        finally:
            parts(app).close()
            standins.toggles.reset()
