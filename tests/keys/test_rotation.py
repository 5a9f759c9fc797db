from datetime import datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from broker.audit.service import Audit
from broker.keys.cipher import FieldCipher
from broker.keys.records import State, read_records
from broker.keys.rotation import Rotation
from broker.keys.signing import SigningKeys
from broker.settings.model import KeySettings
from broker.storage.database import Database
from tests.keys.conftest import DAY, NOW, ROTATE_AFTER, SECOND, Plan, actions
from tests.storage.parallel import in_parallel


def states(database: Database, now: datetime) -> dict[str, State]:
    with database.read() as connection:
        return {record.kid: record.state(now) for record in read_records(connection)}


def published(keys: SigningKeys, now: datetime) -> set[str]:
    return set(keys.jwks_document(now).kids)


def test_of_many_processes_that_start_at_once_one_makes_the_keys(database: Database, cipher: FieldCipher) -> None:
    fleet = [SigningKeys(database, cipher, ("ES256", "EdDSA")) for _ in range(8)]
    waiting = iter(fleet)
    in_parallel(8, lambda: next(waiting).ensure(NOW))
    with database.read() as connection:
        assert sorted(record.alg for record in read_records(connection)) == ["ES256", "EdDSA"]
    assert len({keys.active("EdDSA", NOW).kid for keys in fleet}) == 1


# By hand


def test_a_rotated_key_is_published_then_active_while_the_old_one_retires_and_goes(
    es256: SigningKeys, rotation: Rotation, database: Database
) -> None:
    old = es256.active("ES256", NOW).kid
    made = rotation.rotate("ES256", NOW)
    new = made.kid
    assert made.active_from == NOW + DAY

    for now in (NOW, NOW + DAY - SECOND):
        assert states(database, now) == {old: State.ACTIVE, new: State.PUBLISHED}
        assert es256.active("ES256", now).kid == old
        assert published(es256, now) == {old, new}
    for now in (NOW + DAY, NOW + 3 * DAY - SECOND):
        assert states(database, now) == {old: State.RETIRING, new: State.ACTIVE}
        assert es256.active("ES256", now).kid == new
        assert published(es256, now) == {old, new}
    now = NOW + 3 * DAY
    assert states(database, now) == {old: State.GONE, new: State.ACTIVE}
    assert published(es256, now) == {new}


def test_t9_a_stolen_key_can_be_gone_at_once(es256: SigningKeys, rotation: Rotation, database: Database) -> None:
    old = es256.active("ES256", NOW).kid
    new = rotation.rotate("ES256", NOW, at_once=True).kid
    assert es256.active("ES256", NOW).kid == new
    assert published(es256, NOW) == {new}
    assert states(database, NOW)[old] is State.GONE


def test_t9_at_once_ends_keys_that_retire_or_wait_as_well(
    es256: SigningKeys, rotation: Rotation, database: Database
) -> None:
    retiring = es256.active("ES256", NOW).kid
    rotation.rotate("ES256", NOW)
    now = NOW + DAY
    waiting = rotation.rotate("ES256", now).kid
    assert states(database, now)[retiring] is State.RETIRING
    new = rotation.rotate("ES256", now, at_once=True).kid
    assert published(es256, now) == {new}
    assert states(database, now + 30 * DAY)[waiting] is State.GONE
    assert es256.active("ES256", now + 30 * DAY).kid == new


def test_a_second_rotation_leaves_what_goes_before_it_alone(
    es256: SigningKeys, rotation: Rotation, plan: Plan, database: Database
) -> None:
    first = es256.active("ES256", NOW).kid
    second = rotation.rotate("ES256", NOW).kid
    third = plan(publish_for=4 * 86_400, overlap=5 * 86_400).rotate("ES256", NOW).kid
    records = {record.kid: record for record in es256.records(NOW)}
    assert (records[first].retire_at, records[first].gone_at) == (NOW + DAY, NOW + 3 * DAY)
    assert (records[second].retire_at, records[second].gone_at) == (NOW + 4 * DAY, NOW + 9 * DAY)
    assert (records[third].retire_at, records[third].gone_at) == (None, None)
    in_turn = [es256.active("ES256", NOW + days * DAY).kid for days in range(5)]
    assert in_turn == [first, second, second, second, third]


def test_rotating_one_algorithm_leaves_the_others_alone(database: Database, cipher: FieldCipher, plan: Plan) -> None:
    keys = SigningKeys(database, cipher, ("ES256", "EdDSA"))
    keys.ensure(NOW)
    other = keys.active("EdDSA", NOW).kid
    plan(keys).rotate("ES256", NOW, at_once=True)
    assert keys.active("EdDSA", NOW).kid == other


def test_an_algorithm_without_keys_is_not_rotated(rotation: Rotation, database: Database) -> None:
    with pytest.raises(ValueError, match="HS256"):
        rotation.rotate("HS256", NOW)
    assert actions(database) == []


# By plan


def test_a_key_that_has_signed_for_long_enough_is_replaced_once(
    es256: SigningKeys, rotation: Rotation, database: Database
) -> None:
    old = es256.active("ES256", NOW).kid
    assert rotation.rotate_due(NOW + ROTATE_AFTER - SECOND) == ()
    due = NOW + ROTATE_AFTER
    (new,) = rotation.rotate_due(due)
    assert states(database, due) == {old: State.ACTIVE, new: State.PUBLISHED}
    for now in (due, due + DAY, due + 3 * DAY, due + ROTATE_AFTER):
        assert rotation.rotate_due(now) == ()
    assert states(database, due + 3 * DAY) == {old: State.GONE, new: State.ACTIVE}
    # Its age counts from when it began to sign.
    assert len(rotation.rotate_due(due + DAY + ROTATE_AFTER)) == 1


