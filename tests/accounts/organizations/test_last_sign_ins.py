"""How members signed in last: of members only, sealed, one each."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from secrets import token_bytes

import pytest
from sqlalchemy import event, select, update

from broker.accounts.organizations.last_sign_ins import LastSignIns
from broker.accounts.organizations.model import invitations, last_sign_ins
from broker.accounts.organizations.reseal import reseal_invitations, reseal_last_sign_ins
from broker.keys.cipher import FieldCipher, Undecryptable
from claims.decision import Purpose
from tests.accounts.organizations.rooms import LINK, NOW, TID, Room, evidence

LATER = NOW + timedelta(hours=1)


def test_the_last_sign_in_of_a_member_comes_back_as_it_was(each_room: Room) -> None:
    room = each_room
    organization_id, _ = room.admins("ada")
    bob = room.sign_in("bob").by_tenant(TID, guest=True)
    room.join(organization_id, bob.account_id)
    for at in (NOW, LATER):
        with room.database.begin() as connection:
            room.last_sign_ins.record(connection, bob.with_evidence(evidence(at=at)), at)
    with room.database.read() as connection:
        found = room.last_sign_ins.of(connection, [bob.account_id, "nobody"])
    assert found.keys() == {bob.account_id}
    last = found[bob.account_id]
    assert (last.account_id, last.provider_id, last.tenant, last.guest) == (bob.account_id, "entra", TID, True)
    assert (last.signed_in_at, last.authentication) == (LATER, bob.with_evidence(evidence(at=LATER)).authentication)
    assert room.count(last_sign_ins) == 1


def test_nothing_is_kept_of_somebody_who_is_no_member(each_room: Room) -> None:
    bob = each_room.sign_in("bob")
    with each_room.database.begin() as connection:
        each_room.last_sign_ins.record(connection, bob, NOW)
    assert each_room.count(last_sign_ins) == 0


def test_keeping_a_sign_in_takes_one_statement(room: Room) -> None:
    organization_id, _ = room.admins("ada")
    bob = room.sign_in("bob")
    room.join(organization_id, bob.account_id)
    seen: list[str] = []
    with room.database.begin() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: seen.append(given[2]))
        room.last_sign_ins.record(connection, bob, NOW)
    assert len(seen) == 1


def test_parallel_sign_ins_of_one_member_leave_one(each_room: Room) -> None:
    room = each_room
    organization_id, _ = room.admins("ada")
    bob = room.sign_in("bob")
    room.join(organization_id, bob.account_id)

    def record(minute: int) -> None:
        with room.database.begin() as connection:
            room.last_sign_ins.record(connection, bob, NOW + timedelta(minutes=minute))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(record, range(4)))
    assert room.count(last_sign_ins) == 1


def test_what_is_kept_is_sealed_and_does_not_open_for_another_account(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    bob = room.sign_in("bob").by_tenant(TID)
    room.join(organization_id, bob.account_id)
    with room.database.begin() as connection:
        room.last_sign_ins.record(connection, bob, NOW)
        assert TID.encode() not in connection.execute(select(last_sign_ins.c.proof_sealed)).scalar_one()
        connection.execute(update(last_sign_ins).values(account_id=ada.account_id))
        with pytest.raises(Undecryptable):
            room.last_sign_ins.of(connection, [ada.account_id])
        room.last_sign_ins.forget(connection, ada.account_id)
    assert room.count(last_sign_ins) == 0


def test_t5_nothing_can_rest_on_a_sign_in_of_the_past(room: Room) -> None:
    _, (ada,) = room.admins("ada")
    with room.database.begin() as connection:
        room.last_sign_ins.record(connection, ada.proven, NOW)
        past = room.last_sign_ins.of(connection, [ada.account_id])[ada.account_id]
        assert past.identity_id == ""
        standing = room.authority._sign_ins
        assert standing.judge(connection, ada.proven, Purpose.SESSION, NOW).holds
        assert not standing.judge(connection, past, Purpose.SESSION, NOW).holds
    assert replace(past, guest=True).authentication == past.authentication


def test_what_is_sealed_of_organisations_is_sealed_again_under_the_new_key(room: Room) -> None:
    _, (ada,) = room.admins("ada")
    newer = FieldCipher({"v1": token_bytes(32), "v2": token_bytes(32)})
    newer._ciphers[b"v1"] = room.cipher._ciphers[b"v1"]
    with room.database.begin() as connection:
        room.last_sign_ins.record(connection, ada.proven, NOW)
        room.invitations.invite(connection, ada, "bob@example.org", LINK)
        assert (reseal_invitations(connection, newer), reseal_last_sign_ins(connection, newer)) == (1, 1)
        assert (reseal_invitations(connection, newer), reseal_last_sign_ins(connection, newer)) == (0, 0)
        assert LastSignIns(newer).of(connection, [ada.account_id])
        sealed = connection.execute(select(invitations.c.email_sealed)).scalar_one()
    assert sealed.startswith(newer.prefix)
