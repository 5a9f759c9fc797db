"""The same for the old world: canary values in everything that is imported or typed, then everything searched."""

import hashlib
import re
import shutil
import sqlite3
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.storage.memory import MemoryStore
from migrations.accounts.periods import OBJECTION, UNDO
from providers.standins import Standins
from tests.migrations.legacy import with_campaign
from tests.security.old_world_flows import (
    BREACHED,
    CLAIMED,
    GATHERING,
    LINKED_ID,
    PERSONS,
    REFUSED,
    SETTLED,
    SHARED,
    TYPED,
    WORD,
    Driven,
    digest_of,
    email_of,
    name_of,
    password_of,
    salt_of,
)
from tests.security.test_canaries import database_dump, everything_logged
from tests.security.wiretap import found_in, tapped
from tests.world import World, running


@dataclass(frozen=True, kw_only=True)
class AtRest:
    """``places``: all there is after everything was done, by name. ``later``: columns once time has passed."""

    places: Mapping[str, bytes]
    mails: str
    needles: set[str]
    later: Mapping[str, list[tuple[object, ...]]]
    dump_later: str


PERSONAL = {
    "settled": f"SELECT hash_sealed, name_sealed, name_index, email_sealed, email_index FROM legacy_accounts "
    f"WHERE registry_id IN ({CLAIMED}, {SHARED}, {SETTLED})",
    "forgotten": "SELECT name_sealed, name_index, email_sealed, email_index FROM legacy_accounts",
    "hashes": "SELECT hash_sealed, hash_format FROM legacy_accounts WHERE hash_sealed IS NOT NULL",
    "details": "SELECT details_sealed FROM migration_cases WHERE details_sealed IS NOT NULL",
    "named": "SELECT email_sealed FROM migration_case_admins",
    "links": "SELECT token_hash FROM migration_links",
}


@pytest.fixture(scope="module")
def at_rest(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[AtRest]:
    folder = tmp_path_factory.mktemp("canaries")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")
    breached, log_file = folder / "breached.txt", folder / "all.log"
    breached.write_text(f"{hashlib.sha1(BREACHED.encode()).hexdigest().upper()}:7\n")  # noqa: S324 - the list's format

    def change(raw: dict[str, Any]) -> None:
        with_campaign(raw, breached_passwords=str(breached))

    with (
        everything_logged(log_file),
        tapped() as tap,
        running(folder, standins=standins, change=change) as world,
    ):
        driven = Driven(world, folder)
        driven.everything()
        places = {
            "database": database_bytes(folder / "vestibule.db"),
            "every value": database_dump(world.raw["database"]["url"]).encode(),
            "store": store_bytes(world),
            "log": log_file.read_bytes(),
        }
        later: dict[str, list[tuple[object, ...]]] = {}
        world.clock.move(UNDO + OBJECTION + timedelta(days=1))
        driven.worker()
        later["settled"] = rows_of(folder, "settled")
        world.clock.move(timedelta(days=400))
        driven.worker()
        later |= {name: rows_of(folder, name) for name in PERSONAL if name != "settled"}
        dump_later = database_dump(world.raw["database"]["url"])
        mails = "".join(each.read_text() for each in (folder / "mail").glob("*.eml"))
        yield AtRest(places=places, mails=mails, needles=tap.needles(), later=later, dump_later=dump_later)


def database_bytes(path: Path) -> bytes:
    """Return the file, and what is beside it, once the log is in it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(FULL)")
        return b"".join(each.read_bytes() for each in sorted(path.parent.glob(f"{path.name}*")))


def rows_of(folder: Path, name: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "vestibule.db")) as connection:
        return connection.execute(PERSONAL[name]).fetchall()


def store_bytes(world: World) -> bytes:
    store = world.parts.store
    assert isinstance(store, MemoryStore)
    values = (name.encode() + b"\n" + value for name, (value, _) in store._values.items())
    return b"\n".join(values) + repr(store._indexes).encode()


def secrets_of() -> dict[str, bytes]:
    """Return whatever is nobody's business, in every form in which it could be read, or tried against a list."""
    found: dict[str, bytes] = {}
    for registry_id in (*PERSONS, SHARED, GATHERING, TYPED, REFUSED):
        words = {"name": name_of(registry_id), "email": email_of(registry_id), "password": password_of(registry_id)}
        for kind, word in words.items():
            plain = word.encode()
            for algorithm in ("sha1", "sha256", "md5"):
                hashed = hashlib.new(algorithm, plain).digest()
                found |= _forms(f"{algorithm} of {kind} {registry_id}", hashed)
            found |= _forms(f"{kind} {registry_id}", plain)
        found |= _forms(f"salt {registry_id}", salt_of(registry_id))
        found |= _forms(f"digest {registry_id}", digest_of(registry_id))
    return found | _forms("linked id", LINKED_ID.encode())


def _forms(name: str, value: bytes) -> dict[str, bytes]:
    encoded = {
        "base64": b64encode(value).rstrip(b"="),
        "base64url": urlsafe_b64encode(value).rstrip(b"="),
        "hex": value.hex().encode(),
        "HEX": value.hex().upper().encode(),
        "repr": repr(value)[2:-1].encode(),
    }
    return {name: value, **{f"{name}, {form}": each for form, each in encoded.items()}}


@pytest.mark.timeout(170)
def test_what_people_did_in_the_old_world_has_left_something_to_search(at_rest: AtRest) -> None:
    said = set(re.findall(r"migration\.\w+", at_rest.places["every value"].decode()))
    verbs = """imported claim_waits claim_effective claim_stopped claim_undone claim_upheld claim_settled claim_returned
    recovery_asked recovery_approved recovery_refused conversion_waits conversion_accepted conversion_effective
    unsubscribed wave_started mail_edited"""
    assert {f"migration.{each}" for each in verbs.split()} - said == set()
    for kind in (b"claim:", b"claim-proof:", b"claim-link:", b"conversion-draft:", b"recovery-"):
        assert kind in at_rest.places["store"], kind
    assert len(at_rest.places["log"]) > 1000
    assert at_rest.mails.count(WORD) > 50, "people were told, at the very addresses"


def test_nothing_of_the_old_world_is_at_rest_or_in_a_log_in_the_clear(at_rest: AtRest) -> None:
    needles = secrets_of()
    for place, content in at_rest.places.items():
        assert WORD.encode() not in content.lower(), (place, content.lower().partition(WORD.encode())[0][-200:])
        assert [name for name, needle in needles.items() if needle in content] == [], place


def test_t7_no_link_attempt_or_ticket_of_the_old_world_is_at_rest_or_in_a_log_in_the_clear(at_rest: AtRest) -> None:
    for place, content in at_rest.places.items():
        assert sorted(found_in(content.decode("latin-1"), at_rest.needles))[:3] == [], place


def test_what_is_settled_has_no_hash_name_or_address_and_after_the_campaign_nothing_has(at_rest: AtRest) -> None:
    later = at_rest.later
    assert later["settled"] == [(None,) * 5] * 3
    assert later["forgotten"] == [(None,) * 4] * 10
    for gone in ("hashes", "details", "named", "links"):
        assert later[gone] == [], gone
    assert WORD not in at_rest.dump_later.lower()
