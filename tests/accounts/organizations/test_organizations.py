"""Organisations: their names, who may have how many, and switching them off and on."""

from secrets import token_bytes

import pytest
from sqlalchemy import select, update

from broker.accounts.model import accounts
from broker.accounts.organizations.capabilities import Denial, Denied, Role
from broker.accounts.organizations.changes import WAIT
from broker.accounts.organizations.contact import contact_of, keep_contact, reseal_contacts
from broker.accounts.organizations.model import memberships, organizations
from broker.accounts.organizations.names import clean_name, name_key
from broker.accounts.organizations.records import LastAdmin, NameTaken, TooMany
from broker.accounts.organizations.service import MOST_OF_ONE_ADMIN
from broker.accounts.service import AccountClosed
from broker.keys.cipher import FieldCipher
from broker.tenants.rules import NOTHING_MORE
from tests.accounts.organizations.rooms import DAY, NOW, Room, fresh_admin, person_of


def test_who_makes_an_organisation_is_its_admin_and_it_asks_for_nothing_more(room: Room) -> None:
    ada = room.person("ada")
    made = room.organization(ada, "  Example   Industries ")
    with room.database.read() as connection:
        found = room.organizations.get(connection, made)
        (only,) = room.organizations.members(connection, made)
    assert (found.id, found.name, found.status, found.rule) == (made, "Example Industries", "active", NOTHING_MORE)
    assert (only.account_id, only.role, only.joined_at, only.suspended_at) == (ada.account_id, Role.ADMIN, NOW, None)
    assert room.audited("organization.created") == [("organization.created", ada.account_id, {"organization": made})]


