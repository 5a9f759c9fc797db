"""The operators' way out: for organisations whose admins are lost, or one of them hostile."""

import pytest

from broker.accounts.organizations.capabilities import Role, Shell
from broker.accounts.organizations.changes import WAIT, ChangeKind
from broker.accounts.organizations.records import LastAdmin
from broker.accounts.service import AccountClosed
from broker.tenants.parties import set_own_rule
from broker.tenants.rules import NOTHING_MORE, Rule
from claims.evidence import Strength
from tests.accounts.organizations.rooms import LINK, NOW, Room

SHELL = Shell(now=NOW)


def test_a_member_becomes_an_admin_at_once_and_all_admins_are_told(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    bob = room.person("bob")
    room.join(organization_id, bob.account_id)
    for _ in range(2):
        with room.database.begin() as connection:
            room.rescue.add_admin(connection, SHELL, organization_id, bob.account_id)
    assert room.role(organization_id, bob.account_id) == "admin"
    assert [(each["to"], each["subject"]) for each in room.mails()] == [
        ("ada@example.org", "A new admin"),
        ("bob@example.org", "A new admin"),
    ]
    detail = {"organization": organization_id, "member": bob.account_id, "role": "admin"}
    assert room.audited("membership.role_changed") == [("membership.role_changed", None, detail)]
    assert room.role(organization_id, ada.account_id) == "admin"


def test_nobody_but_a_member_with_an_active_account_becomes_an_admin(room: Room) -> None:
    organization_id, _ = room.admins("ada")
    bob, eve = room.person("bob"), room.person("eve")
    room.join(organization_id, bob.account_id)
    with room.database.begin() as connection:
        room.accounts.set_status(connection, bob.account_id, "disabled")
    with pytest.raises(AccountClosed), room.database.begin() as connection:
        room.rescue.add_admin(connection, SHELL, organization_id, bob.account_id)
    with pytest.raises(LookupError), room.database.begin() as connection:
        room.rescue.add_admin(connection, SHELL, organization_id, eve.account_id)
    assert room.mails() == []


def test_a_hostile_admin_goes_at_once_with_what_they_asked_for_and_whom_they_invited(room: Room) -> None:
    organization_id, (mallory, bob) = room.admins("mallory", "bob")
    with room.database.begin() as connection:
        room.organizations.remove_member(connection, mallory, bob.account_id)
        invitation = room.invitations.invite(connection, mallory, "friend@example.org", LINK)
    with room.database.begin() as connection:
        room.rescue.remove_admin(connection, SHELL, organization_id, mallory.account_id)
    assert room.role(organization_id, mallory.account_id) is None
    with room.database.read() as connection:
        assert room.invitations.of_organization(connection, organization_id) == []
    assert room.changes.apply_due(room.database, NOW + WAIT, room.organizations.appliers()) == 0
    assert room.role(organization_id, bob.account_id) == "admin"
    told = {each["to"] for each in room.mails() if each["subject"] == "An admin was removed"}
    assert told == {"mallory@example.org", "bob@example.org"}
    assert room.audited("membership.removed", "invitation.withdrawn") == [
        ("membership.removed", None, {"organization": organization_id, "member": mallory.account_id}),
        ("invitation.withdrawn", None, {"organization": organization_id, "reference": invitation.id}),
    ]


def test_the_last_admin_stays_and_who_is_none_is_not_removed(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    bob = room.person("bob")
    room.join(organization_id, bob.account_id)
    with pytest.raises(LastAdmin), room.database.begin() as connection:
        room.rescue.remove_admin(connection, SHELL, organization_id, ada.account_id)
    for each in (bob.account_id, "nobody"):
        with pytest.raises(LookupError), room.database.begin() as connection:
            room.rescue.remove_admin(connection, SHELL, organization_id, each)
    assert [room.role(organization_id, each.account_id) for each in (ada, bob)] == ["admin", Role.MEMBER.value]


def test_the_rule_is_taken_back_at_once_with_what_waits_to_change_in_it(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    with room.database.begin() as connection:
        set_own_rule(connection, organization_id, Rule(strength=Strength.PHISHING_RESISTANT, guests=False))
        room.changes.propose(connection, ada, ChangeKind.RULE, "", {"guests": True})
    for _ in range(2):
        with room.database.begin() as connection:
            room.rescue.reset_rule(connection, SHELL, organization_id)
    with room.database.read() as connection:
        assert room.organizations.get(connection, organization_id).rule == NOTHING_MORE
        assert room.changes.waiting(connection, organization_id) == []
    detail = {"organization": organization_id, "field": "guests+strength"}
    assert room.audited("rule.changed") == [("rule.changed", None, detail)]
    assert [each["subject"] for each in room.mails()][1:] == ["The rules were taken back"]
    with pytest.raises(LookupError), room.database.begin() as connection:
        room.rescue.reset_rule(connection, SHELL, "nobody")
