import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.keys.cipher import FieldCipher, Undecryptable, version_of
from tests.storage.parallel import in_parallel

OLD, NEW = os.urandom(32), os.urandom(32)


@given(st.binary(max_size=200), st.text(max_size=50))
def test_what_was_sealed_opens_in_its_context(plaintext: bytes, context: str) -> None:
    cipher = FieldCipher({"v1": OLD})
    assert cipher.open(cipher.seal(plaintext, context), context) == plaintext


def test_the_same_text_is_never_sealed_the_same_way_twice() -> None:
    cipher = FieldCipher({"v1": OLD})
    assert len({cipher.seal(b"text", "field") for _ in range(100)}) == 100


def test_nothing_of_the_text_shows() -> None:
    assert b"canary" not in FieldCipher({"v1": OLD}).seal(b"canary text", "field")


def test_a_sealed_value_does_not_open_in_another_place() -> None:
    cipher = FieldCipher({"v1": OLD})
    with pytest.raises(Undecryptable):
        cipher.open(cipher.seal(b"text", "people.email:1"), "people.email:2")


def test_the_newest_version_seals_and_every_version_opens() -> None:
    before = FieldCipher({"v9": OLD})
    after = FieldCipher({"v10": NEW, "v9": OLD})
    assert after.open(before.seal(b"text", "field"), "field") == b"text"
    with pytest.raises(Undecryptable):
        before.open(after.seal(b"text", "field"), "field")
    assert FieldCipher({"v10": NEW}).open(after.seal(b"text", "field"), "field") == b"text"


def test_one_version_under_two_keys_does_not_open() -> None:
    with pytest.raises(Undecryptable):
        FieldCipher({"v1": NEW}).open(FieldCipher({"v1": OLD}).seal(b"text", "field"), "field")


def test_every_changed_bit_is_noticed() -> None:
    cipher = FieldCipher({"v1": OLD})
    sealed = cipher.seal(b"text", "field")
    for position in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[position] ^= 1 << bit
            with pytest.raises(Undecryptable):
                cipher.open(bytes(changed), "field")


def test_every_shortened_and_lengthened_value_is_noticed() -> None:
    cipher = FieldCipher({"v1": OLD})
    sealed = cipher.seal(b"text", "field")
    for wrong in [sealed[:length] for length in range(len(sealed))] + [sealed + b"\0"]:
        with pytest.raises(Undecryptable):
            cipher.open(wrong, "field")


def test_an_error_tells_nothing_of_text_or_key() -> None:
    cipher = FieldCipher({"v1": OLD})
    with pytest.raises(Undecryptable) as raised:
        cipher.open(cipher.seal(b"canary", "canary:1"), "other")
    assert raised.value.__cause__ is None
    assert "canary" not in str(raised.value)


def test_threads_share_a_cipher() -> None:
    cipher = FieldCipher({"v1": OLD})

    def seal_and_open() -> bool:
        text = os.urandom(64)
        return all(cipher.open(cipher.seal(text, "field"), "field") == text for _ in range(200))

    assert all(in_parallel(8, seal_and_open))


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"1": OLD},
        {"v0": OLD},
        {"v01": OLD},
        {"V1": OLD},
        {"v1 ": OLD},
        {"v1\n": OLD},
        {"v-1": OLD},
        {"v1": b""},
        {"v1": OLD[:31]},
        {"v1": OLD + b"\0"},
        {"v1": OLD, "v2": b"short"},
    ],
)
def test_keys_are_32_bytes_under_a_version(keys: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match=r"version|32"):
        FieldCipher(keys)


def test_a_new_key_is_read_everywhere_before_it_writes_anywhere() -> None:
    old_key, new_key = os.urandom(32), os.urandom(32)
    old = FieldCipher({"v1": old_key})
    reading = FieldCipher({"v1": old_key, "v2": new_key}, writes="v1")
    writing = FieldCipher({"v1": old_key, "v2": new_key})
    assert old.open(reading.seal(b"x", "c"), "c") == b"x"
    assert reading.open(writing.seal(b"x", "c"), "c") == b"x"
    with pytest.raises(ValueError, match="not among the keys"):
        FieldCipher({"v1": old_key}, writes="v2")


def test_a_sealed_value_says_under_which_version() -> None:
    cipher = FieldCipher({"v2": OLD, "v10": NEW}, writes="v2")
    sealed = cipher.seal(b"text", "field")
    assert version_of(sealed) == cipher.writes == "v2"
    assert sealed.startswith(cipher.prefix)
    assert version_of(FieldCipher({"v10": NEW}).seal(b"", "field")) == "v10"


@pytest.mark.parametrize("value", [b"", b"\0", b"\2v", b"\2vv rest", b"\xffv1", b"\2\xc3\xa9", b"plain text"])
def test_what_no_cipher_made_says_no_version(value: bytes) -> None:
    assert version_of(value) is None


def test_an_error_about_a_row_names_its_place_and_version_and_nothing_of_the_text() -> None:
    sealed = FieldCipher({"v1": OLD}).seal(b"canary", "field")
    with pytest.raises(Undecryptable, match="row 7, sealed under v1: not sealed under any key held here") as raised:
        FieldCipher({"v2": NEW}).open_row(sealed, "field", "row 7")
    assert raised.value.__suppress_context__
    with pytest.raises(Undecryptable, match="row 7, sealed under v1: changed"):
        FieldCipher({"v1": NEW}).open_row(sealed, "field", "row 7")
    with pytest.raises(Undecryptable, match="row 7, sealed under no version"):
        FieldCipher({"v1": NEW}).open_row(b"", "field", "row 7")
