"""T4, T5: the page of an organisation's exceptions: asking for one, what is shown of each, and ending it."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from broker.tenants.exception_records import ExceptionRecord
from broker.tenants.model import exception_places, exceptions
from providers.standins import CONTOSO, NORTHWIND
from tests.tenants.pages.office import ADA, GRACE, OLGA, OTTO, Office, place, press
from tests.world import Visitor

REASON = "Our people may bring <b>no</b> telephones.\r\nThe bank forbids it."


def day(office: Office, ahead: int) -> str:
    return (office.world.clock() + timedelta(days=ahead)).date().isoformat()


def house_of(office: Office) -> tuple[Visitor, str]:
    """Return Ada and the path of her organisation's exceptions; it has an active tenant."""
    ada = office.signed_in(ADA)
    house = office.organization(ada)
    office.active(ada, house, office.operator())
    return ada, f"{place(house)}/exceptions"


def form(office: Office, **more: str) -> dict[str, str]:
    return {"scope": NORTHWIND, "people": "3", "reason": REASON, "last_day": day(office, 30), **more}


def only(office: Office, here: str) -> ExceptionRecord:
    with office.books() as connection:
        (found,) = office.people.exceptions.of_organization(connection, here.split("/")[2])
    return found


def count(office: Office) -> int:
    with office.books() as connection:
        return connection.execute(select(func.count()).select_from(exceptions)).scalar_one()


def test_an_exception_is_asked_for_approved_and_shown_until_it_ends(office: Office) -> None:
    ada, here = house_of(office)
    response = ada.submit(here, form(office), page=here)
    assert response.status_code == 303
    page = ada.get(response.headers["Location"]).text
    assert "An operator decides, and all admins are told by mail." in page
    assert "Our people may bring &lt;b&gt;no&lt;/b&gt; telephones.\nThe bank forbids it." in page
    assert "Up to 3 of <bdi>Northwind</bdi>" in page
    assert "0 of 1 operators have approved it" in page
    asked = only(office, here)
    assert asked.ends_at.isoformat() == f"{day(office, 31)}T00:00:00+00:00"
    press(office.signed_in(OLGA, "entra"), "/operator", f"exceptions/{asked.id}/approve")
    assert "It runs. Who signs in by it has proven no MFA" in ada.get(here).text
    office.world.clock.move(timedelta(days=31))
    ada.open_account(ADA, "github")
    page = ada.get(here).text
    assert "It excuses nobody any more" in page, "by the time, before anything is written down"
    assert f'action="{here}/{asked.id}/end"' not in page


def test_members_are_named(office: Office) -> None:
    ada, here = house_of(office)
    grace = office.signed_in(GRACE)
    account_id = office.join(grace, here.split("/")[2])
    name = office.world.standins.persona(GRACE).name
    assert f"<bdi>{name}</bdi>" in ada.get(here).text
    assert ada.submit(here, form(office, scope="members", members=account_id, people=""), page=here).status_code == 303
    page = ada.get(here).text
    assert "1 by name" in page
    assert f"For <bdi>{name}</bdi>" in page
    assert only(office, here).places == (account_id,)


def test_a_place_that_is_taken_is_counted(office: Office) -> None:
    ada, here = house_of(office)
    ada.submit(here, form(office), page=here)
    taken = {"exception_id": only(office, here).id, "account_id": office.session(ada).account_id}
    with office.books() as connection:
        connection.execute(exception_places.insert().values(**taken, taken_at=office.world.clock()))
    assert "Used by 1 so far" in ada.get(here).text


