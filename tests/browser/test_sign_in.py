"""It must show 7: signing in to the registry in Chromium, at each provider and back."""

from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from claims.vocabulary import ACR_MFA, ACR_MFA_ENROLLED, ACR_PHR
from tests.browser.house import Person


@dataclass(frozen=True, kw_only=True)
class Way:
    """``strength`` is how the registry puts ``acr``; ``amr`` none: there is none in the token."""

    provider: str
    persona: str
    acr: str
    amr: set[str] | None
    strength: str


WAYS = (
    Way(provider="Microsoft", persona="msa-mfa", acr=ACR_MFA, amr={"mfa"}, strength="Multi-factor"),
    Way(provider="Work account", persona="entra-mfa", acr=ACR_MFA, amr={"pwd", "mfa"}, strength="Multi-factor"),
    Way(provider="Work account", persona="entra-phr", acr=ACR_PHR, amr={"mfa"}, strength="Phishing-resistant"),
    Way(provider="Example ID", persona="oidc-mfa", acr=ACR_MFA, amr={"pwd", "otp", "mfa"}, strength="Multi-factor"),
    Way(
        provider="GitHub",
        persona="2fa-true",
        acr=ACR_MFA_ENROLLED,
        amr=None,
        strength="MFA is switched on for your account. That it was used just now is not proven.",
    ),
)


@pytest.mark.parametrize("way", WAYS, ids=[way.persona for way in WAYS])
def test_a_persona_comes_back_to_the_registry_with_what_was_proven_and_no_more(person: Person, way: Way) -> None:
    person.begin()
    person.choose(way.provider)
    person.pick(way.persona)
    if way.provider != "GitHub":
        person.approve()
    person.arrive(way.persona)
    expect(person.page.locator(".strength")).to_contain_text(way.strength)
    expect(person.page.get_by_text(way.acr, exact=True)).to_be_visible()
    assert len(person.upstream_trips()) == 1
    told = person.whoami()
    assert told["id_token"]["acr"] == way.acr
    assert ("amr" in told["id_token"]) is (way.amr is not None)
    assert set(told["id_token"].get("amr", ())) == (way.amr or set())
    assert told["userinfo"]["sub"] == told["id_token"]["sub"]


def test_a_second_trip_upstream_is_made_where_it_can_bring_the_proof(person: Person) -> None:
    person.begin()
    person.choose("Example ID")
    for _ in range(2):
        person.pick("oidc-when-forced")
    person.approve()
    person.arrive("oidc-when-forced")
    assert len(person.upstream_trips()) == 2


def test_who_is_signed_in_here_need_not_sign_in_again_unless_the_registry_insists(person: Person) -> None:
    person.page.goto(person.house.registry)
    person.link("Without asking me anything").click()
    expect(person.page.get_by_text("login_required", exact=True)).to_be_visible()
    person.sign_in_with_github()
    person.button("Sign out").click()
    person.heading("A registry that asks for MFA")
    person.link("Without asking me anything").click()
    person.arrive("2fa-true")
    assert len(person.upstream_trips()) == 1
    person.button("Sign out").click()
    person.link("Sign in anew").click()
    person.heading("Sign in to Example Registry")


def test_cancelling_at_the_provider_ends_on_a_page_that_leads_on(person: Person) -> None:
    person.begin()
    person.choose("GitHub")
    person.pick("gh-declines")
    person.heading("You stopped at GitHub")
    person.link("Try again with GitHub").click()
    person.pick("2fa-true")
    person.arrive("2fa-true")
