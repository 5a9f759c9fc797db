import os
from collections.abc import Callable

import pytest
from sqlalchemy import Column, LargeBinary, MetaData, String, Table, insert, select, update

import broker.accounts.model
import broker.audit.model
import broker.events.model
import broker.keys.model
import broker.oidc.model
import broker.signin.model  # noqa: F401  every model, so that the metadata is whole
from broker.audit.service import Audit
from broker.keys.cipher import FieldCipher, Undecryptable
from broker.keys.model import signing_keys
from broker.keys.records import read_records
from broker.keys.reseal import count_stale, reseal, reseal_column, reseal_signing_keys
from broker.keys.rotation import Rotation, destroy_gone
from broker.keys.signing import SigningKeys
from broker.storage.database import Database, metadata
from tests.keys.conftest import NOW, actions

OLD, NEW = os.urandom(32), os.urandom(32)
SIGNING_KEYS = {"signing_keys.private_sealed": reseal_signing_keys}

notes = Table(
    "notes",
    MetaData(),
    Column("id", String, primary_key=True),
    Column("text_sealed", LargeBinary),
)


@pytest.fixture
def cipher() -> FieldCipher:
    return FieldCipher({"v1": OLD})


@pytest.fixture
def newer() -> FieldCipher:
    return FieldCipher({"v1": OLD, "v2": NEW})


@pytest.fixture
def keys(database: Database, cipher: FieldCipher) -> SigningKeys:
    keys = SigningKeys(database, cipher, ("ES256", "EdDSA"))
    keys.ensure(NOW)
    return keys


@pytest.fixture
def rooms(database: Database, cipher: FieldCipher) -> Callable[[FieldCipher], dict[str, str]]:
    """Make a table of some room, with three sealed notes; return a reader of them."""
    with database.begin() as connection:
        notes.create(connection)
        sealed = [{"id": each, "text_sealed": cipher.seal(each.encode(), f"notes:{each}")} for each in ("a", "b", "c")]
        connection.execute(insert(notes), [*sealed, {"id": "d", "text_sealed": None}])

    def read(with_cipher: FieldCipher) -> dict[str, str]:
        with database.read() as connection:
            rows = connection.execute(select(notes).where(notes.c.text_sealed.is_not(None)).order_by(notes.c.id)).all()
        return {row.id: with_cipher.open(row.text_sealed, f"notes:{row.id}").decode() for row in rows}

    return read


def versions(database: Database) -> set[str | None]:
    with database.read() as connection:
        return {record.version for record in read_records(connection)}


def test_every_private_key_is_sealed_again_and_opens_without_the_old_version(
    keys: SigningKeys, database: Database, newer: FieldCipher, audit: Audit
) -> None:
    before = {alg: keys.active(alg, NOW).key.as_dict(private=True) for alg in keys.algorithms}
    with database.begin() as connection:
        assert reseal(connection, newer, audit, SIGNING_KEYS, NOW) == {"signing_keys.private_sealed": 2}
    assert versions(database) == {"v2"}
    again = SigningKeys(database, FieldCipher({"v2": NEW}), keys.algorithms)
    assert {alg: again.active(alg, NOW).key.as_dict(private=True) for alg in keys.algorithms} == before


def test_resealing_is_audited_with_count_and_version_and_only_when_something_was(
    keys: SigningKeys, database: Database, newer: FieldCipher, audit: Audit
) -> None:
    for _ in range(2):
        with database.begin() as connection:
            reseal(connection, newer, audit, SIGNING_KEYS, NOW)
    detail = '{"count":2,"kind":"signing_keys.private_sealed","version":"v2"}'
    assert actions(database) == [("key.resealed", detail)]


