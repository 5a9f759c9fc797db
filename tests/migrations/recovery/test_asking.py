"""Who asks is told the same whether there is an account or not; who has it, and the operators, are told at once."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import inspect, text

from broker.limits.table import Name
from migrations.accounts.cases import CaseState
from migrations.accounts.effects import TooLate
from migrations.accounts.periods import ASKING, RECOVERY
from migrations.accounts.records import Alias
from migrations.accounts.recovery.limits import MOST_OPEN, MOST_RIVALS, TooMany
from migrations.accounts.recovery.wanted import BadForm, Missing, Wanted
from tests.accounts.organizations.rooms import ISSUER, NOW
from tests.limits.counting import most
from tests.migrations.recovery.rooms import OLD, RecoveryRoom

EVE = "eve@example.org"


def test_the_old_address_the_operators_and_whoever_asked_are_told_at_once(room: RecoveryRoom) -> None:
    room.legacy()
    room.operator("otto")
    eve = room.sign_in("eve")
    case = room.recovering(eve)
    (told,) = room.mails_to(OLD)
    assert f"{ISSUER}/migration/stop/" in told
    assert "user42" in told
    (called,) = room.mails_to("otto@example.org")
    assert f"/operator/migration/cases/{case.id}" in called
    (own,) = room.mails_to(EVE)
    assert f"{ISSUER}/recover/" in own
    assert room.details(case) == {
        "called": room.index.of("user42"),
        "missing": "both",
        "evidence": "I wrote it.",
        "package": None,
    }
    assert len(room.mails()) == 3


@pytest.mark.parametrize("values", [{"email_confirmed": False}, {"email": None}, {"lapsed_at": NOW}])
def test_an_old_address_is_told_unless_it_proves_nothing_any_more(room: RecoveryRoom, values: dict[str, Any]) -> None:
    room.legacy(**values)
    room.ask(room.sign_in("eve"))
    assert len(room.mails_to(OLD)) == ("email_confirmed" in values)


def test_who_has_proven_the_account_is_told_and_who_merely_asked_is_not(room: RecoveryRoom) -> None:
    """Or a stranger with two accounts would learn whether there is such an account."""
    room.legacy()
    room.recovering(room.sign_in("rival"))
    room.begin(room.sign_in("ada"), due_at=NOW + timedelta(hours=72))
    room.recovering(room.sign_in("eve"))
    assert len(room.mails_to("ada@example.org")) == 1
    assert len(room.mails_to("rival@example.org")) == 1  # of their own request
    assert "you have claimed" in room.mails_to("ada@example.org")[0]


@pytest.mark.parametrize("account", ["user42", " USER42 ", "old@old.example", "nobody", "shared", "carried", "gone"])
def test_t12_who_asks_sees_the_same_whatever_there_is(room: RecoveryRoom, account: str) -> None:
    room.legacy()
    room.legacy("43", name="shared", email="team@old.example", kind="alias", alias=Alias.CONFIRMED.value)
    room.legacy("44", name="carried", email="x@old.example")
    room.claimed(room.sign_in("ada"), "44")
    eve = room.sign_in("eve")
    ticket = room.ask(eve, account)
    found = room.find(eve, ticket)
    assert (found.state, found.asked_at, found.due_at) == (CaseState.ASKED, NOW, NOW + ASKING)
    assert (found.looked_at, found.seen) == (None, None)
    assert len(ticket) == 63
    assert len(found.marker) == len("vestibule-") + 20
    (told,) = room.mails_to(EVE)
    assert told.replace(ticket, "…") == told_of_nothing(room)
    room.look(eve, ticket)
    assert room.find(eve, ticket).looked_at == NOW
    if found.case is None:
        assert found.marker != room.find(eve, room.ask(eve, "nobody else")).marker
    room.now += ASKING
    assert room.find(eve, ticket).state is CaseState.LAPSED
    with pytest.raises(TooLate):
        room.withdraw(eve, ticket)


def told_of_nothing(room: RecoveryRoom) -> str:
    """Return what is told of a request for an account that nobody has heard of."""
    other = room.sign_in("other")
    ticket = room.ask(other, "never heard of")
    return room.mails_to("other@example.org")[0].replace(ticket, "…")


@pytest.mark.parametrize("account", ["user42", "nobody"])
def test_the_same_request_twice_is_one_and_a_withdrawn_one_can_be_made_again(room: RecoveryRoom, account: str) -> None:
    room.legacy()
    eve = room.sign_in("eve")
    ticket = room.ask(eve, account)
    assert room.find(eve, room.ask(eve, account.upper())).id == room.find(eve, ticket).id
    assert len(room.mails_to(EVE)) == 1
    room.withdraw(eve, ticket)
    assert room.find(eve, ticket).state is CaseState.WITHDRAWN
    for late in (room.withdraw, room.look):
        with pytest.raises(TooLate):
            late(eve, ticket)
    assert room.find(eve, room.ask(eve, account)).id != room.find(eve, ticket).id


def test_t12_that_a_name_and_an_address_are_one_accounts_shows_nowhere(room: RecoveryRoom) -> None:
    room.legacy()
    eve = room.sign_in("eve")
    by_name, by_address = (room.find(eve, room.ask(eve, each)) for each in ("user42", OLD))
    assert by_name.case is not None
    assert by_address.case is None
    assert len(room.mails_to(OLD)) == 1


def test_one_that_the_store_has_forgotten_is_found_again_where_it_is_kept(room: RecoveryRoom) -> None:
    room.legacy()
    eve = room.sign_in("eve")
    ticket = room.ask(eve)
    room.store.close()
    assert room.find(eve, room.ask(eve)).id == room.find(eve, ticket).id


def test_t3_a_ticket_opens_to_nobody_else(room: RecoveryRoom) -> None:
    room.legacy()
    ticket = room.ask(room.sign_in("eve"))
    other = room.sign_in("other")
    for wrong in (ticket, ticket[:-1], f"{ticket}A", "", "x", "\N{SNOWMAN}", "A" * 63):
        with pytest.raises(LookupError):
            room.find(other, wrong)


@pytest.mark.parametrize("there", [True, False])
def test_t12_three_at_a_time_and_no_more(room: RecoveryRoom, there: bool) -> None:
    for number in range(MOST_OPEN + 1):
        if there:
            room.legacy(str(number), email=f"{number}@old.example")
    eve = room.sign_in("eve")
    tickets = [room.ask(eve, f"user{number}") for number in range(MOST_OPEN)]
    with pytest.raises(TooMany):
        room.ask(eve, f"user{MOST_OPEN}")
    room.withdraw(eve, tickets[0])
    room.ask(eve, f"user{MOST_OPEN}")


def test_t12_what_was_refused_counts_no_more_and_can_be_asked_for_again(room: RecoveryRoom) -> None:
    room.legacy()
    eve = room.sign_in("eve")
    case = room.recovering(eve)
    room.refuse(case, room.deciding("otto"))
    assert room.recovering(eve).id != case.id


@pytest.mark.parametrize("account", ["user42", "nobody"])
def test_t12_asking_and_withdrawing_in_turns_has_an_end(room: RecoveryRoom, account: str) -> None:
    room.legacy()
    eve = room.sign_in("eve")
    for _ in range(most(Name.RECOVERY_ACCOUNT)):
        room.withdraw(eve, room.ask(eve, account))
    with pytest.raises(TooMany):
        room.ask(eve, account)
    room.passes(timedelta(days=1))
    room.ask(eve, account)


def test_t12_many_who_ask_for_one_account_keep_nobody_from_claiming_it(room: RecoveryRoom) -> None:
    room.legacy()
    for number in range(MOST_RIVALS):
        room.recovering(room.sign_in(f"eve{number}"))
    otto = room.deciding("otto")
    late = room.sign_in("late")
    case = room.recovering(late)
    assert len(room.mails_to(OLD)) == MOST_RIVALS, "nobody is flooded with mails"
    assert len(room.mails_to("otto@example.org")) == 1, "operators hear of all of them"
    room.approve(case, otto)
    room.approve(case, room.deciding("olga"))
    assert len(room.mails_to(OLD)) == MOST_RIVALS + 1, "and the old address can stop it still"
    room.stop(room.stop_tokens()[-1])
    ada = room.sign_in("ada")
    room.claimed(ada)
    assert room.carried(ada.account_id) == ["42"]
    with room.database.read() as connection:
        assert CaseState.ASKED not in {each.state for each in room.cases.of_registry_account(connection, "42")}


def test_t12_three_cases_at_a_time_though_the_store_has_forgotten(room: RecoveryRoom) -> None:
    eve = room.sign_in("eve")
    for number in range(MOST_OPEN + 1):
        room.legacy(str(number), email=f"{number}@old.example")
        room.store.close()
        case = room.find(eve, room.ask(eve, f"user{number}")).case
        assert (case is None) == (number == MOST_OPEN)


@pytest.mark.parametrize("account", ["user42", "nobody"])
def test_t12_looks_for_one_request_are_limited(room: RecoveryRoom, account: str) -> None:
    room.legacy()
    eve = room.sign_in("eve")
    ticket = room.ask(eve, account)
    for _ in range(most(Name.RECOVERY_LOOK)):
        room.look(eve, ticket)
    with pytest.raises(TooMany):
        room.look(eve, ticket)
    room.passes(timedelta(hours=1))
    room.look(eve, ticket)


def test_withdrawing_also_when_it_was_granted_sets_the_account_free(room: RecoveryRoom) -> None:
    room.legacy()
    eve = room.sign_in("eve")
    room.granted_to(eve)
    room.withdraw(eve, room.ask(eve))
    room.passes(RECOVERY)
    assert room.carried(eve.account_id) == []
    room.claimed(room.sign_in("ada"))


def test_the_record_has_codes_only_and_the_words_are_in_the_database_nowhere(room: RecoveryRoom) -> None:
    room.legacy()
    canary = "kanarienvogel"
    eve = room.sign_in("eve")
    wanted = Wanted(account="user42", missing=Missing.PASSWORD, evidence=f"{canary} told me.", package=canary)
    nowhere = Wanted(account=canary, missing=Missing.PASSWORD, evidence=canary, package=canary)
    with room.database.begin() as connection:
        ticket = room.recovery.ask(connection, room.fresh(eve), wanted)
        room.recovery.ask(connection, room.fresh(eve), nowhere)
    case = room.find(eve, ticket).case
    assert case is not None
    room.approve(case, room.deciding("otto"))
    room.approve(case, room.deciding("olga"))
    named = {"case": case.id, "registry_account": "42"}
    assert [detail for _, _, detail in room.audited("migration.recovery_approved")] == [named, named]
    assert room.audited("migration.recovery_asked") == [
        ("migration.recovery_asked", eve.account_id, named),
        ("migration.recovery_asked", eve.account_id, {"reason": "nowhere"}),
    ]
    with room.database.read() as connection:
        tables = inspect(connection).get_table_names()
        dump = repr([connection.execute(text(f'SELECT * FROM "{each}"')).all() for each in tables])
    assert case.id in dump
    assert canary not in dump
    assert canary not in json.dumps([each["text"] for each in room.mails()])


@pytest.mark.parametrize(
    "form, field",
    [
        ({"account": ""}, "account"),
        ({"account": "a\nb"}, "account"),
        ({"account": "a" * 321}, "account"),
        ({"account": "ada\N{RIGHT-TO-LEFT OVERRIDE}"}, "account"),
        ({"missing": ""}, "missing"),
        ({"missing": "everything"}, "missing"),
        ({"evidence": " \r\n "}, "evidence"),
        ({"evidence": "x" * 2001}, "evidence"),
        ({"evidence": "x\x00"}, "evidence"),
        ({"package": "x" * 201}, "package"),
        ({"package": "a\tb"}, "package"),
    ],
)
def test_a_form_that_cannot_be_meant_says_what_to_mend(form: dict[str, str], field: str) -> None:
    good = {"account": "ada", "missing": "both", "evidence": "It is mine.", "package": ""}
    with pytest.raises(BadForm) as problem:
        Wanted.read({**good, **form})
    assert problem.value.field == field


def test_a_form_is_read_as_it_was_typed() -> None:
    form = {
        "account": " Ada@Old.Example ",
        "missing": "mailbox",
        "evidence": f"1\r\n2\t{'x' * 1996} ",
        "package": " w ",
    }
    assert Wanted.read(form) == Wanted(
        account="Ada@Old.Example", missing=Missing.MAILBOX, evidence=f"1\n2\t{'x' * 1996}", package="w"
    )
