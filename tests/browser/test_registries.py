"""The registries of the account page in Chromium: what each may, and how that ends."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.house import House, Person
from tests.chromium import SMALL, check_page
from tests.oidc.kinds import refresh

ALL = "openid profile email offline_access"


@pytest.fixture
def house(guesthouse: House) -> House:
    return guesthouse


def refresh_token(person: Person, client_id: str, persona: str | None = None) -> str:
    """Sign in at a registry for good, and return what it has got for it. One that is not ours is told yes."""
    request = person.come_from(client_id, scope=ALL, provider="github")
    if persona is not None:
        person.pick(persona)
    if client_id == "crates":
        person.page.get_by_role("button", name="Allow", exact=True).click()
    return str(person.back_at(client_id, request).response["refresh_token"])


def listed(person: Person) -> Locator:
    """Open the account page, and return its entries of registries."""
    person.open("/account")
    person.heading("Your account")
    return person.page.get_by_role("region", name="Registries").locator(".items > li")


def test_each_registry_is_listed_with_what_it_may_and_loses_it_without_the_others(
    somebody: Callable[..., Person],
) -> None:
    person = somebody(scripts=False)
    ours, crates = refresh_token(person, "ours", "2fa-true"), refresh_token(person, "crates")
    entries = listed(person)
    expect(entries).to_have_count(2)
    expect(entries.filter(has_text="Has access while you are away, until")).to_have_count(2)
    expect(entries.filter(has_text="Crates of Others").get_by_role("listitem")).to_have_count(4)
    expect(entries.filter(has_text="Registry of Ours").get_by_role("listitem")).to_have_count(0)
    person.button("Take back what Registry of Ours may").click()
    expect(person.page.get_by_role("status")).to_contain_text("Taken back.")
    expect(entries).to_have_count(1)
    expect(entries).to_contain_text("Crates of Others")
    world = person.house.world
    assert refresh(world, "ours", ours).json()["error"] == "invalid_grant"
    assert refresh(world, "crates", crates).status_code == 200


def test_signing_out_everywhere_ends_what_they_do_while_away_and_leaves_what_they_may_know(person: Person) -> None:
    token = refresh_token(person, "crates", "gh-same-email")
    expect(listed(person)).to_have_count(1)
    person.check("light")
    check_page(person.page, SMALL, "dark")
    person.button("Sign out everywhere").click()
    person.heading("You are signed out everywhere")
    person.check("light")
    assert refresh(person.house.world, "crates", token).json()["error"] == "invalid_grant"
    request = person.come_from("crates", scope=ALL, provider="github")
    person.pick("gh-same-email")
    person.back_at("crates", request)  # without being asked
