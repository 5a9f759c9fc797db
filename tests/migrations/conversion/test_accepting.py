"""Accepting: by whom, and until when."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from broker.accounts.service import AccountClosed
from broker.tenants import domains
from migrations.accounts.admins import Admins
from migrations.accounts.cases import Case, CaseState
from migrations.accounts.conversion.service import NotAccepted, Refusal, WrongTenant
from migrations.accounts.model import case_admins
from migrations.accounts.periods import GATHERING, OBJECTION
from tests.accounts.organizations.rooms import NOW, TID, SignIn
from tests.migrations.conversion.rooms import SHARED, ConversionRoom, address, just_now

ADA, BOB = address("ada"), address("bob")


def accepted(room: ConversionRoom, case: Case) -> list[str]:
    with room.database.read() as connection:
        return [each.account_id for each in room.named.accepted(connection, case)]


def refused(room: ConversionRoom, who: SignIn, token: str, now: Any = NOW) -> Refusal:
    with pytest.raises(NotAccepted) as error, room.database.begin() as connection:
        room.conversions.accept(connection, just_now(who, now), token)
    return error.value.refusal


@pytest.fixture
def case(room: ConversionRoom) -> Case:
    """Return one that Ada started, with herself and Bob as admins."""
    room.shared()
    return room.start(room.sign_in("starter"), ADA, BOB)


def test_whoever_has_the_very_address_accepts(room: ConversionRoom, case: Case) -> None:
    ada = room.sign_in("ada")
    assert room.accept(ada, ADA).id == case.id
    assert accepted(room, case) == [ada.account_id]
    ((_, who, detail),) = room.audited("migration.conversion_accepted")
    assert (who, detail) == (ada.account_id, {"case": case.id, "registry_account": "42"})


@pytest.mark.parametrize(
    "email, verified",
    [("eve@example.org", True), (ADA, False), ("", True), (SHARED, True), (BOB, True)],
    ids=["other", "unverified", "none", "shared", "anothers"],
)
def test_t3_a_link_that_was_forwarded_makes_nobody_an_admin(
    room: ConversionRoom, case: Case, email: str, verified: bool
) -> None:
    eve = room.sign_in("eve", email=email, verified=verified)
    assert refused(room, eve, room.token(ADA)) is Refusal.FORWARDED
    assert accepted(room, case) == []
    assert room.accept(room.sign_in("ada"), ADA).id == case.id, "the place is still free"


def test_an_address_is_the_same_in_capitals(room: ConversionRoom, case: Case) -> None:
    room.accept(room.sign_in("ada", email="ADA@Example.org"), ADA)
    assert len(accepted(room, case)) == 1


def test_accepting_twice_is_accepting_once(room: ConversionRoom, case: Case) -> None:
    ada = room.sign_in("ada")
    for _ in range(2):
        room.accept(ada, ADA)
    assert accepted(room, case) == [ada.account_id]
    assert len(room.audited("migration.conversion_accepted")) == 1


def test_t3_a_place_that_is_taken_is_not_taken_by_the_next_owner_of_the_address(
    room: ConversionRoom, case: Case
) -> None:
    ada = room.sign_in("ada")
    room.accept(ada, ADA)
    assert refused(room, room.sign_in("next", email=ADA), room.token(ADA)) is Refusal.OVER
    assert accepted(room, case) == [ada.account_id]


def test_t3_who_moves_from_address_to_address_takes_one_place(room: ConversionRoom, case: Case) -> None:
    ada = room.sign_in("ada")
    room.accept(ada, ADA)
    with room.database.begin() as connection:
        room.accounts.set_email(connection, ada.account_id, BOB, verified=True, now=NOW)
    assert refused(room, ada, room.token(BOB)) is Refusal.ALREADY
    assert accepted(room, case) == [ada.account_id]


@pytest.mark.parametrize("how", ["stopped", "withdrawn", "lapsed", "effective", "undone"])
def test_t3_what_does_not_wait_any_more_is_accepted_by_nobody(room: ConversionRoom, how: str) -> None:
    room.shared()
    starter = room.sign_in("starter")
    case = room.start(starter, ADA, BOB, address("eve"))
    token, eve = room.token(address("eve")), room.sign_in("eve")
    for name in ("ada", "bob") if how in ("effective", "undone") else ():
        room.accept(room.sign_in(name), address(name))
    if how == "stopped":
        room.object()
    elif how == "withdrawn":
        with room.database.begin() as connection:
            room.conversions.withdraw(connection, just_now(starter), case.id)
    elif how == "lapsed":
        room.due.run(NOW + GATHERING)
    else:
        room.due.run(NOW + OBJECTION)
    if how == "undone":
        with room.database.begin() as connection:
            room.effects.undo(connection, room.cases.get(connection, case.id), NOW + OBJECTION)
    assert room.case(case).state.value == how
    assert refused(room, eve, token, NOW + OBJECTION) is Refusal.OVER
    with room.database.read() as connection:
        assert room.conversions.invited(connection, token) is None


def test_a_link_that_was_never_there_leads_nowhere(room: ConversionRoom, case: Case) -> None:
    assert refused(room, room.sign_in("ada"), "x" * 43) is Refusal.OVER


def test_t7_what_ends_while_somebody_accepts_is_not_accepted(
    room: ConversionRoom, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking and holding the account, another process may have ended it."""
    token, ada, held = room.token(ADA), room.sign_in("ada"), room.ledger.held

    def held_after_the_end(connection: Any, registry_id: str) -> Any:
        monkeypatch.undo()
        room.effects.withdraw(connection, case, NOW)
        return held(connection, registry_id)

    monkeypatch.setattr(type(room.ledger), "held", lambda _, *given: held_after_the_end(*given))
    assert refused(room, ada, token) is Refusal.OVER


