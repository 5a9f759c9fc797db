"""The exported file, record by record."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from migrations.accounts.importing.report import Code
from migrations.accounts.importing.source import LONGEST, BadFile, Format, Record, Source


def read(path: Path, content: bytes, form: Format | None = None) -> list[Record]:
    path.write_bytes(content)
    with Source(path, form) as opened:
        return list(opened.records())


def told(records: list[Record]) -> list[tuple[int, Any]]:
    return [(each.line, each.fault or dict(each.members or {})) for each in records]


class TestJsonLines:
    def test_each_line_is_a_row_with_its_number_and_its_end(self, tmp_path: Path) -> None:
        content = b'{"name": "a"}\r\n\n  \n{"name": "b\xc3\xa9"}'
        records = read(tmp_path / "rows.jsonl", content)
        assert told(records) == [(1, {"name": "a"}), (4, {"name": "bé"})]
        assert [each.end for each in records] == [15, len(content)]

    def test_a_byte_order_mark_is_passed_by(self, tmp_path: Path) -> None:
        content = b'\xef\xbb\xbf{"name": "a"}\n'
        (record,) = read(tmp_path / "rows.ndjson", content)
        assert (record.members, record.end) == ({"name": "a"}, len(content))

    @pytest.mark.parametrize(
        "line",
        [
            b"nonsense",
            b'{"name": ',
            b"[1]",
            b'"text"',
            b"null",
            b'{"name": "a", "name": "b"}',
            b'{"packages": [{"name": "a", "name": "b"}]}',
            b'{"keys": NaN}',
            b'{"keys": ' + b"9" * 5000 + b"}",
            b'{"name": ' + b"[" * 100_000,
            b'{"name": "a"} {"name": "b"}',
        ],
    )
    def test_what_is_no_object_with_each_member_once_is_no_row(self, tmp_path: Path, line: bytes) -> None:
        records = read(tmp_path / "rows.jsonl", line + b'\n{"name": "next"}\n')
        assert told(records) == [(1, Code.NOT_A_ROW), (2, {"name": "next"})]

    def test_what_is_not_utf8_is_refused_and_the_next_row_is_read(self, tmp_path: Path) -> None:
        records = read(tmp_path / "rows.jsonl", b'{"name": "\xff"}\n{"name": "next"}\n')
        assert told(records) == [(1, Code.NOT_UTF8), (2, {"name": "next"})]

    def test_a_row_of_a_mebibyte_is_read_and_a_longer_one_is_passed_by_piece_by_piece(self, tmp_path: Path) -> None:
        longest = b'{"name": "' + b"a" * (LONGEST - 13) + b'"}\n'
        too_long = b'{"name": "' + b"a" * 3 * LONGEST + b'"}\n'
        records = read(tmp_path / "rows.jsonl", longest + too_long + b'{"name": "next"}\n' + b"x" * (LONGEST + 1))
        assert len(longest) == LONGEST
        assert [each.fault for each in records] == [None, Code.TOO_LONG, None, Code.TOO_LONG]
        assert [each.line for each in records] == [1, 2, 3, 4]
        assert records[1].end == len(longest) + len(too_long)
        assert records[3].end == (tmp_path / "rows.jsonl").stat().st_size


class TestCsv:
    def test_cells_are_what_they_would_be_in_json(self, tmp_path: Path) -> None:
        content = (
            b"\xef\xbb\xbfregistry_id,name,email_confirmed,keys,packages,identities,kind\r\n"
            b'1,"Ada ""A"" L",T,3,"[{""name"": ""x""}]",[],person\r\n'
            b"2,b,0,,,,\r\n"
            b'3,"two\nlines",true,,,,\r\n'
            b"4,c,maybe,-1,[,{,\r\n"
        )
        records = read(tmp_path / "rows.csv", content)
        assert told(records) == [
            (
                2,
                {
                    "registry_id": "1",
                    "name": 'Ada "A" L',
                    "email_confirmed": True,
                    "keys": 3,
                    "packages": [{"name": "x"}],
                    "identities": [],
                    "kind": "person",
                },
            ),
            (3, {"registry_id": "2", "name": "b", "email_confirmed": False}),
            (4, {"registry_id": "3", "name": "two\nlines", "email_confirmed": True}),
            (
                6,
                {
                    "registry_id": "4",
                    "name": "c",
                    "email_confirmed": "maybe",
                    "keys": "-1",
                    "packages": "[",
                    "identities": "{",
                },
            ),
        ]
        assert records[-1].end == len(content)

    @pytest.mark.parametrize(
        "heading",
        [
            b"",
            b"registry_id,name,pasword_hash\n",
            b"registry_id,name,name\n",
            b"registry_id\n",
            b"name\n",
            b"1,ada\n",
            b'"registry_id,name\n',
            b"registry_id,name,\xff\n",
            b"x" * (LONGEST + 1),
        ],
    )
    def test_a_heading_that_is_none_is_refused_before_any_row(self, tmp_path: Path, heading: bytes) -> None:
        with pytest.raises(BadFile, match="name the columns"):
            read(tmp_path / "rows.csv", heading + b"1,ada\n")

    def test_an_empty_file_has_no_heading(self, tmp_path: Path) -> None:
        with pytest.raises(BadFile, match="name the columns"):
            read(tmp_path / "rows.csv", b"\n\n")

    def test_rows_of_another_length_are_no_rows(self, tmp_path: Path) -> None:
        records = read(tmp_path / "rows.csv", b"registry_id,name\n\n1\n1,a,b\n2,b\n")
        assert told(records) == [(3, Code.NOT_A_ROW), (4, Code.NOT_A_ROW), (5, {"registry_id": "2", "name": "b"})]

    def test_a_stray_quote_costs_its_own_line_alone(self, tmp_path: Path) -> None:
        rest = b"".join(b"%d,name\n" % number for number in range(3, 200))
        records = read(tmp_path / "rows.csv", b'registry_id,name\n1,"a\n' + b'2,b"c\n' + rest)
        assert [each.line for each in records] == list(range(2, 201))
        assert [each.line for each in records if each.fault] == [2, 3]
        assert records[-1].members == {"registry_id": "199", "name": "name"}

    def test_a_quote_that_never_ends_does_not_swallow_the_file(self, tmp_path: Path) -> None:
        rest = b"".join(b"%d,%s\n" % (number, b"n" * 1000) for number in range(2, 3000))
        records = read(tmp_path / "rows.csv", b'registry_id,name\n1,"a\n' + rest)
        assert [each.line for each in records if each.fault] == [2]
        assert len(records) == 2999

    def test_a_line_that_is_too_long_is_passed_by(self, tmp_path: Path) -> None:
        long = b"1," + b"a" * 2 * LONGEST + b"\n"
        records = read(tmp_path / "rows.csv", b"registry_id,name\n" + long + b"2,\xff\n3,c\n")
        assert told(records) == [(2, Code.TOO_LONG), (3, Code.NOT_UTF8), (4, {"registry_id": "3", "name": "c"})]

    def test_a_cell_as_long_as_a_row_may_be_is_read(self, tmp_path: Path) -> None:
        (record,) = read(tmp_path / "rows.csv", b"registry_id,name\n1," + b"a" * 500_000 + b"\n")
        assert record.fault is None


def test_the_format_is_told_by_the_name_or_by_who_asks(tmp_path: Path) -> None:
    content = b"registry_id,name\n1,a\n"
    assert told(read(tmp_path / "rows.CSV", content)) == [(2, {"registry_id": "1", "name": "a"})]
    assert told(read(tmp_path / "rows.txt", content, Format.CSV)) == [(2, {"registry_id": "1", "name": "a"})]
    with pytest.raises(BadFile, match="--format"):
        read(tmp_path / "rows.txt", content)


def test_a_file_that_was_changed_meanwhile_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("{}\n")
    with Source(path) as opened:
        opened.check()
        with path.open("a") as more:
            more.write("{}\n")
        with pytest.raises(BadFile, match="changed"):
            opened.check()


def test_a_file_that_cannot_be_read_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("{}\n")
    before = len(list(Path("/proc/self/fd").iterdir()))

    def broken(*_: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(hashlib, "file_digest", broken)
    with pytest.raises(OSError, match="disk"):
        Source(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
