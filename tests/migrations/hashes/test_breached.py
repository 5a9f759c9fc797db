"""Stolen passwords: found in a file that is never loaded, or asked for by five digits."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from migrations.accounts.hashes import breached
from migrations.accounts.hashes.breached import BreachList, FileList, RangeList, Unavailable
from providers.http import outbound
from tests.providers.loopback import Handler, Server, serve


def sha1(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def file_of(path: Path, passwords: list[str], *, end: str = "\r\n", counts: bool = True, last: bool = True) -> Path:
    lines = sorted(
        f"{sha1(password)}:{number + 1}" if counts else sha1(password) for number, password in enumerate(passwords)
    )
    path.write_bytes((end.join(lines) + (end if last else "")).encode())
    return path


STOLEN = [f"password{number}" for number in range(20_000)]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return file_of(tmp_path_factory.mktemp("breached") / "list", STOLEN)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3, 17, 100])
def test_every_password_of_a_file_is_found_and_no_other(
    tmp_path: Path, size: int, end: str, counts: bool, last: bool
) -> None:
    stolen: BreachList = FileList(file_of(tmp_path / "list", STOLEN[:size], end=end, counts=counts, last=last))
    assert all(stolen.contains(password) for password in STOLEN[:size])
    assert not any(stolen.contains(password) for password in ["", "Password0", " password0", *STOLEN[size : size + 50]])


@settings(max_examples=40)
@given(st.sets(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), min_size=1, max_size=40), st.text())
def test_a_file_has_what_is_in_it(tmp_path_factory: pytest.TempPathFactory, stolen: set[str], password: str) -> None:
    path = tmp_path_factory.getbasetemp() / "breached-property"
    assert FileList(file_of(path, sorted(stolen))).contains(password) is (password in stolen)


def test_a_file_is_searched_and_not_read(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []

    class Counted(FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size) or b""
            reads.append(len(data))
            return data

    monkeypatch.setattr(breached, "FileIO", Counted)
    stolen = FileList(large)
    assert len(reads) == 2
    assert sum(reads) <= 2048
    for password in ["password7", "password19999", "not among them", "", "another"]:
        reads.clear()
        stolen.contains(password)
        # 20,000 lines of some 47 bytes: log2 of the size at most, of two lines each.
        assert len(reads) <= large.stat().st_size.bit_length() == 20
        assert sum(reads) <= 20 * 128


def test_known_passwords_are_those_of_have_i_been_pwned(tmp_path: Path) -> None:
    # The example of its documentation of range searches: "P@ssw0rd".
    path = tmp_path / "list"
    path.write_text("21BD12DC183F740EE76F27B78EB39C8AD972A757:52579\n")
    assert FileList(path).contains("P@ssw0rd")


FIRST, SECOND = "0" * 40, "1" + "0" * 39
NTLM = "8846F7EAEE8FB117AD06BDD830B7586C"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\r\n",
        f"\n{FIRST}\n",
        f"{FIRST}\n\n",
        f"{FIRST}\n\n{SECOND}\n",
        f"{FIRST}:1 \n",
        f"{FIRST}:\n",
        f"{FIRST}:-1\n",
        f"{FIRST};1\n",
        f"{FIRST[:-1]}\n",
        f"{FIRST}0\n",
        f"{NTLM}:1\n",
        f"{FIRST}:1\n{NTLM}:1\n",
        "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8:1\n",
        "password\n",
        f"{SECOND}:1\n{FIRST}:1\n",
        f"{FIRST}:1\n{FIRST}:1\n",
        f"\ufeff{FIRST}:1\n",
        "hash,count\n",
        "<html></html>",
        "x" * 5000,
    ],
)
def test_a_file_that_is_not_a_list_in_order_is_refused_at_once(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list"
    path.write_bytes(text.encode())
    with pytest.raises(ValueError, match="list of breached passwords"):
        FileList(path)


def in_order(numbers: list[int]) -> bytes:
    return "".join(f"{number:040X}:1\n" for number in numbers).encode()


@pytest.mark.parametrize(
    "numbers",
    [
        [*range(5), 3, *range(5, 200)],
        [*range(200), 150],
        [*range(100, 200), *range(100)],
    ],
)
def test_a_file_out_of_order_at_an_end_is_refused_at_once(tmp_path: Path, numbers: list[int]) -> None:
    path = tmp_path / "list"
    path.write_bytes(in_order(numbers))
    with pytest.raises(ValueError, match=r"order|ends before"):
        FileList(path)


def test_a_file_that_is_not_there_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileList(tmp_path / "none")


def test_a_file_that_goes_or_breaks_lets_nothing_through(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(in_order(list(range(500))))
    stolen = FileList(path)
    data = path.read_bytes()
    for broken in (b"x" * 1000 + data[1000:-1000] + b"x" * 1000, b"x" * len(data), b"\n" * len(data)):
        path.write_bytes(broken)
        with pytest.raises(Unavailable):
            [stolen.contains(password) for password in ("a", "b", "password")]
    path.unlink()
    with pytest.raises(Unavailable, match="cannot be read"):
        stolen.contains("password")


# A range


PREFIX, SUFFIX = "5BAA6", "1E4C9B93F3F0682250B6CF8331B7EE68FD8"  # of "password"
OTHERS = "0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n00D4F6E8FA6EECAD2A3AA415EEC418D38EC:2"


@contextmanager
def service(body: str, status: int = 200, **headers: str) -> Iterator[tuple[Server, RangeList]]:
    def answer(handler: Handler) -> None:
        handler.reply(body.encode(), status, **headers)

    with serve(answer) as server, outbound(timeout=(2, 2), total=4) as session:
        yield server, RangeList(f"{server.url}/range/", session.get)


@pytest.mark.parametrize(
    "body, found",
    [
        (f"{OTHERS}\r\n{SUFFIX}:9659365", True),
        (f"{SUFFIX}:1\n", True),
        (f"{SUFFIX}:1\r\n{OTHERS}\r\n", True),
        (f"{OTHERS}\r\n{SUFFIX}:0", False),  # padding
        (OTHERS, False),
    ],
)
def test_a_service_is_told_five_digits_and_asked_for_padding(body: str, found: bool) -> None:
    with service(body) as (server, stolen):
        assert stolen.contains("password") is found
    assert [seen.path for seen in server.seen] == [f"/range/{PREFIX}"]
    assert server.seen[0].headers["add-padding"] == "true"
    assert SUFFIX not in str(server.seen)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\r\n",
        "{}",
        "<html></html>",
        f"{SUFFIX.lower()}:1",
        f"{PREFIX}{SUFFIX}:1",
        f"{SUFFIX}",
        f"{SUFFIX}:",
        f"{SUFFIX}:-1",
        f"{SUFFIX}:٣",
        f"{SUFFIX}: 1",
        f"{OTHERS}\r\n\r\n{SUFFIX}:1",
        f"{OTHERS}\r\n{OTHERS}",
        f"{OTHERS}\r\n<!-- -->",
        f"{SUFFIX}:{'9' * 13}",
    ],
)
def test_an_answer_in_another_format_lets_nothing_through(body: str) -> None:
    with service(body) as (_, stolen), pytest.raises(Unavailable):
        stolen.contains("password")


@pytest.mark.parametrize("status", [201, 204, 302, 400, 404, 429, 500])
def test_an_answer_that_is_none_lets_nothing_through(status: int) -> None:
    body = "" if status == 204 else OTHERS
    with service(body, status, Location="http://localhost:1/") as (_, stolen), pytest.raises(Unavailable):
        stolen.contains("password")


def test_a_service_that_hangs_up_lets_nothing_through() -> None:
    with (
        serve(lambda handler: setattr(handler, "close_connection", True)) as server,
        outbound(timeout=(2, 2), total=4) as session,
        pytest.raises(Unavailable, match="does not answer"),
    ):
        RangeList(f"{server.url}/", session.get).contains("password")


def test_a_service_that_talks_too_much_lets_nothing_through() -> None:
    body = "\r\n".join([OTHERS] * 4000)
    with service(body) as (_, stolen), pytest.raises(Unavailable, match="does not answer"):
        stolen.contains("password")


def test_the_password_and_the_rest_of_its_hash_are_in_no_error() -> None:
    def fails(url: str, **options: Any) -> requests.Response:
        raise requests.ConnectionError("no")

    with pytest.raises(Unavailable) as refusal:
        RangeList("https://range.example/", fails).contains("password")
    assert "password" not in str(refusal.value).replace("breached passwords", "")
    assert SUFFIX not in repr(refusal.value)


def test_what_is_no_text_is_on_no_list(tmp_path: Path) -> None:
    assert not FileList(file_of(tmp_path / "list", STOLEN[:9])).contains("\ud800")