@pytest.mark.parametrize(
    "wrong, problem",
    [
        ({"scope": ""}, "Choose one."),
        ({"scope": "members"}, "Choose one."),
        ({"scope": CONTOSO}, "not an active tenant of this organisation"),
        ({"scope": "members", "members": "nobody"}, "Only members of this organisation"),
        ({"people": ""}, "Say how many people"),
        ({"people": "0"}, "covers 1 to 10000 people"),
        ({"people": "10001"}, "covers 1 to 10000 people"),
        ({"people": "-1"}, "Say how many people"),
        ({"people": "1000000"}, "Say how many people"),
        ({"people": "\N{ARABIC-INDIC DIGIT THREE}"}, "Say how many people"),
        ({"reason": " "}, "Give a reason"),
        ({"reason": "x" * 2001}, "Give a reason"),
        ({"last_day": ""}, "Give the last day as"),
        ({"last_day": "tomorrow"}, "Give the last day as"),
        ({"last_day": "9999-12-31"}, "at most 90 days"),
        ({"last_day": "2020-01-01"}, "at most 90 days"),
    ],
)
def test_what_cannot_be_is_shown_again_with_what_was_typed(office: Office, wrong: dict[str, str], problem: str) -> None:
    ada, here = house_of(office)
    given = form(office, **wrong)
    response = ada.submit(here, given, page=here)
    assert response.status_code == 400
    assert problem in response.text
    assert f'name="last_day" value="{given["last_day"]}"' in response.text
    assert count(office) == 0


def test_it_ends_at_most_ninety_days_ahead(office: Office) -> None:
    ada, here = house_of(office)
    assert ada.submit(here, form(office, last_day=day(office, 91)), page=here).status_code == 400
    assert ada.submit(here, form(office, last_day=day(office, 90)), page=here).status_code == 303
    asked = only(office, here)
    assert asked.ends_at - asked.requested_at == timedelta(days=90)


def test_it_can_end_today(office: Office) -> None:
    ada, here = house_of(office)
    assert ada.submit(here, form(office, last_day=day(office, 0)), page=here).status_code == 303


def test_without_an_active_tenant_only_members_can_be_named(office: Office) -> None:
    ada = office.signed_in(ADA)
    here = f"{place(office.organization(ada))}/exceptions"
    page = ada.get(here).text
    assert 'name="people"' not in page
    assert 'id="scope-members"' in page


def test_a_request_is_taken_back_and_an_exception_is_ended_at_once(office: Office) -> None:
    ada, here = house_of(office)
    ada.submit(here, form(office), page=here)
    exception_id = only(office, here).id
    assert press(ada, here, f"{exception_id}/end").status_code == 303
    assert only(office, here).state.value == "ended"
    again = press(ada, here, f"{exception_id}/end")
    assert again.status_code == 409
    assert f'href="{here}"' in again.text


def test_a_refused_one_says_so(office: Office) -> None:
    ada, here = house_of(office)
    ada.submit(here, form(office), page=here)
    press(office.signed_in(OLGA, "entra"), "/operator", f"exceptions/{only(office, here).id}/refuse")
    assert "An operator refused it." in ada.get(here).text


def test_t5_the_exceptions_of_another_organisation_are_not_there(office: Office) -> None:
    ada, here = house_of(office)
    ada.submit(here, form(office), page=here)
    exception_id = only(office, here).id
    grace = office.signed_in(GRACE)
    assert grace.get(here).status_code == 404
    elsewhere = f"{place(office.organization(grace, 'Another House'))}/exceptions"
    assert press(grace, elsewhere, f"{exception_id}/end").status_code == 404
    assert "telephones" not in grace.get(elsewhere).text
    office.join(grace, here.split("/")[2])
    assert grace.get(here).status_code == 403
    assert grace.submit(here, form(office)).status_code == 403
    assert only(office, here).state.value == "requested"


def test_t4_an_old_sign_in_sees_them_and_asks_for_nothing(office: Office) -> None:
    ada, here = house_of(office)
    ada.submit(here, form(office), page=here)
    office.world.clock.move(timedelta(minutes=10, seconds=1))
    page = ada.get(here).text
    assert f'href="/signin?fresh=yes&amp;next={here}"' in page
    assert f'action="{here}' not in page
    for path in (here, f"{here}/{only(office, here).id}/end"):
        assert ada.submit(path, form(office)).status_code == 403
    assert only(office, here).state.value == "requested"
    assert office.world.visitor().get(here).headers["Location"].startswith("/signin?next=")


def test_an_operator_sees_nothing_here(office: Office) -> None:
    _, here = house_of(office)
    assert office.signed_in(OTTO, "entra").get(here).status_code == 404
