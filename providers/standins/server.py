"""The two listeners: http for the browser, https for the back channel. On loopback, or not at all."""

import logging
import shutil
import socket
import ssl
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

import trustme
from flask import Flask, Response, jsonify
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from . import github, github_api, microsoft, microsoft_authorize, microsoft_token, oidc, oidc_token
from .directory import Kind, Registration
from .github_tokens import Tokens
from .personas import Canary, Persona
from .personas_github import github_personas
from .personas_microsoft import microsoft_personas
from .personas_oidc import oidc_personas
from .toggles import Toggles
from .world import Seen, World, watch

HOST = "127.0.0.1"
NAMES = ["localhost", HOST]
CA_FILE = "standins-ca.pem"
IDLE_SECONDS = 30
POLL_SECONDS = 0.1

log = logging.getLogger(__name__)


class Standins:
    """Running stand-ins. ``toggles`` and ``personas`` are the attacks and the people; ``ca_file`` is the PEM
    of the private CA that signed the back channel's certificate.
    """

    def __init__(self, world: World, tokens: Tokens, servers: Iterable[BaseWSGIServer], ca_dir: Path | None) -> None:
        self._world = world
        self._tokens = tokens
        self._servers = tuple(servers)
        self._threads = tuple(
            Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="standins", daemon=True)
            for server in self._servers
        )
        self._temporary = Path(tempfile.mkdtemp(prefix="standins-")) if ca_dir is None else None
        self.ca_file = (ca_dir or self._temporary or Path()) / CA_FILE
        self.browser_url = world.browser_url
        self.backchannel_url = world.backchannel_url
        self.toggles: Toggles = world.toggles
        self.personas: tuple[Persona, ...] = world.personas

    @classmethod
    def start(
        cls,
        *,
        registrations: Iterable[Registration],
        browser_port: int = 0,
        backchannel_port: int = 0,
        ca_dir: Path | None = None,
        canary: Canary | None = None,
        host: str = HOST,
    ) -> Self:
        """Return stand-ins that answer on both ports; 0 takes a free one.

        The CA's certificate goes into ``ca_dir``, or into a folder of its own that :meth:`stop` removes; its
        private key is never written. Raises ValueError for any ``host`` but 127.0.0.1, and OSError when a
        port is taken.
        """
        if host != HOST:
            raise ValueError(f"the stand-ins let anybody in as anyone: they listen on {HOST} only, not on {host}")
        front, back = Flask("standins.browser"), Flask("standins.backchannel")
        authority = trustme.CA(organization_name="Vestibule stand-ins")
        front_server = _listen(front, browser_port)
        try:
            back_server = _listen(back, backchannel_port, authority)
        except OSError:
            front_server.server_close()
            raise
        world = World(
            browser_url=f"http://{HOST}:{front_server.port}",
            backchannel_url=f"https://localhost:{back_server.port}",
            registrations=list(registrations),
            personas=people(canary or Canary()),
        )
        tokens = Tokens()
        _furnish(front, back, world, tokens)
        standins = cls(world, tokens, (front_server, back_server), ca_dir)
        standins.ca_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        standins.ca_file.write_bytes(authority.cert_pem.bytes())
        for thread in standins._threads:
            thread.start()
        log.warning("stand-ins are running: anybody on this machine can sign in as anyone")
        return standins

    def stop(self) -> None:
        """Stop answering, let slow answers go, and remove what was written to a folder of its own."""
        self.toggles.reset()
        for server in self._servers:
            server.shutdown()
        for thread in self._threads:
            thread.join()
        if self._temporary is not None:
            shutil.rmtree(self._temporary)
            self._temporary = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def requests(self) -> tuple[Seen, ...]:
        """The last requests to both listeners, oldest first."""
        return self._world.log.all()

    def forget_requests(self) -> None:
        """Empty the log of requests."""
        self._world.log.clear()

    def redirects(self) -> int:
        """Return how many times a browser was sent here to sign in: GET requests to an authorization
        endpoint.
        """
        return sum(seen.method == "GET" and seen.path.endswith("/authorize") for seen in self.requests)

    def expire_codes(self) -> None:
        """Make every authorization code that is out there too old."""
        self._world.codes.expire()

    def rotate_keys(self) -> None:
        """Replace every signing key by a new one under a new ``kid``; the old ones leave the key sets."""
        self._world.keys.rotate()

    def live_tokens(self) -> int:
        """Return how many of GitHub's access tokens nobody has deleted."""
        return self._tokens.live()

    def persona(self, id: str) -> Persona:
        """Return the persona called ``id``. Raises KeyError."""
        return {person.id: person for person in self.personas}[id]

    def admit(self, redirect_uris: Iterable[str]) -> None:
        """Let every registered application use these redirect URIs as well."""
        more = tuple(redirect_uris)
        self._world.registrations[:] = [
            replace(each, redirect_uris=(*each.redirect_uris, *more)) for each in self._world.registrations
        ]

    def registration(self, kind: Kind) -> Registration:
        """Return the first application registered with ``kind``. Raises StopIteration when there is none."""
        return next(registration for registration in self._world.registrations if registration.kind == kind)


def people(canary: Canary) -> tuple[Persona, ...]:
    """Return every persona of every provider."""
    return (*microsoft_personas(canary), *github_personas(canary), *oidc_personas(canary))


class _Handler(WSGIRequestHandler):
    """Writes no access log, in which codes and names would stand."""

    timeout = IDLE_SECONDS

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: ARG002 - Werkzeug's signature
        log.debug("%s line", type)


def _listen(app: Flask, port: int, authority: trustme.CA | None = None) -> BaseWSGIServer:
    # Werkzeug ends the whole process when a port is taken, unless it is handed a socket.
    with socket.create_server((HOST, port), backlog=128) as listener:
        server = make_server(HOST, port, app, threaded=True, request_handler=_Handler, fd=listener.fileno())
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*NAMES).configure_cert(context)
        # The handshake is left to the thread that serves the request: a slow client must not hold up the
        # others.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.ssl_context = context
    return server


def _furnish(front: Flask, back: Flask, world: World, tokens: Tokens) -> None:
    """Give each listener its pages, and let it answer to its own names only."""
    parts = {
        front: (
            microsoft_authorize.authorize(world),
            microsoft.farewells(world),
            github.authorize(world, tokens),
            oidc.authorize(world),
        ),
        back: (
            microsoft.documents(world),
            microsoft_token.token(world),
            github.token(world, tokens),
            github_api.api(world, tokens),
            oidc.documents(world),
            oidc_token.token(world),
        ),
    }
    for app, blueprints in parts.items():
        app.config["TRUSTED_HOSTS"] = NAMES
        app.template_folder = str(Path(__file__).parent / "templates")
        watch(app, world)
        for blueprint in blueprints:
            app.register_blueprint(blueprint)
        app.register_error_handler(404, _not_found)


def _not_found(_error: Exception) -> tuple[Response, int]:
    return jsonify({"message": "Not Found"}), 404
