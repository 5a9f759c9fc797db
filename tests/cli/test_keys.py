"""keys: listed, rotated and sealed again, over a real database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update

from broker.commands.keys import RESEALED
from broker.keys.cipher import FieldCipher
from broker.keys.model import signing_keys
from broker.keys.records import read_records
from broker.keys.signing import SigningKeys
from broker.settings import load
from broker.settings.clients import ALGORITHMS
from broker.settings.fresh import fresh_keys
from broker.storage.database import Database, metadata
from tests.cli.conftest import Run

Change = Callable[[str, str], None]


@contextmanager
def opened(config: Path) -> Iterator[tuple[Database, FieldCipher]]:
    settings = load(config, {})
    database = Database(settings.database.url)
    yield database, FieldCipher(settings.secrets.encryption_keys(), settings.secrets.encryption_writes)
    database.dispose()


def audited(config: Path) -> list[tuple[str, str]]:
    with opened(config) as (database, _), database.read() as connection:
        rows = connection.execute(text("SELECT action, detail FROM audit_entries ORDER BY id")).all()
    return [(row.action, row.detail) for row in rows]


@pytest.fixture
def started(ready: Run, config: Path) -> Run:
    """The command over a broker that has started once, with the keys that are quick to make."""
    with opened(config) as (database, cipher):
        SigningKeys(database, cipher, ("ES256", "EdDSA")).ensure(datetime.now(UTC))
    return ready


@pytest.fixture
def change(config: Path) -> Change:
    def replace(old: str, new: str) -> None:
        assert old in config.read_text()
        config.write_text(config.read_text().replace(old, new, 1))

    return replace


def states(run: Run) -> list[tuple[str, str]]:
    table, _, _ = run("keys", "list").output.partition("\n\n")
    return sorted((line.split()[1], line.split()[2]) for line in table.splitlines()[1:])


def date(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def test_there_is_no_key_before_the_first_start(ready: Run) -> None:
    done = ready("keys", "list")
    assert done.exit_code == 0
    assert "no key yet" in done.output


def test_keys_are_listed_with_what_happens_next(started: Run) -> None:
    assert states(started) == [("ES256", "active"), ("EdDSA", "active")]
    planned = date(datetime.now(UTC) + timedelta(days=90))
    shown = started("keys", "list").output
    assert f"ES256: the next key is published from {planned}" in shown
    assert "RS256" not in shown
    assert "reseal" not in shown


def test_without_a_plan_the_command_is_told(started: Run, change: Change) -> None:
    change("# rotate_after = 7776000", "rotate_after = 0")
    shown = started("keys", "list").output
    assert "no next key is planned" in shown
    assert "vestibule keys rotate --alg ES256" in shown


def test_a_key_is_rotated_with_an_overlap(started: Run, config: Path) -> None:
    done = started("keys", "rotate", "--alg", "ES256")
    assert done.exit_code == 0
    tomorrow = date(datetime.now(UTC) + timedelta(days=1))
    assert done.output.startswith("ES256: ")
    assert f"is published, and signs from {tomorrow}" in done.output
    assert states(started) == [("ES256", "active"), ("ES256", "published"), ("EdDSA", "active")]
    kid = done.output.split()[1]
    assert f"ES256: {kid} signs from {tomorrow}" in started("keys", "list").output
    assert audited(config) == [("key.rotated", f'{{"kid":"{kid}","kind":"ES256"}}')]


def test_how_long_a_key_is_published_is_a_setting(started: Run, change: Change) -> None:
    change("# publish_for = 86400", "publish_for = 864000")
    in_ten_days = date(datetime.now(UTC) + timedelta(days=10))
    assert f"signs from {in_ten_days}" in started("keys", "rotate", "--alg", "EdDSA").output


def test_all_keys_can_be_replaced_at_once(started: Run, config: Path) -> None:
    done = started("keys", "rotate", "--at-once")
    assert done.exit_code == 0
    assert done.output.count(" signs now.") == len(ALGORITHMS)
    assert "within a minute" in done.output
    assert states(started) == sorted([("ES256", "gone"), ("EdDSA", "gone"), *((alg, "active") for alg in ALGORITHMS)])
    assert [action for action, _ in audited(config)] == ["key.rotated"] * len(ALGORITHMS)


def test_no_keys_are_made_for_an_algorithm_that_is_not_ours(ready: Run) -> None:
    assert ready("keys", "rotate", "--alg", "HS256").exit_code == 2


def test_keys_are_sealed_again_under_a_new_version_until_the_old_can_go(
    started: Run, config: Path, change: Change
) -> None:
    assert "no other version" in started("keys", "reseal").output
    old = config.read_text().partition("[secrets.encryption]\n")[2].splitlines()[0]
    change(old, f'{old}\nv2 = "{fresh_keys()["index"]}"')
    assert (
        "Sealed under another version than v2, which writes: 2. vestibule keys reseal" in started("keys", "list").output
    )

    done = started("keys", "reseal")
    assert done.exit_code == 0
    assert "signing_keys.private_sealed: 2 sealed again, under v2." in done.output
    assert "Nothing in the database needs v1 any more" in done.output
    assert "12 hours" in done.output
    assert audited(config) == [("key.resealed", '{"count":2,"kind":"signing_keys.private_sealed","version":"v2"}')]
    change(old, "")
    with opened(config) as (database, cipher):
        assert SigningKeys(database, cipher, ("ES256",)).active("ES256", datetime.now(UTC)).alg == "ES256"
    assert "reseal" not in started("keys", "list").output


def test_what_still_needs_the_old_version_is_told(started: Run, config: Path, change: Change) -> None:
    with opened(config) as (database, cipher), database.begin() as connection:
        connection.execute(text("CREATE TABLE notes (id TEXT PRIMARY KEY, text_sealed BLOB)"))  # of some other room
        connection.execute(text("INSERT INTO notes VALUES ('1', :sealed)"), {"sealed": cipher.seal(b"", "")})
    old = config.read_text().partition("[secrets.encryption]\n")[2].splitlines()[0]
    change(old, f'{old}\nv2 = "{fresh_keys()["index"]}"')
    done = started("keys", "reseal")
    assert "notes.text_sealed     1" in done.output
    assert "Keep v1 in secrets.encryption" in done.output
    assert "any more" not in done.output


def test_a_key_that_does_not_open_is_told_and_nothing_is_changed(started: Run, config: Path, change: Change) -> None:
    with opened(config) as (database, _), database.read() as connection:
        before = read_records(connection)
    kid = min(record.kid for record in before)
    old = config.read_text().partition("[secrets.encryption]\n")[2].splitlines()[0]
    change(old, f'v2 = "{fresh_keys()["index"]}"')
    done = started("keys", "reseal")
    assert done.exit_code == 2
    assert f"{kid}, sealed under v1: not sealed under any key held here. Nothing was changed." in done.output
    with opened(config) as (database, _), database.read() as connection:
        assert read_records(connection) == before
    assert audited(config) == []


def test_a_key_that_is_gone_is_destroyed_rather_than_sealed_again(started: Run, config: Path) -> None:
    with opened(config) as (database, _), database.begin() as connection:
        gone = update(signing_keys).where(signing_keys.c.alg == "ES256")
        connection.execute(gone.values(gone_at=datetime.now(UTC), private_sealed=b"lost"))
    assert started("keys", "reseal").exit_code == 0
    assert [action for action, _ in audited(config)] == ["key.destroyed"]
    (line,) = (line for line in started("keys", "list").output.splitlines() if " gone " in line)
    assert line.endswith(" -")


def test_whatever_stays_for_longer_than_days_is_sealed_again() -> None:
    sealed = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if column.name.endswith("_sealed")
    }
    ages_out = {"outbox.payload_sealed", "email_changes.email_sealed"}
    assert sealed - ages_out == set(RESEALED)
