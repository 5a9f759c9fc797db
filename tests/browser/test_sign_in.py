"""It must show 7: signing in to the registry in Chromium, at each provider and back."""

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from claims.vocabulary import ACR_MFA, ACR_MFA_ENROLLED, ACR_PHR
from tests.browser.house import Person

CHOOSER = "Sign in to Example Registry"


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
    for ask, outcome in (("Without asking me anything", "Welcome, Canary 2fa-true"), ("Sign in anew", CHOOSER)):
        person.context.clear_cookies(name="demo-registry")
        person.page.goto(person.house.registry)
        person.link(ask).click()
        person.heading(outcome)
    assert len(person.upstream_trips()) == 1


def test_signing_out_at_the_registry_ends_the_session_here(person: Person) -> None:
    person.sign_in_with_github()
    person.sign_out()
    person.heading("A registry that asks for MFA")
    person.open("/account")
    person.heading("Sign in to your account")


def test_a_registry_that_asks_for_more_gets_it_from_another_identity_of_the_same_account(person: Person) -> None:
    person.sign_in_with_github()
    subject = person.whoami()["id_token"]["sub"]
    person.open("/account")
    person.button("Link Work account").click()
    person.pick("entra-mfa")
    person.approve()
    expect(person.page.get_by_role("status")).to_be_visible()
    person.page.goto(person.house.registry)
    person.link("Publish a package").click()
    person.heading(CHOOSER)
    expect(person.page.get_by_role("link", name=re.compile("^Work account"))).to_contain_text("Linked to your account.")
    expect(person.page.locator(".option.off")).to_contain_text("GitHub")
    person.check("light")
    person.choose("Work account")
    person.pick("entra-mfa")
    person.approve()
    person.heading("Welcome, Canary 2fa-true")
    told = person.whoami()["id_token"]
    assert (told["sub"], told["acr"]) == (subject, ACR_MFA)
    person.page.goto(person.house.registry)
    person.link("Publish a package").click()
    person.heading("Published")


def test_cancelling_at_the_provider_ends_on_a_page_that_leads_on(person: Person) -> None:
    person.begin()
    person.choose("GitHub")
    person.pick("gh-declines")
    person.heading("You stopped at GitHub")
    person.link("Try again with GitHub").click()
    person.pick("2fa-true")
    person.arrive("2fa-true")
