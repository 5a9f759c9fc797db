"""From a domain to its tenant: what is a domain, and what Microsoft says of it."""

import logging

import pytest

from providers.catalog import CONSUMERS
from providers.microsoft.domains import is_domain
from providers.provider import Fault, ProviderError
from providers.standins import CONTOSO, NORTHWIND, Standins
from tests.providers.microsoft.flows import entra
from tests.providers.microsoft.scripted import TENANT, Answer, Scripted

DOMAIN = "canary.example"
PATH = f"/{DOMAIN}/v2.0/.well-known/openid-configuration"


@pytest.mark.parametrize(
    "domain",
    [
        *("contoso.example", "a.b", "xn--bcher-kva.example", "1.example", "a-b.c-d.example", f"{'a' * 63}.example"),
        ".".join(["a" * 49] * 5) + ".a2",
    ],
)
def test_a_domain_is_labels_with_dots_between_them(domain: str) -> None:
    assert is_domain(domain)


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "contoso", "organizations", "common", CONTOSO, "contoso.", ".example", "a..example"),
        *("Contoso.example", "contoso.example\n", " contoso.example", "con toso.example", "contoso_x.example"),
        *("-a.example", "a-.example", "a.-b", "a.b-", f"{'a' * 64}.example", ".".join(["a" * 49] * 5) + ".abcde"),
        *("127.0.0.1", "1.2", "contoso.123", "bücher.example", "contoso.ex٠mple", "[::1]", "a.b:443"),
        *("a.b/c", "a.b?c", "a.b#c", "a@b.example", "a.b%2fc", "..", "../v2.0", "a.b\\c", "a.b\x00"),
    ],
    ids=str,
)
def test_t11_whatever_else_was_typed_is_no_domain_and_nothing_is_asked(standins: Standins, text: str) -> None:
    assert not is_domain(text)
    assert entra(standins).tenant_of_domain(text) is None
    assert standins.requests == ()


def test_a_domain_leads_to_the_tenant_that_has_it(standins: Standins) -> None:
    provider = entra(standins)
    assert provider.tenant_of_domain("contoso.example") == CONTOSO
    assert provider.tenant_of_domain("northwind.example") == NORTHWIND
    assert provider.tenant_of_domain("nobody.example") is None


def test_the_domains_of_personal_accounts_belong_to_no_tenant(microsoft: Scripted) -> None:
    microsoft.answers[PATH] = Answer(body={"issuer": f"{microsoft.instance}/{CONSUMERS}/v2.0"})
    assert microsoft.entra().tenant_of_domain(DOMAIN) is None


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body={}),
        Answer(body=[]),
        Answer(body=b"<html>"),
        Answer(body=b"[" * 100_000),
        Answer(body={"issuer": None}),
        Answer(body={"issuer": ["{i}/" + TENANT + "/v2.0"]}),
        Answer(body={"issuer": "{i}/{{tenantid}}/v2.0"}),
        Answer(body={"issuer": "{i}/" + TENANT.upper() + "/v2.0"}),
        Answer(body={"issuer": "{i}/" + TENANT + "/v2.0/"}),
        Answer(body={"issuer": "{i}/" + TENANT + "/v2.0\n"}),
        Answer(body={"issuer": "{i}/" + TENANT + "/v2x0"}),
        Answer(body={"issuer": "{i}/" + TENANT}),
        Answer(body={"issuer": "{i}." + TENANT + "/v2.0"}),
        Answer(body={"issuer": "https://attacker.invalid/" + TENANT + "/v2.0"}),
        Answer(body={"issuer": "{i}/" + TENANT + "/v2.0"}, status=201),
        Answer(body={"issuer": "{i}/" + TENANT + "/v2.0"}, status=400),
        Answer(body={"error": "invalid_request"}, status=400),
        Answer(body={"error": "invalid_tenant"}, status=404),
        Answer(body={"error": "invalid_tenant"}),
        Answer(body={}, status=429),
        Answer(body={}, status=500),
        Answer(body={}, status=302, headers={"Location": "/elsewhere"}),
        Answer(body={"issuer": "{i}/" + TENANT + "/v2.0", "filler": "x" * 300_000}),
    ],
    ids=lambda answer: f"{answer.status} {str(answer.body)[:50]}",
)
def test_t11_any_other_answer_is_an_outage_and_what_was_typed_is_in_no_log(
    microsoft: Scripted, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = answer.body
    if isinstance(body, dict) and isinstance(body.get("issuer"), str):
        body = {**body, "issuer": body["issuer"].format(i=microsoft.instance)}
    microsoft.answers[PATH] = Answer(body=body, status=answer.status, headers=answer.headers)
    with pytest.raises(ProviderError) as raised:
        microsoft.entra().tenant_of_domain(DOMAIN)
    assert raised.value.code is Fault.UNAVAILABLE
    assert raised.value.__cause__ is raised.value.__context__ is None
    assert "canary" not in f"{raised.value}{caplog.text}"
    assert {path for path, _, _ in microsoft.seen} == {PATH}


def test_a_domain_is_asked_for_at_the_instance_and_only_there(standins: Standins) -> None:
    standins.toggles.set("discovery_redirect")
    with pytest.raises(ProviderError) as raised:
        entra(standins).tenant_of_domain("contoso.example")
    assert raised.value.code is Fault.UNAVAILABLE
    assert not [seen for seen in standins.requests if "elsewhere" in seen.path]
