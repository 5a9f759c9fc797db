"""The demo as people run it: a process of its own, on free ports, driven over HTTP."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests

from broker.demo.addresses import Addresses
from providers.standins import browser as upstream

ROOT = Path(__file__).parents[2]
READY_SECONDS = 90
TIMEOUT = 20  # seconds


def free_base() -> int:
    """Return a base whose four ports are free as of now.

    Between now and when they are used nobody takes them: below are no ports that the system gives away by itself, and
    each worker has a range of its own.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    width = 20_000 // workers
    first = 10_000 + worker * width
    bases = range(first, first + width - 450, 7)
    start = os.getpid() % len(bases)  # another run of the tests may be under way
    candidates: list[int] = [*bases[start:], *bases[:start]]
    for base in candidates:
        with ExitStack() as stack:
            try:
                for port in Addresses(base=base, https=False).ports().values():
                    stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return base
    raise RuntimeError("no four free ports")


@dataclass(kw_only=True)
class Demo:
    """A running demo. ``said`` is what it has printed so far."""

    process: subprocess.Popen[str]
    addresses: Addresses
    data: Path
    said: str

    @property
    def verify(self) -> str | bool:
        return str(self.data / "broker-ca.pem") if self.addresses.https else True

    def visitor(self) -> "Visitor":
        return Visitor(self)

    def stop(self, number: signal.Signals = signal.SIGINT) -> str:
        """Stop it as Ctrl-C does; return what else it printed."""
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, rest
        return rest

    def children(self) -> list[int]:
        """Return the ids of its child processes."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(child) for task in tasks for child in task.read_text().split()]


@contextmanager
def started(data: Path, base: int, *arguments: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """Start the demo; whatever happens, nothing of it outlives the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", "broker.cli", "demo", f"--port-base={base}", f"--data={data}", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


@contextmanager
def running(data: Path, base: int, *arguments: str) -> Iterator[Demo]:
    """Yield a demo that is ready."""
    with started(data, base, *arguments) as process:
        assert process.stdout is not None
        said, end = "", time.monotonic() + READY_SECONDS
        while "Ctrl-C stops it all." not in said:
            line = process.stdout.readline()
            assert line, f"the demo ended: {said}"
            assert time.monotonic() < end, f"the demo is not ready: {said}"
            said += line
        addresses = Addresses(base=base, https="--https" in arguments)
        yield Demo(process=process, addresses=addresses, data=data, said=said)


class Visitor:
    """Someone with a browser."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = demo.verify

    def get(self, url: str, **parameters: str) -> requests.Response:
        return self.http.get(url, params=parameters, allow_redirects=False, timeout=TIMEOUT)

    def login(self, persona: str | None, **parameters: str) -> requests.Response:
        """Press "Sign in" at the registry, and go on as ``persona`` until a page shows."""
        return self.follow(self.get(f"{self.demo.addresses.registry}/login", **parameters), persona)

    def press(self, button: str) -> requests.Response:
        """Press a button of the registry's page, and go on until a page shows."""
        url = f"{self.demo.addresses.registry}/{button}"
        return self.follow(self.http.post(url, allow_redirects=False, timeout=TIMEOUT), None)

    def follow(self, response: requests.Response, persona: str | None) -> requests.Response:
        """Follow redirects as a browser would, through the provider as ``persona``."""
        for _ in range(12):
            if not response.is_redirect:
                return response
            location = urljoin(response.url, response.headers["Location"])
            if location.startswith(self.demo.addresses.standins):
                assert persona is not None, location
                returned = upstream.sign_in(location, persona)
                if returned.method == "POST":
                    # A post from another site carries none of our cookies (SameSite).
                    response = requests.post(
                        returned.url,
                        data=dict(returned.fields),
                        allow_redirects=False,
                        timeout=TIMEOUT,
                        verify=self.demo.verify,
                    )
                    continue
                response = self.get(returned.url, **dict(returned.fields))
            else:
                response = self.get(location)
        raise AssertionError("too many redirects")

    def whoami(self) -> dict[str, dict[str, object]] | None:
        """Return what the registry learnt, or none when nobody is signed in."""
        response = self.get(f"{self.demo.addresses.registry}/whoami")
        assert response.status_code in {200, 401}
        learnt: dict[str, dict[str, object]] = response.json()
        return learnt if response.ok else None


def title(response: requests.Response) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", response.text, re.DOTALL)
    assert found is not None, response.text
    return re.sub(r"<[^>]+>", "", found[1]).strip()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running(tmp_path_factory.mktemp("demo"), free_base()) as ready:
        yield ready