def test_t7_a_place_is_given_in_one_step(room: ConversionRoom, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    accept = Admins.accept

    def accept_after_another(self: Admins, connection: Any, *given: Any) -> bool:
        connection.execute(update(case_admins).values(accepted_at=NOW))
        return accept(self, connection, *given)

    monkeypatch.setattr(Admins, "accept", accept_after_another)
    assert refused(room, room.sign_in("ada"), room.token(ADA)) is Refusal.OVER


def test_t5_whoever_is_disabled_meanwhile_accepts_nothing(room: ConversionRoom, case: Case) -> None:
    ada = room.sign_in("ada")
    with room.database.begin() as connection:
        room.accounts.set_status(connection, ada.account_id, "disabled")
    with pytest.raises(AccountClosed):
        room.accept(ada, ADA)


def test_t4_where_the_domain_is_a_tenants_every_admin_has_to_come_from_there(room: ConversionRoom, case: Case) -> None:
    mapping = room.map(room.organization(room.person("owner")))
    with room.database.begin() as connection:
        domains.put(connection, mapping, ("old.example",))
    ada = room.sign_in("ada")
    for session in (ada, ada.by_tenant(TID, guest=True), ada.by_tenant(TID.replace("1", "9"))):
        with pytest.raises(WrongTenant):
            room.accept(session, ADA)
    room.accept(ada.by_tenant(TID), ADA)
    assert accepted(room, case) == [ada.account_id]


def test_only_who_has_a_part_in_it_sees_it(room: ConversionRoom) -> None:
    ada, bob, case = room.two()
    room.legacy("7", name="other")
    claim = room.begin(ada, "7")
    with room.database.read() as connection:
        seen = room.conversions.look(connection, case.id, bob.account_id)
        assert (seen.organization, seen.accepted, len(seen.named)) == ("Contoso Packages", 2, 2)
        for account_id, case_id in (("eve", case.id), ("", case.id), (ada.account_id, claim.id), ("eve", "none")):
            with pytest.raises(LookupError):
                room.conversions.look(connection, case_id, account_id)


def test_t3_a_second_way_in_of_the_same_account_is_no_second_person(room: ConversionRoom, case: Case) -> None:
    ada = room.sign_in("ada")
    room.accept(ada, ADA)
    by_another_way = replace(ada, identity_id="another", provider_id="entra", signed_in_at=NOW + timedelta(hours=1))
    with room.database.begin() as connection:
        room.accounts.set_email(connection, ada.account_id, BOB, verified=True, now=NOW)
    assert refused(room, by_another_way, room.token(BOB)) is Refusal.ALREADY
    room.due.run(NOW + OBJECTION)
    assert room.case(case).state is CaseState.WAITING
