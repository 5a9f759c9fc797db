"""What runs on the hosts: brokers, a worker, nginx, Redis, PostgreSQL and the provider, and their configuration."""

import os
import re
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

import trustme

from tests.bench.standin import CLIENT_ID
from tests.reliability import parts, served
from tests.reliability.parts import Part
from tests.servers import _own
from tests.soak.network import ADDRESSES, Network
from tests.soak.people import BROKER_PORT, LOGOUT_PORT, PROVIDER_PORT
from tests.soak.provider import ISSUERS
from tests.soak.registry import Registry
from tests.world import key

ISSUER = "https://login.soak.example"
BROKERS = ("broker-1", "broker-2")
WORKERS = 2
DISK_MEBIBYTES = 320
_START_SECONDS = 90


@dataclass(frozen=True, kw_only=True)
class Estate:
    """All of it, running. ``disk`` is the folder that PostgreSQL has on a small disk of its own.

    ``renewed`` are the brokers of this version, where those of ``parts`` began with another.
    """

    network: Network
    folder: Path
    config: Path
    parts: dict[str, Part]
    renewed: Mapping[str, Part]
    registries: tuple[Registry, ...]
    cli: Registry
    disk: Path

    @property
    def mail(self) -> Path:
        return self.folder / "mail"

    def provider_mode(self, mode: str) -> None:
        """Have the first provider behave, or not."""
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        connection = HTTPSConnection(ADDRESSES["provider"], PROVIDER_PORT, context=context, timeout=10)
        connection.request("GET", f"/mode/{mode}")
        connection.getresponse().read()
        connection.close()

    def replace(self, name: str) -> None:
        """Restart a broker host with this version."""
        self.parts[name].stop(seconds=60)
        self.parts[name] = self.renewed[name]
        self.parts[name].launch()

    def vestibule(self, *arguments: str) -> str:
        """Run a command, at the worker's host."""
        return served.run(self.config, *arguments, within=self.network.hosts["worker"].within)


@contextmanager
def running(network: Network, previous: Path | None = None) -> Iterator[Estate]:
    """Yield everything, running. ``previous``: the folder of the version that the brokers begin with, if another."""
    with ExitStack() as stack:
        _sweep()
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o711)  # PostgreSQL and Redis find their own below it
        certificates(folder)
        disk = folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MEBIBYTES}m", "none", str(disk)], check=True)
        stack.callback(subprocess.run, ["umount", "--lazy", str(disk)], check=False)
        within = {name: host.within for name, host in network.hosts.items()}
        redis = stack.enter_context(parts.redis(host=ADDRESSES["redis"], port=6379, within=within["redis"]))
        database = stack.enter_context(
            parts.postgres(
                host=ADDRESSES["postgresql"],
                port=5432,
                within=within["postgresql"],
                data=_data(disk),
                settings=("max_wal_size=64MB", "wal_keep_size=0", "shared_buffers=32MB"),
            )
        )
        registries = tuple(
            Registry(client_id=f"registry-{number}", secret=secrets.token_urlsafe(32), consents=number == 3)
            for number in (1, 2, 3)
        )
        cli = Registry(client_id="cli")
        config = folder / "vestibule.toml"
        served.write_toml(config, settings(folder, redis.url, database.url, registries, cli))
        served.run(config, "db", "upgrade", within=within["worker"], code=previous or served.ROOT)

        def part(name: str, command: list[str], path: str = "/readyz", port: int = BROKER_PORT) -> Part:
            def answers(_: str) -> bool:
                return not path or _status(ADDRESSES[name], port, path) in (200, 404)

            process = Part(
                name, [*within[name], *_MORTAL, *command], folder / f"{name}.log", "", answers, signal.SIGTERM
            )
            stack.callback(process.stop)
            return process

        python = sys.executable
        provider = [python, "-m", "tests.soak.provider", ADDRESSES["provider"], str(PROVIDER_PORT)]
        provider += [str(folder / "cert.pem"), str(folder / "key.pem")]
        serve = ["serve", "--workers", str(WORKERS)]
        found = {
            "redis": redis,
            "postgresql": database,
            "provider": part("provider", provider, ""),
            "worker": part("worker", served.command(config, "worker"), ""),
            "front": part("front", ["nginx", "-c", str(front(folder)), "-p", str(folder)], ""),
        }
        renewed = {}
        for name in BROKERS:
            listens = ["env", f"VESTIBULE__LISTEN__HOST={ADDRESSES[name]}"]
            renewed[name] = part(name, [*listens, *served.command(config, *serve)])
            before = [*listens, f"--chdir={previous}", *served.command(config, "serve")]
            found[name] = renewed[name] if previous is None else part(name, before)
        # The version before knows no worker by itself: its brokers do that work too.
        for name in ("provider", *BROKERS, "front", *(["worker"] if previous is None else [])):
            found[name].start()
        yield Estate(
            network=network,
            folder=folder,
            config=config,
            parts=found,
            renewed=renewed,
            registries=registries,
            cli=cli,
            disk=disk,
        )


