"""What the measured processes have used: CPU, memory, SQL statements, Redis commands."""

import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psycopg
from redis import Redis

_EXECUTED = re.compile(rb"LOG:  (?:statement|execute [^:]*): ([^\n]*)")
_LOG_SECONDS = 10


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants that run."""
    found = [pid]
    for each in found:  # grows as it goes
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            found += map(int, _read(children).split())
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU that processes and their descendants have used, with their ended threads, to the nanosecond."""
    return sum(_cpu(each) for pid in pids for each in tree(pid))


def _cpu(pid: int) -> float:
    try:
        return time.clock_gettime(~pid << 3 | 2)  # clock_getcpuclockid(3) of another process, as the kernel numbers it
    except OSError:
        return 0.0  # it ended


def peak_mib(pids: Iterable[int]) -> float:
    """Return the most memory that each of these processes and their descendants has had resident, added up, in MiB."""
    status = (_read(Path(f"/proc/{each}/status")) for pid in pids for each in tree(pid))
    peaks = (re.search(r"VmHWM:\s*(\d+) kB", text) for text in status)
    return sum(int(peak[1]) for peak in peaks if peak) / 1024


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""  # it ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What was said to the databases, by the text of it."""

    sql: Counter[str]
    redis: Counter[str]


class Statements:
    """Counts what one side says to PostgreSQL and Redis while something runs. The servers are this process's own."""

    def __init__(self, *, postgres_url: str | None, redis_url: str) -> None:
        self._postgres_url = postgres_url
        self._redis_url = redis_url

    def during(self, run: Callable[[], object]) -> Counted:
        """Return what was said while ``run`` ran."""
        redis: Counter[str] = Counter()
        with (
            Redis.from_url(self._redis_url) as client,
            Redis.from_url(self._redis_url) as another,
            client.monitor() as monitor,
        ):
            another.ping()  # what greets the server must not be counted
            while "PING" not in monitor.next_command()["command"]:
                pass
            sql = self._logged(run)
            marker = secrets.token_hex(8)
            another.echo(marker)
            own = client.connection_pool.connection_kwargs.get("db", 0)
            for said in monitor.listen():
                if marker in said["command"]:
                    break
                if said["client_type"] != "lua" and said["db"] == own:
                    redis[_command(said["command"])] += 1
        return Counted(sql=sql, redis=redis)

    def _logged(self, run: Callable[[], object]) -> Counter[str]:
        if self._postgres_url is None:
            run()
            return Counter()
        with psycopg.connect(self._postgres_url, autocommit=True) as connection:
            log = Path(_value(connection, "SHOW data_directory")).parent / "log"
            _log_all(connection, "all")
            begin = log.stat().st_size
            run()
            marker = secrets.token_hex(8)
            connection.execute(f"SELECT '{marker}'".encode())
            _log_all(connection, "none")
        said = log.read_bytes()[begin:]
        return Counter(
            text.decode()
            for text in _EXECUTED.findall(said.partition(marker.encode())[0])
            if b"pg_reload_conf" not in text and not text.startswith(b"SELECT '")
        )


def _log_all(connection: psycopg.Connection, what: str) -> None:
    """Have every backend log its statements, or none: those that run learn of it with their next command."""
    connection.execute(f"ALTER SYSTEM SET log_statement = '{what}'".encode())
    connection.execute("SELECT pg_reload_conf()")
    deadline = time.monotonic() + _LOG_SECONDS
    while _value(connection, "SHOW log_statement") != what:
        if time.monotonic() > deadline:
            raise TimeoutError("PostgreSQL did not read its configuration")


def _value(connection: psycopg.Connection, query: str) -> str:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return str(row[0])


def _command(text: str) -> str:
    """Return a command's name; of a script, also the begin of its digest."""
    words = text.split(" ")
    name = words[0].upper()
    return f"{name} {words[1][:8]}" if name in ("EVALSHA", "FCALL") and len(words) > 1 else name


def postgres_pid(url: str) -> int:
    """Return the process that a PostgreSQL server of this machine began with."""
    with psycopg.connect(url) as connection:
        folder = _value(connection, "SHOW data_directory")
    return int((Path(folder) / "postmaster.pid").read_text().split("\n")[0])


def redis_pid(url: str) -> int:
    """Return the process of a Redis server of this machine."""
    with Redis.from_url(url) as client:
        return int(client.info("server")["process_id"])
