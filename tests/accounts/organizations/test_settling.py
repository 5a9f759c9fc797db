"""The first days of an organisation that has what several people had shared: nobody is left alone with it."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from broker.accounts.carried import attach
from broker.accounts.organizations.capabilities import FreshAdmin, Role
from broker.accounts.organizations.change_records import SETTLING, settles_at
from broker.accounts.organizations.records import LastAdmin, Settling
from tests.accounts.organizations.rooms import DAY, NOW, Room, fresh_admin, leaver

Goes = Callable[[Room, FreshAdmin], object]


def leaves(room: Room, admin: FreshAdmin) -> None:
    with room.database.begin() as connection:
        room.organizations.leave(connection, leaver(admin, admin.organization_id))


def is_removed(room: Room, admin: FreshAdmin) -> object:
    with room.database.begin() as connection:
        return room.organizations.remove_member(connection, admin, admin.account_id)


def steps_down(room: Room, admin: FreshAdmin) -> object:
    with room.database.begin() as connection:
        return room.organizations.change_role(connection, admin, admin.account_id, Role.MEMBER)


EVERY_WAY = pytest.mark.parametrize("goes", [leaves, is_removed, steps_down])


def shared(room: Room, *names: str) -> list[FreshAdmin]:
    organization_id, admins = room.admins(*names)
    with room.database.begin() as connection:
        attach(connection, "42", organization_id, NOW)
    return admins


def at(admin: FreshAdmin, after: timedelta) -> FreshAdmin:
    later = NOW + after
    return fresh_admin(
        type(admin)(
            account_id=admin.account_id,
            proven=admin.proven,
            now=later,
            organization_id=admin.organization_id,
            role=admin.role,
            fresh=True,
        ),
        admin.organization_id,
    )


@EVERY_WAY
def test_t3_two_admins_remain_until_it_is_settled(room: Room, goes: Goes) -> None:
    ada, bob = shared(room, "ada", "bob")
    for after in (timedelta(0), SETTLING - timedelta(seconds=1)):
        with pytest.raises(Settling) as refused:
            goes(room, at(bob, after))
        assert refused.value.until == NOW + SETTLING
        assert [each.id for each in refused.value.organizations] == [ada.organization_id]
    assert room.role(ada.organization_id, bob.account_id) == "admin"
    goes(room, at(bob, SETTLING))
    assert room.role(ada.organization_id, bob.account_id) != "admin"
    with pytest.raises(LastAdmin) as last:
        goes(room, at(ada, SETTLING))
    assert not isinstance(last.value, Settling)


@EVERY_WAY
def test_one_of_three_may_go_and_of_what_was_never_shared_anybody(room: Room, goes: Goes) -> None:
    *_, carl = shared(room, "ada", "bob", "carl")
    goes(room, carl)
    assert room.role(carl.organization_id, carl.account_id) != "admin"
    dora, _ = room.person("dora"), room.person("emil")
    other = room.organization(dora, "Never shared")
    room.join(other, carl.account_id, Role.ADMIN)
    goes(room, fresh_admin(carl, other))
    assert room.role(other, carl.account_id) != "admin"


def test_an_account_can_be_erased_meanwhile(room: Room) -> None:
    ada, bob = shared(room, "ada", "bob")
    with room.database.begin() as connection:
        room.organizations.forget(connection, bob.account_id, NOW + DAY)
    assert room.role(ada.organization_id, bob.account_id) is None


def test_what_carries_nothing_does_not_settle(room: Room) -> None:
    organization_id, _ = room.admins("ada")
    with room.database.begin() as connection:
        assert settles_at(connection, organization_id, NOW) is None
        attach(connection, "42", organization_id, NOW)
        assert settles_at(connection, organization_id, NOW) == NOW + SETTLING
        assert settles_at(connection, organization_id, NOW + SETTLING) is None
