"""Memory does not grow with the file."""

import gc
import tracemalloc
from pathlib import Path

import pytest

from migrations.accounts.importing import importer
from migrations.accounts.importing.source import LONGEST, Source
from tests.migrations.importing.exported import jsonl, row, run
from tests.migrations.legacy import Bare


def peak(world: Bare, path: Path) -> int:
    tracemalloc.start()
    try:
        run(world, path, dry_run=True, progress=lambda *_: gc.collect())  # what is garbage is nobody's
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_five_times_the_rows_take_no_more_of_it(world: Bare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "BATCH", 50)
    few, many = (
        jsonl(tmp_path / f"{count}.jsonl", [row(str(number)) for number in range(1, count + 1)])
        for count in (200, 1000)
    )
    run(world, few, dry_run=True)  # what is loaded and compiled once is not the file's
    assert peak(world, many) < 1.1 * peak(world, few)


def test_a_row_that_is_too_long_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("wb") as file:
        for _ in range(30):
            file.write(b"x" * LONGEST)
    with Source(path) as source:
        tracemalloc.start()
        try:
            assert [each.fault for each in source.records()] == ["too_long"]
            assert tracemalloc.get_traced_memory()[1] < 6 * LONGEST
        finally:
            tracemalloc.stop()
