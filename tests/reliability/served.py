"""A real ``vestibule serve`` over a real configuration file, as a process of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_START_SECONDS = 60


def write_toml(path: Path, settings: Mapping[str, Any]) -> None:
    """Write settings as ``vestibule`` reads them: texts, numbers, truths, lists of them, and tables."""
    path.write_text("\n".join(_table((), settings)) + "\n", encoding="utf-8")
    path.chmod(0o600)


def _table(name: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[str]:
    if name:
        yield f"\n[{'.'.join(map(json.dumps, name))}]"
    tables = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    # JSON's texts, numbers, truths and lists are TOML's too.
    yield from (f"{json.dumps(key)} = {json.dumps(value)}" for key, value in table.items() if key not in tables)
    for key, value in tables.items():
        yield from _table((*name, key), value)


def command(config: Path, *arguments: str) -> list[str]:
    """Return the command line of ``vestibule``."""
    return [sys.executable, "-m", "broker.cli", "--config", str(config), *arguments]


def run(config: Path, *arguments: str, within: Sequence[str] = (), code: Path = ROOT) -> str:
    """Return what a command printed, of the version in the folder ``code``.

    Raises :class:`RuntimeError` where it failed.
    """
    done = subprocess.run(
        [*within, *command(config, *arguments)], cwd=code, env=environ(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"vestibule {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def environ() -> dict[str, str]:
    """Return the environment of a process that reads its configuration from its file alone."""
    return {name: value for name, value in os.environ.items() if not name.startswith("VESTIBULE")}


@contextmanager
def serving(config: Path, port: int, log: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Yield the process once it answers on loopback, and kill it in the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(config, "serve", *options), cwd=ROOT, env=environ(), stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"vestibule serve did not start:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(port: int) -> bool:
    """Return whether somebody answers requests on a port of loopback."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/jwks", headers={"Host": "localhost"})
        return connection.getresponse().status < 500
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
