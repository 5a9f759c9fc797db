"""Exceptions: asked for by an admin, approved by operators who are on neither side, and over when they are."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from secrets import token_bytes

import pytest
from sqlalchemy import delete, event, select

from broker.accounts.organizations.capabilities import Denial, Denied, FreshAdmin, FreshOperator, Shell
from broker.accounts.organizations.model import memberships
from broker.keys.cipher import FieldCipher
from broker.keys.reseal import count_stale
from broker.storage.database import Database
from broker.tenants.errors import BadInput, Conflict, NotFound
from broker.tenants.exception_records import ExceptionRecord, State
from broker.tenants.exceptions import LONGEST, MOST_PEOPLE, Waiver
from broker.tenants.model import exception_places, exceptions
from broker.tenants.reseal import reseal_reasons
from tests.accounts.organizations.rooms import DAY, NOW, OTHER_TID, TID, person_of
from tests.storage.parallel import in_parallel
from tests.tenants.rooms import Room

REASON = "A bank: no telephones, ask carl@example.org."


def an_exception(room: Room, admin: FreshAdmin, people: int = 1, ends_at: datetime = NOW + 30 * DAY) -> str:
    """Have one approved for a tenant."""
    asked = room.ask(admin, people=people, ends_at=ends_at)
    for name in ("olga", "oskar")[: asked.approvals_needed]:
        room.grant(room.operator(name), asked.id)
    return asked.id


def waivers(room: Room, tenant: str = TID, account_id: str | None = None, now: datetime = NOW) -> list[Waiver]:
    with room.database.read() as connection:
        return room.exceptions.waivers(connection, tenant, account_id, now)


def take(room: Room, exception_id: str, account_id: str, now: datetime = NOW) -> bool:
    with room.database.begin() as connection:
        return room.exceptions.take_place(connection, exception_id, account_id, now)


def get(room: Room, exception_id: str) -> ExceptionRecord:
    with room.database.read() as connection:
        return room.exceptions.get(connection, exception_id)


def end(room: Room, acting: FreshAdmin | FreshOperator | Shell, exception_id: str) -> ExceptionRecord:
    with room.database.begin() as connection:
        return room.exceptions.end(connection, acting, exception_id)


def expire(room: Room, now: datetime) -> int:
    with room.database.begin() as connection:
        return room.exceptions.expire(connection, now)


@pytest.fixture
def ada(room: Room) -> FreshAdmin:
    admin = room.an_admin()
    room.map(admin.organization_id)
    return admin


def test_what_is_asked_for_waives_nothing_until_an_operator_approves(room: Room, ada: FreshAdmin) -> None:
    asked = room.ask(ada, people=3, reason=f"  {REASON}\r\nSecond line. ")
    assert (asked.state, asked.tid, asked.people, asked.places, asked.approvals) == (State.REQUESTED, TID, 3, (), ())
    assert asked.reason == f"{REASON}\nSecond line."
    assert waivers(room) == []
    with room.database.read() as connection:
        assert room.exceptions.to_decide(connection) == [asked]
        assert room.exceptions.of_organization(connection, ada.organization_id) == [asked]
        assert room.exceptions.current(connection, NOW) == []
    operator = room.operator()
    approved = room.grant(operator, asked.id)
    assert (approved.state, approved.approvals, approved.decided_at) == (State.APPROVED, (operator.account_id,), NOW)
    (waiver,) = waivers(room)
    assert (waiver.exception_id, waiver.exemption.organization, waiver.placed) == (asked.id, ada.organization_id, False)
    assert waiver.exemption.until == asked.ends_at
    with room.database.read() as connection:
        assert room.exceptions.to_decide(connection) == []
        assert room.exceptions.current(connection, NOW) == [approved]
    detail = {"organization": ada.organization_id, "exception": asked.id}
    assert room.audited("exception.requested", "exception.approved") == [
        ("exception.requested", ada.account_id, detail | {"state": "requested"}),
        ("exception.approved", operator.account_id, detail | {"state": "approved"}),
    ]
    assert room.subjects() == ["An exception begins", "Asked for: an exception"]


def test_a_reason_is_sealed_and_sealed_again_under_a_new_key(room: Room, ada: FreshAdmin) -> None:
    asked = room.ask(ada, reason=REASON)
    with room.database.read() as connection:
        sealed = connection.execute(select(exceptions.c.reason_sealed)).scalar_one()
    assert b"carl" not in sealed
    assert "carl" not in repr(room.audited("exception.requested"))
    assert "carl" not in repr(room.mails())
    old = room.cipher._ciphers[b"v1"]
    newer = FieldCipher({"v1": token_bytes(32), "v2": token_bytes(32)})
    newer._ciphers[b"v1"] = old
    with room.database.begin() as connection:
        assert reseal_reasons(connection, newer) == 1
        assert "exceptions.reason_sealed" not in count_stale(connection, newer)
    room.exceptions._cipher = newer
    assert get(room, asked.id).reason == REASON


BAD: dict[str, list[dict[str, object]]] = {
    "scope": [{"tid": None}, {"members": ("ada",)}],
    "tid": [{"tid": OTHER_TID}, {"tid": ""}, {"tid": TID.upper() + "0"}],
    "people": [{"people": 0}, {"people": -1}, {"people": MOST_PEOPLE + 1}],
    "ends_at": [
        {"ends_at": NOW},
        {"ends_at": NOW - DAY},
        {"ends_at": NOW + LONGEST + timedelta(microseconds=1)},
    ],
    "reason": [{"reason": each} for each in ("", " \r\n ", "x" * 2001, "a\x00b", "a\x1bb", "a\u202eb", "\ud800")],
    "members": [{"tid": None, "members": ("nobody",)}],
}


@pytest.mark.parametrize("field", BAD)
def test_what_cannot_be_asked_for_is_refused(room: Room, ada: FreshAdmin, field: str) -> None:
    for values in BAD[field]:
        with pytest.raises(BadInput) as refused:
            room.ask(ada, **values)  # type: ignore[arg-type]  # odd ones
        assert refused.value.field == field, values
    assert room.count(exceptions) == 0


def test_the_bounds_themselves_can_be_asked_for(room: Room, ada: FreshAdmin) -> None:
    room.ask(ada, people=MOST_PEOPLE, ends_at=NOW + LONGEST, reason="x" * 2000)
    room.ask(ada, people=1, ends_at=NOW + timedelta(microseconds=1), reason="x")
    with pytest.raises(ValueError, match="UTC"):
        room.ask(ada, ends_at=(NOW + DAY).replace(tzinfo=None))


@pytest.mark.parametrize("state", ["requested", "proven", "suspended", "released", "refused"])
def test_t4_an_exception_is_for_a_tenant_that_is_active_and_ones_own(room: Room, state: str) -> None:
    ada, bob = room.an_admin("ada"), room.an_admin("bob")
    room.map(ada.organization_id, state=state)
    room.map(bob.organization_id, OTHER_TID)
    for tid in (TID, OTHER_TID):
        with pytest.raises(BadInput, match=r"^tid: "):
            room.ask(ada, tid=tid)


def test_t4_members_of_another_organisation_cannot_be_named(room: Room, ada: FreshAdmin) -> None:
    bob = room.an_admin("bob")
    with pytest.raises(BadInput, match=r"^members: "):
        room.ask(ada, tid=None, members=(ada.account_id, bob.account_id))
    assert room.ask(ada, tid=None, members=(ada.account_id, ada.account_id), people=0).people == 1


def test_nobody_approves_what_they_asked_for_or_what_is_their_own_organisations(room: Room, ada: FreshAdmin) -> None:
    asked = room.ask(ada)
    insider = room.operator()
    room.join(ada.organization_id, insider.account_id)
    requester = FreshOperator(account_id=ada.account_id, proven=ada.proven, now=NOW, fresh=True)
    for each in (insider, requester):
        with pytest.raises(Denied) as denied:
            room.grant(each, asked.id)
        assert denied.value.denial is Denial.OWN_REQUEST
    assert get(room, asked.id) == asked


def test_for_more_than_twenty_people_two_different_operators_approve(room: Room, ada: FreshAdmin) -> None:
    assert room.ask(ada, people=20).approvals_needed == 1
    asked = room.ask(ada, people=21)
    assert asked.approvals_needed == 2
    olga, oskar = room.operator("olga"), room.operator("oskar")
    assert room.grant(olga, asked.id).state is State.REQUESTED
    assert waivers(room) == []
    with pytest.raises(Conflict, match=r"^approved_already$"):
        room.grant(olga, asked.id)
    assert waivers(room) == []
    approved = room.grant(replace(oskar, now=NOW + DAY), asked.id)
    assert (approved.state, approved.approvals) == (State.APPROVED, (olga.account_id, oskar.account_id))
    assert len(waivers(room)) == 1
    assert [action for action, _, _ in room.audited("exception.supported", "exception.approved")] == [
        "exception.supported",
        "exception.approved",
    ]


def test_one_operator_cannot_approve_a_big_exception_in_small_pieces(room: Room, ada: FreshAdmin) -> None:
    olga = room.operator("olga")
    first, second = room.ask(ada, people=15), room.ask(ada, people=6)
    assert room.grant(olga, first.id).state is State.APPROVED
    assert get(room, second.id).approvals_needed == 2
    assert room.grant(olga, second.id).state is State.REQUESTED
    end(room, ada, first.id)
    assert get(room, second.id).approvals_needed == 1


def test_of_parallel_approvals_by_two_operators_both_count(each_room: Room) -> None:
    room = each_room
    ada = room.an_admin()
    room.map(ada.organization_id)
    asked = room.ask(ada, people=21)
    operators = iter([room.operator("olga"), room.operator("oskar")])
    in_parallel(2, lambda: room.grant(next(operators), asked.id))
    found = get(room, asked.id)
    assert (found.state, len(found.approvals)) == (State.APPROVED, 2)


def test_what_is_refused_or_over_is_approved_no_more(room: Room, ada: FreshAdmin) -> None:
    refused, late, ended = (room.ask(ada, ends_at=NOW + DAY) for _ in range(3))
    operator = room.operator()
    with room.database.begin() as connection:
        assert room.exceptions.refuse(connection, operator, refused.id).state is State.REFUSED
    assert end(room, ada, ended.id).decided_at is None
    for each in (refused, ended):
        with pytest.raises(Conflict, match=r"^state$"):
            room.grant(operator, each.id)
    with pytest.raises(Conflict, match=r"^over$"):
        room.grant(replace(operator, now=NOW + DAY), late.id)
    with pytest.raises(NotFound):
        room.grant(operator, "unknown")
    assert waivers(room) == []


BY: dict[str, Callable[[Room, FreshAdmin], FreshAdmin | FreshOperator | Shell]] = {
    "admin": lambda room, admin: admin,
    "operator": lambda room, admin: room.operator("otto"),
    "command line": lambda room, admin: Shell(now=NOW),
}


@pytest.mark.parametrize("who", BY)
def test_an_admin_or_an_operator_or_the_command_line_ends_it_at_once(room: Room, ada: FreshAdmin, who: str) -> None:
    exception_id = an_exception(room, ada)
    acting = BY[who](room, ada)
    assert end(room, acting, exception_id).state is State.ENDED
    assert waivers(room) == []
    assert not take(room, exception_id, "somebody")
    with pytest.raises(Conflict, match=r"^state$"):
        end(room, acting, exception_id)
    assert room.audited("exception.ended")[0][1] == acting.account_id


def test_t4_an_admin_of_another_organisation_ends_nothing(room: Room, ada: FreshAdmin) -> None:
    bob = room.an_admin("bob")
    exception_id = an_exception(room, ada)
    for target in (exception_id, "unknown"):
        with pytest.raises(NotFound):
            end(room, bob, target)
    outsider = replace(ada, account_id=bob.account_id)
    with pytest.raises(Denied):
        end(room, outsider, exception_id)
    assert len(waivers(room)) == 1


def test_it_stops_by_the_clock_and_the_worker_writes_it_down(each_room: Room) -> None:
    room = each_room
    ada = room.an_admin()
    room.map(ada.organization_id)
    over, later = an_exception(room, ada, ends_at=NOW + DAY), room.ask(ada, ends_at=NOW + 2 * DAY)
    undecided = room.ask(ada, ends_at=NOW + DAY)
    assert waivers(room, now=NOW + DAY) == []
    assert not take(room, over, "somebody", NOW + DAY)
    with room.database.read() as connection:
        assert room.exceptions.current(connection, NOW + DAY) == []
    assert (expire(room, NOW + DAY - timedelta(microseconds=1)), expire(room, NOW + DAY), expire(room, NOW + DAY)) == (
        0,
        2,
        0,
    )
    assert [get(room, each).state for each in (over, undecided.id, later.id)] == ["ended", "ended", "requested"]
    assert [who for _, who, _ in room.audited("exception.ended")] == [None, None]
    assert not get(room, over).runs(NOW)


def test_a_place_is_taken_once_and_counts_until_it_is_over(room: Room, ada: FreshAdmin) -> None:
    exception_id = an_exception(room, ada, people=2)
    assert [take(room, exception_id, who) for who in ("a", "a", "b", "c")] == [True, True, True, False]
    assert [each.placed for each in waivers(room, account_id="a")] == [True]
    assert waivers(room, account_id="c") == []
    assert waivers(room) == []
    assert get(room, exception_id).places == ("a", "b")
    assert not take(room, "unknown", "a")


def test_t12_parallel_sign_ins_never_take_more_places_than_there_are(each_room: Room) -> None:
    room = each_room
    ada = room.an_admin()
    room.map(ada.organization_id)
    exception_id = an_exception(room, ada, people=3)
    people = iter([f"person-{number % 6}" for number in range(12)])
    outcomes = in_parallel(12, lambda: take(room, exception_id, next(people)))
    assert outcomes.count(True) >= 3
    assert room.count(exception_places) == 3
    placed = [who for who in (f"person-{number}" for number in range(6)) if waivers(room, account_id=who)]
    assert len(placed) == 3


def test_members_who_are_named_have_their_places_and_nobody_else_gets_one(room: Room, ada: FreshAdmin) -> None:
    carl, dora = room.person("carl"), room.person("dora")
    for each in (carl, dora):
        room.join(ada.organization_id, each.account_id)
    asked = room.ask(ada, tid=None, members=(carl.account_id,))
    assert (asked.people, asked.places) == (1, (carl.account_id,))
    assert waivers(room, "", carl.account_id) == []
    room.grant(room.operator(), asked.id)
    for tenant in ("", TID, OTHER_TID):
        assert [each.placed for each in waivers(room, tenant, carl.account_id)] == [True]
        assert waivers(room, tenant, dora.account_id) == []
    assert waivers(room, "", None) == []
    assert take(room, asked.id, carl.account_id)
    assert not take(room, asked.id, dora.account_id)


def test_t5_who_left_the_organisation_left_its_exception(room: Room, ada: FreshAdmin) -> None:
    carl = room.person("carl")
    room.join(ada.organization_id, carl.account_id)
    room.grant(room.operator(), room.ask(ada, tid=None, members=(carl.account_id,)).id)
    with room.database.begin() as connection:
        connection.execute(delete(memberships).where(memberships.c.account_id == carl.account_id))
    assert waivers(room, "", carl.account_id) == []


def test_t5_nothing_is_waived_while_the_tenant_or_the_organisation_is_off(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    an_exception(room, ada)
    operator = room.operator("otto")
    room.suspend(operator, mapping_id)
    assert waivers(room) == []
    room.resume(operator, mapping_id)
    assert len(waivers(room)) == 1
    with room.database.begin() as connection:
        room.organizations.disable(connection, ada.organization_id, NOW)
    assert waivers(room) == []


def test_t4_the_exception_of_a_tenant_is_for_that_tenant_and_dies_with_its_mapping(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    room.map(ada.organization_id, OTHER_TID)
    exception_id = an_exception(room, ada)
    assert waivers(room, OTHER_TID) == waivers(room, "") == []
    room.release(room.operator("otto"), mapping_id)
    room.map(ada.organization_id)
    assert waivers(room) == []
    assert get(room, exception_id).state is State.ENDED


def test_what_waives_is_found_in_one_statement(database: Database) -> None:
    room = Room(database)
    ada = room.an_admin()
    room.map(ada.organization_id)
    longer, shorter = an_exception(room, ada, ends_at=NOW + 9 * DAY), room.ask(ada, ends_at=NOW + DAY)
    room.grant(room.operator("otto"), shorter.id)
    take(room, shorter.id, "a")
    statements: list[str] = []
    event.listen(room.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert [each.exception_id for each in waivers(room, account_id="a")] == [shorter.id, longer]
    assert len(statements) == 1
    assert waivers(room, OTHER_TID, person_of(room.sign_in("carl")).account_id) == []


def test_an_exception_lets_its_people_in_and_makes_them_members_in_good_standing(room: Room, ada: FreshAdmin) -> None:
    """The rest of the way, with what judges sign-ins and memberships: see the tests of those rooms, too."""
    carl = room.sign_in("carl").with_evidence()
    came = carl.by_tenant(TID)
    room.join(ada.organization_id, carl.account_id)

    def met() -> bool:
        with room.database.read() as connection:
            (belonging,) = room.belongings.of(connection, came, NOW)
        return belonging.standing.met

    assert not met()
    exception_id = an_exception(room, ada)
    assert not met()  # it covers whoever took a place at sign-in
    take(room, exception_id, carl.account_id)
    assert met()
