"""What the broker costs before anybody comes: ``python -m tests.bench.idle``.

Prints the time from the start of ``vestibule serve`` to the first 200 of ``/readyz``, and of each process the CPU time
it takes while nothing happens and the memory it has for itself and with others. PostgreSQL and Redis are its own, and
``vestibule worker`` does the work in the background; ``--embedded`` is one process on SQLite.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from tests import servers
from tests.reliability.served import ROOT, command, environ, run, write_toml
from tests.world import key

_TICKS = os.sysconf("SC_CLK_TCK")


def settings(folder: Path, port: int, database_url: str, store_url: str) -> dict[str, Any]:
    """Return a configuration without providers."""
    return {
        "issuer": f"http://localhost:{port}",
        "listen": {"port": port, "drain": 0},
        "database": {"url": database_url},
        "store": {"url": store_url},
        "secrets": {
            "encryption": {"v1": key()},
            "pseudonym": {"v1": key()},
            **{name: key() for name in ("index", "audit", "cookies")},
        },
        "mail": {"url": f"directory:{folder / 'mail'}", "sender": "vestibule@login.example"},
    }


def start(config: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(config, *words), cwd=ROOT, env=environ(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


def seconds_to_ready(config: Path, port: int) -> tuple[float, float, subprocess.Popen[bytes]]:
    """Return how long it took, how much of that was CPU time, and the process."""
    began = time.monotonic()
    process = start(config, "serve")
    while not ready(port):
        if process.poll() is not None:
            raise RuntimeError("vestibule serve ended")
        time.sleep(0.005)
    return time.monotonic() - began, sum(map(cpu, family(process.pid))), process


def ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz", headers={"Host": "localhost"})
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def family(pid: int) -> Iterator[int]:
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from family(int(child))


def cpu(pid: int) -> float:
    """Return the CPU time that a process has taken, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory(pid: int) -> dict[str, float]:
    """Return the memory of a process, in MiB: all of it, and what it shares with no other."""
    lines = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    sizes = {words[0]: int(words[1]) / 1024 for words in lines}
    return {"rss": sizes["Rss:"], "own": sizes["Private_Clean:"] + sizes["Private_Dirty:"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embedded", action="store_true", help="one process on SQLite")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long nothing happens")
    parser.add_argument("--starts", type=int, default=5, help="how often it is started; the median counts")
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vestibule-idle-")))
        port, config = servers.free_port(), folder / "vestibule.toml"
        if asked.embedded:
            urls = (f"sqlite:///{folder / 'vestibule.db'}", "memory://")
        else:
            urls = (stack.enter_context(servers.postgres()), stack.enter_context(servers.redis()))
        write_toml(config, settings(folder, port, *urls))
        run(config, "db", "upgrade")
        times = []
        for _ in range(asked.starts + 1):  # the first makes keys, and warms the machine's caches
            took, computed, process = seconds_to_ready(config, port)
            times.append((took, computed))
            stop(process)
        _, _, serving = seconds_to_ready(config, port)
        stack.callback(stop, serving)
        processes = {f"serve {number}": pid for number, pid in enumerate(family(serving.pid))}
        if not asked.embedded:
            working = start(config, "worker")
            stack.callback(stop, working)
            processes["worker"] = working.pid
        time.sleep(5)
        before = {name: cpu(pid) for name, pid in processes.items()}
        time.sleep(asked.seconds)
        idle = {
            name: {"cpu_percent": round(100 * (cpu(pid) - before[name]) / asked.seconds, 2), **memory(pid)}
            for name, pid in processes.items()
        }
    took, computed = (statistics.median(each) for each in zip(*times[1:], strict=True))
    print(json.dumps({"seconds_to_ready": took, "of_them_cpu": computed, "idle": idle}, indent=1))  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
