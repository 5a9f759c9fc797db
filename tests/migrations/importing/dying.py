"""Imports that are killed: a child of its own for each, forked from a process that has one thread.

``python -m tests.migrations.importing.dying FOLDER`` finds ``settings.json``, ``empty.db`` and ``rows.jsonl`` there.
For every third number it has a child killed at that step of the import (a transaction has four: its begin, two
statements and its commit); then another in the same way in what is left of it; then one that comes to its end. It stops
with the first number that kills nobody, and prints them all.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import event

from broker.settings import Settings
from broker.storage.database import Database
from migrations.accounts.importing import importer
from tests.migrations.importing.exported import kept, run
from tests.migrations.legacy import Bare

BATCH = 5  # rows
MOST_KILLED = 2  # of one import


def imported(folder: Path, number: int, die_at: int | None) -> None:
    raw = json.loads((folder / "settings.json").read_text())
    database = Database(f"sqlite:///{folder / f'{number}.db'}")
    left = die_at

    def step(*_: Any) -> None:
        nonlocal left
        if left is not None:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def before(*told: Any) -> None:
        if told[2].startswith(("BEGIN", "INSERT INTO legacy_accounts", "UPDATE imports")):
            step()

    event.listen(database.engine, "before_cursor_execute", before)
    event.listen(database.engine, "commit", step)
    world = Bare(settings=Settings.model_validate(raw), database=database)
    run(world, folder / "rows.jsonl", report=folder / f"{number}.csv")
    (folder / f"{number}.json").write_text(json.dumps(kept(world), default=str))


def survived(folder: Path, number: int, die_at: int | None) -> bool:
    """Have a child import, and return whether it lived."""
    child = os.fork()
    if child == 0:
        imported(folder, number, die_at)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False
    if status != 0:
        raise SystemExit(f"the child of {number} failed")
    return True


def main(folder: Path) -> list[int]:
    importer.BATCH = BATCH
    shutil.copy(folder / "empty.db", folder / "0.db")
    imported(folder, 0, None)  # loads here, once, what each child would load
    numbers, killed = [-2], 1
    while killed:
        numbers.append(numbers[-1] + 3)
        number, killed = numbers[-1], 0
        shutil.copy(folder / "empty.db", folder / f"{number}.db")
        while not survived(folder, number, number if killed < MOST_KILLED else None):
            killed += 1
    return numbers[1:]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]))))
