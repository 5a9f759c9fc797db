"""A sealed file: what was cut, moved, repeated, changed or put together anew is refused."""

import json
from datetime import UTC, datetime
from io import BytesIO
from typing import BinaryIO

import pytest

from broker.backup.document import Head, head_line, read, table_lines
from broker.backup.sealed import CHUNK, MAGIC, Derivation, NotABackup, Sealed, Sealing

QUICK = Derivation(memory_kib=64, passes=1, lanes=1)
PASSPHRASE = "correct horse battery staple"
WHOLE = CHUNK + 16


def sealed(plaintext: bytes) -> bytes:
    file = BytesIO()
    sealing = Sealing(file, PASSPHRASE, QUICK)
    sealing.write(plaintext)
    sealing.close()
    return file.getvalue()


def opened(content: bytes, passphrase: str = PASSPHRASE) -> bytes:
    return b"".join(line + b"\n" for line in Sealed(BytesIO(content), passphrase).lines())


def parts(content: bytes) -> tuple[bytes, list[bytes]]:
    """Return the beginning, and the chunks."""
    file = BytesIO(content)
    head = file.readline() + file.readline()
    rest = file.read()
    return head, [rest[at : at + WHOLE] for at in range(0, len(rest), WHOLE)]


LINES = b"".join(b"%09d line\n" % number for number in range(10_000))  # 150,000 bytes, three chunks


@pytest.mark.parametrize("size", [0, 15, CHUNK // 15 * 15, CHUNK * 2 // 15 * 15, len(LINES)])
def test_what_was_sealed_is_what_is_opened(size: int) -> None:
    assert opened(sealed(LINES[:size])) == LINES[:size]


def test_a_plaintext_of_whole_chunks_is_opened_too() -> None:
    exact = (b"x" * (CHUNK - 1) + b"\n") * 2
    assert opened(sealed(exact)) == exact


def test_two_files_of_the_same_have_nothing_in_common_but_their_kind() -> None:
    (one_head, one), (other_head, other) = parts(sealed(LINES)), parts(sealed(LINES))
    assert one_head != other_head
    assert not set(one) & set(other)


@pytest.mark.parametrize("keep", [0, 1, 2])
def test_a_file_that_ends_with_a_whole_chunk_too_early_is_refused(keep: int) -> None:
    head, chunks = parts(sealed(LINES))
    assert len(chunks) == 3
    with pytest.raises(NotABackup):
        opened(head + b"".join(chunks[:keep]))


def test_chunks_that_were_moved_repeated_left_out_or_added_are_refused() -> None:
    head, (one, two, last) = parts(sealed(LINES))
    for order in ([two, one, last], [one, one, two, last], [one, last], [two, last], [one, two, last, last], [last]):
        with pytest.raises(NotABackup):
            opened(head + b"".join(order))


def test_a_chunk_of_another_file_is_refused() -> None:
    (head, (one, two, last)), (_, others) = parts(sealed(LINES)), parts(sealed(LINES))
    for chunks in ([one, others[1], last], [one, two, others[2]]):
        with pytest.raises(NotABackup):
            opened(head + b"".join(chunks))


def test_every_bit_counts() -> None:
    content = sealed(b"a line\n")
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        with pytest.raises(NotABackup):
            opened(bytes(changed))
    for length in range(len(content)):
        with pytest.raises(NotABackup):
            opened(content[:length])


def test_another_passphrase_opens_nothing() -> None:
    with pytest.raises(NotABackup, match="passphrase"):
        opened(sealed(LINES), PASSPHRASE + " ")


@pytest.mark.parametrize(
    "change",
    [
        {"memory_kib": 2**30},
        {"memory_kib": 0},
        {"memory_kib": True},
        {"memory_kib": 7},
        {"passes": 17},
        {"lanes": 17},
        {"lanes": "1"},
        {"salt": ""},
        {"salt": "!"},
        {"salt": 1},
        {"more": 1},
    ],
)
def test_a_file_cannot_ask_for_more_than_it_may(change: dict[str, object]) -> None:
    head, chunks = parts(sealed(b""))
    said = json.loads(head.removeprefix(MAGIC)) | change
    with pytest.raises(NotABackup, match="beginning"):
        opened(MAGIC + json.dumps(said).encode() + b"\n" + b"".join(chunks))


class _Short(BytesIO):
    """Takes what it is given, and remembers the most that it was given at once."""

    most = 0

    def write(self, content: object) -> int:
        assert isinstance(content, bytes)
        self.most = max(self.most, len(content))
        return len(content)


def test_no_more_than_a_chunk_is_kept_however_much_is_sealed() -> None:
    file = _Short()
    held: BinaryIO = file
    sealing = Sealing(held, PASSPHRASE, QUICK)
    for _ in range(100):
        sealing.write(LINES[:10_000])
    sealing.close()
    assert file.most == WHOLE


HEAD = (
    b'{"made_at":{"time":"2026-11-22T12:00:00+00:00"},"schema":"0005","issuer":"i","secrets":{},"configuration":null}'
)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b"["],
        [b"[]"],
        [b'{"schema":"0005"}'],
        [HEAD.replace(b"2026-11-22T12", b"then")],
        [HEAD],
        [HEAD, b'{"tables":1}'],
        [HEAD, b'{"tables":0}', b"[]"],
        [HEAD, b'{"table":"a","columns":["x"]}'],
        [HEAD, b'{"table":"a","columns":["x"]}', b"[1]"],
        [HEAD, b'{"table":"a","columns":["x"]}', b"[1]", b'{"rows":2}', b'{"tables":1}'],
        [HEAD, b'{"table":"a","columns":["x"]}', b'[{"bytes":"!"}]', b'{"rows":1}', b'{"tables":1}'],
    ],
)
def test_a_document_that_is_not_whole_is_no_backup(lines: list[bytes]) -> None:
    with pytest.raises(NotABackup, match="not finished"):
        list(read(iter(lines))[1])


@pytest.mark.parametrize("version", ["time", "bytes", "v1"])
def test_a_version_of_a_key_goes_by_any_name(version: str) -> None:
    told: dict[str, object] = {"encryption": {version: "AQIDBA=="}}
    made = Head(made_at=datetime(2026, 11, 22, tzinfo=UTC), schema="0005", issuer="i", secrets=told, configuration=None)
    assert read(iter([head_line(made)]))[0] == made


def test_what_has_no_place_in_a_backup_is_not_written_as_something_else() -> None:
    with pytest.raises(TypeError, match="no place"):
        list(table_lines("a", ["x"], [(object(),)]))


def test_a_plaintext_that_ends_within_a_line_is_no_backup() -> None:
    with pytest.raises(NotABackup, match="does not end"):
        opened(sealed(b"a line\nhalf a li"))


def test_a_document_says_what_it_was_told() -> None:
    rows = [HEAD, b'{"table":"a","columns":["x"]}', b'[{"bytes":"AQI="}]', b"[null]", b'{"rows":2}', b'{"tables":1}']
    head, batches = read(iter(rows))
    assert isinstance(head, Head)
    assert head.schema == "0005"
    assert [batch.rows for batch in batches] == [[[b"\x01\x02"], [None]]]
