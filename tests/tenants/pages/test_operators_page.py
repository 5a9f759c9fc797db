"""T4, T5: the operators' page: what waits for them, what runs, every tenant, and who learns that there is one."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from broker.tenants.errors import Conflicting
from broker.tenants.exception_records import ExceptionRecord
from broker.tenants.pages.answers import _WORDS
from providers.standins import CONTOSO, FABRIKAM, NORTHWIND
from tests.tenants.pages.office import ADA, GRACE, OLGA, OTTO, Office, place, press
from tests.world import Visitor

PAGE = "/operator"


def asked(
    office: Office,
    visitor: Visitor,
    house: str,
    people: int = 3,
    tid: str | None = NORTHWIND,
    runs: timedelta = timedelta(days=30),
) -> str:
    """Ask for an exception, and return its id."""
    admin = office.admin(visitor, house)
    with office.books() as connection:
        return office.people.exceptions.ask(
            connection,
            admin,
            tid=tid,
            members=() if tid else (admin.account_id,),
            people=people,
            reason="No telephones here.",
            ends_at=admin.now + runs,
        ).id


def exception(office: Office, exception_id: str) -> ExceptionRecord:
    with office.books() as connection:
        return office.people.exceptions.get(connection, exception_id)


def two_houses(office: Office) -> Mapping[str, str]:
    """Have Ada's and Grace's organisations claim the same tenant, Grace's first, and return both mappings."""
    grace, ada = office.signed_in(GRACE), office.signed_in(ADA)
    first = office.active(grace, office.organization(grace, "Grace House"), office.operator())
    second = office.proven(ada, office.organization(ada, "Ada House"), roles=frozenset(), name="My Northwind")
    return {"grace": first, "ada": second}


def test_nobody_but_operators_learns_that_there_is_such_a_page(office: Office) -> None:
    ada = office.signed_in(ADA)
    mapping_id = office.proven(ada, office.organization(ada))
    here = place(office.tenant(mapping_id).organization_id, mapping_id)
    nothing = ada.get("/organizations/00000000-0000-4000-8000-000000000000/exceptions")
    shown = ada.get(PAGE)
    assert shown.status_code == nothing.status_code == 404
    assert [each for each in shown.text.splitlines() if "<dd" not in each] == [
        each for each in nothing.text.splitlines() if "<dd" not in each
    ]
    for path in (f"mappings/{mapping_id}/approve", f"mappings/{mapping_id}/nonsense", "exceptions/x/approve"):
        assert ada.submit(f"{PAGE}/{path}", page=here).status_code == 404
    assert office.world.visitor().get(PAGE).headers["Location"] == "/signin?next=%2Foperator"
    assert office.state(mapping_id) == "proven"


def test_t4_an_operator_who_comes_another_way_is_none(office: Office) -> None:
    grace = office.signed_in(GRACE)
    with office.books() as connection:
        office.people.operators.add(connection, office.session(grace).account_id, office.world.clock())
    assert grace.get(PAGE).status_code == 404, "by GitHub, and not with a phishing-resistant proof"


def test_t4_an_old_sign_in_sees_the_page_and_decides_nothing(office: Office) -> None:
    ada = office.signed_in(ADA)
    mapping_id = office.proven(ada, office.organization(ada))
    olga = office.operator()
    office.world.clock.move(timedelta(minutes=10, seconds=1))
    page = olga.get(PAGE).text
    assert "/signin?fresh=yes&amp;next=/operator" in page
    assert f"/operator/mappings/{mapping_id}" not in page
    for verb in ("approve", "refuse", "suspend", "release"):
        assert press(olga, PAGE, f"mappings/{mapping_id}/{verb}").status_code == 403
    assert office.state(mapping_id) == "proven"


def test_a_claim_is_shown_with_what_was_proven_and_refused(office: Office) -> None:
    ada = office.signed_in(ADA)
    mapping_id = office.proven(ada, office.organization(ada, "Ada & Co"), roles=frozenset())
    olga = office.operator()
    page = olga.get(PAGE).text
    assert "<h4><bdi>Ada &amp; Co</bdi></h4>" in page
    assert NORTHWIND in page
    assert "<dd>no</dd>" in page
    response = press(olga, PAGE, f"mappings/{mapping_id}/refuse")
    assert response.headers["Location"] == "/operator?notice=refuse"
    assert "Refused." in olga.get(response.headers["Location"]).text
    assert office.state(mapping_id) == "refused"


def test_both_claims_to_a_contested_tenant_are_shown_side_by_side(office: Office) -> None:
    mappings = two_houses(office)
    olga = office.signed_in(OLGA, "entra")
    page = olga.get(PAGE).text
    assert "contested" in page
    assert page.index("<bdi>Grace House</bdi>") < page.index("<bdi>Ada House</bdi>")
    assert f'action="/operator/mappings/{mappings["ada"]}/approve"' in page
    assert f'action="/operator/mappings/{mappings["grace"]}/approve"' not in page, "it is active"
    press(olga, PAGE, f"mappings/{mappings['ada']}/approve")
    assert (office.state(mappings["ada"]), office.state(mappings["grace"])) == ("active", "released")
    assert "contested" not in olga.get(PAGE).text


def test_t4_nobody_decides_for_an_organisation_of_their_own(office: Office) -> None:
    ada = office.signed_in(ADA)
    house = office.organization(ada)
    mapping_id = office.proven(ada, house)
    olga = office.operator()
    office.join(olga, house)
    response = press(olga, PAGE, f"mappings/{mapping_id}/approve")
    assert response.status_code == 403
    assert "Somebody else has to decide" in response.text
    assert office.state(mapping_id) == "proven"


