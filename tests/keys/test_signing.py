import os
from datetime import UTC, datetime, timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from sqlalchemy import event, select, update

from broker.keys.cipher import FieldCipher, Undecryptable
from broker.keys.model import signing_keys
from broker.keys.signing import NoActiveKey, SigningKeys, State
from broker.storage.database import Database
from tests.storage.parallel import in_parallel

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


@pytest.fixture(scope="module")
def cipher() -> FieldCipher:
    return FieldCipher({"v1": os.urandom(32)})


@pytest.fixture
def keys(database: Database, cipher: FieldCipher) -> SigningKeys:
    keys = SigningKeys(database, cipher)
    keys.ensure(NOW)
    return keys


@pytest.fixture
def es256(database: Database, cipher: FieldCipher) -> SigningKeys:
    """Keys of the algorithm that is quick to make keys for."""
    keys = SigningKeys(database, cipher, ("ES256",))
    keys.ensure(NOW)
    return keys


def states(keys: SigningKeys, now: datetime) -> dict[str, State]:
    return {record.kid: record.state for record in keys.list(now)}


def published(keys: SigningKeys, now: datetime) -> set[str]:
    return {each.kid for each in keys.verifying(now)}


def test_the_first_keys_sign_at_once(keys: SigningKeys) -> None:
    assert [(record.alg, record.state) for record in keys.list(NOW)].count(("RS256", State.ACTIVE)) == 1
    assert [(record.alg, record.state) for record in keys.list(NOW)].count(("ES256", State.ACTIVE)) == 1
    assert keys.active("RS256", NOW).alg == "RS256"
    assert keys.active("ES256", NOW).alg == "ES256"


def test_keys_have_the_size_they_should(keys: SigningKeys) -> None:
    rsa, ec = keys.active("RS256", NOW).key, keys.active("ES256", NOW).key
    assert isinstance(rsa, RSAKey)
    assert isinstance(ec, ECKey)
    assert rsa.raw_value.key_size == 2048
    assert ec.curve_name == "P-256"


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_what_a_key_signs_the_jwks_verifies(keys: SigningKeys, alg: str) -> None:
    key = keys.active(alg, NOW)
    token = jwt.encode({"alg": alg, "kid": key.kid}, {"sub": "1"}, key.key, algorithms=[alg])
    jwks = KeySet.import_key_set(keys.jwks(NOW))  # type: ignore[arg-type]  # what a registry has is JSON
    assert jwt.decode(token, jwks, algorithms=[alg]).claims == {"sub": "1"}


def test_t9_the_jwks_is_public_and_says_what_each_key_is_for(keys: SigningKeys) -> None:
    jwks = keys.jwks(NOW)["keys"]
    assert isinstance(jwks, list)
    by_alg = {key["alg"]: key for key in jwks}
    assert set(by_alg["RS256"]) == {"kty", "use", "alg", "kid", "n", "e"}
    assert set(by_alg["ES256"]) == {"kty", "use", "alg", "kid", "crv", "x", "y"}
    assert {key["use"] for key in jwks} == {"sig"}
    assert {key["kid"] for key in jwks} == {record.kid for record in keys.list(NOW)}


def test_a_kid_is_the_thumbprint_of_its_key(keys: SigningKeys) -> None:
    for key in keys.verifying(NOW):
        assert key.key.thumbprint() == key.kid


def test_ensuring_again_makes_no_more_keys(keys: SigningKeys) -> None:
    before = keys.list(NOW)
    keys.ensure(NOW + DAY)
    assert keys.list(NOW) == before


def test_of_many_processes_that_start_at_once_one_makes_the_keys(database: Database, cipher: FieldCipher) -> None:
    in_parallel(8, lambda: SigningKeys(database, cipher, ("ES256",)).ensure(NOW))
    assert len(SigningKeys(database, cipher).list(NOW)) == 1


def test_an_algorithm_added_later_gets_its_key(es256: SigningKeys, database: Database, cipher: FieldCipher) -> None:
    SigningKeys(database, cipher).ensure(NOW)
    assert sorted(record.alg for record in es256.list(NOW)) == ["ES256", "RS256"]


def test_an_algorithm_whose_only_key_is_not_active_yet_gets_one_for_now(
    database: Database, cipher: FieldCipher
) -> None:
    keys = SigningKeys(database, cipher, ("ES256",))
    later = keys.rotate("ES256", NOW, DAY, DAY)
    keys.ensure(NOW)
    assert keys.active("ES256", NOW).kid != later
    assert keys.active("ES256", NOW + DAY).kid == later


def test_without_a_key_nothing_signs(database: Database, cipher: FieldCipher) -> None:
    keys = SigningKeys(database, cipher)
    with pytest.raises(NoActiveKey, match="RS256"):
        keys.active("RS256", NOW)
    assert keys.jwks(NOW) == {"keys": []}


def test_a_rotated_key_is_published_then_active_while_the_old_one_retires_and_goes(es256: SigningKeys) -> None:
    old = es256.active("ES256", NOW).kid
    new = es256.rotate("ES256", NOW, publish_for=DAY, overlap=2 * DAY)

    for now in (NOW, NOW + DAY - SECOND):
        assert states(es256, now) == {old: State.ACTIVE, new: State.PUBLISHED}
        assert es256.active("ES256", now).kid == old
        assert published(es256, now) == {old, new}
    for now in (NOW + DAY, NOW + 3 * DAY - SECOND):
        assert states(es256, now) == {old: State.RETIRING, new: State.ACTIVE}
        assert es256.active("ES256", now).kid == new
        assert published(es256, now) == {old, new}
    now = NOW + 3 * DAY
    assert states(es256, now) == {old: State.GONE, new: State.ACTIVE}
    assert published(es256, now) == {new}


