"""One person alone never ends up as the owner of what several shared; and what went wrong at registries, by name."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, insert

from broker.accounts.carried import attach, carried_since
from broker.accounts.model import identities
from broker.accounts.organizations.change_records import SETTLING, SHARED_WAIT
from broker.accounts.organizations.changes import WAIT, Change
from broker.accounts.organizations.contact import contact_of
from broker.events.security import EventKind
from broker.tenants import domains
from migrations.accounts import links
from migrations.accounts.cases import Case, CaseState
from migrations.accounts.conversion import preview
from migrations.accounts.conversion.preview import OWNED, SAME_ROLE
from migrations.accounts.conversion.service import NotAccepted
from migrations.accounts.links import Verb
from migrations.accounts.periods import GATHERING, OBJECTION, UNDO
from migrations.accounts.records import State, dump_packages
from tests.accounts.organizations.rooms import NOW, SignIn, fresh_admin, person_of
from tests.migrations.conversion.rooms import NAME, SHARED, ConversionRoom, address, just_now

DUE = NOW + OBJECTION
HOUR = timedelta(hours=1)


def closed(room: ConversionRoom, bob: SignIn) -> None:
    with room.database.begin() as connection:
        room.accounts.set_status(connection, bob.account_id, "disabled")


def erased(room: ConversionRoom, bob: SignIn) -> None:
    with room.database.begin() as connection:
        room.organizations.forget(connection, bob.account_id, NOW)
        room.accounts.erase(connection, bob.account_id, NOW)


def unlinked(room: ConversionRoom, bob: SignIn) -> None:
    with room.database.begin() as connection:
        another = {"id": "i-2", "account_id": bob.account_id, "pseudonym": "v1:2", "provider_id": "github"}
        connection.execute(insert(identities).values(**another, linked_at=NOW))
        connection.execute(delete(identities).where(identities.c.id == bob.identity_id))


def out_of_the_tenant(room: ConversionRoom, _: SignIn) -> None:
    """Map the domain of the address to a tenant that neither of them comes from."""
    mapping = room.map(room.organization(room.person("owner"), "The company"))
    with room.database.begin() as connection:
        domains.put(connection, mapping, ("old.example",))


@pytest.mark.parametrize("lost", [closed, erased, unlinked], ids=lambda each: each.__name__)
def test_t5_where_one_of_two_admins_is_gone_when_it_is_due_it_does_not_take_effect(
    room: ConversionRoom, lost: Callable[[ConversionRoom, SignIn], None]
) -> None:
    ada, bob, case = room.two()
    lost(room, bob)
    room.due.run(DUE)
    assert (room.case(case).state, room.get().state, room.events()) == (CaseState.WAITING, State.WAITING, [])
    assert room.carried(ada.account_id) == []
    room.due.run(NOW + GATHERING)
    assert (room.case(case).state, room.get().state, room.events()) == (CaseState.LAPSED, State.PENDING, [])


def test_t4_where_the_domain_came_to_be_of_a_tenant_that_its_starter_is_not_from_it_lapses(
    room: ConversionRoom,
) -> None:
    ada, bob, case = room.two()
    out_of_the_tenant(room, bob)
    room.due.run(DUE)
    assert (room.case(case).state, room.get().state, room.events()) == (CaseState.LAPSED, State.PENDING, [])
    assert room.carried(ada.account_id) == []


def test_t3_whoever_names_two_addresses_of_their_own_has_one_account_and_gets_nothing(room: ConversionRoom) -> None:
    room.shared()
    eve = room.sign_in("eve")
    case = room.start(eve, address("eve"), "eve@private.example")
    room.accept(eve, address("eve"))
    with room.database.begin() as connection:
        room.accounts.set_email(connection, eve.account_id, "eve@private.example", verified=True, now=NOW)
    with pytest.raises(NotAccepted):
        room.accept(eve, "eve@private.example")
    room.due.run(NOW + GATHERING)
    assert (room.case(case).state, room.carried(eve.account_id)) == (CaseState.LAPSED, [])


def test_t3_two_accounts_of_which_one_is_linked_to_the_other_are_one_in_the_end(room: ConversionRoom) -> None:
    """Bob's way in was Ada's by the time that it was due."""
    ada, bob, case = room.two()
    with room.database.begin() as connection:
        another = {"id": "i-2", "account_id": bob.account_id, "pseudonym": "v1:2", "provider_id": "github"}
        connection.execute(insert(identities).values(**another, linked_at=NOW))
        moved = identities.c.id == bob.identity_id
        connection.execute(identities.update().where(moved).values(account_id=ada.account_id))
    room.due.run(DUE)
    assert room.case(case).state is CaseState.WAITING


def test_nuget_exactly_one_admin_is_not_enough(room: ConversionRoom) -> None:
    room.shared()
    ada, bob = room.sign_in("ada"), room.sign_in("bob")
    case = room.start(ada, address("ada"), address("bob"))
    room.accept(ada, address("ada"))
    room.due.run(DUE)
    assert (room.case(case).state, room.events()) == (CaseState.WAITING, [])
    room.accept(bob, address("bob"), DUE)
    room.due.run(DUE + HOUR)
    done = room.case(case)
    assert done.organization_id is not None
    assert [room.role(done.organization_id, each.account_id) for each in (ada, bob)] == ["admin", "admin"]


def test_nuget_a_token_without_expiry(room: ConversionRoom) -> None:
    """Theirs was written with a date that nothing ever compared."""
    room.shared()
    ada = room.sign_in("ada")
    room.start(ada, address("ada"), address("bob"))
    token, stopping = room.token(address("ada")), room.link(Verb.STOP)
    room.due.run(NOW + GATHERING)
    with pytest.raises(NotAccepted), room.database.begin() as connection:
        room.conversions.accept(connection, just_now(ada, NOW + GATHERING), token)
    with room.database.read() as connection:
        assert room.named.by_token(connection, token) is None
        assert links.find(connection, stopping, NOW) is None


def test_nuget_no_preview(room: ConversionRoom) -> None:
    """What happens to each package, role and key is told before anybody agrees, and what is not known is said so."""
    room.shared(last_sign_in_at=NOW)
    told = preview.of(room.get())
    assert [(each.name, each.role, each.becomes) for each in told.packages] == [
        ("contoso.core", "owner", OWNED),
        ("contoso.parts", "maintainer", SAME_ROLE),
    ]
    assert (told.account, told.keys, told.last_sign_in_at, told.undo_until) == ("user42", 3, NOW, None)
    room.shared("43", packages=dump_packages([]), keys=0, name="bare", email=None)
    told = preview.of(room.get("43"), NOW)
    assert (told.packages, told.keys, told.last_sign_in_at, told.undo_until) == ([], 0, None, NOW)


def converted(room: ConversionRoom) -> tuple[SignIn, SignIn, Case]:
    ada, bob, case = room.two()
    room.due.run(DUE)
    return ada, bob, room.case(case)


def test_after_its_effect_all_who_accepted_are_admins_and_the_address_is_a_contact(room: ConversionRoom) -> None:
    ada, bob, case = converted(room)
    assert (case.state, room.get().state) == (CaseState.EFFECTIVE, State.CONVERTED)
    organization_id = str(case.organization_id)
    assert [room.role(organization_id, each.account_id) for each in (ada, bob)] == ["admin", "admin"]
    assert room.carried(organization_id) == ["42"]
    with room.database.read() as connection:
        assert contact_of(connection, room.cipher, organization_id) == SHARED
        assert carried_since(connection, organization_id) == DUE
        assert carried_since(connection, ada.account_id) is None
        assert room.organizations.get(connection, organization_id).name == NAME
    assert [kind for kind, *_ in room.events()] == [EventKind.CONVERTED]


def test_a_name_that_was_taken_meanwhile_costs_nothing_but_the_name(room: ConversionRoom) -> None:
    _, _, case = room.two()
    room.organization(room.person("faster"), NAME)
    room.due.run(DUE)
    with room.database.read() as connection:
        found = room.organizations.get(connection, str(room.case(case).organization_id))
    assert found.name.startswith(f"{NAME} ")
    assert case.id[:8] not in found.name, "which somebody could have foreseen"


def test_an_objection_stops_it_and_calls_the_operators(room: ConversionRoom) -> None:
    ada, _, case = room.two()
    room.operator("otto")
    room.object()
    assert (room.case(case).state, room.get().state) == (CaseState.STOPPED, State.FROZEN)
    assert any(case.id in text for text in room.mails_to(address("otto")))
    room.due.run(DUE)
    room.due.run(NOW + GATHERING)
    assert (room.case(case).state, room.events(), room.carried(ada.account_id)) == (CaseState.STOPPED, [], [])


def test_whoever_is_behind_the_address_can_object_until_it_takes_effect_however_late(room: ConversionRoom) -> None:
    """The second admin accepts on the tenth day; a worker that was away finds it on the twentieth."""
    room.shared()
    ada, bob = room.sign_in("ada"), room.sign_in("bob")
    case = room.start(ada, address("ada"), address("bob"))
    room.accept(ada, address("ada"))
    room.accept(bob, address("bob"), NOW + timedelta(days=10))
    room.object(NOW + timedelta(days=20))
    room.due.run(NOW + timedelta(days=20))
    assert room.case(case).state is CaseState.STOPPED


def test_an_undo_switches_the_organisation_off_and_freezes_the_account(room: ConversionRoom) -> None:
    room.operator("otto")
    _, _, case = converted(room)
    with room.database.begin() as connection:
        room.effects.undo(connection, case, DUE + UNDO - HOUR)
        assert room.organizations.get(connection, str(case.organization_id)).status == "disabled"
    assert (room.case(case).state, room.get().state) == (CaseState.UNDONE, State.FROZEN)
    assert room.carried(str(case.organization_id)) == []
    assert [kind for kind, *_ in room.events()] == [EventKind.CONVERTED, EventKind.CONVERSION_UNDONE]
    assert room.mails_to(address("otto"))


# In the organisation that came of it


def change(room: ConversionRoom, case: Case, by: SignIn, whom: SignIn, verb: str, at: timedelta) -> Change:
    """Have an admin ask for another one's role, or membership, so long after it took effect."""
    asking = fresh_admin(person_of(by.anew(DUE + at), DUE + at), str(case.organization_id))
    with room.database.begin() as connection:
        if verb == "remove":
            asked = room.organizations.remove_member(connection, asking, whom.account_id)
        else:
            asked = room.organizations.change_role(connection, asking, whom.account_id, type(asking.role)("member"))
    assert asked is not None
    return asked


