"""How long an import takes, and how little memory: ``make bench ROWS=1000000``.

Rows are made with hashes of every common kind, some of a pool of real ones each. A child process imports them into
SQLite, is killed at a third, and another one goes on. One in ten hashes is weak and wrapped in argon2id, unless
``--weak`` says how many in a hundred; what one such wrapping takes is measured, too, for other shares.
"""

import argparse
import json
import os
import random
import secrets
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import pbkdf2_hmac
from pathlib import Path
from typing import Any

import argon2
import bcrypt

from broker.settings import Settings
from broker.storage.database import Database
from broker.storage.schema import upgrade
from migrations.accounts.hashes.formats import parse
from migrations.accounts.hashes.wrapped import Wrapper
from migrations.accounts.importing.importer import Importer
from migrations.accounts.importing.report import Code
from tests.migrations.importing.exported import raw_settings
from tests.migrations.legacy import aspnet_v3, campaign

ROOT = Path(__file__).parents[2]
KILLED_AT = 33  # percent
TOLD_AT = (1, 10, 50, 100)
REWRAP_KIB = 8192  # as settings have it
POOL = 20  # of each kind


def hashes() -> tuple[list[str], list[str]]:
    """Return weak hashes and strong ones, as registries have them."""
    password = secrets.token_hex(8)
    weak = [aspnet_v3(password, iterations=10_000) for _ in range(POOL)]
    weak += [_aspnet_v2(password) for _ in range(POOL)]
    strong = [bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)).decode() for _ in range(POOL)]
    strong += [_django(password) for _ in range(POOL)]
    strong += [argon2.PasswordHasher().hash(password) for _ in range(POOL)]
    return weak, strong


def _aspnet_v2(password: str) -> str:
    salt = secrets.token_bytes(16)
    return b64encode(b"\0" + salt + pbkdf2_hmac("sha1", password.encode(), salt, 1000, 32)).decode()


def _django(password: str) -> str:
    salt = secrets.token_hex(11)
    digest = pbkdf2_hmac("sha256", password.encode(), salt.encode(), 150_000)
    return f"pbkdf2_sha256$150000${salt}${b64encode(digest).decode()}"


def rows(count: int, weak_percent: int) -> Iterator[dict[str, Any]]:
    """Yield rows: most with a password, some with an identity, few with many packages, some shared, some bad."""
    weak, strong = hashes()
    chance = random.Random(5)  # noqa: S311 - the same rows each time
    begin = datetime(2012, 1, 1, tzinfo=UTC)
    for number in range(1, count + 1):
        name = f"user-{number}"
        local = "team" if number % 500 == 0 else name
        row: dict[str, Any] = {
            "registry_id": number,
            "name": name,
            "email": f"{local}@d{number % 5000}.example",
            "email_confirmed": number % 10 != 0,
            "kind": "alias" if number % 1000 == 0 else "person",
            "last_sign_in": (begin + timedelta(minutes=chance.randrange(7_000_000))).isoformat(),
            "packages": [
                {"name": f"package-{number}-{each}", "role": "owner", "downloads": chance.randrange(100_000)}
                for each in range(40 if number % 200 == 0 else chance.choice((0, 0, 0, 1, 2, 3)))
            ],
            "keys": chance.choice((0, 0, 1, 2)),
        }
        if number % 4 == 0:
            row["identities"] = [{"provider": "github", "id": number}]
        if number % 8:
            row["password_hash"] = chance.choice(weak if chance.randrange(100) < weak_percent else strong)
        if number % 997 == 0:
            row["kind"] = "nobody"
        yield row


