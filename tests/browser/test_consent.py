"""Consent in Chromium: asked once, remembered, shown, taken back, asked again; with and without scripts or a mouse."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.house import House, Person
from tests.browser.test_without_scripts import walk_to
from tests.chromium import SMALL, check_page

ALL = "openid profile email offline_access"
QUESTION = "Let Crates of Others know you?"


@pytest.fixture
def house(guesthouse: House) -> Iterator[House]:
    yield guesthouse
    guesthouse.receiver.onward = None


def registries(person: Person) -> Locator:
    """Open the account page, and return its part with the registries."""
    person.open("/account")
    person.heading("Your account")
    return person.page.get_by_role("region", name="Registries")


def test_a_registry_of_others_asks_is_turned_away_asks_again_is_let_in_and_what_it_has_is_taken_back(
    person: Person,
) -> None:
    request = person.come_from("crates", scope=ALL, provider="github")
    person.pick("2fa-true")
    person.heading(QUESTION)
    for text in (
        person.house.receiver.url,
        "Canary 2fa-true",
        "Recognise you when you come back",
        "Know your name",
        "Know your email address",
        "Stay signed in after you leave, until you end it on your account page",
    ):
        expect(person.page.get_by_text(text, exact=True)).to_be_visible()
    person.check()
    check_page(person.page, SMALL, "light")
    person.button("Do not allow").click()
    person.heading("Back at the registry")
    told = person.house.receiver.told()
    assert (told["error"], told["state"]) == ("access_denied", request.state)
    expect(registries(person)).to_have_count(0)

    request = person.come_from("crates", scope=ALL)
    person.heading(QUESTION)
    person.page.get_by_role("button", name="Allow", exact=True).click()
    tokens = person.back_at("crates", request)
    assert person.house.world.registry("crates").userinfo(tokens.response["access_token"]).status_code == 200

    request = person.come_from("crates", scope=ALL)
    again = person.back_at("crates", request)
    assert again.claims["sub"] == tokens.claims["sub"]
    assert len(person.upstream_trips()) == 1

    shown = registries(person)
    expect(shown).to_contain_text("Crates of Others")
    expect(shown).to_contain_text("Know your email address")
    expect(shown).to_contain_text("Has access while you are away, until")
    person.button("Take back what Crates of Others may").click()
    expect(person.page.get_by_role("status")).to_contain_text("Taken back.")
    expect(shown).to_have_count(0)
    assert person.house.world.registry("crates").userinfo(again.response["access_token"]).status_code == 401

    person.come_from("crates", scope=ALL)
    person.heading(QUESTION)


def test_without_scripts_and_by_keyboard_alone_somebody_says_yes(somebody: Callable[..., Person]) -> None:
    person = somebody(scripts=False)
    request = person.come_from("crates", provider="github")
    person.pick("gh-same-email")
    person.heading(QUESTION)
    expect(person.page.get_by_text("Stay signed in")).to_have_count(0)
    walk_to(person, "Allow")
    person.back_at("crates", request)


def test_a_registry_may_send_the_browser_on_to_another_site_of_its_own_after_a_yes_and_after_a_no(
    person: Person,
) -> None:
    house = person.house
    house.receiver.onward = f"{house.elsewhere.url}/packages"
    for answer in ("Do not allow", "Allow"):
        person.come_from("crates", provider="entra", prompt="consent")
        if answer == "Do not allow":
            person.pick("entra-mfa")
            person.approve()
        person.heading(QUESTION)
        person.page.get_by_role("button", name=answer, exact=True).click()
        expect(person.page).to_have_url(f"{house.elsewhere.url}/packages")
    assert "code" in house.receiver.told()


def test_t12_a_name_in_another_script_and_with_signs_of_html_is_a_name(person: Person) -> None:
    person.come_from("foreign", provider="generic")
    person.pick("oidc-mfa")
    person.approve()
    person.heading("Let סיפריית החבילות <b>2 know you?")
    assert person.page.title() == "Your consent · Vestibule"
    expect(person.page.locator("h1 b")).to_have_count(0)
    person.check("light")
    check_page(person.page, SMALL, "dark")
