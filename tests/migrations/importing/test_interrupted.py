"""An import that was killed goes on where it was."""

import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.storage.database import Database
from migrations.accounts.importing import importer
from tests.migrations.importing import dying
from tests.migrations.importing.exported import NOW, bare, jsonl, kept, raw_settings, row, run
from tests.migrations.legacy import Bare, aspnet_v3

ROOT = Path(__file__).parents[3]


def rows() -> list[dict[str, Any]]:
    """Return rows of three batches, with something of everything."""
    weak = aspnet_v3("one for all")
    strong = aspnet_v3("one for all", iterations=100_000)
    return [
        *(row(str(number), identities=[{"provider": "github", "id": number}]) for number in range(1, 4)),
        row("4", password_hash=strong, email="team@x.example"),
        row("5", password_hash=weak, email="user1@old.example"),
        row("6", name="USER1"),
        row("6"),
        row("7", kind="nobody"),
        row("8", identities=[{"provider": "github", "id": 1}]),
        row("9", password_hash="nonsense"),
        row("10", password_hash=strong, kind="alias", packages=[{"name": "x", "role": "owner", "downloads": 3}]),
        {"registry_id": "11"},
        row("1", name="late"),
        row("12"),
    ]


def test_killed_at_any_step_and_once_more_it_comes_to_what_one_run_comes_to(
    tmp_path: Path, migrated_sqlite: Path
) -> None:
    raw = raw_settings("sqlite:///unused.db")
    (tmp_path / "settings.json").write_text(json.dumps(raw))
    shutil.copy(migrated_sqlite, tmp_path / "empty.db")
    path = jsonl(tmp_path / "rows.jsonl", rows())
    command = [sys.executable, "-m", "tests.migrations.importing.dying", str(tmp_path)]
    # Nothing is measured in children that are killed.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr

    database = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'whole.db')}")
    try:
        whole = bare(database, raw)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(importer, "BATCH", dying.BATCH)
            summary = run(whole, path, report=tmp_path / "whole.csv")
        expected = json.loads(json.dumps(kept(whole), default=str))
    finally:
        database.dispose()
    assert (summary.rows, summary.added, summary.refused) == (14, 8, 6)

    numbers = json.loads(done.stdout)
    assert numbers[-1] > 15, "of five transactions each has some steps"
    for number in numbers:
        assert json.loads((tmp_path / f"{number}.json").read_text()) == expected, f"killed at {number}"
        assert (tmp_path / f"{number}.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes(), f"killed at {number}"


def test_a_run_says_where_it_was_taken_up(world: Bare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "BATCH", 2)
    path = jsonl(tmp_path / "rows.jsonl", [row(str(number)) for number in range(1, 8)])
    told: list[tuple[int, int]] = []

    class Stopped(Exception):
        pass

    def stop_after_two(done: int, count: int) -> None:
        told.append((done, count))
        if len(told) == 2:
            raise Stopped

    with pytest.raises(Stopped):
        run(world, path, progress=stop_after_two)
    assert [count for _, count in told] == [2, 4]
    later = NOW + timedelta(days=1)
    summary = run(world, path, progress=lambda *now: told.append(now), clock=lambda: later)
    assert (summary.resumed_at, summary.rows, summary.added) == (4, 7, 7)
    assert [count for _, count in told[2:]] == [2, 4, 6, 7]
    assert told[-1][0] == path.stat().st_size
    (file,) = kept(world)["imports"]
    assert (file["started_at"], file["finished_at"]) == (NOW, later)
