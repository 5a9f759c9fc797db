"""Redis and PostgreSQL as parts that can be killed, paused and brought back at the same address with what they kept.

Both write to the disk before they acknowledge anything. ``within`` is put before their commands: it may lead to another
network namespace; they end with whoever started them.
"""

import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests import servers

_START_SECONDS = 60


class Part:
    """A server process. What it keeps is in its folder, and outlives it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        url: str,
        answers: Callable[[str], bool],
        stop: signal.Signals,
    ) -> None:
        self.name = name
        self.url = url
        self._command = command
        self._log = log
        self._answers = answers
        self._stop = stop
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.launch()
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers(self.url):
            if self.pid is None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start:\n{self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)

    def launch(self) -> None:
        """Start it."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    @property
    def pid(self) -> int | None:
        """Return its process id while it runs."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process is not None and running else None

    def kill(self) -> None:
        """Leave it no time for anything, nor its children."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def pause(self) -> None:
        """Have it, and its children, do nothing: connections stay open and nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def stop(self, seconds: float = 20) -> None:
        """Shut it down, and kill it if that takes more than ``seconds``."""
        if self.pid is None or self._process is None:
            return
        self.resume()
        self._process.send_signal(self._stop)
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is None:
            return
        for each in (self.pid, *children(self.pid)):
            try:
                os.kill(each, number)
            except ProcessLookupError:
                continue  # it ended by itself meanwhile, as a connection's process does


def children(pid: int) -> list[int]:
    """Return the ids of a process's children, and theirs."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except FileNotFoundError:
        return []
    own = [int(each) for each in listed.split()]
    return [*own, *(further for each in own for further in children(each))]


@contextmanager
def redis(
    *, host: str = "127.0.0.1", port: int | None = None, within: Sequence[str] = (), fsync: str = "always"
) -> Iterator[Part]:
    """Yield a Redis that is running. ``fsync``: as its appendfsync has it, or ``never`` for one that keeps nothing."""
    with servers._folder() as folder:
        number, password = port or servers.free_port(), secrets.token_hex(16)
        lines = [f"bind {host}", f"port {number}", f"requirepass {password}", f"dir {folder}", 'save ""']
        lines += ["appendonly no"] if fsync == "never" else ["appendonly yes", f"appendfsync {fsync}"]
        configuration = folder / "redis.conf"
        configuration.write_text("\n".join(lines) + "\n")
        servers._own(configuration)
        command = [
            *within,
            *servers._unprivileged(),
            shutil.which("redis-server") or "redis-server",
            str(configuration),
        ]
        url = f"redis://:{password}@{host}:{number}/0"
        part = Part("redis", command, folder / "log", url, servers._redis_answers, signal.SIGTERM)
        try:
            part.start()
            yield part
        finally:
            part.stop()


@contextmanager
def postgres(
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    within: Sequence[str] = (),
    data: Path | None = None,
    settings: Sequence[str] = (),
) -> Iterator[Part]:
    """Yield a PostgreSQL that is running. ``data``: an empty folder for what it keeps, if not one of its own."""
    with servers._folder() as folder:
        number, password = port or servers.free_port(), secrets.token_hex(16)
        kept = data or folder / "data"
        _initialize(kept, folder / "password", password, within)
        options = [f"listen_addresses={host}", f"port={number}", "unix_socket_directories=", "max_connections=120"]
        set_ = [part for each in (*options, *settings) for part in ("-c", each)]
        command = [
            *within,
            *servers._unprivileged(),
            str(servers._postgres_programs() / "postgres"),
            "-D",
            str(kept),
            *set_,
        ]
        url = f"postgresql://vestibule:{password}@{host}:{number}/postgres"
        part = Part("postgresql", command, folder / "log", url, servers._postgres_answers, signal.SIGINT)
        try:
            part.start()
            yield part
        finally:
            part.stop()


def _initialize(kept: Path, password_file: Path, password: str, within: Sequence[str]) -> None:
    password_file.write_text(password)
    servers._own(password_file)
    if not kept.exists():
        kept.mkdir(mode=0o700)
    servers._own(kept)
    initdb = [servers._postgres_programs() / "initdb", "--pgdata", kept, "--username", "vestibule"]
    initdb += ["--pwfile", password_file, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
    servers._run([*within, *servers._unprivileged(), *map(str, initdb)])
    # What initdb lets in from 127.0.0.1 may come from any host of a network that nobody else is on.
    with (kept / "pg_hba.conf").open("a", encoding="utf-8") as rules:
        rules.write("host all all 10.77.0.0/24 scram-sha-256\n")


def memory_of(pid: int) -> int:
    """Return the bytes of memory that a process and its children hold (VmRSS)."""
    held = 0
    for each in (pid, *children(pid)):
        status = Path(f"/proc/{each}/status").read_text(encoding="utf-8")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        held += int(found[1]) * 1024 if found else 0
    return held
