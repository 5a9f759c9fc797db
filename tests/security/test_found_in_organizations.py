"""What was found by attacking organisations: each way in, shut."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copy

import pytest

from broker.accounts.organizations.capabilities import Denial, Denied, FreshAdmin, Role
from broker.accounts.organizations.changes import WAIT, Change
from broker.accounts.organizations.names import clean_name
from broker.accounts.organizations.records import NameTaken, Share, TooOften
from broker.storage.database import Database
from broker.tenants.exceptions import MOST_ASKED
from broker.tenants.rules import OF_A_NEW_TENANT, Rule
from claims.evidence import Strength
from tests.accounts.organizations.rooms import DAY, LINK, NOW, TID, SignIn, evidence, fresh_admin
from tests.tenants.rooms import Room, at

STRICT = Rule(strength=Strength.PHISHING_RESISTANT)
STRONG = evidence(Strength.PHISHING_RESISTANT)
HOUR = timedelta(hours=1)


@pytest.fixture
def room(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Room]:
    opened = Database(f"sqlite:///{copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    yield Room(opened)
    opened.dispose()


def with_key(admin: FreshAdmin) -> FreshAdmin:
    """Return an admin who has signed in with a passkey."""
    assert isinstance(admin.proven, SignIn)
    return replace(admin, proven=admin.proven.with_evidence(STRONG))


def signed_in(room: Room, *admins: FreshAdmin) -> None:
    """Note that they have, as a sign-in does."""
    with room.database.begin() as connection:
        for each in admins:
            room.last_sign_ins.record(connection, each.proven, each.now)


def removal(room: Room, by: FreshAdmin, of: FreshAdmin) -> Change:
    with room.database.begin() as connection:
        change = room.organizations.remove_member(connection, by, of.account_id)
    assert change is not None
    return change


def due(room: Room, admin: FreshAdmin) -> list[datetime]:
    return [each.effective_at for each in room.waiting(admin)]


def test_t12_every_admin_stops_what_weakens_though_another_has_shut_them_out_by_a_rule(room: Room) -> None:
    organization_id, (mallory, bob) = room.admins("mallory", "bob")
    hostile = with_key(mallory)
    room.save(hostile, STRICT)
    change = removal(room, hostile, bob)
    with room.database.begin() as connection:
        invitation = room.invitations.invite(connection, hostile, "friend@example.org", LINK)
    with room.database.begin() as connection:
        with pytest.raises(Denied) as suspended:
            room.authority.admin(connection, bob.proven, organization_id, NOW + HOUR)
        assert suspended.value.denial is Denial.SUSPENDED
        stopper = room.authority.stopper(connection, bob.proven, organization_id, NOW + HOUR)
        room.changes.stop(connection, stopper, change.id)
        room.invitations.withdraw(connection, stopper, invitation.id)
    assert room.pass_a_day() == 0
    assert room.role(organization_id, bob.account_id) == "admin"


def test_t12_nobody_but_an_admin_stops_anything_and_not_without_a_second_factor(room: Room) -> None:
    organization_id, (ada, bob) = room.admins("ada", "bob")
    member, eve = room.sign_in("carl"), room.sign_in("eve")
    room.join(organization_id, member.account_id)
    assert isinstance(bob.proven, SignIn)
    without = bob.proven.with_evidence(evidence(Strength.SINGLE, values=("pwd",)))
    room.excuse(organization_id, bob.account_id)
    for sign_in, denial in (
        (member, Denial.NOT_ADMIN),
        (eve, Denial.UNKNOWN),
        (without, Denial.EXEMPT),
        (replace(without, account_id=eve.account_id, identity_id=eve.identity_id), Denial.SIGNED_OUT),
    ):
        with room.database.read() as connection, pytest.raises(Denied) as refused:
            room.authority.stopper(connection, sign_in, organization_id, NOW)
        assert refused.value.denial is denial
    with room.database.begin() as connection:
        room.organizations.disable(connection, organization_id, NOW)
    with room.database.read() as connection, pytest.raises(Denied) as gone:
        room.authority.stopper(connection, ada.proven, organization_id, NOW)
    assert gone.value.denial is Denial.UNKNOWN


def test_t12_tightening_that_shuts_another_admin_out_restarts_the_day_of_all_that_waits(room: Room) -> None:
    _, (mallory, bob) = room.admins("mallory", "bob")
    hostile = with_key(mallory)
    signed_in(room, hostile, bob)
    removal(room, hostile, bob)
    later = replace(hostile, now=NOW + HOUR)
    room.save(later, Rule(guests=False))
    assert due(room, mallory) == [NOW + WAIT]
    room.save(later, replace(STRICT, guests=False))
    assert due(room, mallory) == [NOW + HOUR + WAIT]


def test_t12_suspending_the_tenant_of_another_admin_restarts_the_day_of_all_that_waits(room: Room) -> None:
    organization_id, (mallory, bob) = room.admins("mallory", "bob")
    mapping_id = room.map(organization_id, TID, OF_A_NEW_TENANT)
    assert isinstance(bob.proven, SignIn)
    signed_in(room, mallory, replace(bob, proven=bob.proven.by_tenant(TID)))
    removal(room, mallory, bob)
    room.suspend(at(mallory, NOW + HOUR), mapping_id)
    assert due(room, mallory) == [NOW + HOUR + WAIT]


def test_t12_revoking_what_another_admins_proof_rests_on_restarts_the_day_of_all_that_waits(room: Room) -> None:
    organization_id, (mallory, bob) = room.admins("mallory", "bob")
    mapping_id = room.map(organization_id, TID)
    room.attest(mapping_id, "c1", Strength.MFA, NOW + 300 * DAY)
    signed_in(room, mallory)  # of the other no sign-in is known, so nobody knows whether it would do
    removal(room, mallory, bob)
    with room.database.begin() as connection:
        room.attestations.revoke(connection, at(mallory, NOW + HOUR), mapping_id, "c1")
    assert due(room, mallory) == [NOW + HOUR + WAIT]


def test_t12_what_somebody_asked_for_who_is_no_admin_any_more_does_not_happen_and_the_admins_are_told(
    room: Room,
) -> None:
    organization_id, (mallory, _) = room.admins("mallory", "bob")
    friend = room.person("friend")
    room.join(organization_id, friend.account_id)
    with room.database.begin() as connection:
        room.organizations.change_role(connection, mallory, friend.account_id, Role.ADMIN)
        room.organizations.remove_member(connection, mallory, mallory.account_id)
    assert room.pass_a_day() == 0
    assert room.role(organization_id, friend.account_id) == "member"
    ((_, _, detail),) = room.audited("change.failed")
    assert detail["reason"] == "not_an_admin"
    told = [each["to"] for each in room.mails() if each["subject"].startswith("Did not take effect")]
    assert told == ["bob@example.org", "friend@example.org"]


@pytest.mark.parametrize("how", ["leaves", "steps_down"])
def test_t12_invitations_end_with_the_role_of_who_sent_them(room: Room, how: str) -> None:
    organization_id, (mallory, bob) = room.admins("mallory", "bob")
    with room.database.begin() as connection:
        room.invitations.invite(connection, mallory, "friend@example.org", LINK)
        kept = room.invitations.invite(connection, bob, "other@example.org", LINK)
    with room.database.begin() as connection:
        if how == "leaves":
            room.organizations.remove_member(connection, mallory, mallory.account_id)
        else:
            room.organizations.change_role(connection, mallory, mallory.account_id, Role.MEMBER)
    with room.database.read() as connection:
        assert room.invitations.of_organization(connection, organization_id) == [kept]


def test_t12_an_admin_cannot_flood_an_address_that_is_not_verified_nor_anybody_with_the_same_wish(room: Room) -> None:
    mallory = room.person("mallory", email="victim@elsewhere.example", verified=False)
    organization_id = room.organization(mallory)
    bob, friend = room.person("bob"), room.person("friend")
    room.join(organization_id, bob.account_id, Role.ADMIN)
    room.join(organization_id, friend.account_id)
    for _ in range(50):
        with room.database.begin() as connection:
            admin = fresh_admin(mallory, organization_id)
            room.organizations.change_role(connection, admin, friend.account_id, Role.ADMIN)
    assert [each["to"] for each in room.mails()] == ["bob@example.org", "friend@example.org"]


def test_t12_an_organisation_asks_for_ten_exceptions_a_day_and_for_no_more_while_ten_are_undecided(room: Room) -> None:
    ada = room.an_admin()
    room.map(ada.organization_id, TID)
    asked = [room.ask(ada) for _ in range(MOST_ASKED)]
    for now in (NOW, NOW + 2 * DAY):
        with pytest.raises(TooOften) as refused:
            room.ask(replace(ada, now=now))
        assert refused.value.share is Share.EXCEPTIONS
    with room.database.begin() as connection:
        room.exceptions.end(connection, ada, asked[0].id)
    with pytest.raises(TooOften):
        room.ask(ada)
    room.ask(replace(ada, now=NOW + 2 * DAY))


@pytest.mark.parametrize("hidden", ["\ufe0f", "\u034f", "\u115f", "\u3164", "\u17b4", "\uffa0"])
def test_t12_a_name_that_reads_the_same_is_refused(room: Room, hidden: str) -> None:
    room.organization(room.person("ada"), "Northwind Traders")
    with pytest.raises((NameTaken, ValueError)):
        room.organization(room.person("mallory"), f"Northwind{hidden} Traders")


@pytest.mark.parametrize("name", ["\u3164\u3164", "Pay at https://evil.example", "me@evil.example", "WWW.evil.example"])
def test_t12_what_shows_nothing_or_leads_somewhere_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match=r"not a name|an address"):
        clean_name(name)
