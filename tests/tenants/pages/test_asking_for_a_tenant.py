"""A tenant is asked for by its id or a domain of it, once, and by an admin with a fresh proof."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from broker.tenants.model import mappings
from providers.standins import CONTOSO, NORTHWIND
from tests.tenants.pages.office import ADA, Office, asked, place


def mapping_count(office: Office) -> int:
    with office.books() as connection:
        return connection.execute(select(func.count()).select_from(mappings)).scalar_one()


@pytest.mark.parametrize("named", ["northwind.example", " NORTHWIND.example", NORTHWIND, NORTHWIND.upper()])
def test_a_tenant_is_asked_for_by_its_id_or_a_domain_of_it(office: Office, named: str) -> None:
    ada = office.signed_in(ADA)
    here = place(office.organization(ada))
    response = ada.submit(f"{here}/tenants", {"tenant": named, "name": "Our <b>Northwind</b>"})
    assert response.status_code == 303
    page = ada.get(response.headers["Location"])
    assert "The tenant is asked for." in page.text
    assert "<bdi>Our &lt;b&gt;Northwind&lt;/b&gt;</bdi>" in page.text
    assert NORTHWIND in page.text
    assert office.tenant(response.headers["Location"].rpartition("/")[2].partition("?")[0]).tid == NORTHWIND


@pytest.mark.parametrize(
    "typed, problem",
    [
        ({"tenant": "", "name": "N"}, "one of its domains"),
        ({"tenant": "no domain", "name": "N"}, "one of its domains"),
        ({"tenant": "127.0.0.1", "name": "N"}, "one of its domains"),
        ({"tenant": "nobody.example", "name": "N"}, "Microsoft knows no tenant"),
        ({"tenant": "9188040d-6c67-4c5b-b112-36a304b66dad", "name": "N"}, "A tenant is known by its id"),
        ({"tenant": NORTHWIND, "name": " "}, "A name has"),
        ({"tenant": NORTHWIND, "name": "N", "provider": "github"}, "no tenants to map"),
        ({"tenant": "northwind.example", "name": "N", "provider": "github"}, "no tenants to map"),
    ],
)
def test_what_is_no_tenant_or_has_no_name_is_shown_again_with_what_was_typed(
    office: Office, typed: dict[str, str], problem: str
) -> None:
    ada = office.signed_in(ADA)
    here = place(office.organization(ada))
    response = ada.submit(f"{here}/tenants", typed)
    assert response.status_code == 400
    assert problem in response.text
    assert f'value="{typed["tenant"]}"' in response.text
    assert f'value="{typed["name"]}"' in response.text
    assert mapping_count(office) == 0


def test_a_domain_is_not_looked_up_when_microsoft_does_not_answer(office: Office) -> None:
    ada = office.signed_in(ADA)
    here = place(office.organization(ada))
    office.world.standins.toggles.set("discovery_500", "microsoft")
    try:
        response = ada.submit(f"{here}/tenants", {"tenant": "northwind.example", "name": "N"})
    finally:
        office.world.standins.toggles.reset()
    assert response.status_code == 400
    assert "Microsoft could not be asked" in response.text


def test_a_tenant_is_asked_for_once_at_a_time(office: Office) -> None:
    ada = office.signed_in(ADA)
    here = place(office.organization(ada))
    form = {"tenant": NORTHWIND, "name": "Northwind"}
    assert ada.submit(f"{here}/tenants", form).status_code == 303
    again = ada.submit(f"{here}/tenants", form)
    assert again.status_code == 409
    assert f'href="{here}"' in again.text
    assert mapping_count(office) == 1


def test_t4_a_sign_in_of_more_than_ten_minutes_ago_asks_for_no_tenant_and_proves_none(office: Office) -> None:
    ada, here, mapping_id = asked(office)
    house = here.partition("/tenants/")[0]
    office.world.clock.move(timedelta(minutes=10, seconds=1))
    shown = ada.get(here).text
    assert f'href="/signin?fresh=yes&amp;next={here}"' in shown
    assert 'action="' + here not in shown
    for path, form in ((f"{house}/tenants", {"tenant": CONTOSO, "name": "C"}), (f"{here}/prove", {})):
        response = ada.submit(path, form)
        assert response.status_code == 403
        assert "Sign in once more" in response.text
    assert mapping_count(office) == 1
    assert office.state(mapping_id) == "requested"
