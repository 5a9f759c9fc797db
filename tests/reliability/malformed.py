"""Requests that are wrong in many places at once, over all endpoints, at a real server: nothing breaks or grows.

    python -m tests.reliability.malformed --count 100000

The same requests in every run (``--seed``). Each has an address of its own, by the header of the proxy that the server
trusts, so that limits do not spare it the rest.
"""

import argparse
import json
import shutil
import sys
import tempfile
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from broker.app import create_app
from broker.logs import configure
from broker.settings import Settings
from broker.settings.model import LogSettings
from broker.storage import schema
from providers.standins import Standins, register_all
from tests.reliability import parts, served
from tests.reliability.hostile import Rubbish
from tests.reliability.line import MOST_BYTES, SECONDS, Line
from tests.reliability.parts import memory_of
from tests.servers import free_port
from tests.world import raw_settings

CONNECTIONS = 4
STEPS = (0.1, 0.5, 1.0)
"""When the memory of the server is looked at: after a tenth of the requests, a half, and all."""
MOST_GROWTH = 1.15
"""How much of the memory there was after the first step there may be after the last."""
# What a server may say when something is wrong with it, or with what it was sent, and never: I do not know (500).
_CLEAR = frozenset({*range(200, 500), 501, 502, 503, 504, 505})
_MORE_PATHS = ("/livez", "/readyz", "/metrics", "/token", "/introspect", "/revoke", "/userinfo", "/jwks", "/par")


@dataclass(kw_only=True)
class Report:
    """What came of it. ``hung_up``: broken requests that were answered by no more than the end of the connection."""

    statuses: Counter[int] = field(default_factory=Counter)
    hung_up: int = 0
    wrong: list[str] = field(default_factory=list)
    memory: dict[int, int] = field(default_factory=dict)

    @property
    def sent(self) -> int:
        return sum(self.statuses.values()) + self.hung_up

    @property
    def growth(self) -> float:
        """Return the memory after the last step as a share of that after the first."""
        held = [self.memory[number] for number in sorted(self.memory)]
        return held[-1] / held[0]

    def as_json(self) -> dict[str, Any]:
        return {
            "requests": self.sent,
            "statuses": {str(status): self.statuses[status] for status in sorted(self.statuses)},
            "hung_up": self.hung_up,
            "wrong": self.wrong[:20],
            "memory": {str(number): held for number, held in self.memory.items()},
            "growth": round(self.growth, 3),
        }


@contextmanager
def house(standins: Standins) -> Iterator[tuple[Path, int, Settings]]:
    """Yield the configuration of a server with everything switched on, its port, and its settings."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="vestibule-malformed-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        redis = stack.enter_context(parts.redis(fsync="never"))
        postgresql = stack.enter_context(parts.postgres(settings=("fsync=off", "synchronous_commit=off")))
        port = free_port()
        raw = raw_settings(
            base=f"http://localhost:{port}",
            folder=folder,
            standins=standins,
            database_url=postgresql.url,
            store_url=redis.url,
        )
        raw["listen"] = {"port": port}
        raw["trusted_proxies"] = 1
        raw["log"] = {"level": "error"}
        one = raw["clients"]["registry"]
        both = {"grant_types": ["authorization_code", "refresh_token"]}
        offline = {"scopes": ["openid", "profile", "email", "offline_access"]}
        raw["clients"]["third"] = {**one, **both, **offline, "first_party": False}
        scopes = ["openid", "organizations", "registry_accounts", "introspection"]
        raw["clients"]["registry"] = {
            **one,
            "grant_types": ["authorization_code", "client_credentials"],
            "scopes": scopes,
        }
        config = folder / "vestibule.toml"
        served.write_toml(config, raw)
        schema.upgrade(postgresql.url)
        yield config, port, Settings.model_validate(raw)


def rules_of(settings: Settings) -> list[str]:
    """Return every address there is, each as its rule has it."""
    app = create_app(settings)
    found = {rule.rule for rule in app.url_map.iter_rules()} | set(_MORE_PATHS)
    app.extensions["vestibule"].close()
    return sorted(found)


def send(count: int, seed: int, standins: Standins, *, say: Callable[[str], object]) -> Report:
    """Send so many requests to a server of their own, and return what came of it."""
    report, lock = Report(), Lock()
    with house(standins) as (config, port, settings):
        log = config.parent / "serve.log"
        rules = rules_of(settings)
        secret = settings.clients["registry"].secret
        basic = f"registry:{secret.get_secret_value() if secret else ''}".encode()
        credentials = (
            b"Authorization: Basic " + b64encode(basic),
            b"Cookie: __Host-vestibule=x; vestibule=x; session=x",
            b"Authorization: Bearer x",
            b"Accept: application/json",
        )
        known = {"provider_id": "generic", "client_id": "registry", "context": "c1"}
        with served.serving(config, port, log) as process:

            def one_line(rubbish: Rubbish, number: int) -> None:
                line = Line(port)
                for _ in range(number):
                    request, whole = rubbish.one()
                    judge(report, lock, request, whole, line)
                line.close()

            makers = [Rubbish(rules, known, credentials, seed + number) for number in range(CONNECTIONS)]
            sent = 0
            for step in STEPS:
                share = (round(count * step) - sent) // CONNECTIONS
                with ThreadPoolExecutor(CONNECTIONS) as pool:
                    for done in [pool.submit(one_line, rubbish, share) for rubbish in makers]:
                        done.result()
                sent += share * CONNECTIONS
                report.memory[sent] = memory_of(process.pid)
                say(f"{sent} requests, {report.memory[sent] >> 20} MiB, {dict(sorted(report.statuses.items()))}\n")
            if process.poll() is not None:
                report.wrong.append("the server ended")
        logged = log.read_text(errors="replace")
        if "Traceback" in logged or "status=500" in logged:
            report.wrong.append("a traceback in the log: " + logged[logged.find("Traceback") :][:1500])
    return report


def judge(report: Report, lock: Lock, request: bytes, whole: bool, line: Line) -> None:
    """Send a request and hold the answer to what all answers are."""
    try:
        answered = line.ask(request, whole=whole)
    except TimeoutError:
        line.close()
        with lock:
            report.statuses[0] += 1
            report.wrong.append(f"no answer within {SECONDS} seconds: {request[:300]!r}")
        return
    with lock:
        if answered is None:
            report.hung_up += 1
            if whole and len(request) < 60_000:
                report.wrong.append(f"hung up on {request[:300]!r}")
            return
        status, said = answered
        report.statuses[status] += 1
        if status not in _CLEAR or b"Traceback" in said or len(said) > MOST_BYTES:
            report.wrong.append(f"{status}: {request[:600]!r}: {said[-300:]!r}")
        if status in (429, 503) and b"\r\nretry-after:" not in said.lower():
            report.wrong.append(f"{status} without Retry-After: {request[:300]!r}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Send the requests, print what came of it, and return 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.malformed", description="Malformed requests.")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    configure(LogSettings(level="error"))
    with Standins.start(registrations=register_all([])) as standins:
        report = send(options.count, options.seed, standins, say=sys.stderr.write)
    sys.stdout.write(json.dumps(report.as_json(), indent=2) + "\n")
    return 0 if not report.wrong and report.growth <= MOST_GROWTH else 1


if __name__ == "__main__":
    sys.exit(main())
