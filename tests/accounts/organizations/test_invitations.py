"""Invitations: one person each, once, for the address they were sent to."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from broker.accounts.organizations.capabilities import Denied, Person
from broker.accounts.organizations.invitations import LIFETIME, MOST_OPEN, NotInvited, Refusal
from broker.accounts.organizations.model import invitations, memberships
from broker.accounts.organizations.records import TooMany
from broker.accounts.service import AccountClosed
from broker.keys.cipher import Undecryptable
from tests.accounts.organizations.rooms import LINK, NOW, Room, fresh_admin, person_of, stopper

ADDRESS = "bob@example.org"


def invite(room: Room, organization_id: str, by: Person, email: str = ADDRESS) -> str:
    """Invite somebody, and return the token in the mail that went out."""
    with room.database.begin() as connection:
        room.invitations.invite(connection, fresh_admin(by, organization_id), email, LINK)
    newest = [mail for mail in room.mails() if mail["to"] == email]
    found = [re.search(re.escape(LINK) + r"(\S+)", mail["text"]) for mail in newest]
    (token,) = [each[1] for each in found if each is not None and is_open(room, each[1])]
    return token


def is_open(room: Room, token: str) -> bool:
    with room.database.read() as connection:
        return room.invitations.open(connection, token, NOW) is not None


def accept(room: Room, person: Person, token: str) -> str:
    with room.database.begin() as connection:
        return room.invitations.accept(connection, person, token)


def refusal(room: Room, person: Person, token: str) -> Refusal:
    with pytest.raises(NotInvited) as refused:
        accept(room, person, token)
    return refused.value.refusal


def test_who_has_the_address_becomes_a_member_once(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    token = invite(room, organization_id, ada)
    bob = room.person("bob")
    with room.database.read() as connection:
        seen = room.invitations.open(connection, token, NOW)
    assert seen is not None
    assert (seen.organization_id, seen.organization_name, seen.expires_at) == (
        organization_id,
        "Example",
        NOW + LIFETIME,
    )
    assert accept(room, bob, token) == organization_id
    assert room.role(organization_id, bob.account_id) == "member"
    assert refusal(room, bob, token) is Refusal.OVER, "T7: used"
    (made, used) = room.audited("invitation.made", "invitation.accepted")
    assert (made[1], used[1]) == (ada.account_id, bob.account_id)
    assert made[2] == used[2]
    assert made[2]["organization"] == organization_id


def test_the_mail_names_the_organisation_and_has_the_link(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    token = invite(room, organization_id, ada)
    (mail,) = room.mails()
    assert (mail["to"], mail["subject"]) == (ADDRESS, "You are invited to join an organisation")
    assert '\n"Example"\n' in mail["text"]
    assert LINK + token in mail["text"]


def test_every_spelling_of_the_address_will_do_but_none_that_is_not_verified(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    token = invite(room, organization_id, ada)
    for name, email, verified in (("eve", None, True), ("mallory", ADDRESS, False), ("none", "", True)):
        other = room.person(name, email=email, verified=verified)
        assert refusal(room, other, token) is Refusal.FORWARDED
        assert room.role(organization_id, other.account_id) is None
    assert accept(room, room.person("bob", email="BOB@Example.org"), token) == organization_id


def test_an_invitation_is_over_after_seven_days_and_is_forgotten(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    token = invite(room, organization_id, ada)
    bob = room.sign_in("bob")
    assert refusal(room, person_of(bob, NOW + LIFETIME), token) is Refusal.OVER
    with room.database.begin() as connection:
        assert room.invitations.expire(connection, NOW + LIFETIME - timedelta(microseconds=1)) == 0
        assert room.invitations.expire(connection, NOW + LIFETIME) == 1
    assert room.count(invitations) == 0
    assert refusal(room, person_of(bob), token) is Refusal.OVER


def test_what_was_withdrawn_replaced_switched_off_or_never_there_is_over(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    bob = room.person("bob")
    replaced = invite(room, organization_id, ada)
    withdrawn = invite(room, organization_id, ada, "BOB@example.org")
    assert refusal(room, bob, replaced) is Refusal.OVER
    with room.database.begin() as connection:
        (only,) = room.invitations.of_organization(connection, organization_id)
        room.invitations.withdraw(connection, stopper(ada, organization_id), only.id)
    assert refusal(room, bob, withdrawn) is Refusal.OVER
    assert refusal(room, bob, "never there") is Refusal.OVER
    off = invite(room, organization_id, ada)
    with room.database.begin() as connection:
        room.organizations.disable(connection, organization_id, NOW)
    assert refusal(room, bob, off) is Refusal.OVER
    assert not is_open(room, off)


def test_admins_see_whom_they_invited_and_other_admins_withdraw_nothing(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    invite(room, organization_id, ada)
    eve = room.person("eve")
    other = room.organization(eve, "Other")
    with room.database.begin() as connection:
        (only,) = room.invitations.of_organization(connection, organization_id)
        assert room.invitations.of_organization(connection, other) == []
        with pytest.raises(LookupError):
            room.invitations.withdraw(connection, stopper(eve, other), only.id)
        with pytest.raises(Denied):
            room.invitations.withdraw(connection, stopper(eve, organization_id), only.id)
    assert (only.email, only.invited_by, only.expires_at) == (ADDRESS, ada.account_id, NOW + LIFETIME)
    assert room.count(invitations) == 1


@pytest.mark.parametrize("email", ["", "bob", "bob@example.org\r\nBcc: eve@example.org"])
def test_what_is_no_address_is_not_invited(room: Room, email: str) -> None:
    _, (ada,) = room.admins("ada")
    with pytest.raises(ValueError, match="not an email"), room.database.begin() as connection:
        room.invitations.invite(connection, ada, email, LINK)
    assert (room.count(invitations), room.mails()) == (0, [])


def test_fifty_invitations_are_open_at_a_time_and_no_more(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    with room.database.begin() as connection:
        for number in range(MOST_OPEN):
            room.invitations.invite(connection, ada, f"{number}@example.org", LINK)
    with pytest.raises(TooMany), room.database.begin() as connection:
        room.invitations.invite(connection, ada, ADDRESS, LINK)
    with room.database.begin() as connection:
        room.invitations.invite(connection, ada, "0@example.org", LINK)
        later = fresh_admin(ada, organization_id, now=NOW + LIFETIME)
        room.invitations.invite(connection, later, ADDRESS, LINK)


def test_who_is_a_member_already_keeps_their_role(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    token = invite(room, organization_id, ada, "ada@example.org")
    assert accept(room, ada, token) == organization_id
    assert room.role(organization_id, ada.account_id) == "admin"
    assert room.count(invitations) == 0


def test_a_closed_account_accepts_nothing(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    token = invite(room, organization_id, ada)
    bob = room.person("bob")
    with room.database.begin() as connection:
        room.accounts.set_status(connection, bob.account_id, "disabled")
    with pytest.raises(AccountClosed):
        accept(room, bob, token)
    assert is_open(room, token)


def test_neither_address_nor_token_can_be_read_in_the_database_and_a_moved_address_does_not_open(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    token = invite(room, organization_id, ada)
    with room.database.read() as connection:
        row = connection.execute(select(invitations)).one()
    assert ADDRESS.encode() not in row.email_sealed
    assert token not in row.token_hash
    with room.database.begin() as connection:
        connection.execute(update(invitations).values(id="moved"))
        with pytest.raises(Undecryptable):
            room.invitations.of_organization(connection, organization_id)


def test_t7_an_invitation_that_several_accept_at_once_brings_in_one(each_room: Room) -> None:
    room = each_room
    organization_id, (ada,) = room.admins("ada")
    token = invite(room, organization_id, ada)
    # Accounts of one person, by identities that vouch for the same address; the first of them twice.
    several = [room.person(f"bob-{number}", email=ADDRESS) for number in range(3)]

    def outcome(person: Person) -> str:
        try:
            return accept(room, person, token)
        except NotInvited as refused:
            return refused.refusal.value

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(outcome, [*several, several[0]]))
    assert sorted(outcomes) == sorted([organization_id, "over", "over", "over"])
    assert room.count(memberships) == 2