@pytest.mark.parametrize("verb", ["remove", "demote"])
def test_rubygems_one_co_owner_alone(room: ConversionRoom, verb: str) -> None:
    """There, one of several owners moved what was shared, and demoted the others, at once and before they were told."""
    ada, bob, case = converted(room)
    early = change(room, case, ada, bob, verb, HOUR)
    assert early.effective_at == DUE + SETTLING, "never while it can be undone"
    assert any("2026-12-13" in text for text in room.mails_to(address("bob"))), "who it is about is told when"
    appliers = room.organizations.appliers()
    room.changes.apply_due(room.database, DUE + SETTLING - HOUR, appliers)
    assert room.role(str(case.organization_id), bob.account_id) == "admin"
    room.changes.apply_due(room.database, DUE + SETTLING, appliers)
    assert room.role(str(case.organization_id), bob.account_id) != "admin"


@pytest.mark.parametrize("verb", ["remove", "demote"])
def test_later_too_nobody_takes_an_admins_role_in_less_than_seven_days(room: ConversionRoom, verb: str) -> None:
    ada, bob, case = converted(room)
    late = change(room, case, ada, bob, verb, timedelta(days=100))
    assert late.effective_at == late.requested_at + SHARED_WAIT


def test_it_is_the_same_time_in_which_a_conversion_can_be_undone() -> None:
    assert (SETTLING, SHARED_WAIT) == (UNDO, OBJECTION)


def test_an_organisation_that_was_never_shared_waits_a_day(room: ConversionRoom) -> None:
    organization_id, (ada, bob) = room.admins("ada", "bob")
    with room.database.begin() as connection:
        asked = room.organizations.remove_member(connection, ada, bob.account_id)
        assert asked is not None
        assert asked.effective_at == NOW + WAIT
        attach(connection, "42", organization_id, NOW)
        longer = room.organizations.change_role(connection, bob, ada.account_id, type(ada.role)("member"))
    assert longer is not None
    assert longer.effective_at == NOW + SETTLING
