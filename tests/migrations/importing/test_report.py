"""The report of rows that were not taken."""

import csv
import json
from pathlib import Path

import pytest

from migrations.accounts.importing.report import SENTENCES, Code, Entry, NoReport, Report

FIRST = Entry(line=3, registry_id="42", code=Code.NAME_TAKEN)
SECOND = Entry(line=7, registry_id=None, code=Code.NOT_A_ROW)
THIRD = Entry(line=9, registry_id="43", code=Code.PASSWORD_LEFT, because="Its form: unknown.")


def write(path: Path, *entries: Entry, done: int = 0) -> None:
    report = Report(path)
    report.begin(done)
    report.add(entries)
    report.settle()
    report.close()


def test_every_code_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Code)
    assert {code for code in Code if code.taken} == {Code.EMAIL_LEFT, Code.PASSWORD_LEFT, Code.IDENTITY_LEFT}


def test_it_is_read_by_programs_as_json_lines(tmp_path: Path) -> None:
    write(tmp_path / "report.jsonl", FIRST, SECOND, THIRD)
    lines = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]
    assert lines[0] == {
        "line": 3,
        "registry_id": "42",
        "taken": "no",
        "code": "name_taken",
        "sentence": "Another account has this name, in this or another case.",
    }
    assert lines[1]["registry_id"] == ""
    assert lines[2]["taken"] == "yes"
    assert lines[2]["sentence"].endswith("without a password. Its form: unknown.")


def test_it_is_read_by_people_as_csv(tmp_path: Path) -> None:
    write(tmp_path / "report.csv", FIRST, SECOND)
    with (tmp_path / "report.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["line", "registry_id", "taken", "code", "sentence"]
    assert [row[:4] for row in rows[1:]] == [["3", "42", "no", "name_taken"], ["7", "", "no", "not_a_row"]]


@pytest.mark.parametrize("name", ["report.csv", "report.jsonl"])
def test_nobody_else_can_read_it_even_if_there_was_one_for_all_to_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write(path, FIRST)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    write(path, SECOND)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["report.csv", "report.jsonl"])
def test_what_an_interrupted_run_told_too_much_is_dropped_and_half_a_line_too(tmp_path: Path, name: str) -> None:
    path, whole = tmp_path / name, tmp_path / f"whole-{name}"
    write(path, FIRST, SECOND, THIRD)
    write(whole, FIRST, SECOND)
    path.write_bytes(path.read_bytes()[:-5])
    write(path, SECOND, done=5)
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("name", ["report.csv", "report.jsonl"])
def test_a_new_run_writes_a_new_one(tmp_path: Path, name: str) -> None:
    path, whole = tmp_path / name, tmp_path / f"whole-{name}"
    write(path, FIRST, SECOND, THIRD)
    write(path, SECOND)
    write(whole, SECOND)
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("name", ["report.csv", "report.jsonl"])
@pytest.mark.parametrize("content", ["registry_id,name\n", "{}\n", "[1]\n", "7\n", "\n", "\ufffd"])
def test_a_file_that_is_no_report_is_not_touched(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    path.chmod(0o640)
    with pytest.raises(NoReport):
        Report(path)
    assert path.read_text() == content
    assert path.stat().st_mode & 0o777 == 0o640


def test_without_a_file_it_counts() -> None:
    report = Report(None)
    report.begin(0)
    report.add([FIRST, SECOND, FIRST])
    report.settle()
    report.close()
    assert report.codes == {Code.NAME_TAKEN: 2, Code.NOT_A_ROW: 1}
