"""T4, T5: a tenant is mapped by a sign-in at that very tenant, of somebody whom its admin's own session sent there."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, select, update

from broker.accounts.model import accounts
from broker.accounts.organizations.model import memberships
from broker.tenants.model import mappings
from providers.standins import CONTOSO, NORTHWIND
from providers.standins import browser as upstream
from tests.tenants.pages.office import (
    ADA,
    GRACE,
    OLGA,
    Office,
    approve,
    asked,
    consent_url,
    onward,
    place,
    press,
    prove,
    query,
)
from tests.world import Page, Visitor

UNKNOWN = "12345678-0000-4000-8000-000000000000"


def test_a_tenant_is_proven_by_somebody_who_may_speak_for_it_and_then_approved(office: Office) -> None:
    ada, here, mapping_id = asked(office)
    session = office.session(ada)
    with office.books() as connection:
        before = connection.execute(select(func.count()).select_from(accounts)).scalar_one()
    landed = prove(ada, here, "northwind-admin")
    assert landed.url == f"{office.world.base}{here}?notice=proven"
    assert "waits for an operator" in landed.text
    assert "by somebody who may speak for the tenant" in landed.text
    assert office.tenant(mapping_id).speaks
    with office.books() as connection:
        assert connection.execute(select(func.count()).select_from(accounts)).scalar_one() == before, "nobody new"
    assert office.session(ada).account_id == session.account_id, "and nobody else is signed in"
    operator = office.operator()
    assert press(operator, "/operator", f"mappings/{mapping_id}/approve").status_code == 303
    assert office.state(mapping_id) == "active"
    assert "People of this tenant can sign in with it" in ada.get(here).text
    assert office.signed_in("northwind-mfa", "entra").get("/account").status_code == 200


def test_until_then_nobody_of_the_tenant_signs_in(office: Office) -> None:
    ada, here, _ = asked(office)
    prove(ada, here, "northwind-admin")
    page = office.world.visitor().open_account("northwind-admin", "entra")
    assert page.status == 403
    assert page.meta("reason") == "tenant_not_allowed"


def test_where_it_was_approved_before_the_sign_in_is_enough(office: Office) -> None:
    ada, here, mapping_id = asked(office)
    url = onward(ada, press(ada, here, "prove", {"approved": "already"}))
    assert urlsplit(url).path == f"/{NORTHWIND}/oauth2/v2.0/authorize"
    assert query(url)["prompt"] == "select_account"
    ended = ada.walk(ada.come_back(upstream.sign_in(url, "northwind-admin")))
    assert isinstance(ended, Page)
    assert ended.url.endswith("?notice=proven")
    assert office.state(mapping_id) == "proven"


def test_without_a_role_that_speaks_an_operator_decides(office: Office) -> None:
    ada, here, mapping_id = asked(office)
    landed = prove(ada, here, "northwind-mfa")
    assert "without a role that may speak for it" in landed.text
    assert office.state(mapping_id) == "proven"
    assert not office.tenant(mapping_id).speaks
    assert "may speak for the tenant has proven it" in prove(ada, here, "northwind-admin").text, "once more, with one"


@pytest.mark.parametrize(
    "persona, reason", [("northwind-guest", "guest_refused"), ("northwind-pwd", "too_weak")], ids=["guest", "password"]
)
def test_t4_a_guest_or_a_password_alone_proves_nothing_and_the_page_leads_back(
    office: Office, persona: str, reason: str
) -> None:
    ada, here, mapping_id = asked(office)
    refused = prove(ada, here, persona)
    assert refused.status == 403
    assert "The tenant is not mapped" in refused.text
    assert refused.meta("reason") == reason
    back = next(each for each in refused.links if each.startswith("/leave/"))
    assert ada.get(back).headers["Location"] == here
    assert office.state(mapping_id) == "requested"


def test_t5_a_sign_in_at_another_tenant_proves_nothing(office: Office) -> None:
    ada, here, mapping_id = asked(office)
    response = approve(ada, consent_url(ada, here))
    elsewhere = response.headers["Location"].replace(NORTHWIND, CONTOSO)
    refused = ada.walk(ada.come_back(upstream.sign_in(elsewhere, OLGA)))
    assert isinstance(refused, Page)
    assert refused.status == 403
    assert "The tenant is not mapped" in refused.text
    assert office.state(mapping_id) == "requested"


def test_t4_nobody_of_another_tenant_is_offered_the_sign_in(office: Office) -> None:
    ada, here, _ = asked(office)
    response = approve(ada, consent_url(ada, here))
    with pytest.raises(KeyError):
        ada.walk(response, OLGA)


def signed_out(office: Office, ada: Visitor, mapping_id: str) -> None:
    ada.submit("/signout")


def signed_in_anew(office: Office, ada: Visitor, mapping_id: str) -> None:
    ada.open_account(ADA, "github")


def somebody_else(office: Office, ada: Visitor, mapping_id: str) -> None:
    ada.submit("/signout")
    ada.open_account(GRACE, "github")


def demoted(office: Office, ada: Visitor, mapping_id: str) -> None:
    with office.books() as connection:
        connection.execute(update(memberships).values(role="member"))


def removed(office: Office, ada: Visitor, mapping_id: str) -> None:
    with office.books() as connection:
        connection.execute(memberships.delete())


def switched_off(office: Office, ada: Visitor, mapping_id: str) -> None:
    office.close_account(office.tenant(mapping_id).organization_id)


@pytest.mark.parametrize(
    "meanwhile",
    [signed_out, signed_in_anew, somebody_else, demoted, removed, switched_off],
    ids=lambda each: each.__name__,
)
def test_t4_who_is_not_the_admin_who_asked_any_more_proves_nothing(
    office: Office, meanwhile: Callable[[Office, Visitor, str], None]
) -> None:
    ada, here, mapping_id = asked(office, anew=True)
    response = approve(ada, consent_url(ada, here))
    meanwhile(office, ada, mapping_id)
    ended = ada.walk(response, "northwind-admin")
    assert isinstance(ended, Page)
    assert ended.status == 400
    assert "The tenant is not mapped" in ended.text
    assert office.state(mapping_id) == "requested"
    assert "tenant.proven" not in office.actions()[-3:]


@pytest.mark.parametrize("verb", ["release", "suspend"])
def test_t5_a_sign_in_that_is_under_way_does_not_revive_a_tenant(office: Office, verb: str) -> None:
    ada, here, mapping_id = asked(office)
    response = approve(ada, consent_url(ada, here))
    house = here.partition("/tenants/")[0].rpartition("/")[2]
    if verb == "suspend":
        operator = office.fresh_operator(office.operator())
        admin = office.admin(ada, house)
        with office.books() as connection:
            office.people.mappings.prove(connection, admin, mapping_id, tid=NORTHWIND, roles=frozenset(), guest=False)
            office.people.mappings.approve(connection, operator, mapping_id)
    assert press(ada, here, verb).status_code == 303
    before = office.tenant(mapping_id)
    ended = ada.walk(response, "northwind-admin")
    assert isinstance(ended, Page)
    assert ended.status == 409
    assert here in ended.links
    assert office.tenant(mapping_id) == before


def test_a_tenant_that_is_active_is_not_proven_again(office: Office) -> None:
    ada = office.signed_in(ADA)
    house = office.organization(ada)
    mapping_id = office.active(ada, house, office.operator())
    response = press(ada, place(house, mapping_id), "prove")
    assert response.status_code == 409
    assert "Nothing was changed" in response.text


def test_a_tenant_that_microsoft_does_not_know_is_not_proven(office: Office) -> None:
    ada = office.signed_in(ADA)
    house = office.organization(ada)
    here = place(house, office.requested(ada, house, UNKNOWN))
    response = press(ada, here, "prove")
    assert response.status_code == 403
    assert f'href="{here}"' in response.text
    entrance = onward(ada, press(ada, here, "prove", {"approved": "already"}))
    assert entrance.startswith("/signin/")
    assert "The tenant is not mapped" in ada.get(entrance).text


def test_a_provider_of_one_tenant_maps_no_other(office: Office) -> None:
    ada = office.signed_in(ADA)
    here = place(office.organization(ada))
    form = {"tenant": NORTHWIND, "name": "Northwind", "provider": "operator"}
    assert ada.submit(f"{here}/tenants", form).status_code == 400


def test_a_tenant_whose_provider_is_switched_off_is_not_proven(office: Office) -> None:
    ada, here, _ = asked(office)
    with office.books() as connection:
        connection.execute(update(mappings).values(provider_id="gone"))
    assert "<bdi>gone</bdi>" in ada.get(here).text
    assert press(ada, here, "prove").status_code == 400
