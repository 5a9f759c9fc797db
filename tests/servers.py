"""Private PostgreSQL and Redis servers for the tests: on loopback, on free ports, in temporary folders.

Each context manager starts a server of its own, yields its URL and stops the server by its process id. The
kernel stops it too, should the test process be killed.
"""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from redis import Redis
from redis.exceptions import RedisError

_START_SECONDS = 60
_ATTEMPTS = 5  # another process may take the free port first


class ServerMissing(Exception):
    """A server program is not on this machine; the text says how to install it."""


@contextmanager
def postgres() -> Iterator[str]:
    """Yield the URL of the ``postgres`` database of a fresh PostgreSQL server, for its superuser."""
    programs = _postgres_programs()
    with _folder() as folder:
        data, password = folder / "data", secrets.token_hex(16)
        password_file = folder / "password"
        password_file.write_text(password)
        _own(password_file)
        initdb = [programs / "initdb", "--pgdata", data, "--username", "vestibule", "--pwfile", password_file]
        initdb += ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
        _run([*_unprivileged(), *map(str, initdb)])

        def command(port: int) -> list[str]:
            settings = {
                "listen_addresses": "127.0.0.1",
                "port": port,
                "unix_socket_directories": "",
                "max_connections": 200,
                # A test server may lose everything, so it need not wait for the disk.
                "fsync": "off",
                "synchronous_commit": "off",
                "full_page_writes": "off",
            }
            options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            return [*_unprivileged(), str(programs / "postgres"), "-D", str(data), *options]

        def url(port: int) -> str:
            return f"postgresql://vestibule:{password}@127.0.0.1:{port}/postgres"

        with _server(command, url, _postgres_answers, folder / "log") as address:
            yield address


@contextmanager
def standby(primary_url: str) -> Iterator[str]:
    """Yield the URL of the ``postgres`` database of a streaming replica of a server that :func:`postgres` started."""
    programs, primary = _postgres_programs(), urlsplit(primary_url)
    with _folder() as folder:
        data = folder / "data"
        copying = [programs / "pg_basebackup", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        copying += [f"--dbname={primary_url}", f"--pgdata={data}"]
        _run([*_unprivileged(), *map(str, copying)])

        def command(port: int) -> list[str]:
            options = ("listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", "max_connections=200")
            each = [part for option in options for part in ("-c", option)]
            return [*_unprivileged(), str(programs / "postgres"), "-D", str(data), *each]

        def url(port: int) -> str:
            return primary._replace(netloc=f"{primary.username}:{primary.password}@127.0.0.1:{port}").geturl()

        with _server(command, url, _postgres_answers, folder / "log") as address:
            yield address


@contextmanager
def redis() -> Iterator[str]:
    """Yield the URL of database 0 of a fresh Redis server."""
    program = shutil.which("redis-server")
    if program is None:
        raise ServerMissing("redis-server is missing: apt-get install redis-server")
    with _folder() as folder:
        password = secrets.token_hex(16)

        def command(port: int) -> list[str]:
            configuration = folder / "redis.conf"
            configuration.write_text(
                f'bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {folder}\nsave ""\nappendonly no\n'
            )
            _own(configuration)
            return [*_unprivileged(), program, str(configuration)]

        def url(port: int) -> str:
            return f"redis://:{password}@127.0.0.1:{port}/0"

        with _server(command, url, _redis_answers, folder / "log") as address:
            yield address


@contextmanager
def fresh_database(server_url: str, template: str = "template1") -> Iterator[str]:
    """Yield the URL of a new database on the server, a copy of ``template``, and drop it afterwards."""
    name = f"test_{secrets.token_hex(8)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        # Ten times quicker where nothing is flushed, and the only way before PostgreSQL 15.
        strategy = "STRATEGY file_copy" if connection.info.server_version >= 150000 else ""
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {strategy}'.encode())
        try:
            yield f"{server_url.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on, as of now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def _server(
    command: Callable[[int], Sequence[str]],
    url: Callable[[int], str],
    answers: Callable[[str], bool],
    log: Path,
) -> Iterator[str]:
    for _ in range(_ATTEMPTS):
        port = free_port()
        with log.open("ab") as output:
            process = subprocess.Popen(command(port), stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            if _starts(process, url(port), answers):
                yield url(port)
                return
        finally:
            _stop(process)
    raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _starts(process: subprocess.Popen[bytes], url: str, answers: Callable[[str], bool]) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if answers(url):
            return True
        time.sleep(0.02)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    # PostgreSQL reads SIGINT as: end all sessions and shut down; Redis as: shut down.
    process.send_signal(2)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _postgres_answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _redis_answers(url: str) -> bool:
    client = Redis.from_url(url)
    try:
        return bool(client.ping())
    except RedisError:
        return False
    finally:
        client.close()


def _postgres_programs() -> Path:
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]), reverse=True
    )
    on_path = shutil.which("postgres")
    if on_path is not None:
        found.append(Path(on_path).resolve())
    for program in found:
        if (program.parent / "initdb").exists():
            return program.parent
    raise ServerMissing("PostgreSQL is missing: apt-get install postgresql")


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="vestibule-test-", ignore_cleanup_errors=True) as name:
        _own(Path(name))
        yield Path(name)


def _unprivileged() -> list[str]:
    """Return what to put before a server's command: not as root, and not longer than this process lives."""
    limits = ["setpriv", "--pdeathsig", "KILL"]
    if os.geteuid() == 0:
        account = _server_account()
        limits += ["--reuid", str(account.pw_uid), "--regid", str(account.pw_gid), "--clear-groups"]
    return [*limits, "--"]


def _own(path: Path) -> None:
    if os.geteuid() == 0:
        account = _server_account()
        os.chown(path, account.pw_uid, account.pw_gid)


def _server_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")  # PostgreSQL refuses to run as root
    except KeyError:
        raise ServerMissing("the user postgres is missing: apt-get install postgresql") from None


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{Path(command[-1]).name} failed:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
