"""A tenant that several organisations claim: an operator decides, with all claims shown, and one of them has it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, select

from broker.accounts.organizations.capabilities import Denied, FreshAdmin
from broker.storage.database import Database
from broker.tenants.errors import Conflict, Contested
from broker.tenants.mapping_records import Mapping, Side, State, Verb, rivals_of
from broker.tenants.mappings import Road
from broker.tenants.model import mappings
from tests.accounts.organizations.rooms import NOW, OTHER_TID, TID
from tests.storage.parallel import in_parallel
from tests.tenants.rooms import SILENT, Room


def to_decide(room: Room) -> list[tuple[str, list[str]]]:
    with room.database.read() as connection:
        return [(each.tid, [one.id for one in each.mappings]) for each in room.mappings.to_decide(connection)]


def holders(room: Room) -> list[str]:
    with room.database.read() as connection:
        held = select(mappings.c.organization_id).where(mappings.c.state.in_(("active", "suspended")))
        return list(connection.execute(held).scalars())


@pytest.mark.parametrize("state", ["proven", "active", "suspended"])
def test_t4_a_claim_against_another_goes_to_the_operator_even_with_self_service(sqlite: Database, state: str) -> None:
    room = Room(sqlite, self_service=True)
    ada, bob = room.an_admin("ada"), room.an_admin("bob")
    first = room.map(ada.organization_id, state=state)
    second = room.request(bob)
    assert room.prove(bob, second) is Road.OPERATOR
    ((tid, claims),) = to_decide(room)
    assert (tid, set(claims)) == (TID, {first, second})


@pytest.mark.parametrize("state", ["requested", "released", "refused"])
def test_what_is_only_asked_for_or_over_contests_nothing(sqlite: Database, state: str) -> None:
    room = Room(sqlite, self_service=True)
    ada, bob = room.an_admin("ada"), room.an_admin("bob")
    room.map(ada.organization_id, state=state)
    assert room.prove(bob, room.request(bob)) is Road.AT_ONCE


def test_t4_an_approval_releases_the_tenant_from_the_other_whose_admins_are_told(room: Room) -> None:
    ada, bob = room.an_admin("ada"), room.an_admin("bob")
    held = room.map(ada.organization_id)
    room.sign(ada, held)
    claimed = room.proven(bob)
    before = len(room.mails())
    room.approve(room.operator(), claimed)
    lost = room.mapping(ada, held)
    assert (lost.state, lost.suspended_by) == (State.RELEASED, Side.OPERATOR)
    assert room.state(bob, claimed) == "active"
    assert room.waiting(ada) == []
    told = [(mail["to"], mail["subject"]) for mail in room.mails()]
    assert ("ada@example.org", "A tenant was given up") in told
    assert ("bob@example.org", "A tenant is active") in told
    assert len(told) == before + 2
    assert to_decide(room) == []


def test_an_operator_who_is_on_another_side_of_it_decides_nothing(room: Room) -> None:
    ada, bob = room.an_admin("ada"), room.an_admin("bob")
    room.map(ada.organization_id)
    claimed = room.proven(bob)
    insider = room.operator()
    room.join(ada.organization_id, insider.account_id)
    with pytest.raises(Denied):
        room.approve(insider, claimed)
    with pytest.raises(Denied), room.database.begin() as connection:
        room.mappings.refuse(connection, insider, claimed)
    assert room.state(bob, claimed) == "proven"


def test_an_operator_sees_what_needs_one_and_nothing_else(room: Room) -> None:
    ada, bob = room.an_admin("ada"), room.an_admin("bob")
    silent = room.proven(ada, roles=SILENT)
    assert to_decide(room) == [(TID, [silent])]
    room.approve(room.operator(), silent)
    room.request(bob)
    room.proven(ada, OTHER_TID)  # waits for a day, and not for an operator
    assert to_decide(room) == []


def test_claims_that_changed_while_an_operator_decided_are_shown_anew(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob = room.an_admin("ada"), room.an_admin("bob")
    claimed = room.proven(ada)
    looked: list[list[Mapping]] = []

    def meanwhile(connection: Connection, mapping: Mapping) -> list[Mapping]:
        found = rivals_of(connection, mapping) if looked else []
        looked.append(found)
        return found

    room.map(bob.organization_id, state="proven")
    monkeypatch.setattr("broker.tenants.mappings.rivals_of", meanwhile)
    with pytest.raises(Contested):
        room.approve(room.operator(), claimed)
    assert room.state(ada, claimed) == "proven"


def test_t4_of_parallel_approvals_one_organisation_has_the_tenant(each_room: Room) -> None:
    room = each_room
    admins = [room.an_admin(name) for name in ("ada", "bob", "carl")]
    claims = [(admin, room.proven(admin)) for admin in admins]
    operators = [room.operator(name) for name in ("olga", "oskar", "otto")]

    def approve(number: int) -> str:
        try:
            room.approve(operators[number], claims[number][1])
        except Conflict:
            return "refused"
        return "approved"

    with ThreadPoolExecutor(len(claims)) as pool:
        outcomes = list(pool.map(approve, range(len(claims))))
    assert sorted(outcomes) == ["approved", "refused", "refused"]
    assert holders(room) == [claims[outcomes.index("approved")][0].organization_id]


def test_t4_of_parallel_proofs_with_self_service_one_organisation_has_the_tenant(database: Database) -> None:
    room = Room(database, self_service=True)
    claims: list[tuple[FreshAdmin, str]] = []
    for name in ("ada", "bob", "carl"):
        admin = room.an_admin(name)
        claims.append((admin, room.request(admin)))
    waiting = iter(claims)

    def prove() -> Road:
        admin, mapping_id = next(waiting)
        return room.prove(admin, mapping_id)

    assert sorted(in_parallel(len(claims), prove)) == [Road.AT_ONCE, Road.OPERATOR, Road.OPERATOR]
    assert len(holders(room)) == 1


def test_the_database_keeps_a_tenant_with_one_organisation(each_room: Room) -> None:
    room = each_room
    ada, bob = room.an_admin("ada"), room.an_admin("bob")
    room.map(ada.organization_id, state="suspended")
    claimed = room.proven(bob)
    with room.database.begin() as connection:
        mapping = room.mappings.get(connection, bob.organization_id, claimed)
        with pytest.raises(Contested):
            room.mappings._steps.activate(connection, Verb.APPROVED, mapping, bob.account_id, NOW)
    assert room.state(bob, claimed) == "proven"
    assert holders(room) == [ada.organization_id]
