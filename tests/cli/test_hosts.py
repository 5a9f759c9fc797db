"""Several hosts over one PostgreSQL and one Redis: nothing is in a process, so it does not matter which is asked."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from providers.standins import Standins
from tests.cli.test_serve import children, status, wait_for
from tests.reliability.served import run, serving, write_toml
from tests.servers import free_port
from tests.world import PROVIDERS, TIMEOUT, Arrival, Clock, Page, Registry, Visitor, World, raw_settings


class Hosts:
    """Sends each request to the host after the one that had the last, under the name that they share."""

    def __init__(self, base: str, ports: tuple[int, ...], folder: Path) -> None:
        self.base, self.ports, self.folder = base, ports, folder
        self.asked: list[int] = []
        self._turn = count()
        self._send = HTTPAdapter.send

    def send(self, adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        if request.url is None or not request.url.startswith(self.base):
            return self._send(adapter, request, **options)
        url, port = request.url, self.ports[next(self._turn) % len(self.ports)]
        request.headers["Host"] = urlsplit(self.base).netloc
        request.url = url.replace(self.base, f"http://localhost:{port}", 1)
        self.asked.append(port)
        response = self._send(adapter, request, **options)
        request.url = response.url = url
        return response


@pytest.fixture
def hosts(
    tmp_path: Path, standins: Standins, fresh_postgres_url: str, fresh_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Hosts, World]]:
    """Two that serve, the first with two processes."""
    ports, base = (free_port(), free_port()), f"http://localhost:{free_port()}"
    raw = raw_settings(
        base=base, folder=tmp_path, standins=standins, database_url=fresh_postgres_url, store_url=fresh_redis_url
    )
    standins.admit([f"{base}/callback/{provider_id}" for provider_id in PROVIDERS])
    hosts = Hosts(base, ports, tmp_path)
    with ExitStack() as stack:
        for port, workers in zip(ports, ("2", "1"), strict=True):
            raw["listen"] = {"port": port, "drain": 0}
            write_toml(tmp_path / f"{port}.toml", raw)
            stack.enter_context(
                serving(tmp_path / f"{port}.toml", port, tmp_path / f"{port}.log", "--workers", workers)
            )
        monkeypatch.setattr(HTTPAdapter, "send", lambda adapter, request, **how: hosts.send(adapter, request, **how))
        secret = str(raw["clients"]["registry"]["secret"])
        world = SimpleNamespace(base=base, standins=standins, clock=Clock())
        world.registry = lambda: Registry(cast("World", world), "registry", secret)
        yield hosts, cast("World", world)
    standins.toggles.reset()


def test_a_sign_in_goes_on_at_another_host_with_every_request(hosts: tuple[Hosts, World]) -> None:
    several, world = hosts
    for persona, provider in (("oidc-phr", "generic"), ("entra-mfa", "entra")):
        visitor, registry = Visitor(world), world.registry()
        arrived = visitor.sign_in(persona, provider)
        tokens = registry.redeem(arrived, visitor.last_request)
        userinfo = registry.userinfo(tokens.response["access_token"])
        assert userinfo.json()["sub"] == tokens.claims["sub"]
        # The code is gone everywhere.
        assert isinstance(arrived, Arrival)
        again = registry.token_response(arrived.code, visitor.last_request.verifier)
        assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
        assert registry.userinfo(tokens.response["access_token"]).status_code == 401
        # So is a session that was ended.
        assert visitor.get("/account").status_code == 200
        assert visitor.submit("/account/sign-out-everywhere").status_code == 200
        landed = visitor.walk(visitor.get("/account"))
        assert isinstance(landed, Page)
        assert landed.url.startswith(f"{world.base}/signin")
    counts = [several.asked.count(port) for port in several.ports]
    assert abs(counts[0] - counts[1]) <= 1
    ready = requests.get(f"{world.base}/readyz", timeout=TIMEOUT).json()
    assert ready["status"] == "ready"
    assert ready["notes"] == {"worker": False}  # there is none, and nobody is turned away for it


def test_t5_a_switch_that_is_thrown_at_the_command_line_holds_at_every_process_at_the_next_request(
    hosts: tuple[Hosts, World],
) -> None:
    several, world = hosts
    visitor, registry = Visitor(world), world.registry()
    tokens = registry.redeem(visitor.sign_in("2fa-true", "github"), visitor.last_request)
    access = tokens.response["access_token"]

    def answers() -> set[tuple[int, int]]:
        """Return what several requests in turn, each on a new connection, get at each of the hosts."""
        first = len(several.asked)
        found = [registry.userinfo(access).status_code for _ in range(8)]
        return set(zip(several.asked[first:], found, strict=True))

    def everywhere(code: int) -> set[tuple[int, int]]:
        return {(port, code) for port in several.ports}

    def switch(*words: str) -> str:
        return run(several.folder / f"{several.ports[0]}.toml", "switch", *words)

    assert answers() == everywhere(200)
    switch("off", "provider", "github")
    assert answers() == everywhere(401)
    assert [visitor.get("/account").status_code for _ in several.ports] == [303, 303]
    switch("on", "provider", "github")
    assert answers() == everywhere(200)
    switch("read-only", "on")
    refused = [requests.post(f"{world.base}/register", json={}, timeout=TIMEOUT) for _ in several.ports]
    assert [(each.status_code, each.json()["error"]) for each in refused] == [(503, "read_only")] * 2
    switch("read-only", "off")
    assert "Nothing is switched off" in switch("list")


def test_one_command_starts_as_many_processes_as_it_is_told(
    tmp_path: Path, standins: Standins, fresh_postgres_url: str, fresh_redis_url: str
) -> None:
    port = free_port()
    raw = raw_settings(
        base=f"http://localhost:{port}",
        folder=tmp_path,
        standins=standins,
        database_url=fresh_postgres_url,
        store_url=fresh_redis_url,
    )
    raw["listen"] = {"port": port, "drain": 0, "workers": 2}
    write_toml(tmp_path / "vestibule.toml", raw)
    log = tmp_path / "log"
    with serving(tmp_path / "vestibule.toml", port, log, "--with-worker") as process:
        wait_for(lambda: status(f"http://localhost:{port}/readyz") == 200)
        assert len(children(process.pid)) == 2
        wait_for(lambda: requests.get(f"http://localhost:{port}/readyz", timeout=5).json()["notes"]["worker"])
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert '"background": "here"' in log.read_text()