def test_of_many_processes_that_find_a_key_due_one_replaces_it(
    es256: SigningKeys, plan: Plan, database: Database, cipher: FieldCipher
) -> None:
    fleet = [plan(SigningKeys(database, cipher, ("ES256",))) for _ in range(8)]
    waiting = iter(fleet)
    now = NOW + ROTATE_AFTER
    made = in_parallel(8, lambda: next(waiting).rotate_due(now))
    assert sorted(len(kids) for kids in made) == [0] * 7 + [1]
    assert len(states(database, now)) == 2
    assert len(actions(database)) == 1


def test_by_plan_only_what_is_due_is_replaced(database: Database, cipher: FieldCipher, plan: Plan) -> None:
    keys = SigningKeys(database, cipher, ("ES256", "EdDSA"))
    keys.ensure(NOW)
    rotation = plan(keys)
    rotation.rotate("EdDSA", NOW + DAY, at_once=True)
    (new,) = rotation.rotate_due(NOW + ROTATE_AFTER)
    assert {record.kid: record.alg for record in keys.records(NOW + ROTATE_AFTER)}[new] == "ES256"


def test_a_plan_of_never_leaves_keys_alone(es256: SigningKeys, plan: Plan) -> None:
    never = plan(rotate_after=0)
    assert never.rotate_due(NOW + 100 * ROTATE_AFTER) == ()
    assert never.next_change("ES256", es256.records(NOW), NOW) is None


def test_the_plan_says_when_the_next_key_comes(es256: SigningKeys, rotation: Rotation) -> None:
    assert rotation.next_change("ES256", es256.records(NOW), NOW) == NOW + ROTATE_AFTER
    assert rotation.next_change("EdDSA", es256.records(NOW), NOW) is None
    rotation.rotate("ES256", NOW)
    assert rotation.next_change("ES256", es256.records(NOW), NOW) is None


def test_looking_for_what_is_due_costs_no_statement(rotation: Rotation, statements: list[str]) -> None:
    for seconds in range(0, 60, 2):
        assert rotation.rotate_due(NOW + seconds * SECOND) == ()
        assert rotation.destroy_gone(NOW + seconds * SECOND) == ()
    assert statements == []


# What remains of a key


def test_of_a_key_that_is_gone_the_private_part_is_destroyed_and_the_rest_stays_listed(
    es256: SigningKeys, rotation: Rotation, database: Database
) -> None:
    old = es256.active("ES256", NOW).kid
    new = rotation.rotate("ES256", NOW).kid
    assert rotation.destroy_gone(NOW + 3 * DAY - SECOND) == ()
    gone = NOW + 3 * DAY
    assert rotation.destroy_gone(gone) == (old,)
    assert rotation.destroy_gone(gone) == ()
    records = {record.kid: record for record in es256.records(gone)}
    assert (records[old].sealed, records[old].version, records[old].state(gone)) == (None, None, State.GONE)
    assert records[new].version == "v1"
    assert published(es256, gone) == {new}


def test_of_many_processes_that_find_a_key_gone_one_destroys_it(
    es256: SigningKeys, rotation: Rotation, plan: Plan, database: Database, cipher: FieldCipher
) -> None:
    old = es256.active("ES256", NOW).kid
    rotation.rotate("ES256", NOW, at_once=True)
    fleet = [plan(SigningKeys(database, cipher, ("ES256",))) for _ in range(4)]
    waiting = iter(fleet)
    destroyed = in_parallel(4, lambda: next(waiting).destroy_gone(NOW))
    assert sorted(destroyed) == [(), (), (), (old,)]


def test_nothing_shows_what_is_sealed(es256: SigningKeys) -> None:
    (record,) = es256.records(NOW)
    assert "sealed" not in repr(record)


# The record of it


def test_every_change_is_audited(es256: SigningKeys, rotation: Rotation, database: Database) -> None:
    first = es256.active("ES256", NOW).kid
    second = rotation.rotate("ES256", NOW).kid
    (third,) = rotation.rotate_due(NOW + DAY + ROTATE_AFTER)
    rotation.destroy_gone(NOW + DAY + ROTATE_AFTER)
    assert actions(database) == [
        ("key.rotated", f'{{"kid":"{second}","kind":"ES256"}}'),
        ("key.rotated", f'{{"kid":"{third}","kind":"ES256"}}'),
        ("key.destroyed", f'{{"kid":"{first}","kind":"ES256"}}'),
    ]


def test_a_change_that_cannot_be_audited_does_not_happen(
    es256: SigningKeys, rotation: Rotation, database: Database
) -> None:
    rotation.rotate("ES256", NOW, at_once=True)
    before = states(database, NOW)
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE audit_entries RENAME TO away"))
    for change in (
        lambda: rotation.rotate("ES256", NOW),
        lambda: rotation.rotate_due(NOW + ROTATE_AFTER),
        lambda: rotation.destroy_gone(NOW),
    ):
        with pytest.raises(DBAPIError):
            change()
    assert states(database, NOW) == before
    with database.read() as connection:
        assert all(record.sealed for record in read_records(connection))


def test_a_rotation_reads_nothing_but_its_settings(
    es256: SigningKeys, database: Database, cipher: FieldCipher, audit: Audit
) -> None:
    rotation = Rotation(database, cipher, es256, audit, KeySettings())
    record = rotation.rotate("ES256", NOW)
    assert record.active_from == NOW + DAY
    old = next(each for each in es256.records(NOW) if each.kid != record.kid)
    assert old.gone_at == NOW + 2 * DAY
