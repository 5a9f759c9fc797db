"""Admin consent: where an admin approves, and what the browser may say about it afterwards."""

import pytest
import requests

from providers.catalog import CONSUMERS
from providers.microsoft.consent import AdminConsent, parse_admin_consent
from providers.provider import Ask, Fault, ProviderError
from providers.standins import CONTOSO, EVIDENCE_SCOPE, FABRIKAM, Standins
from providers.standins.browser import Stopped, sign_in
from tests.providers.microsoft.flows import CALLBACK, entra, query
from tests.providers.microsoft.scripted import TENANT, Answer, Scripted

GRANTED = {"admin_consent": "True", "tenant": CONTOSO, "scope": "openid", "state": "a-state"}
DENIED = {
    "admin_consent": "True",
    "error": "consent_required",
    "error_description": "AADSTS65004: The resource owner denied. Correlation ID: 8478d534-5b2c-4325-8c2c-51395c342c89",
    "state": "a-state",
}


def test_the_page_is_that_of_the_tenant_and_asks_for_what_a_sign_in_asks_for(standins: Standins) -> None:
    provider = entra(standins)
    url = provider.admin_consent_url(CONTOSO, CALLBACK, "a state & more")
    assert url.startswith(f"{standins.browser_url}/{CONTOSO}/v2.0/adminconsent?")
    sent = query(url)
    assert sent.keys() == {"client_id", "scope", "redirect_uri", "state"}
    assert (sent["redirect_uri"], sent["state"]) == (CALLBACK, "a state & more")
    assert set(sent["scope"].split()) == set(query(provider.begin(Ask()).url)["scope"].split())
    assert EVIDENCE_SCOPE in sent["scope"].split()


def test_an_admin_who_approves_brings_back_a_tenant_that_the_browser_names(standins: Standins) -> None:
    returned = sign_in(entra(standins).admin_consent_url(CONTOSO, CALLBACK, "a-state"), "nobody")
    assert (returned.method, returned.url) == ("GET", CALLBACK)
    assert returned.parameters["state"] == "a-state"
    assert parse_admin_consent(returned.parameters) == AdminConsent(claimed_tenant=CONTOSO)


def test_an_admin_who_declines_is_a_cancelled_consent(standins: Standins) -> None:
    url = entra(standins).admin_consent_url(CONTOSO, CALLBACK, "a-state")
    answer = requests.post(url, data={"tenant": "decline"}, allow_redirects=False, timeout=20)
    with pytest.raises(ProviderError) as raised:
        parse_admin_consent(query(answer.headers["Location"]))
    assert (raised.value.code, raised.value.upstream_code) == (Fault.CANCELLED, "AADSTS65004")


def test_the_page_sends_nobody_to_an_address_that_was_not_registered(standins: Standins) -> None:
    with pytest.raises(Stopped, match="AADSTS50011"):
        sign_in(entra(standins).admin_consent_url(CONTOSO, f"{CALLBACK}/elsewhere", "a-state"), "nobody")
    standins.admit([f"{CALLBACK}/consent"])
    url = entra(standins).admin_consent_url(CONTOSO, f"{CALLBACK}/consent", "a-state")
    assert sign_in(url, "nobody").url == f"{CALLBACK}/consent"


@pytest.mark.parametrize("tid", ["", "organizations", "common", "contoso.example", CONTOSO.upper(), "../x", CONSUMERS])
def test_t11_only_a_tenant_has_such_a_page(standins: Standins, tid: str) -> None:
    with pytest.raises(ProviderError) as raised:
        entra(standins).admin_consent_url(tid, CALLBACK, "a-state")
    assert raised.value.code is Fault.TENANT_NOT_ALLOWED
    assert standins.requests == ()


def test_t4_a_provider_of_one_tenant_has_no_page_for_another(standins: Standins) -> None:
    provider = entra(standins, authority=CONTOSO, tenants={})
    assert provider.admin_consent_url(CONTOSO, CALLBACK, "s").startswith(f"{standins.browser_url}/{CONTOSO}/")
    with pytest.raises(ProviderError) as raised:
        provider.admin_consent_url(FABRIKAM, CALLBACK, "s")
    assert raised.value.code is Fault.TENANT_NOT_ALLOWED


def test_a_microsoft_whose_addresses_are_of_another_form_is_the_operators_to_mend(microsoft: Scripted) -> None:
    microsoft.serve(TENANT, TENANT)
    path = f"/{TENANT}/v2.0/.well-known/openid-configuration"
    body = microsoft.answers[path].body
    assert isinstance(body, dict)
    microsoft.answers[path] = Answer(body={**body, "authorization_endpoint": f"{microsoft.instance}/authorize"})
    with pytest.raises(ProviderError) as raised:
        microsoft.entra().admin_consent_url(TENANT, CALLBACK, "s")
    assert raised.value.code is Fault.MISCONFIGURED


@pytest.mark.parametrize(
    "change",
    [
        {"admin_consent": ""},
        {"admin_consent": "False"},
        {"admin_consent": "1"},
        {"tenant": ""},
        {"tenant": "contoso.example"},
        {"tenant": f"{CONTOSO}\n"},
        {"tenant": "organizations"},
    ],
)
def test_t4_an_answer_of_another_shape_grants_nothing(change: dict[str, str]) -> None:
    with pytest.raises(ProviderError) as raised:
        parse_admin_consent({**GRANTED, **change})
    assert raised.value.code is Fault.INVALID_RESPONSE
    for name in change:
        with pytest.raises(ProviderError):
            parse_admin_consent({key: value for key, value in GRANTED.items() if key != name})


def test_an_error_outweighs_whatever_stands_beside_it() -> None:
    for parameters in (DENIED, {**GRANTED, **DENIED}):
        with pytest.raises(ProviderError) as raised:
            parse_admin_consent(parameters)
        assert raised.value.code is Fault.CANCELLED
        assert raised.value.correlation_id == "8478d534-5b2c-4325-8c2c-51395c342c89"
        assert raised.value.again is None


@pytest.mark.parametrize("word", ["True", "true"])
def test_the_tenant_that_the_browser_names_is_written_in_lower_case(word: str) -> None:
    answer = {**GRANTED, "admin_consent": word, "tenant": CONTOSO.upper()}
    assert parse_admin_consent(answer).claimed_tenant == CONTOSO
