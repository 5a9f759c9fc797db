import json
import logging
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from threading import Barrier, Thread

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import event, select, update
from sqlalchemy.exc import OperationalError

from broker.keys.cipher import FieldCipher, Undecryptable
from broker.keys.model import signing_keys
from broker.keys.records import State, read_records
from broker.keys.rotation import Rotation
from broker.keys.signing import NoActiveKey, SigningKeys
from broker.settings.clients import ALGORITHMS
from broker.storage.database import Database
from tests.keys.conftest import DAY, MINUTE, NOW, SECOND, Outage
from tests.storage.parallel import in_parallel


@pytest.fixture
def database(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Database]:
    """SQLite alone: what is read and when does not depend on it."""
    opened = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    yield opened
    opened.dispose()


@pytest.fixture
def keys(database: Database, cipher: FieldCipher) -> SigningKeys:
    """Keys of every kind there is."""
    keys = SigningKeys(database, cipher, ALGORITHMS)
    keys.ensure(NOW)
    return keys


def kids(keys: SigningKeys, now: datetime) -> list[str]:
    """Return what the JWK Set lists."""
    return [key["kid"] for key in json.loads(keys.jwks_document(now).body)["keys"]]


def test_the_first_keys_sign_at_once_one_for_each_algorithm(keys: SigningKeys, database: Database) -> None:
    for alg in ALGORITHMS:
        assert keys.active(alg, NOW).alg == alg
    with database.read() as connection:
        assert [record.state(NOW) for record in read_records(connection)] == [State.ACTIVE] * len(ALGORITHMS)


def test_what_a_stored_key_signs_the_jwks_verifies(keys: SigningKeys, database: Database, cipher: FieldCipher) -> None:
    other = SigningKeys(database, cipher, ALGORITHMS)
    jwks = KeySet.import_key_set(json.loads(keys.jwks_document(NOW).body))
    for alg in ALGORITHMS:
        key = other.active(alg, NOW)
        token = jwt.encode({"alg": alg, "kid": key.kid}, {"sub": "1"}, key.key, algorithms=[alg])
        assert jwt.decode(token, jwks, algorithms=[alg]).claims == {"sub": "1"}


def test_t9_the_jwks_is_public_and_says_what_each_key_is_for(keys: SigningKeys) -> None:
    jwks = json.loads(keys.jwks_document(NOW).body)["keys"]
    by_alg = {key["alg"]: key for key in jwks}
    rsa = {"kty", "use", "alg", "kid", "n", "e"}
    assert set(by_alg["RS256"]) == set(by_alg["PS256"]) == rsa
    assert set(by_alg["ES256"]) == {"kty", "use", "alg", "kid", "crv", "x", "y"}
    assert set(by_alg["EdDSA"]) == {"kty", "use", "alg", "kid", "crv", "x"}
    assert {key["use"] for key in jwks} == {"sig"}
    assert by_alg["RS256"]["n"] != by_alg["PS256"]["n"]


def test_private_keys_are_sealed_at_rest(keys: SigningKeys, database: Database) -> None:
    with database.read() as connection:
        rows = connection.execute(select(signing_keys)).all()
    for row in rows:
        private = next(key for key in keys.verifying(NOW) if key.kid == row.kid).key.as_der(private=True)
        assert private[-32:] not in row.private_sealed
        assert b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01" not in row.private_sealed  # what an EC key begins with


def test_ensuring_again_makes_no_more_keys_and_writes_nothing(
    es256: SigningKeys, database: Database, statements: list[str]
) -> None:
    es256.ensure(NOW + DAY)
    assert {statement.split()[0] for statement in statements} == {"SELECT"}
    assert len(es256.records(NOW + DAY)) == 1


def test_an_algorithm_added_later_gets_its_key(es256: SigningKeys, database: Database, cipher: FieldCipher) -> None:
    more = SigningKeys(database, cipher, ("ES256", "EdDSA"))
    more.ensure(NOW)
    assert sorted(record.alg for record in more.records(NOW)) == ["ES256", "EdDSA"]