def test_t4_nobody_approves_the_exception_they_asked_for(office: Office) -> None:
    olga = office.operator()
    house = office.organization(olga, "Olga House")
    exception_id = asked(office, olga, house, tid=None)
    page = olga.get(PAGE).text
    assert "You asked for it: others decide." in page
    assert f"/operator/exceptions/{exception_id}/approve" not in page
    assert press(olga, PAGE, f"exceptions/{exception_id}/approve").status_code == 403
    assert exception(office, exception_id).state.value == "requested"


def test_an_exception_for_many_takes_two_operators(office: Office) -> None:
    ada = office.signed_in(ADA)
    house = office.organization(ada)
    olga = office.operator()
    office.active(ada, house, olga)
    exception_id = asked(office, ada, house, people=21)
    assert "0 of 2 operators have approved it" in olga.get(PAGE).text
    response = press(olga, PAGE, f"exceptions/{exception_id}/approve")
    assert response.headers["Location"] == "/operator?notice=supported"
    page = olga.get(PAGE).text
    assert "1 of 2 operators have approved it, you among them" in page
    assert f"/operator/exceptions/{exception_id}/approve" not in page
    again = press(olga, PAGE, f"exceptions/{exception_id}/approve")
    assert again.status_code == 409
    assert 'href="/operator"' in again.text
    otto = office.operator(OTTO)
    assert press(otto, PAGE, f"exceptions/{exception_id}/approve").headers["Location"] == "/operator?notice=approve"
    page = otto.get(PAGE).text
    assert "0 of up to 21 of <bdi>Northwind</bdi>" in page
    assert "No telephones here." in page
    assert press(otto, PAGE, f"exceptions/{exception_id}/end").status_code == 303
    assert "0 of up to 21" not in otto.get(PAGE).text


def test_an_exception_that_nobody_decided_in_time_waits_no_more(office: Office) -> None:
    ada = office.signed_in(ADA)
    exception_id = asked(office, ada, office.organization(ada), tid=None, runs=timedelta(minutes=5))
    olga = office.operator()
    assert "No telephones here." in olga.get(PAGE).text
    office.world.clock.move(timedelta(minutes=5))
    assert "No telephones here." not in olga.get(PAGE).text
    assert press(olga, PAGE, f"exceptions/{exception_id}/approve").status_code == 409


def test_a_tenant_is_suspended_resumed_and_released_at_once(office: Office) -> None:
    ada = office.signed_in(ADA)
    olga = office.operator()
    mapping_id = office.active(ada, office.organization(ada), olga)
    for verb, state in (("suspend", "suspended"), ("resume", "active"), ("release", "released")):
        assert press(olga, PAGE, f"mappings/{mapping_id}/{verb}").headers["Location"] == f"/operator?notice={verb}"
        assert office.state(mapping_id) == state
        assert ("by an operator" in olga.get(PAGE).text) is (verb == "suspend")
    assert press(olga, PAGE, f"mappings/{mapping_id}/suspend").status_code == 409


def test_what_an_admin_suspended_an_operator_can_take_over(office: Office) -> None:
    ada = office.signed_in(ADA)
    olga = office.operator()
    mapping_id = office.active(ada, office.organization(ada), olga)
    press(ada, place(office.tenant(mapping_id).organization_id, mapping_id), "suspend")
    assert "by an admin" in olga.get(PAGE).text
    assert press(olga, PAGE, f"mappings/{mapping_id}/suspend").status_code == 303
    assert "by an operator" in olga.get(PAGE).text


@pytest.mark.parametrize(
    "search, found",
    [
        ("", {"Northwind", "Fabrikam"}),
        ("NORTH", {"Northwind"}),
        (FABRIKAM[:8], {"Fabrikam"}),
        ("ada house", {"Northwind", "Fabrikam"}),
        ("nothing like it", set()),
    ],
)
def test_tenants_are_found_by_name_organisation_and_id(office: Office, search: str, found: set[str]) -> None:
    ada = office.signed_in(ADA)
    house = office.organization(ada, "Ada House")
    office.requested(ada, house)
    office.requested(ada, house, FABRIKAM, "Fabrikam")
    page = office.operator().get(f"{PAGE}?search={search}").text
    assert {each for each in ("Northwind", "Fabrikam") if f"<bdi>{each}</bdi>" in page} == found
    assert ("None that fits." in page) is (not found)


def test_no_more_than_fifty_are_shown_at_once(office: Office) -> None:
    ada = office.signed_in(ADA)
    house = office.organization(ada)
    admin = office.admin(ada, house)
    with office.books() as connection:
        for number in range(51):
            tid = f"{number:08x}-0000-4000-8000-000000000000"
            office.people.mappings.request(connection, admin, "entra", tid, "Many")
    page = office.operator().get(PAGE).text
    assert "50 of 51 are shown." in page
    assert page.count("<bdi>Many</bdi> <span") == 50


def test_a_request_that_was_not_proven_can_be_refused(office: Office) -> None:
    ada = office.signed_in(ADA)
    mapping_id = office.requested(ada, office.organization(ada), CONTOSO)
    olga = office.operator()
    assert f'action="/operator/mappings/{mapping_id}/refuse"' in olga.get(PAGE).text
    press(olga, PAGE, f"mappings/{mapping_id}/refuse")
    assert office.state(mapping_id) == "refused"


@pytest.mark.parametrize("path", ["mappings/unknown/approve", "exceptions/unknown/approve", "mappings/unknown/rename"])
def test_what_is_not_there_cannot_be_decided(office: Office, path: str) -> None:
    response = press(office.operator(), PAGE, path)
    assert response.status_code == 404
    assert 'href="/operator"' in response.text


def test_every_conflict_has_words() -> None:
    assert set(_WORDS) == set(Conflicting)