def child(folder: Path, kill: bool) -> None:
    """Import, and write how it goes to a file; with ``kill``, be killed."""
    database = Database(f"sqlite:///{folder / 'vestibule.db'}")
    settings = Settings.model_validate(json.loads((folder / "settings.json").read_text()))
    path = folder / "rows.jsonl"
    count = int((folder / "count").read_text())
    began = time.monotonic()
    with (folder / f"told-{'first' if kill else 'second'}.jsonl").open("w", buffering=1) as told:
        left = [*TOLD_AT]

        def tell(_: int, done: int) -> None:
            percent = 100 * done // count
            if kill and percent >= KILLED_AT:
                os.kill(os.getpid(), signal.SIGKILL)
            if left and percent >= left[0]:
                while left and percent >= left[0]:
                    left.pop(0)
                told.write(json.dumps(state(began, done)) + "\n")

        summary = Importer.build(settings, database).run(
            path, lambda: datetime.now(UTC), report=folder / "report.jsonl", progress=tell
        )
        told.write(json.dumps(state(began, summary.rows) | {"resumed_at": summary.resumed_at}) + "\n")


def state(began: float, done: int) -> dict[str, Any]:
    """Return rows, seconds, seconds of CPU, and the most that was in memory, in MiB."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "rows": done,
        "seconds": round(time.monotonic() - began, 1),
        "cpu": round(time.process_time(), 1),
        "peak_mib": round(int(status["VmHWM"].split()[0]) / 1024, 1),
    }


def wrapping(settings: Settings) -> float:
    """Return the milliseconds that wrapping one weak hash takes, on one core."""
    wrapper = Wrapper(key=settings.secrets.lasting_key("legacy-passwords"), memory_kib=REWRAP_KIB)
    parsed = parse(aspnet_v3("x"))
    began = time.process_time()
    for _ in range(50):
        wrapper.wrap(parsed)
    return round((time.process_time() - began) / 50 * 1000, 2)


def started(folder: Path, *, kill: bool) -> list[dict[str, Any]]:
    """Have a child import, and return how it went."""
    command = [sys.executable, "-m", "tests.bench.import_rows", "--child", str(folder), *(["--kill"] if kill else [])]
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode != (-signal.SIGKILL if kill else 0):
        raise SystemExit(f"the import ended with {done.returncode}")
    told = folder / f"told-{'first' if kill else 'second'}.jsonl"
    return [json.loads(line) for line in told.read_text().splitlines()]


def measured(count: int, weak_percent: int) -> dict[str, Any]:
    """Return everything that is measured."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'vestibule.db'}"
        raw = raw_settings(url) | {"migration": campaign(rewrap_memory=REWRAP_KIB)}
        (folder / "settings.json").write_text(json.dumps(raw))
        (folder / "count").write_text(str(count))
        upgrade(url)
        with (folder / "rows.jsonl").open("w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows(count, weak_percent))
        first, second = started(folder, kill=True), started(folder, kill=False)
        with sqlite3.connect(folder / "vestibule.db") as database:
            kept = database.execute("SELECT count(*) FROM legacy_accounts").fetchone()[0]
            killed = second[-1]["resumed_at"]
        database.close()
        refused = (folder / "report.jsonl").read_text().count(f'"code": "{Code.KIND}"')
        if kept != count - refused or refused != count // 997:
            raise SystemExit(f"{kept} accounts of {count} rows, {refused} refused")
        seconds = second[-1]["seconds"]
        return {
            "rows": count,
            "file_mib": round((folder / "rows.jsonl").stat().st_size / 2**20, 1),
            "database_mib": round((folder / "vestibule.db").stat().st_size / 2**20, 1),
            "weak_percent": weak_percent,
            "wrapping_ms": wrapping(Settings.model_validate(raw)),
            "cores": os.cpu_count(),
            "killed_after": killed,
            "rows_a_second": round((count - killed) / seconds) if seconds else None,
            "first": first,
            "second": second,
        }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--weak", type=int, default=10, metavar="PERCENT")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--kill", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        child(given.child, given.kill)
        return
    found = measured(given.rows, given.weak)
    lines = [f"{'run':8}{'rows':>10}{'seconds':>10}{'CPU s':>10}{'peak MiB':>10}"]
    lines += [
        f"{run:8}{each['rows']:>10}{each['seconds']:>10}{each['cpu']:>10}{each['peak_mib']:>10}"
        for run in ("first", "second")
        for each in found[run]
    ]
    sys.stdout.write("\n".join(lines) + "\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