def test_an_algorithm_whose_only_key_is_not_active_yet_gets_one_for_now(
    database: Database, cipher: FieldCipher, rotation: Rotation, es256: SigningKeys
) -> None:
    later = rotation.rotate("ES256", NOW).kid
    earlier = NOW - DAY
    es256.ensure(earlier)
    assert es256.active("ES256", earlier).kid != later
    assert es256.active("ES256", NOW + DAY).kid == later


def test_without_a_key_nothing_signs(database: Database, cipher: FieldCipher) -> None:
    keys = SigningKeys(database, cipher, ("ES256",))
    with pytest.raises(NoActiveKey, match="ES256"):
        keys.active("ES256", NOW)
    assert keys.jwks_document(NOW).body == b'{"keys":[]}'


# The JWK Set from memory


def test_the_jwks_is_put_together_once(es256: SigningKeys) -> None:
    document = es256.jwks_document(NOW)
    assert es256.jwks_document(NOW + 2 * MINUTE) is document
    assert document.etag.isalnum()


def test_the_jwks_changes_with_the_clock_and_without_the_database(
    es256: SigningKeys, rotation: Rotation, outage: Outage
) -> None:
    old = es256.active("ES256", NOW).kid
    before = es256.jwks_document(NOW)
    new = rotation.rotate("ES256", NOW).kid
    both = es256.jwks_document(NOW)
    assert kids(es256, NOW) == [old, new]
    assert both.etag != before.etag
    outage.on = True
    assert es256.jwks_document(NOW + 3 * DAY - SECOND) is both
    assert kids(es256, NOW + 3 * DAY) == [new]
    assert es256.active("ES256", NOW + 3 * DAY).kid == new


# Reading


def test_another_process_knows_of_a_rotation_within_a_minute(
    es256: SigningKeys, database: Database, cipher: FieldCipher, rotation: Rotation
) -> None:
    other = SigningKeys(database, cipher, ("ES256",))
    old = other.active("ES256", NOW).kid
    new = rotation.rotate("ES256", NOW, at_once=True).kid
    assert other.active("ES256", NOW + MINUTE - SECOND).kid == old
    assert other.active("ES256", NOW + MINUTE).kid == new
    assert kids(other, NOW + MINUTE) == [new]


def test_a_clock_that_was_set_back_reads_again(
    es256: SigningKeys, database: Database, cipher: FieldCipher, rotation: Rotation
) -> None:
    other = SigningKeys(database, cipher, ("ES256",))
    other.active("ES256", NOW + DAY)
    new = rotation.rotate("ES256", NOW, at_once=True).kid
    assert other.active("ES256", NOW).kid == new


def test_keys_are_read_once_a_minute_and_parsed_once(
    es256: SigningKeys, database: Database, statements: list[str]
) -> None:
    parsed = es256.active("ES256", NOW)
    for seconds in range(60):
        now = NOW + seconds * SECOND
        assert es256.active("ES256", now) is parsed
        assert parsed in es256.verifying(now)
        assert es256.jwks_document(now).kids == (parsed.kid,)
    assert statements == []
    assert es256.active("ES256", NOW + MINUTE).key is parsed.key
    assert len(statements) == 1


def test_threads_that_find_the_keys_unread_read_them_once(
    es256: SigningKeys, database: Database, cipher: FieldCipher, statements: list[str]
) -> None:
    other = SigningKeys(database, cipher, ("ES256",))
    active = in_parallel(8, lambda: other.active("ES256", NOW))
    assert len(set(map(id, active))) == 1
    assert len(statements) == 1


def test_a_key_that_is_gone_is_not_opened(es256: SigningKeys, database: Database, cipher: FieldCipher) -> None:
    with database.begin() as connection:
        connection.execute(update(signing_keys).values(gone_at=NOW, private_sealed=b"lost"))
    assert SigningKeys(database, cipher, ("ES256",)).verifying(NOW) == ()


