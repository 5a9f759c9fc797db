"""vestibule migrate import."""

import io
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from broker.cli import main
from broker.commands.migrate import importing as migrate_import
from broker.commands.migrate.importing import import_rows
from migrations.accounts.importing import importer
from migrations.accounts.importing.importer import Importer
from migrations.accounts.importing.place import Overtaken
from tests.migrations.importing.exported import jsonl, row
from tests.migrations.legacy import campaign

Run = Callable[..., Result]
GITHUB = '\n[providers.github]\nkind = "github"\nname = "GitHub"\nclient_id = "x"\nclient_secret = "opens nothing"\n'


@pytest.fixture
def config(tmp_path: Path, migrated_sqlite: Path) -> Path:
    folder = tmp_path / "config"
    done = CliRunner().invoke(main, ["init", "--dir", str(folder)])
    assert done.exit_code == 0, done.output
    database = folder / "vestibule.db"
    shutil.copy(migrated_sqlite, database)
    path = folder / "vestibule.toml"
    text = path.read_text().replace('url = "sqlite:///', f'url = "sqlite:///{database}" # ', 1)
    lines = [f"{name} = {value!r}".replace("'", '"') for name, value in campaign().items()]
    path.write_text("\n".join((text, GITHUB, "[migration]", *lines, "")))
    return path


@pytest.fixture
def run(config: Path) -> Run:
    def run(*arguments: str | Path) -> Result:
        done = CliRunner().invoke(import_rows, [str(each) for each in arguments], obj=config, catch_exceptions=False)
        assert "Traceback" not in done.output
        return done

    return run


def rows(count: int) -> list[dict[str, Any]]:
    return [row(str(number)) for number in range(1, count + 1)]


def names(config: Path) -> int:
    with sqlite3.connect(config.parent / "vestibule.db") as database:
        found = database.execute("SELECT count(*) FROM legacy_accounts").fetchone()
    database.close()
    return int(found[0])


def figures(output: str) -> dict[str, int]:
    parts = (line.rpartition(" ") for line in output.splitlines())
    return {name.strip(): int(count) for name, _, count in parts if count.isdigit() and name.endswith(" ")}


def test_rows_are_imported_and_counted(run: Run, config: Path, tmp_path: Path) -> None:
    done = run(jsonl(tmp_path / "rows.jsonl", rows(3)))
    assert done.exit_code == 0, done.output
    assert "100 %  3 rows" in done.output
    assert "CODE" not in done.output
    assert figures(done.output) == {
        "rows": 3,
        "new": 3,
        "changed": 0,
        "unchanged": 0,
        "not taken": 0,
        "share an address": 0,
    }
    assert names(config) == 3


def test_rows_that_were_not_taken_end_it_with_1_and_are_told_of(run: Run, config: Path, tmp_path: Path) -> None:
    bad = [row("1", email=7, password_hash="x"), row("2", kind="x"), row("3", kind="y"), row("4", name="USER1")]
    path = jsonl(tmp_path / "rows.txt", bad)
    done = run(path, "--format", "jsonl", "--report", tmp_path / "report.csv")
    assert done.exit_code == 1
    told = [line.split()[0] for line in done.output.splitlines() if "  1  " in line or "  2  " in line]
    assert told == ["kind_unknown", "name_taken", "email_not_taken", "password_not_taken"], "the worst and most first"
    assert str(tmp_path / "report.csv") in done.output.replace("\n", "")
    assert len((tmp_path / "report.csv").read_text().splitlines()) == 6
    assert "--report FILE" in run(path, "--format", "jsonl").output
    assert names(config) == 1


def test_a_dry_run_writes_nothing(run: Run, config: Path, tmp_path: Path) -> None:
    done = run(jsonl(tmp_path / "rows.jsonl", rows(3)), "--dry-run")
    assert done.exit_code == 0
    assert "nothing was written" in done.output
    assert figures(done.output)["new"] == 3
    assert names(config) == 0


def test_an_interrupted_import_is_taken_up_by_the_same_command(
    run: Run, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "BATCH", 2)
    path = jsonl(tmp_path / "rows.jsonl", rows(5))
    with monkeypatch.context() as patch:

        def interrupted(size: int) -> Callable[[int, int], None]:
            def tell(done: int, count: int) -> None:
                raise KeyboardInterrupt

            return tell

        patch.setattr(migrate_import, "_lines", interrupted)
        stopped = run(path)
    assert stopped.exit_code == 1
    assert "The same command goes on" in stopped.output
    assert names(config) == 2
    done = run(path)
    assert "after 2 rows" in done.output
    assert figures(done.output)["new"] == 5
    assert names(config) == 5


@pytest.mark.parametrize(
    "name, content, sentence",
    [
        ("rows.csv", "id,name\n1,ada\n", "name the columns"),
        ("rows.txt", "{}\n", "add --format"),
    ],
)
def test_a_file_that_cannot_be_taken_is_a_sentence(
    run: Run, tmp_path: Path, name: str, content: str, sentence: str
) -> None:
    (tmp_path / name).write_text(content)
    done = run(tmp_path / name)
    assert (done.exit_code, sentence in done.output) == (2, True)


def test_another_file_is_not_taken_for_a_report(run: Run, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "rows.jsonl", rows(1))
    (tmp_path / "mine.csv").write_text("mine\n")
    done = run(path, "--report", tmp_path / "mine.csv")
    assert (done.exit_code, "is no report" in done.output) == (2, True)
    assert (tmp_path / "mine.csv").read_text() == "mine\n"


def test_two_at_once_are_told_of_each_other(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(*_: Any, **options: Any) -> None:
        raise Overtaken

    monkeypatch.setattr(Importer, "run", overtaken)
    done = run(jsonl(tmp_path / "rows.jsonl", rows(1)))
    assert (done.exit_code, "under way" in done.output) == (2, True)


def test_without_a_campaign_nothing_enters(run: Run, config: Path, tmp_path: Path) -> None:
    config.write_text(config.read_text().partition("[migration]")[0])
    done = run(jsonl(tmp_path / "rows.jsonl", rows(1)))
    assert (done.exit_code, "[migration]" in done.output) == (2, True)


def test_once_the_old_world_is_closed_nothing_enters(run: Run, config: Path, tmp_path: Path) -> None:
    text = config.read_text()
    for days in (-30, 60, 120):
        day = datetime.now(UTC).date() + timedelta(days=days)
        text = text.replace(day.isoformat(), datetime.now(UTC).date().isoformat())
    config.write_text(text)
    done = run(jsonl(tmp_path / "rows.jsonl", rows(1)))
    assert (done.exit_code, "is closed since" in done.output) == (2, True)
    assert names(config) == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_with_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((0.0, 2.0, 4.0))
    monkeypatch.setattr(migrate_import, "monotonic", lambda: next(clock))
    stream = Terminal()
    with migrate_import._shown(stream, 1000) as progress:
        for step in range(3):
            progress(step * 500, step * 100)
    assert "Importing" in stream.getvalue()
    assert "100%" in stream.getvalue()
    assert "50 rows/s" in stream.getvalue()


def test_elsewhere_a_line_is_told_at_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    with migrate_import._shown(io.StringIO(), 1000) as progress:
        for done in range(0, 1001, 5):
            progress(done, done)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [str(tenth) for tenth in range(10, 101, 10)]