_MORTAL = ["setpriv", "--pdeathsig", "KILL", "--"]


_PREFIX = "vestibule-soak-"


def _sweep() -> None:
    """Remove the folders of soaks that were killed: all else of them went with their processes."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(left, ignore_errors=True)


def _data(disk: Path) -> Path:
    """Return the folder for a database on a disk, which is not the disk itself: there is a file to fill it with."""
    _own(disk)
    return disk / "data"


def certificates(folder: Path) -> None:
    """Make an authority, and one certificate for every address there is."""
    authority = trustme.CA(organization_name="Vestibule soak")
    certificate = authority.issue_cert(*ADDRESSES.values(), ISSUER.removeprefix("https://"))
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "cert.pem").write_bytes(b"".join(each.bytes() for each in certificate.cert_chain_pems))


def settings(
    folder: Path, store_url: str, database_url: str, registries: tuple[Registry, ...], cli: Registry
) -> dict[str, Any]:
    """Return the settings of every host."""
    logout = f"https://{ADDRESSES['people']}:{LOGOUT_PORT}"
    clients: dict[str, Any] = {
        each.client_id: {
            "name": f"Registry {each.client_id[-1]}",
            "redirect_uris": [each.redirect_uri],
            "secret": each.secret,
            "grant_types": ["authorization_code", "refresh_token"],
            "scopes": ["openid", "profile", "email", "offline_access"],
            "id_token_signed_response_alg": "ES256",
            "first_party": not each.consents,
            "backchannel_logout_uri": f"{logout}/{each.client_id}",
        }
        for each in registries
    }
    clients[cli.client_id] = {
        "name": "Command line",
        "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"],
        "auth_method": "none",
        "scopes": ["openid", "profile", "email"],
        "id_token_signed_response_alg": "ES256",
        "first_party": True,
    }
    provider = f"https://{ADDRESSES['provider']}:{PROVIDER_PORT}"
    return {
        "issuer": ISSUER,
        "trusted_proxies": 1,
        "listen": {"port": BROKER_PORT},
        "ca_bundle": str(folder / "ca.pem"),
        "insecure_allow_private_addresses": True,
        "database": {"url": database_url},
        "store": {"url": store_url},
        "secrets": {
            "encryption": {"v1": key()},
            "pseudonym": {"v1": key()},
            "index": key(),
            "audit": key(),
            "cookies": key(),
        },
        "mail": {"url": f"directory:{folder / 'mail'}", "sender": "vestibule@login.soak.example"},
        "clients": clients,
        "providers": {
            name: {
                "kind": "oidc",
                "name": f"The {name}",
                "issuer": f"{provider}/{name}",
                "client_id": CLIENT_ID,
                "client_secret": secrets.token_urlsafe(16),
                "algorithms": ["ES256"],
                "ca_bundle": str(folder / "ca.pem"),
                "insecure_allow_unproven": True,
            }
            for name in ISSUERS
        },
    }


def front(folder: Path) -> Path:
    """Write config/nginx.conf for these hosts, and return where."""
    servers = "\n".join(
        f"        server {ADDRESSES[name]}:{BROKER_PORT} max_fails=2 fail_timeout=5s;" for name in BROKERS
    )
    own = [f"    {each}_temp_path {folder}/nginx-{each};" for each in _TEMPORARY]
    changes = (
        (r"^ +server 10\.0\.0\.\d+:.*\n(?: +server 10\.0\.0\.\d+:.*\n)*", f"{servers}\n"),
        (r"^worker_processes .*", "daemon off;\nuser root;\nworker_processes 1;"),
        (r"^pid .*", f"pid {folder}/nginx.pid;"),
        (r"^http \{", "\n".join(["http {", *own])),
        (r"^ +listen \[::\].*\n", ""),
        (r"/etc/vestibule/tls/certificate\.pem", str(folder / "cert.pem")),
        (r"/etc/vestibule/tls/key\.pem", str(folder / "key.pem")),
        (r"login\.example\.org", ISSUER.removeprefix("https://")),
    )
    text = (served.ROOT / "config" / "nginx.conf").read_text(encoding="utf-8")
    for pattern, new in changes:
        text, count = re.subn(pattern, new, text, flags=re.MULTILINE)
        if count == 0:
            raise RuntimeError(f"config/nginx.conf has changed: {pattern}")
    path = folder / "nginx.conf"
    path.write_text(text, encoding="utf-8")
    return path


_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def _status(host: str, port: int, path: str) -> int:
    connection = HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": ISSUER.removeprefix("https://"), "X-Forwarded-Proto": "https"})
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()


def wait_until_ready(name: str) -> None:
    """Return once a broker host takes requests."""
    deadline = time.monotonic() + _START_SECONDS
    while _status(ADDRESSES[name], BROKER_PORT, "/readyz") != 200:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} is not ready")
        time.sleep(0.05)