def test_a_key_that_was_destroyed_stays_gone_when_the_clock_is_set_back(
    es256: SigningKeys, database: Database, cipher: FieldCipher, rotation: Rotation
) -> None:
    old = es256.active("ES256", NOW).kid
    new = rotation.rotate("ES256", NOW).kid
    assert rotation.destroy_gone(NOW + 4 * DAY) == (old,)
    assert kids(SigningKeys(database, cipher, ("ES256",)), NOW + 2 * DAY) == [new]


def test_a_sealed_key_under_another_kid_does_not_open(
    es256: SigningKeys, database: Database, cipher: FieldCipher
) -> None:
    with database.begin() as connection:
        connection.execute(update(signing_keys).values(kid="another"))
    with pytest.raises(Undecryptable, match="signing key another, sealed under v1"):
        SigningKeys(database, cipher, ("ES256",)).active("ES256", NOW)


# When the database is away


def test_without_the_database_the_first_read_fails(database: Database, cipher: FieldCipher, outage: Outage) -> None:
    outage.on = True
    keys = SigningKeys(database, cipher, ("ES256",))
    with pytest.raises(OperationalError):
        keys.active("ES256", NOW)
    outage.on = False
    keys.ensure(NOW)
    assert keys.active("ES256", NOW).alg == "ES256"


def test_without_the_database_known_keys_go_on_and_it_is_asked_once_a_minute(
    es256: SigningKeys, outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    known, document = es256.active("ES256", NOW), es256.jwks_document(NOW)
    outage.on = True
    for seconds in range(0, 180, 10):
        now = NOW + MINUTE + seconds * SECOND
        assert es256.active("ES256", now) is known
        assert es256.jwks_document(now) is document
    assert outage.asked == 3
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage().rpartition(": ")[2] for record in told] == ["error=OperationalError"] * 3
    assert "canary" not in caplog.text


def test_what_changed_during_an_outage_is_known_a_minute_after_it(
    es256: SigningKeys, database: Database, cipher: FieldCipher, rotation: Rotation, outage: Outage
) -> None:
    other = SigningKeys(database, cipher, ("ES256",))
    other.active("ES256", NOW)
    new = rotation.rotate("ES256", NOW, at_once=True).kid
    outage.on = True
    assert other.active("ES256", NOW + MINUTE).kid != new
    outage.on = False
    assert other.active("ES256", NOW + 2 * MINUTE).kid == new


def test_a_new_key_that_does_not_open_leaves_what_is_known(
    es256: SigningKeys, database: Database, cipher: FieldCipher, rotation: Rotation, caplog: pytest.LogCaptureFixture
) -> None:
    other = SigningKeys(database, cipher, ("ES256",))
    known = other.active("ES256", NOW)
    with database.begin() as connection:
        newer = FieldCipher({"v2": os.urandom(32)}).seal(b"", "")
        row = connection.execute(select(signing_keys)).one()
        values = {**row._asdict(), "kid": "new", "private_sealed": newer}
        connection.execute(signing_keys.insert().values(values))
    assert other.active("ES256", NOW + MINUTE) is known
    assert "signing key new, sealed under v2" in caplog.text


def test_while_one_thread_asks_the_others_do_not_wait(es256: SigningKeys, database: Database) -> None:
    known = es256.active("ES256", NOW)
    asking, answered = Barrier(2), Barrier(2)

    def hang(*_: object) -> None:
        asking.wait(timeout=20)
        answered.wait(timeout=20)

    event.listen(database.engine, "before_cursor_execute", hang)
    asker = Thread(target=es256.active, args=("ES256", NOW + MINUTE))
    asker.start()
    asking.wait(timeout=20)
    try:
        assert es256.active("ES256", NOW + MINUTE) is known
        assert es256.active("ES256", NOW + 5 * MINUTE) is known
    finally:
        answered.wait(timeout=20)
        asker.join()
        event.remove(database.engine, "before_cursor_execute", hang)
