"""Members: who leaves, is removed, and changes roles; an organisation is never left without an admin."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, select, update

from broker.accounts.model import accounts
from broker.accounts.organizations.capabilities import Denial, Denied, FreshAdmin, Role
from broker.accounts.organizations.changes import WAIT, Change, ChangeKind
from broker.accounts.organizations.model import changes, last_sign_ins, memberships
from broker.accounts.organizations.records import LastAdmin
from tests.accounts.organizations.rooms import DAY, NOW, Room, leaver, person_of, stopper


def act(room: Room, verb: Callable[..., Change | None], *given: object) -> Change | None:
    with room.database.begin() as connection:
        return verb(connection, *given)


def take_effect(room: Room) -> int:
    return room.changes.apply_due(room.database, NOW + WAIT, room.organizations.appliers())


def states(room: Room) -> list[str]:
    with room.database.read() as connection:
        return list(connection.execute(select(changes.c.state).order_by(changes.c.requested_at)).scalars())


def test_a_member_is_removed_at_once(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    bob = room.person("bob")
    room.join(organization_id, bob.account_id)
    assert act(room, room.organizations.remove_member, ada, bob.account_id) is None
    assert room.role(organization_id, bob.account_id) is None
    detail = {"organization": organization_id, "member": bob.account_id}
    assert room.audited("membership.removed") == [("membership.removed", ada.account_id, detail)]
    for who in (bob.account_id, "nobody"):
        with pytest.raises(LookupError):
            act(room, room.organizations.remove_member, ada, who)
        with pytest.raises(LookupError):
            act(room, room.organizations.change_role, ada, who, Role.ADMIN)


def test_another_admin_is_removed_after_a_day_which_they_can_stop(room: Room) -> None:
    organization_id, (ada, bob) = room.admins("ada", "bob")
    waiting = act(room, room.organizations.remove_member, ada, bob.account_id)
    assert waiting is not None
    assert (waiting.kind, waiting.target, waiting.effective_at) == (ChangeKind.REMOVE_ADMIN, bob.account_id, NOW + DAY)
    with room.database.begin() as connection:
        room.changes.stop(connection, stopper(bob, organization_id), waiting.id)
    assert take_effect(room) == 0
    assert room.role(organization_id, bob.account_id) == "admin"
    act(room, room.organizations.remove_member, ada, bob.account_id)
    assert take_effect(room) == 1
    assert room.role(organization_id, bob.account_id) is None


def test_a_member_becomes_an_admin_after_a_day_and_back_again(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    bob = room.person("bob")
    room.join(organization_id, bob.account_id)
    assert act(room, room.organizations.change_role, ada, bob.account_id, Role.MEMBER) is None
    for role, kind in ((Role.ADMIN, ChangeKind.PROMOTE), (Role.MEMBER, ChangeKind.DEMOTE)):
        before = room.role(organization_id, bob.account_id)
        waiting = act(room, room.organizations.change_role, ada, bob.account_id, role)
        assert waiting is not None
        assert waiting.kind is kind
        assert room.role(organization_id, bob.account_id) == before
        assert take_effect(room) == 1
        assert room.role(organization_id, bob.account_id) == role.value
    detail = {"organization": organization_id, "member": bob.account_id}
    assert room.audited("membership.role_changed") == [
        ("membership.role_changed", ada.account_id, {**detail, "role": role}) for role in ("admin", "member")
    ]


def test_an_admin_becomes_a_member_at_their_own_word_at_once_while_another_remains(room: Room) -> None:
    organization_id, (ada, bob) = room.admins("ada", "bob")
    assert act(room, room.organizations.change_role, ada, ada.account_id, Role.MEMBER) is None
    assert room.role(organization_id, ada.account_id) == "member"
    with pytest.raises(LastAdmin) as last:
        act(room, room.organizations.change_role, bob, bob.account_id, Role.MEMBER)
    assert [each.name for each in last.value.organizations] == ["Example"]


def test_the_last_admin_neither_leaves_nor_removes_themselves(room: Room) -> None:
    organization_id, (ada, bob) = room.admins("ada", "bob")
    act(room, room.organizations.remove_member, ada, ada.account_id)
    with pytest.raises(LastAdmin):
        act(room, room.organizations.remove_member, bob, bob.account_id)
    with pytest.raises(LastAdmin):
        act(room, room.organizations.leave, leaver(bob, bob.organization_id))
    assert room.role(organization_id, bob.account_id) == "admin"


def test_an_admin_whose_account_is_closed_is_no_other_admin(room: Room) -> None:
    _, (ada, bob) = room.admins("ada", "bob")
    with room.database.begin() as connection:
        connection.execute(update(accounts).where(accounts.c.id == bob.account_id).values(status="disabled"))
    with pytest.raises(LastAdmin):
        act(room, room.organizations.leave, leaver(ada, ada.organization_id))


def test_a_member_leaves_at_once_with_a_fresh_proof(room: Room) -> None:
    organization_id, (ada, bob) = room.admins("ada", "bob")
    carl = room.person("carl")
    room.join(organization_id, carl.account_id)
    act(room, room.organizations.leave, leaver(carl, organization_id))
    act(room, room.organizations.leave, leaver(ada, organization_id))
    assert [room.role(organization_id, each.account_id) for each in (ada, bob, carl)] == [None, "admin", None]
    with pytest.raises(Denied) as gone:
        act(room, room.organizations.leave, leaver(carl, organization_id))
    assert gone.value.denial is Denial.UNKNOWN


def test_how_somebody_signed_in_goes_with_their_last_membership(room: Room) -> None:
    first, (ada,) = room.admins("ada")
    second = room.organization(room.person("bob"), "Second")
    carl = room.sign_in("carl")
    for each in (first, second):
        room.join(each, carl.account_id)
    with room.database.begin() as connection:
        room.last_sign_ins.record(connection, carl, NOW)
    act(room, room.organizations.remove_member, ada, carl.account_id)
    assert room.count(last_sign_ins) == 1
    act(room, room.organizations.leave, leaver(person_of(carl), second))
    assert room.count(last_sign_ins) == 0


def test_what_waits_for_a_member_does_not_meet_them_when_they_come_back(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    bob = room.person("bob")
    room.join(organization_id, bob.account_id)
    act(room, room.organizations.change_role, ada, bob.account_id, Role.ADMIN)
    act(room, room.organizations.remove_member, ada, bob.account_id)
    room.join(organization_id, bob.account_id)
    assert take_effect(room) == 0
    assert room.role(organization_id, bob.account_id) == "member"
    assert states(room) == ["replaced"]


def overtake(room: Room, how: str, member_id: str, other_id: str) -> None:
    gone = member_id if how == "gone" else other_id
    with room.database.begin() as connection:
        if how == "closed":
            connection.execute(update(accounts).where(accounts.c.id == member_id).values(status="disabled"))
        else:
            connection.execute(delete(memberships).where(memberships.c.account_id == gone))


@pytest.mark.parametrize(
    "role,wanted,kind,meanwhile,reason",
    [
        (Role.MEMBER, Role.ADMIN, "promote", "gone", "not_a_member"),
        (Role.MEMBER, Role.ADMIN, "promote", "closed", "account_closed"),
        (Role.ADMIN, Role.MEMBER, "demote", "gone", "not_an_admin"),
        (Role.ADMIN, Role.MEMBER, "demote", "alone", "not_an_admin"),
        (Role.ADMIN, None, "remove_admin", "gone", "not_a_member"),
        (Role.ADMIN, None, "remove_admin", "alone", "not_an_admin"),
    ],
)
def test_a_change_that_the_world_has_overtaken_fails_and_the_audit_says_why(
    room: Room, role: Role, wanted: Role | None, kind: str, meanwhile: str, reason: str
) -> None:
    organization_id, (ada,) = room.admins("ada")
    bob = room.person("bob")
    room.join(organization_id, bob.account_id, role)
    if wanted is None:
        act(room, room.organizations.remove_member, ada, bob.account_id)
    else:
        act(room, room.organizations.change_role, ada, bob.account_id, wanted)
    overtake(room, meanwhile, bob.account_id, ada.account_id)
    before = room.role(organization_id, bob.account_id)
    assert take_effect(room) == 0
    assert room.role(organization_id, bob.account_id) == before
    assert states(room) == ["failed"]
    ((_, who, detail),) = room.audited("change.failed")
    assert who == ada.account_id
    assert (detail["kind"], detail["reason"], detail["member"]) == (kind, reason, bob.account_id)


def test_the_removal_of_an_admin_who_became_a_member_meanwhile_removes_the_member(room: Room) -> None:
    organization_id, (ada, bob) = room.admins("ada", "bob")
    act(room, room.organizations.remove_member, ada, bob.account_id)
    act(room, room.organizations.change_role, bob, bob.account_id, Role.MEMBER)
    assert take_effect(room) == 1
    assert room.role(organization_id, bob.account_id) is None


def test_of_admins_who_leave_at_once_one_stays(each_room: Room) -> None:
    room = each_room
    organization_id, admins = room.admins("ada", "bob", "carl", "dan")

    def leave(each: FreshAdmin) -> bool:
        try:
            act(room, room.organizations.leave, leaver(each, each.organization_id))
        except LastAdmin:
            return False
        return True

    with ThreadPoolExecutor(len(admins)) as pool:
        assert sorted(pool.map(leave, admins)) == [False, True, True, True]
    with room.database.read() as connection:
        assert [each.role for each in room.organizations.members(connection, organization_id)] == [Role.ADMIN]
