"""Erasing a person ends what they have in organisations, unless one would be left without an admin."""

import pytest
from sqlalchemy import select

from broker.accounts.model import accounts
from broker.accounts.organizations.capabilities import Person, Role
from broker.accounts.organizations.changes import WAIT
from broker.accounts.organizations.model import invitations, last_sign_ins, memberships, operators
from broker.accounts.organizations.records import LastAdmin
from tests.accounts.organizations.rooms import LINK, NOW, Room, person_of
from tests.world import World


def erase(room: Room, account_id: str) -> None:
    with room.database.begin() as connection:
        room.organizations.forget(connection, account_id, NOW)
        room.accounts.erase(connection, account_id, NOW)


def test_nothing_of_a_person_is_left_but_the_bare_account(room: Room) -> None:
    organization_id, (ada, bob) = room.admins("ada", "bob")
    other = room.organization(room.person("carl"), "Other")
    room.join(other, bob.account_id)
    with room.database.begin() as connection:
        room.last_sign_ins.record(connection, bob.proven, NOW)
        room.operators.add(connection, bob.account_id, NOW)
        room.organizations.change_role(connection, ada, bob.account_id, Role.MEMBER)
        for address in ("Bob@example.org", "dora@example.org"):
            room.invitations.invite(connection, ada, address, LINK)
    erase(room, bob.account_id)
    assert [room.role(each, bob.account_id) for each in (organization_id, other)] == [None, None]
    assert (room.count(last_sign_ins), room.count(operators), room.count(invitations)) == (0, 0, 1)
    assert room.changes.apply_due(room.database, NOW + WAIT, room.organizations.appliers()) == 0
    assert len(room.audited("membership.left")) == 2
    assert len(room.audited("operator.removed")) == 1


def test_an_address_that_is_not_verified_takes_no_invitation_away(room: Room) -> None:
    _, (ada,) = room.admins("ada")
    with room.database.begin() as connection:
        room.invitations.invite(connection, ada, "bob@example.org", LINK)
    erase(room, room.person("eve", email="bob@example.org", verified=False).account_id)
    assert room.count(invitations) == 1


def test_the_last_admin_of_active_organisations_is_told_all_of_them_and_nothing_is_erased(room: Room) -> None:
    ada = room.sign_in("ada")
    first, second, off = (room.organization(person_of(ada), name) for name in ("First", "Second", "Switched off"))
    shared, _ = room.admins("bob")
    room.join(shared, ada.account_id, Role.ADMIN)
    with room.database.begin() as connection:
        room.organizations.disable(connection, off, NOW)
    with pytest.raises(LastAdmin) as last:
        erase(room, ada.account_id)
    assert [each.name for each in last.value.organizations] == ["First", "Second"]
    assert room.role(shared, ada.account_id) == "admin"
    with room.database.read() as connection:
        assert room.accounts.person(connection, ada.account_id).name == "ada"
    bob = room.person("carl")
    for each in (first, second):
        room.join(each, bob.account_id, Role.ADMIN)
    erase(room, ada.account_id)
    assert room.role(off, ada.account_id) is None


def test_the_page_says_which_organisation_needs_another_admin_first(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account("2fa-true", "github")
    parts, now = world.parts, world.clock()
    with parts.database.begin() as connection:
        account_id = connection.execute(select(accounts.c.id)).scalar_one()
        session = parts.sessions.of_account(account_id, now)[0]
        person = Person(account_id=account_id, proven=session, now=now)
        organization_id = parts.people.organizations.create(connection, person, "Example <Industries>")
    assert visitor.get("/account/erase").status_code == 200
    refused = visitor.submit("/account/erase", {"confirm": "erase"})
    assert refused.status_code == 409
    assert "Example &lt;Industries&gt;" in refused.text
    assert visitor.get("/account").status_code == 200, "nothing was erased"
    with parts.database.begin() as connection:
        parts.people.organizations.disable(connection, organization_id, now)
    assert visitor.submit("/account/erase", {"confirm": "erase"}).status_code == 200
    with parts.database.read() as connection:
        assert connection.execute(select(memberships)).all() == []
