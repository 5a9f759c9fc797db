"""What is sealed of the old world is sealed again when the key is replaced, however much there is of it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from broker.accounts.organizations.contact import contact_of
from broker.commands.keys import RESEALED
from broker.keys import reseal as resealing
from broker.keys.cipher import FieldCipher
from broker.keys.reseal import count_stale, reseal
from broker.storage.database import Database
from migrations.accounts.admins import Admins
from migrations.accounts.cases import Cases
from migrations.accounts.periods import OBJECTION
from migrations.accounts.records import Ledger, sealing_context
from tests.accounts.organizations import rooms
from tests.accounts.organizations.rooms import NOW
from tests.migrations.conversion.rooms import NAME, ConversionRoom, address

OLD, NEW = os.urandom(32), os.urandom(32)
OF_THE_OLD_WORLD = {
    "legacy_accounts.name_sealed": 6,
    "legacy_accounts.email_sealed": 6,
    "legacy_accounts.hash_sealed": 6,
    "migration_cases.details_sealed": 1,
    "migration_case_admins.email_sealed": 2,
    "organizations.contact_sealed": 1,
}


@pytest.fixture
def room(tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ConversionRoom]:
    monkeypatch.setattr(rooms, "token_bytes", lambda _: OLD)
    database = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    yield ConversionRoom(database)
    database.dispose()


def test_the_old_world_opens_under_the_newest_key_alone_and_was_never_read_as_a_whole(
    room: ConversionRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "_BATCH", 2)
    for number in range(42, 48):
        sealed = room.cipher.seal(b"hash", sealing_context("hash", str(number)))
        room.shared(str(number), name=f"user{number}", email=f"{number}@old.example", hash_sealed=sealed)
    case = room.start(room.sign_in("ada"), address("ada"), address("bob"))
    for name in ("ada", "bob"):
        room.accept(room.sign_in(name), address(name))
    room.due.run(NOW + OBJECTION)
    both, newer = FieldCipher({"v1": OLD, "v2": NEW}), FieldCipher({"v2": NEW})

    asked: list[str] = []
    event.listen(room.database.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    with room.database.begin() as connection:
        done = reseal(connection, both, room.audit, RESEALED, NOW)
    assert done.items() >= OF_THE_OLD_WORLD.items()
    reads = [
        each for each in asked if each.startswith("SELECT legacy_accounts.registry_id, legacy_accounts.name_sealed")
    ]
    assert len(reads) == 4, "six, two at a time, until there are none"
    assert all("LIMIT" in each for each in reads)
    with room.database.begin() as connection:
        assert not count_stale(connection, both).keys() & OF_THE_OLD_WORLD.keys()
        assert not any(reseal(connection, both, room.audit, RESEALED, NOW).values())

        legacy = Ledger(newer, room.index).get(connection, "47")
        assert legacy is not None
        assert (legacy.name, legacy.email) == ("user47", "47@old.example")
        assert newer.open(legacy.hash_sealed or b"", sealing_context("hash", "47")) == b"hash"
        again = Cases(newer).get(connection, case.id)
        assert again.details == {"organization": NAME}
        admins = Admins(cipher=newer, index=room.index, standing=room.standing, proofs=room.proofs)
        assert {each.email for each in admins.of(connection, again)} == {address("ada"), address("bob")}
        assert contact_of(connection, newer, str(again.organization_id)) == "42@old.example"
