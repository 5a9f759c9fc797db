"""How long a backup takes, its check and its restoration, and how little memory: ``make bench-backup ROWS=1000000``.

The rows are audit entries, each with its seal, as a broker leaves them: the restoration verifies every one. SQLite;
each command is a process of its own, and the memory is the most that it had, the 256 MiB of Argon2id among it.
"""

import argparse
import json
import os
import secrets
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from broker.audit.service import Audit
from broker.settings import load
from broker.storage.database import Database
from tests.bench.idle import settings
from tests.reliability.served import ROOT, command, environ, run, write_toml

AT_ONCE = 10_000


def fill(config: Path, rows: int) -> None:
    """Write and seal as many audit entries."""
    read = load(config)
    database, now = Database(read.database.url), datetime.now(UTC)
    audit = Audit(database, read.secrets.audit_key())
    for first in range(0, rows, AT_ONCE):
        with database.begin() as connection:
            for number in range(first, min(first + AT_ONCE, rows)):
                account_id = f"account-{number % 100_000}"
                audit.record(connection, action="account.signed_in", account_id=account_id, client_id="r", now=now)
        while audit.seal(AT_ONCE):
            pass
    database.dispose()


def measured(config: Path, *words: str) -> dict[str, Any]:
    """Run a command, and return seconds, seconds of CPU, and the most that was in memory, in MiB."""
    began = time.monotonic()
    process = subprocess.Popen(
        command(config, *words), cwd=ROOT, env=environ(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"vestibule {words[0]} failed")
    return {
        "seconds": round(time.monotonic() - began, 1),
        "cpu": round(used.ru_utime + used.ru_stime, 1),
        "peak_mib": round(used.ru_maxrss / 1024, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="vestibule-backup-") as name:
        folder = Path(name)
        config, file, passphrase = folder / "vestibule.toml", folder / "all.backup", folder / "passphrase"
        raw = settings(folder, 8000, f"sqlite:///{folder / 'vestibule.db'}", "memory://")
        write_toml(config, raw)
        passphrase.write_text(secrets.token_hex(16))
        passphrase.chmod(0o600)
        run(config, "db", "upgrade")
        fill(config, rows)
        typed = ("--passphrase-file", str(passphrase))
        told = {"backup": measured(config, "backup", str(file), *typed)}
        told["check"] = measured(config, "backup", "--check", str(file), *typed)
        write_toml(config, raw | {"database": {"url": f"sqlite:///{folder / 'restored.db'}"}})
        told["restore"] = measured(config, "restore", str(file), *typed)
        sizes = {each.name: round(each.stat().st_size / 2**20, 1) for each in (file, folder / "vestibule.db")}
    print(json.dumps({"entries": rows, **told, "mib": sizes}, indent=1))  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
