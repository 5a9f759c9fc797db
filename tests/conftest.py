"""What holds for every test: no network but loopback, nothing of this machine's environment, private servers."""

import gc
import ipaddress
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import servers
from tests.fixtures import fresh_postgres_url, fresh_redis_url, standins, world
from tests.measured import pytest_runtest_protocol
from tests.storage.databases import (
    database,
    database_url,
    empty_database_url,
    migrated_postgres,
    migrated_sqlite,
)

__all__ = [
    "database",
    "database_url",
    "empty_database_url",
    "fresh_postgres_url",
    "fresh_redis_url",
    "migrated_postgres",
    "migrated_sqlite",
    "pytest_runtest_protocol",
    "standins",
    "world",
]

# The same examples in every run, and no clock: a busy machine is no failure.
settings.register_profile("vestibule", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vestibule")

# Each of these changes what a library does behind our back, or is ours and would change settings.
_MEDDLING = ("OAUTHLIB_", "AUTHLIB_", "MSAL_", "OTEL_", "PROMETHEUS_", "VESTIBULE", "PG", "REDIS_")
_ALSO = {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "FLASK_DEBUG"}
_PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}


def pytest_collection_finish() -> None:
    """Spare the garbage collector what is there before the first test: none of it goes before the last."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


class NetworkRefused(Exception):
    """A test tried to leave this machine."""


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_the_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(_MEDDLING) or name in _ALSO or name.upper() in _PROXIES:
                patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """Refuse connections and name look-ups that leave this machine. Unix sockets stay in it."""
    connect, connect_ex, sendto = socket.socket.connect, socket.socket.connect_ex, socket.socket.sendto
    getaddrinfo = socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _must_be_loopback(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _must_be_loopback(self, address)
        return connect_ex(self, address)

    def guarded_sendto(self: socket.socket, data: Any, *rest: Any) -> int:
        _must_be_loopback(self, rest[-1])
        return sendto(self, data, *rest)

    def guarded_getaddrinfo(host: Any, *rest: Any, **options: Any) -> Any:
        if host is not None and not _is_loopback(host):
            raise NetworkRefused(f"a test looked up {host!r}")
        return getaddrinfo(host, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket.socket, "sendto", guarded_sendto)
        patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
        yield


def _must_be_loopback(sock: socket.socket, address: Any) -> None:
    if sock.family != socket.AF_UNIX and not _is_loopback(address[0]):
        raise NetworkRefused(f"a test connected to {address!r}")


def _is_loopback(host: str | bytes) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A private PostgreSQL server of this worker."""
    with servers.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A private Redis server of this worker."""
    with servers.redis() as url:
        yield url
