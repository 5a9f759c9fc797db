"""What a batch costs, and what happens beside it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from migrations.accounts.hashes.wrapped import Wrapper
from migrations.accounts.importing.importer import Importer
from migrations.accounts.importing.place import Overtaken, Place, Tally
from migrations.accounts.importing.report import Code
from migrations.accounts.importing.source import BadFile
from tests.migrations.importing.exported import (
    NOW,
    account,
    codes,
    ids,
    jsonl,
    kept,
    row,
    run,
    set_columns,
    wrapped,
)
from tests.migrations.legacy import Bare, aspnet_v3, imported, legacy


class TestStatements:
    def counted(self, world: Bare, work: Callable[[], object]) -> list[str]:
        statements: list[str] = []

        def count(*told: Any) -> None:
            if not told[2].startswith("BEGIN"):
                statements.append(told[2])

        event.listen(world.database.engine, "before_cursor_execute", count)
        try:
            work()
        finally:
            event.remove(world.database.engine, "before_cursor_execute", count)
        return statements

    def test_a_batch_is_as_many_statements_however_many_rows_it_has(self, world: Bare, tmp_path: Path) -> None:
        def rows(count: int, keys: int) -> list[dict[str, Any]]:
            return [
                row(str(number), keys=keys, identities=[{"provider": "github", "id": number}])
                for number in range(1, count + 1)
            ]

        few, many = jsonl(tmp_path / "few.jsonl", rows(2, 0)), jsonl(tmp_path / "many.jsonl", rows(300, 1))
        again = jsonl(tmp_path / "again.jsonl", rows(300, 2))
        run(world, few)
        mixed = self.counted(world, lambda: run(world, many))
        changing = self.counted(world, lambda: run(world, again))
        unchanged = self.counted(world, lambda: run(world, again))
        begin_and_finish = 3 + 5  # look, insert, record; move, propose, count, close, record
        assert len(mixed) == begin_and_finish + 3 + 3 + 6  # look, look again, two tables, what is shared, the place
        assert len(changing) == begin_and_finish + 3 + 3 + 5
        assert len(unchanged) == begin_and_finish + 3 + 3 + 1

    def test_what_a_batch_asks_of_identities_has_an_end(self, world: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("migrations.accounts.importing.keeping._MOST_ASKED", 7)
        rows = [
            row(str(each), identities=[{"provider": "github", "id": each * 100 + number} for number in range(1, 6)])
            for each in range(1, 5)
        ]
        assert codes(world, *rows) == {}
        assert codes(world, row("9", identities=[{"provider": "github", "id": 405}])) == {Code.IDENTITY_TAKEN: 1}
        assert len(kept(world)["identities"]) == 20


class TestMeanwhile:
    """Wrapping takes its time: what was looked up before it is looked up again."""

    def during(self, monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
        """Have ``work`` happen once, after the first look at the database and before what comes of it is written."""
        real = Wrapper.wrap
        todo = [work]

        def wrap(self: Wrapper, parsed: Any) -> bytes:
            if todo:
                todo.pop()()
            return real(self, parsed)

        monkeypatch.setattr(Wrapper, "wrap", wrap)

    def test_t1_a_claim_that_came_between_is_not_overwritten(
        self, world: Bare, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        legacy(world, "42", now=NOW)
        before = account(world, "42")
        self.during(monkeypatch, lambda: set_columns(world, "42", state="waiting"))
        assert codes(world, row("42", password_hash=aspnet_v3("thief"))) == {Code.NOT_PENDING: 1}
        assert account(world, "42") == before | {"state": "waiting"}

    def test_an_account_that_went_and_was_unchanged_before_gets_its_password_wrapped(
        self, world: Bare, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = row("1", password_hash=aspnet_v3("one"))
        imported(world, [first], now=NOW)
        self.during(monkeypatch, lambda: set_columns(world, "1", source_mac="other"))
        summary = imported(world, [first, row("2", password_hash=aspnet_v3("two"))], now=NOW)
        assert (summary.added, summary.changed) == (1, 1)
        assert wrapped(world, "1")

    def test_two_imports_of_one_file_do_not_both_write_it(
        self, world: Bare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = jsonl(tmp_path / "rows.jsonl", [row("1", password_hash=aspnet_v3("one"))])
        self.during(monkeypatch, lambda: run(world, path))
        with pytest.raises(Overtaken):
            run(world, path, report=tmp_path / "report.jsonl")
        (file,) = kept(world)["imports"]
        assert (file["position"], file["added"], file["unchanged"]) == (1, 1, 0)

    def test_a_file_that_is_changed_while_it_is_read_is_refused_before_the_batch_is_written(
        self, world: Bare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = jsonl(tmp_path / "rows.jsonl", [row("1", password_hash=aspnet_v3("one"))])
        self.during(monkeypatch, lambda: path.write_text("{}\n"))
        with pytest.raises(BadFile, match="changed"):
            run(world, path)
        assert ids(world) == []


def test_a_place_that_moved_is_not_gone_on_from(world: Bare) -> None:
    parts = Importer.build(world.settings, world.database)
    place = Place(world.database, parts.audit, "a" * 64)
    assert place.begin(NOW) == Tally()
    with pytest.raises(Overtaken):
        place.finish(Tally(position=5), NOW)
    place.finish(Tally(), NOW)
    with pytest.raises(Overtaken):
        place.finish(Tally(), NOW)
