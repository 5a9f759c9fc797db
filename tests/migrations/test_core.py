"""The records of the old world: reading and finding accounts, cases, links, and the proofs of an attempt."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from broker.storage.database import Database
from broker.storage.memory import MemoryStore
from migrations.accounts import links
from migrations.accounts.cases import CaseKind, CaseState
from migrations.accounts.links import Verb
from migrations.accounts.proofs import LIFETIME, Attempts, Given, PasswordNote
from migrations.accounts.records import Package, dump_packages
from tests.accounts.organizations.rooms import NOW
from tests.migrations.rooms import OldRoom

BROWSER, OTHER = "b" * 40, "o" * 40


@pytest.fixture
def room(tmp_path: Path, migrated_sqlite: Path) -> Iterator[OldRoom]:
    database = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    yield OldRoom(database)
    database.dispose()


def test_an_account_is_read_as_it_was_written_and_found_by_name_or_by_an_address_that_is_its_own(
    room: OldRoom,
) -> None:
    packages = (Package(name="a", role="owner", downloads=3, repository="https://x.example/a"),)
    room.legacy("1", name="Ada", email="ada@old.example", packages=dump_packages(packages), alias="proposed")
    room.legacy("2", name="shared-1", email="team@old.example")
    room.legacy("3", name="shared-2", email="team@old.example")
    room.legacy("4", name="nobody", email=None)
    # A user name that is another's address finds the account of that name alone.
    room.legacy("5", name="ada@old.example", email="eve@evil.example")
    # That strangers say that they have an address makes it nobody else's: only those count who had confirmed it.
    room.legacy("6", name="bob", email="bob@old.example")
    for number in ("7", "8", "9", "10"):
        room.legacy(number, name=f"stranger-{number}", email="bob@old.example", email_confirmed=False)
    room.legacy("11", name="carl", email="carl@old.example", email_confirmed=False)
    with room.database.read() as connection:
        found = {
            each: room.ledger.find(connection, each)
            for each in (
                *("ada", " ADA ", "shared-1", "team@old.example", "ada@old.example", "nobody", "unknown", ""),
                *("bob@old.example", "carl@old.example"),
            )
        }
        assert room.ledger.of_account(connection, "x") == []
        assert room.ledger.get(connection, "99") is None
    assert {each: account and account.registry_id for each, account in found.items()} == {
        "ada": "1",
        " ADA ": "1",
        "shared-1": "2",
        "team@old.example": None,
        "ada@old.example": "5",
        "nobody": "4",
        "bob@old.example": "6",
        "carl@old.example": "11",
        "unknown": None,
        "": None,
    }
    ada = found["ada"]
    assert ada is not None
    assert (ada.name, ada.email, ada.packages) == ("Ada", "ada@old.example", packages)
    assert (ada.is_undecided, ada.is_shared) == (True, False)
    assert b"ada" not in (ada.hash_sealed or b"")


def test_an_address_proves_its_owner_only_while_it_is_confirmed_and_its_domain_has_not_lapsed(room: OldRoom) -> None:
    room.legacy("1", name="a")
    room.legacy("2", name="b", email_confirmed=False)
    room.legacy("3", name="c", lapsed_at=NOW)
    assert [(room.get(each).mailbox, room.get(each).told_at) for each in "123"] == [
        ("old@old.example", "old@old.example"),
        (None, "old@old.example"),
        (None, None),
    ]


def test_there_are_no_cases_and_accounts_but_those_there_are(room: OldRoom) -> None:
    room.legacy()
    ada = room.sign_in("ada")
    with room.database.begin() as connection:
        with pytest.raises(LookupError):
            room.ledger.held(connection, "9")
        with pytest.raises(LookupError):
            room.cases.get(connection, "9")
        case = room.cases.open(connection, CaseKind.RECOVERY, "42", ada, CaseState.ASKED, NOW, details={"a": [1]})
        described = room.cases.describe(connection, case, {"b": None})
        assert (case.details, described.details) == ({"a": [1]}, {"b": None})
        assert room.cases.of_account(connection, case.account_id) == [described]


def test_a_link_does_one_thing_once_until_its_time_is_over(room: OldRoom) -> None:
    room.legacy()
    case = room.begin(room.sign_in("ada"))
    later = NOW + timedelta(days=1)
    with room.database.begin() as connection:
        stop, undo, third = (links.make(connection, case.id, each, later) for each in (Verb.STOP, Verb.UNDO, Verb.STOP))
        assert links.find(connection, stop, NOW) == links.find(connection, stop, NOW) is not None
        assert links.find(connection, stop, later) is None
        assert links.use(connection, stop, later) is None
        assert links.use(connection, stop, NOW) is not None
        assert links.use(connection, stop, NOW) is None
        assert links.use(connection, "made-up", NOW) is None
        links.end(connection, case.id, Verb.STOP)
        assert links.find(connection, third, NOW) is None
        assert links.find(connection, undo, NOW) is not None
        links.expire(connection, NOW)
        assert links.find(connection, undo, NOW) is not None
        links.expire(connection, later)
        assert links.find(connection, undo, NOW) is None


@pytest.fixture
def attempts(room: OldRoom) -> Attempts:
    return Attempts(MemoryStore(), room.cipher)


def test_an_attempt_belongs_to_the_browser_that_began_it_for_an_hour(attempts: Attempts) -> None:
    attempt = attempts.begin(BROWSER, None, NOW)
    assert attempt.registry_id == ""
    assert attempts.find(attempt.id, BROWSER, NOW) == attempt
    for browser, now in ((OTHER, NOW), (None, NOW), (BROWSER, NOW + LIFETIME)):
        assert attempts.find(attempt.id, browser, now) is None
    assert attempts.find("made-up", BROWSER, NOW) is None


def test_a_proof_is_given_in_time_or_not_at_all(attempts: Attempts) -> None:
    attempt = attempts.begin(BROWSER, "42", NOW)
    attempts.note(attempt, PasswordNote.RIGHT, "hash", NOW + LIFETIME)
    assert attempts.given(attempt) == Given(note=None, hash_digest=None, address=None)
    attempts.note(attempt, PasswordNote.WRONG, None, NOW)
    assert attempts.given(attempt) == Given(note=PasswordNote.WRONG, hash_digest=None, address=None)
    attempts.note(attempt, PasswordNote.RIGHT, "hash", NOW)
    assert attempts.given(attempt) == Given(note=PasswordNote.RIGHT, hash_digest="hash", address=None)


def test_a_link_proves_the_mailbox_in_the_browser_that_began_and_once(attempts: Attempts) -> None:
    attempt = attempts.begin(BROWSER, "42", NOW)
    token = attempts.link(attempt, "address", NOW)
    for browser, now in ((OTHER, NOW), (None, NOW), (BROWSER, NOW + LIFETIME)):
        assert attempts.follow(token, browser, now) is None
        assert attempts.of_link(token, browser, now) is None
    assert attempts.given(attempt).address is None
    assert attempts.of_link(token, BROWSER, NOW) == attempt
    assert attempts.given(attempt).address is None, "looking changes nothing"
    assert attempts.follow(token, BROWSER, NOW) == attempt
    assert attempts.given(attempt).address == "address"
    assert attempts.follow(token, BROWSER, NOW) is None
    nowhere = attempts.link(attempt, None, NOW)
    assert (attempts.of_link(nowhere, BROWSER, NOW), attempts.follow(nowhere, BROWSER, NOW)) == (None, None)
    assert attempts.of_link("made-up", BROWSER, NOW) is None


def test_what_rests_on_the_proofs_takes_all_of_them_and_once(room: OldRoom) -> None:
    store = MemoryStore()
    attempts = Attempts(store, room.cipher)
    attempt = attempts.begin(BROWSER, "42", NOW)
    attempts.note(attempt, PasswordNote.RIGHT, "hash", NOW)
    assert not store.commit(take=attempts.keys(attempt))
    attempts.follow(attempts.link(attempt, "address", NOW), BROWSER, NOW)
    assert store.commit(take=attempts.keys(attempt))
    assert not store.commit(take=attempts.keys(attempt))
    assert attempts.find(attempt.id, BROWSER, NOW) is None