@pytest.mark.parametrize(
    "name",
    ["", "A", " A ", "x" * 81, "two\nlines", "tab\there", "\u202eelpmaxE", "zero\u200bwidth", "nul\x00", "\ud800x"],
)
def test_what_is_no_name_makes_no_organisation(room: Room, name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        room.organization(room.person("ada"), name)
    assert room.count(organizations) == 0


def test_a_name_is_kept_in_its_compatible_form() -> None:
    assert clean_name("\uff21\uff23\uff2d\uff25\u3000\u2122") == "ACME TM"
    assert clean_name("x" * 80) == "x" * 80


@pytest.mark.parametrize("other", ["example", "EXAMPLE", "\uff25xample", " Example ", "E\u0078ample"])
def test_a_name_that_reads_the_same_is_taken_and_nothing_is_left_of_the_attempt(room: Room, other: str) -> None:
    ada = room.person("ada")
    room.organization(ada)
    before = room.count(accounts)
    with pytest.raises(NameTaken):
        room.organization(ada, other)
    assert (room.count(organizations), room.count(accounts)) == (1, before)
    with room.database.read() as connection:
        assert [each.name for each in room.organizations.all(connection)] == ["Example"]


@pytest.mark.parametrize("name", ["Stra\u00dfe", "\u1f80\u0345", "\ufb03\u0301", "I\u0307\u0323", "\u3392 x"])
def test_what_names_are_compared_by_does_not_change_when_it_is_made_again(name: str) -> None:
    assert name_key(name_key(name)) == name_key(name) == name_key(name.upper()) == name_key(clean_name(name))


def test_an_organisation_is_renamed_unless_the_name_is_taken(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    room.organization(room.person("bob"), "Other")
    with room.database.begin() as connection:
        room.organizations.rename(connection, ada, "Renamed")
    with pytest.raises(NameTaken), room.database.begin() as connection:
        room.organizations.rename(connection, ada, "OTHER")
    with pytest.raises(ValueError, match="not a name"), room.database.begin() as connection:
        room.organizations.rename(connection, ada, "\x07")
    with room.database.read() as connection:
        assert [each.name for each in room.organizations.all(connection)] == ["Other", "Renamed"]
    (entry,) = room.audited("organization.renamed")
    assert entry[1:] == (ada.account_id, {"organization": organization_id})


def test_an_admin_of_ten_organisations_makes_no_other(room: Room) -> None:
    ada = room.person("ada")
    for number in range(MOST_OF_ONE_ADMIN):
        room.organization(ada, f"Example {number}")
    with pytest.raises(TooMany):
        room.organization(ada, "One more")
    room.organization(room.person("bob"), "One more")


def test_a_closed_account_makes_no_organisation(room: Room) -> None:
    ada = room.person("ada")
    with room.database.begin() as connection:
        room.accounts.set_status(connection, ada.account_id, "disabled")
    with pytest.raises(AccountClosed):
        room.organization(ada)


def test_the_command_line_makes_an_organisation_for_a_person_and_for_nothing_else(room: Room) -> None:
    ada = room.person("ada")
    with room.database.begin() as connection:
        made = room.organizations.create_for(connection, ada.account_id, "Example", NOW)
    assert room.role(made, ada.account_id) == "admin"
    detail = {"organization": made, "member": ada.account_id}
    assert room.audited("organization.created") == [("organization.created", None, detail)]
    for account_id, refused in ((made, LookupError), ("nobody", AccountClosed)):
        with pytest.raises(refused), room.database.begin() as connection:
            room.organizations.create_for(connection, account_id, "Other", NOW)


def test_what_is_switched_off_is_found_by_operators_only_and_its_admins_can_do_nothing(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    for _ in range(2):
        with room.database.begin() as connection:
            room.organizations.disable(connection, organization_id, NOW, "operator-id")
    with room.database.read() as connection:
        assert room.organizations.get(connection, organization_id).status == "disabled"
    with pytest.raises(Denied) as denied, room.database.begin() as connection:
        room.organizations.rename(connection, ada, "Renamed")
    assert denied.value.denial is Denial.UNKNOWN
    for _ in range(2):
        with room.database.begin() as connection:
            room.organizations.enable(connection, organization_id, NOW)
    with room.database.begin() as connection:
        room.organizations.rename(connection, ada, "Renamed")
    detail = {"organization": organization_id}
    assert room.audited("organization.disabled", "organization.enabled") == [
        ("organization.disabled", "operator-id", detail),
        ("organization.enabled", None, detail),
    ]


def test_what_waited_while_it_was_switched_off_waits_a_whole_day_anew(room: Room) -> None:
    organization_id, (ada, bob) = room.admins("ada", "bob")
    with room.database.begin() as connection:
        room.organizations.change_role(connection, ada, bob.account_id, Role.MEMBER)
        room.organizations.disable(connection, organization_id, NOW)
    later = NOW + 3 * DAY
    assert room.changes.apply_due(room.database, later, room.organizations.appliers()) == 0
    with room.database.begin() as connection:
        room.organizations.enable(connection, organization_id, later)
    assert room.changes.apply_due(room.database, later, room.organizations.appliers()) == 0
    assert room.changes.apply_due(room.database, later + WAIT, room.organizations.appliers()) == 1


def test_an_organisation_whose_last_admin_is_gone_stays_switched_off(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    with room.database.begin() as connection:
        room.organizations.disable(connection, organization_id, NOW)
        room.organizations.forget(connection, ada.account_id, NOW)
    with pytest.raises(LastAdmin), room.database.begin() as connection:
        room.organizations.enable(connection, organization_id, NOW)


def test_an_organisation_that_is_not_there_is_neither_read_nor_switched(room: Room) -> None:
    with room.database.begin() as connection:
        for verb in (room.organizations.disable, room.organizations.enable):
            with pytest.raises(LookupError):
                verb(connection, "nobody", NOW)
        with pytest.raises(LookupError):
            room.organizations.get(connection, "nobody")
        with pytest.raises(LookupError):
            room.accounts.set_status(connection, "nobody", "disabled")


def test_t12_an_admin_who_was_removed_or_made_a_member_since_changes_nothing(room: Room) -> None:
    organization_id, (ada, bob) = room.admins("ada", "bob")
    with room.database.begin() as connection:
        connection.execute(
            update(memberships).where(memberships.c.account_id == bob.account_id).values(role=Role.MEMBER.value)
        )
    outsider = fresh_admin(person_of(room.sign_in("eve")), organization_id)
    for acting, denial in ((bob, Denial.NOT_ADMIN), (outsider, Denial.UNKNOWN)):
        with pytest.raises(Denied) as denied, room.database.begin() as connection:
            room.organizations.remove_member(connection, acting, ada.account_id)
        assert denied.value.denial is denial
    assert room.role(organization_id, ada.account_id) == "admin"


def test_what_several_shared_gets_all_of_them_as_admins_at_once_and_never_one_alone(room: Room) -> None:
    ada, bob = room.person("ada").account_id, room.person("bob").account_id
    for alone in ([ada], [ada, ada], []):
        with pytest.raises(ValueError, match="nobody alone"), room.database.begin() as connection:
            room.organizations.create_shared(connection, alone, "Example", NOW)
    with room.database.begin() as connection:
        made = room.organizations.create_shared(connection, [ada, bob, ada], "Example", NOW)
    assert [room.role(made, each) for each in (ada, bob)] == ["admin", "admin"]
    assert room.audited("organization.created") == [("organization.created", ada, {"organization": made})]
    with pytest.raises(NameTaken), room.database.begin() as connection:
        room.organizations.create_shared(connection, [ada, bob], "example", NOW)
    with room.database.begin() as connection:
        room.accounts.set_status(connection, bob, "disabled")
    with pytest.raises(AccountClosed), room.database.begin() as connection:
        room.organizations.create_shared(connection, [ada, bob], "Other", NOW)


def test_the_contact_of_an_organisation_is_kept_sealed_and_sealed_again(room: Room) -> None:
    organization_id, _ = room.admins("ada")
    keys = {"v1": token_bytes(32)}
    cipher = FieldCipher(keys)
    with room.database.begin() as connection:
        assert contact_of(connection, cipher, organization_id) is None
        keep_contact(connection, cipher, organization_id, "team@old.example")
        assert contact_of(connection, cipher, organization_id) == "team@old.example"
        kept = connection.execute(select(organizations.c.contact_sealed)).scalar_one()
        assert b"team@" not in kept
        newer = FieldCipher({**keys, "v2": token_bytes(32)})
        assert reseal_contacts(connection, newer) == 1
        assert contact_of(connection, newer, organization_id) == "team@old.example"
        keep_contact(connection, cipher, organization_id, None)
        assert contact_of(connection, cipher, organization_id) is None
