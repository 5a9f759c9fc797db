"""What a run ran on, for whoever compares it with another."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import psycopg
from redis import Redis

ROOT = Path(__file__).parents[2]


def server_core() -> int | None:
    """Return the core that servers have for themselves, the last one; everything else keeps to the others."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return None
    os.sched_setaffinity(0, cores[:-1])  # all that is started from here inherits it
    return cores[-1]


def described(*, redis_url: str, database_url: str | None, node: str | None) -> Mapping[str, str]:
    """Return the machine and the versions of what runs."""
    found = {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": platform.release(),
        "Python": platform.python_version(),
        "granian": version("granian"),
        "commit": _commit(),
    }
    with Redis.from_url(redis_url) as client:
        found["Redis"] = str(client.info("server")["redis_version"])
    if database_url is not None:
        with psycopg.connect(database_url) as connection:
            number = connection.info.server_version
            found["PostgreSQL"] = f"{number // 10000}.{number % 10000}"
    if node is not None:
        found["Node"] = _said([node, "--version"]).removeprefix("v")
    return found


def line(ran_on: Mapping[str, str]) -> str:
    """Return all of it as a sentence would have it."""
    return "Ran on: " + ", ".join(f"{name} {value}" for name, value in ran_on.items()) + "."


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _commit() -> str:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return "unknown"
    changed = "-dirty" if _said([git, "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no"]) else ""
    return _said([git, "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]) + changed


def _said(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
