import hashlib
import hmac
import os

import pytest

from broker.keys.pseudonyms import BlindIndex, Pseudonyms
from providers.provider import Subject

OLD, NEW = os.urandom(32), os.urandom(32)
SUBJECT = Subject(issuer="https://issuer.example", tenant="tenant", id="id")


def test_a_subject_has_one_pseudonym() -> None:
    same = Subject(issuer="https://issuer.example", tenant="tenant", id="id")
    assert Pseudonyms({"v1": OLD}).current(SUBJECT) == Pseudonyms({"v1": OLD}).current(same)


def test_a_pseudonym_is_the_documented_hash() -> None:
    message = b"\0\0\0\x16https://issuer.example\0\0\0\x06tenant\0\0\0\x02id"
    expected = hmac.new(OLD, message, hashlib.sha256).hexdigest()
    assert Pseudonyms({"v1": OLD}).current(SUBJECT) == f"v1:{expected}"


@pytest.mark.parametrize(
    "other",
    [
        Subject(issuer="https://issuer.example/", tenant="tenant", id="id"),
        Subject(issuer="https://issuer.example", tenant="", id="id"),
        Subject(issuer="https://issuer.example", tenant="tenanti", id="d"),
        Subject(issuer="https://issuer.exampletenant", tenant="", id="id"),
        Subject(issuer="https://issuer.example", tenant="id", id="tenant"),
        Subject(issuer="https://issuer.example", tenant="tenant", id="ID"),
        Subject(issuer="https://issuer.example", tenant="tenant", id="id\0"),
    ],
    ids=repr,
)
def test_t3_another_subject_has_another_pseudonym(other: Subject) -> None:
    pseudonyms = Pseudonyms({"v1": OLD})
    assert pseudonyms.current(SUBJECT) != pseudonyms.current(other)


def test_the_newest_version_is_current_and_all_are_known() -> None:
    both = Pseudonyms({"v9": OLD, "v10": NEW})
    assert both.current(SUBJECT) == Pseudonyms({"v10": NEW}).current(SUBJECT)
    assert both.all(SUBJECT) == (
        Pseudonyms({"v10": NEW}).current(SUBJECT),
        Pseudonyms({"v9": OLD}).current(SUBJECT),
    )


def test_without_the_key_there_is_no_telling_whose_it_is() -> None:
    assert Pseudonyms({"v1": OLD}).current(SUBJECT) != Pseudonyms({"v1": NEW}).current(SUBJECT)


def test_pseudonym_keys_are_32_bytes() -> None:
    with pytest.raises(ValueError, match="32"):
        Pseudonyms({"v1": b"short"})


@pytest.mark.parametrize(
    "one, other",
    [
        ("Ada@Example.org", "ada@example.ORG"),
        ("stra\u00dfe@example.org", "STRASSE@example.org"),
        ("jos\u00e9@example.org", "jose\u0301@example.org"),
        ("\uff41da@example.org", "ada@example.org"),
        ("\u0390@example.org", "\u03b9\u0308\u0301@example.org"),
    ],
)
def test_spellings_of_one_address_have_one_index(one: str, other: str) -> None:
    index = BlindIndex(OLD)
    assert index.of(one) == index.of(other)


@pytest.mark.parametrize("other", ["ada@example.com", "ada+1@example.org", "a.da@example.org", ""])
def test_other_addresses_have_other_indexes(other: str) -> None:
    index = BlindIndex(OLD)
    assert index.of("ada@example.org") != index.of(other)


def test_an_index_depends_on_its_key() -> None:
    assert BlindIndex(OLD).of("ada@example.org") != BlindIndex(NEW).of("ada@example.org")


def test_the_index_key_is_32_bytes() -> None:
    with pytest.raises(ValueError, match="32"):
        BlindIndex(b"short")
