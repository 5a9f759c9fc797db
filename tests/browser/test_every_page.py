"""It must show 7: axe finds nothing on any page on the way, on a phone and on a desktop, light and dark."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.house import Person

ESSENTIAL = '{"id_token":{"acr":{"essential":true,"values":["https://refeds.org/profile/mfa"]}}}'


def test_axe_finds_nothing_between_the_registry_and_back(person: Person) -> None:
    person.page.goto(person.house.registry)
    person.check()
    person.begin()
    person.check()
    person.choose("Microsoft")
    # The stand-ins leave the page's colour to the browser, and axe takes that for white even when it is dark.
    person.heading("Who are you?")
    person.check("light")
    person.pick("msa-mfa")
    expect(person.button("Approve")).to_be_visible()
    person.check("light")
    person.approve()
    person.arrive("msa-mfa")
    person.check()


def test_axe_finds_nothing_where_a_choice_is_not_open_or_nothing_is_found(person: Person) -> None:
    person.page.goto(f"{person.house.registry}/login?claims={ESSENTIAL}")
    person.heading("Sign in to Example Registry")
    person.check()
    person.link("Cancel and go back").click()
    person.heading("You are not signed in")
    expect(person.page.get_by_text("access_denied", exact=True)).to_be_visible()
    person.check()
    person.open("/signin/of-somebody-else")
    person.heading("This sign-in is over")
    person.check()
    person.open("/nothing-here")
    person.heading("There is nothing here")
    person.check()


def test_axe_finds_nothing_on_refusals(person: Person) -> None:
    person.begin()
    person.choose("Microsoft")
    for _ in range(2):
        person.pick("msa-nomfa")
    person.heading("Two-step verification was not used")
    person.check()
    person.choose("Work account")
    person.pick("entra-blocked")
    person.heading("Your organisation’s rules stopped this sign-in")
    person.check()


def test_axe_finds_nothing_on_the_account_pages(person: Person, somebody: Callable[..., Person]) -> None:
    person.open("/")
    person.check()
    person.sign_in_with_github()
    person.open("/account")
    person.check()
    person.page.get_by_label("Name", exact=True).fill("Ada Lovelace")
    person.button("Save name").click()
    expect(person.page.get_by_role("status")).to_be_visible()
    later = somebody()
    later.sign_in_with_github(name="Ada Lovelace")
    later.open("/account")
    later.button("Link GitHub").click()
    later.pick("gh-same-email")
    expect(later.page.get_by_role("status")).to_be_visible()
    later.check()
    later.open("/account/erase")
    later.check()
    later.page.get_by_label("Yes, erase my account for good").check()
    later.button("Erase my account").click()
    later.heading("Your account is erased")
    later.check()


def test_axe_finds_nothing_on_the_page_that_leads_to_a_provider(person: Person) -> None:
    person.sign_in_with_github()
    person.open("/account")
    # Nothing comes from there, so the page stays, which otherwise is gone at once.
    away = f"{person.house.world.standins.browser_url}/**"
    person.context.route(away, lambda route: route.fulfill(status=204))
    with person.page.expect_request(away) as leaving:
        person.button("Link Work account").click()
    person.heading("On to Work account")
    person.check()
    with person.page.expect_request(leaving.value.url):
        person.link("Continue to Work account").click()


def test_axe_finds_nothing_where_an_email_is_confirmed_and_after_signing_out(person: Person) -> None:
    person.sign_in_with_github()
    person.open("/account")
    person.page.get_by_role("textbox", name="Email").fill("ada@elsewhere.example")
    person.button("Change email").click()
    expect(person.page.get_by_role("status")).to_be_visible()
    person.page.goto(person.house.mailed_link("ada@elsewhere.example"))
    person.heading("Confirm your new email")
    person.check()
    person.button("Confirm this email").click()
    person.heading("Your email is confirmed")
    person.check()
    person.open("/account")
    person.sign_out()
    person.heading("You are signed out")
    person.check()


def test_axe_finds_nothing_on_the_pages_of_a_probe(person: Person) -> None:
    world = person.house.world
    person.open(f"/probe/{world.parts.proofs.start_probe('entra', world.clock())}")
    person.heading("Sign in to a probe")
    person.check()
    person.choose("Work account")
    person.pick("entra-mfa")
    person.approve()
    person.heading("The evidence came")
    person.check()