def test_the_version_that_is_named_to_write_is_the_one_sealed_under(
    keys: SigningKeys, database: Database, newer: FieldCipher, audit: Audit
) -> None:
    with database.begin() as connection:
        reseal(connection, newer, audit, SIGNING_KEYS, NOW)
    with database.begin() as connection:
        back = FieldCipher({"v1": OLD, "v2": NEW}, writes="v1")
        assert reseal(connection, back, audit, SIGNING_KEYS, NOW) == {"signing_keys.private_sealed": 2}
    assert versions(database) == {"v1"}


def test_a_key_that_does_not_open_is_named_with_its_version_and_nothing_changes(
    keys: SigningKeys, database: Database, audit: Audit
) -> None:
    kid = keys.active("EdDSA", NOW).kid
    with database.begin() as connection:
        foreign = FieldCipher({"v7": os.urandom(32)}).seal(b"canary", "")
        connection.execute(update(signing_keys).where(signing_keys.c.kid == kid).values(private_sealed=foreign))
    cipher = FieldCipher({"v1": OLD, "v2": NEW})
    with (
        pytest.raises(Undecryptable, match=f"private_sealed of {kid}, sealed under v7"),
        database.begin() as connection,
    ):
        reseal(connection, cipher, audit, SIGNING_KEYS, NOW)
    assert versions(database) == {"v1", "v7"}
    assert actions(database) == []


def test_a_key_that_is_gone_need_not_open(
    keys: SigningKeys, database: Database, newer: FieldCipher, audit: Audit, rotation: Rotation
) -> None:
    old = keys.active("ES256", NOW).kid
    rotation.rotate("ES256", NOW, at_once=True)
    with database.begin() as connection:
        connection.execute(update(signing_keys).where(signing_keys.c.kid == old).values(private_sealed=b"lost"))
    with database.begin() as connection:
        assert destroy_gone(connection, audit, NOW) == (old,)
        assert reseal(connection, newer, audit, SIGNING_KEYS, NOW) == {"signing_keys.private_sealed": 2}
    assert versions(database) == {None, "v2"}


def test_a_process_that_has_the_keys_goes_on_with_them(
    keys: SigningKeys, database: Database, newer: FieldCipher, audit: Audit
) -> None:
    known = keys.active("ES256", NOW)
    with database.begin() as connection:
        reseal(connection, newer, audit, SIGNING_KEYS, NOW)
    keys.reread()
    assert keys.active("ES256", NOW) is known


def test_any_room_can_have_its_values_sealed_again(
    rooms: Callable[[FieldCipher], dict[str, str]], database: Database, newer: FieldCipher, audit: Audit
) -> None:
    offered = {
        "notes": lambda connection, cipher: reseal_column(connection, cipher, notes, "text_sealed", "notes:{}".format)
    }
    with database.begin() as connection:
        assert count_stale(connection, newer) == {"notes.text_sealed": 3}
        assert reseal(connection, newer, audit, offered, NOW) == {"notes": 3}
        assert count_stale(connection, newer) == {}
    assert rooms(FieldCipher({"v2": NEW})) == {"a": "a", "b": "b", "c": "c"}


def test_what_no_room_has_sealed_again_is_counted_by_column(
    keys: SigningKeys, rooms: object, database: Database, cipher: FieldCipher, newer: FieldCipher, audit: Audit
) -> None:
    with database.begin() as connection:
        assert count_stale(connection, cipher) == {}
        assert count_stale(connection, newer) == {"notes.text_sealed": 3, "signing_keys.private_sealed": 2}
        reseal(connection, newer, audit, SIGNING_KEYS, NOW)
        assert count_stale(connection, newer) == {"notes.text_sealed": 3}


def test_v1_and_v10_are_told_apart(keys: SigningKeys, database: Database) -> None:
    with database.begin() as connection:
        assert count_stale(connection, FieldCipher({"v1": OLD, "v10": NEW})) == {"signing_keys.private_sealed": 2}


def test_every_column_of_bytes_is_one_that_is_counted() -> None:
    bytes_columns = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    assert "signing_keys.private_sealed" in bytes_columns
    assert [name for name in bytes_columns if not name.endswith("_sealed")] == []
