"""T4, T5: an approval at Microsoft leads on to the sign-in, once, in the browser that left, and proves nothing."""

from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import pytest

from providers.standins import CONTOSO, NORTHWIND
from tests.tenants.pages.office import GRACE, Office, asked, back_with, consent_url, query


def test_the_approval_asks_for_what_a_sign_in_asks_at_the_very_tenant(office: Office) -> None:
    ada, here, _ = asked(office)
    url = consent_url(ada, here)
    assert urlsplit(url).path == f"/{NORTHWIND}/v2.0/adminconsent"
    assert query(url)["redirect_uri"] == f"{office.world.base}/callback/entra/consent"
    assert "mfa_evidence" in query(url)["scope"]


def test_a_refusal_at_microsoft_is_a_page_with_the_way_back(office: Office) -> None:
    ada, here, mapping_id = asked(office)
    url = consent_url(ada, here)
    refusal = {"error": "consent_required", "error_description": "AADSTS65004: <b>declined</b>"}
    response = back_with(ada, url, tenant="", **refusal)
    assert response.status_code == 403
    assert "The application was not approved" in response.text
    assert "AADSTS65004" in response.text
    assert "declined</b>" not in response.text
    assert f'href="{here}"' in response.text
    assert office.state(mapping_id) == "requested"
    assert back_with(ada, url).status_code == 400, "the state is used"


def test_t5_what_the_response_says_of_the_tenant_is_believed_for_nothing(office: Office) -> None:
    ada, here, mapping_id = asked(office)
    response = back_with(ada, consent_url(ada, here), tenant=CONTOSO)
    assert response.status_code == 400
    assert "That was another tenant" in response.text
    assert f'href="{here}"' in response.text
    forged = back_with(ada, consent_url(ada, here), tenant=NORTHWIND)
    assert forged.status_code == 303, "nobody approved anything, and so the sign-in is all that counts"
    assert office.state(mapping_id) == "requested"


@pytest.mark.parametrize("given", [{"admin_consent": "False"}, {"tenant": "northwind.example"}, {"tenant": ""}])
def test_what_is_no_approval_leads_nowhere(office: Office, given: dict[str, str]) -> None:
    ada, here, mapping_id = asked(office)
    response = back_with(ada, consent_url(ada, here), **given)
    assert response.status_code == 403
    assert office.state(mapping_id) == "requested"


def test_t4_the_state_of_an_approval_is_good_for_one_return(office: Office) -> None:
    ada, here, _ = asked(office)
    url = consent_url(ada, here)
    assert back_with(ada, url).status_code == 303
    again = back_with(ada, url)
    assert again.status_code == 400
    assert "This approval belongs elsewhere" in again.text


def test_t4_another_browser_does_not_come_back_with_it(office: Office) -> None:
    ada, here, mapping_id = asked(office)
    url = consent_url(ada, here)
    for other in (office.world.visitor(), office.signed_in(GRACE)):
        assert back_with(other, url).status_code == 400
    assert office.state(mapping_id) == "requested"


def test_t4_it_comes_back_to_the_provider_it_left_for(office: Office) -> None:
    ada, here, _ = asked(office)
    for provider in ("operator", "github", "nobody"):
        given = {"state": query(consent_url(ada, here))["state"], "admin_consent": "True", "tenant": NORTHWIND}
        assert ada.get(f"/callback/{provider}/consent?{urlencode(given)}").status_code == 400


@pytest.mark.parametrize("more", ["&tenant=x", "&state=y", f"&error_description={'x' * 4097}"])
def test_a_parameter_that_comes_twice_or_is_oversized_is_refused(office: Office, more: str) -> None:
    ada, here, _ = asked(office)
    url = consent_url(ada, here)
    given = urlencode({"state": query(url)["state"], "admin_consent": "True", "tenant": NORTHWIND, "scope": "openid"})
    response = ada.get(f"/callback/entra/consent?{given}{more}")
    assert response.status_code == 400
    assert back_with(ada, url).status_code == 303, "and the state is still good"


def test_without_a_state_there_is_nothing_to_come_back_to(office: Office) -> None:
    assert office.world.visitor().get("/callback/entra/consent").status_code == 400


def test_after_ten_minutes_the_approval_is_over(office: Office) -> None:
    ada, here, _ = asked(office)
    url = consent_url(ada, here)
    office.world.clock.move(timedelta(minutes=10, seconds=1))
    assert back_with(ada, url).status_code == 400
