"""The page on which somebody who was named accepts, over HTTP."""

import pytest

from broker.accounts.service import AccountClosed, Accounts
from migrations.accounts.cases import CaseState
from migrations.accounts.records import State
from providers.standins import CONTOSO
from tests.migrations.conversion.house import STALE, House, Someone, state, words


def test_t3_a_link_that_was_forwarded_says_so_and_to_whom_it_was_sent_is_not_told(house: House) -> None:
    case_id, name = house.started()
    door = house.door(name, house.tom)
    answer = house.mia.press(door)
    assert (answer.status_code, house.mia.page(answer).meta("reason")) == (403, "forwarded")
    assert f"It was not sent to your address {house.mia.email}" in words(answer).replace("The mail", "It")
    assert house.tom.email not in answer.text
    assert house.case(case_id).state is CaseState.WAITING


def test_t3_one_account_takes_one_place(house: House) -> None:
    _, name = house.started(house.tom, house.mia)
    doors = [house.door(name, each) for each in (house.tom, house.mia)]
    assert house.tom.press(doors[0]).status_code == 303
    over = house.ada.get(doors[0])
    assert over.status_code == 404, "it is taken"
    parts, now = house.world.parts, house.world.clock()
    with parts.database.begin() as connection:
        parts.accounts.set_email(connection, house.tom.account_id, house.mia.email, verified=True, now=now)
    answer = house.tom.submit(doors[1])
    assert (answer.status_code, "accepted_already" in answer.text) == (409, True)
    with parts.database.begin() as connection:
        parts.accounts.set_email(connection, house.tom.account_id, house.tom.email, verified=True, now=now)


def test_accepting_takes_a_session_of_just_now(house: House) -> None:
    _, name = house.started()
    door = house.door(name, house.tom)
    stranger = house.world.visitor()
    shown = words(stranger.get(door))
    assert "Sign in to accept" in shown
    assert "@" not in shown, "to whom it was sent is not told"
    answer = stranger.submit(door, page="/claim")
    assert (answer.status_code, "sign_in_first" in answer.text) == (403, True)
    with house.later(STALE):
        assert "Sign in once more to accept" in house.tom.text(door)
        stale = house.tom.submit(door)
        assert (stale.status_code, "sign_in_again" in stale.text) == (403, True)


def test_a_link_that_was_never_sent_is_over(house: House) -> None:
    door = f"/convert/accept/{'x' * 43}"
    assert house.tom.get(door).status_code == 404
    assert house.tom.submit(door).status_code == 404


def test_t5_an_account_that_closes_meanwhile_accepts_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    _, name = house.started()
    door = house.door(name, house.tom)

    def closed(*_: object) -> None:
        raise AccountClosed("disabled")

    monkeypatch.setattr(Accounts, "hold", closed)
    answer = house.tom.press(door)
    assert (answer.status_code, "sign_in_first" in answer.text) == (403, True)


def test_who_started_it_may_be_gone_when_somebody_accepts(house: House) -> None:
    zoe = Someone(house, "zoe", "msa-when-forced", "msa")
    here = f"/convert/{zoe.attempt(house.shared().registry_id).id}"
    form = {"organization": "Team of Zoe", "admin-1": house.ada.email, "admin-2": house.tom.email}
    assert zoe.press(here, form).status_code == 303
    parts = house.world.parts
    with parts.database.begin() as connection:
        parts.accounts.erase(connection, zoe.account_id, house.world.clock())
    door = house.door("Team of Zoe", house.tom)
    assert "Somebody without a name started it" in house.tom.text(door)
    assert house.tom.press(door).status_code == 303


def test_t4_where_the_domain_is_a_companys_only_its_people_start_and_accept(house: House) -> None:
    account = house.shared()
    here = f"/convert/{house.ada.attempt(account.registry_id).id}"
    with house.company(CONTOSO, "old.example"):
        shown = house.ada.text(here)
        assert "The domain old.example of the shared address belongs to a company." in shown
        assert "Sign in with your work account" in shown
        form = {"organization": "Company", "admin-1": house.ada.email, "admin-2": house.tom.email}
        answer = house.ada.submit(here, form)
        assert (answer.status_code, "is not of that company" in words(answer)) == (403, True)
        assert state(house, account.registry_id) is State.PENDING
        there = f"/convert/{house.tom.attempt(account.registry_id).id}"
        assert house.tom.press(there, form).status_code == 303
        refused = house.ada.press(house.door("Company", house.ada))
        assert (refused.status_code, "wrong_tenant" in refused.text) == (403, True)
        assert house.tom.press(house.door("Company", house.tom)).status_code == 303