def test_t9_a_stolen_key_can_be_gone_at_once(es256: SigningKeys) -> None:
    old = es256.active("ES256", NOW).kid
    new = es256.rotate("ES256", NOW, publish_for=timedelta(), overlap=timedelta())
    assert es256.active("ES256", NOW).kid == new
    assert published(es256, NOW) == {new}
    assert states(es256, NOW)[old] is State.GONE


def test_a_hurried_rotation_overtakes_one_under_way(es256: SigningKeys) -> None:
    first = es256.active("ES256", NOW).kid
    planned = es256.rotate("ES256", NOW, publish_for=DAY, overlap=DAY)
    hurried = es256.rotate("ES256", NOW, publish_for=timedelta(), overlap=MINUTE)
    assert states(es256, NOW) == {
        first: State.RETIRING,
        planned: State.RETIRING,
        hurried: State.ACTIVE,
    }
    assert es256.active("ES256", NOW + 2 * DAY).kid == hurried
    assert published(es256, NOW + 2 * DAY) == {hurried}


def test_a_second_rotation_leaves_what_retires_before_it_alone(es256: SigningKeys) -> None:
    first = es256.active("ES256", NOW).kid
    second = es256.rotate("ES256", NOW, publish_for=DAY, overlap=DAY)
    third = es256.rotate("ES256", NOW, publish_for=3 * DAY, overlap=5 * DAY)
    records = {record.kid: record for record in es256.list(NOW)}
    assert (records[first].retire_at, records[first].gone_at) == (NOW + DAY, NOW + 2 * DAY)
    assert (records[second].retire_at, records[second].gone_at) == (NOW + 3 * DAY, NOW + 8 * DAY)
    assert (records[third].retire_at, records[third].gone_at) == (None, None)
    in_turn = [es256.active("ES256", NOW + days * DAY).kid for days in range(4)]
    assert in_turn == [first, second, second, third]


def test_rotating_one_algorithm_leaves_the_other_alone(keys: SigningKeys) -> None:
    rsa = keys.active("RS256", NOW).kid
    keys.rotate("ES256", NOW, timedelta(), timedelta())
    assert keys.active("RS256", NOW).kid == rsa


def test_an_algorithm_without_keys_is_not_rotated(es256: SigningKeys) -> None:
    with pytest.raises(ValueError, match="HS256"):
        es256.rotate("HS256", NOW, DAY, DAY)


def test_another_process_knows_of_a_rotation_within_a_minute(
    es256: SigningKeys, database: Database, cipher: FieldCipher
) -> None:
    other = SigningKeys(database, cipher, ("ES256",))
    old = other.active("ES256", NOW).kid
    new = es256.rotate("ES256", NOW, timedelta(), DAY)
    assert other.active("ES256", NOW + MINUTE - SECOND).kid == old
    assert other.active("ES256", NOW + MINUTE).kid == new


def test_a_clock_that_was_set_back_reads_again(es256: SigningKeys, database: Database, cipher: FieldCipher) -> None:
    other = SigningKeys(database, cipher, ("ES256",))
    other.active("ES256", NOW + DAY)
    new = es256.rotate("ES256", NOW, timedelta(), DAY)
    assert other.active("ES256", NOW).kid == new


def test_keys_are_read_once_a_minute_and_parsed_once(keys: SigningKeys, database: Database) -> None:
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    parsed = keys.active("RS256", NOW)
    for seconds in range(60):
        assert keys.active("RS256", NOW + seconds * SECOND) is parsed
        assert parsed in keys.verifying(NOW + seconds * SECOND)
    assert len(statements) == 1
    assert keys.active("RS256", NOW + MINUTE).key is parsed.key
    assert len(statements) == 2


def test_threads_that_find_the_keys_unread_read_them_once(
    es256: SigningKeys, database: Database, cipher: FieldCipher
) -> None:
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    other = SigningKeys(database, cipher, ("ES256",))
    active = in_parallel(8, lambda: other.active("ES256", NOW))
    assert len(set(map(id, active))) == 1
    assert len(statements) == 1


def test_a_key_that_is_gone_is_not_opened(es256: SigningKeys, database: Database, cipher: FieldCipher) -> None:
    with database.begin() as connection:
        connection.execute(update(signing_keys).values(gone_at=NOW, private_sealed=b"lost"))
    assert SigningKeys(database, cipher).verifying(NOW) == ()


def test_private_keys_are_sealed_at_rest(keys: SigningKeys, database: Database) -> None:
    with database.read() as connection:
        rows = connection.execute(select(signing_keys)).all()
    for row in rows:
        private = next(key for key in keys.verifying(NOW) if key.kid == row.kid).key.as_der(private=True)
        assert private[-32:] not in row.private_sealed
        assert b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01" not in row.private_sealed  # what an EC key begins with


def test_a_sealed_key_under_another_kid_does_not_open(
    es256: SigningKeys, database: Database, cipher: FieldCipher
) -> None:
    with database.begin() as connection:
        connection.execute(update(signing_keys).values(kid="another"))
    with pytest.raises(Undecryptable):
        SigningKeys(database, cipher).active("ES256", NOW)
