"""The page that somebody sends to the admin of their tenant."""

from html import unescape
from urllib.parse import urlsplit

import pytest
import requests

from broker.web.texts import ADMINS
from providers.standins import EVIDENCE_SCOPE
from tests.world import TIMEOUT, Page, World

GUID = "AAAA0000-bb11-2222-33cc-444444dddddd"


def refused(world: World, persona: str, provider: str = "entra") -> Page:
    landed = world.visitor().sign_in(persona, provider)
    assert isinstance(landed, Page)
    assert landed.status == 403
    return landed


def for_stranger(world: World, path: str) -> requests.Response:
    """Open a page as somebody whose browser knows nothing of us."""
    return requests.get(f"{world.base}{path}", timeout=TIMEOUT, allow_redirects=False)


@pytest.mark.parametrize(
    "persona, code",
    [
        ("entra-admin-consent", "AADSTS90094"),
        ("entra-blocked", "AADSTS53003"),
        ("entra-unassigned", "AADSTS50105"),
    ],
)
def test_a_refusal_that_an_admin_can_mend_leads_to_a_page_for_them(mapped: World, persona: str, code: str) -> None:
    page = refused(mapped, persona)
    (link,) = [each for each in page.links if "/for-admins/" in each]
    assert link.startswith(f"{mapped.base}/for-admins/entra/{code}?correlation_id=")
    assert unescape(page.text).count(link) == 2, "to open, and to copy"
    shown = requests.get(link, timeout=TIMEOUT)
    assert shown.status_code == 200
    assert ADMINS[code].title in unescape(shown.text)
    assert link.rpartition("=")[2] in shown.text
    assert mapped.raw["providers"]["entra"]["client_id"] in shown.text
    assert (EVIDENCE_SCOPE in shown.text) == ADMINS[code].consent
    assert "canary" not in (link + shown.text).casefold()
    assert "Set-Cookie" not in shown.headers


@pytest.mark.parametrize(
    "provider, persona",
    [("entra", "entra-pwd"), ("entra", "entra-no-factor"), ("entra", "entra-no-application"), ("github", "2fa-false")],
)
def test_a_refusal_that_no_admin_can_mend_leads_to_no_such_page(mapped: World, provider: str, persona: str) -> None:
    assert "/for-admins/" not in refused(mapped, persona, provider).text


@pytest.mark.parametrize("code", ADMINS)
def test_every_known_code_has_its_page(mapped: World, code: str) -> None:
    assert for_stranger(mapped, f"/for-admins/entra/{code}").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/entra/AADSTS50076",
        "/entra/AADSTS99999",
        "/entra/90094",
        "/entra/aadsts90094",
        "/msa/AADSTS90094",
        "/nobody/AADSTS90094",
    ],
)
def test_nothing_but_a_known_code_of_a_provider_with_tenants_has_one(mapped: World, path: str) -> None:
    assert for_stranger(mapped, f"/for-admins{path}").status_code == 404


@pytest.mark.parametrize("value, shown", [(GUID, True), ("call-0800-12345", False), (f"{GUID}x", False), ("", False)])
def test_t12_only_a_guid_is_shown_as_a_correlation_id(mapped: World, value: str, shown: bool) -> None:
    page = for_stranger(mapped, f"/for-admins/entra/AADSTS53003?correlation_id={value}").text
    assert ("Correlation id" in page) == shown
    assert (GUID.lower() in page) == shown
    assert "0800" not in page


def test_it_is_told_by_the_name_that_the_provider_has_here(mapped: World) -> None:
    page = for_stranger(mapped, "/for-admins/operator/AADSTS53003").text
    assert "<bdi>Operator guests</bdi>" in page
    assert urlsplit(mapped.base).netloc in page
