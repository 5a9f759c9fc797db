"""Everything works without JavaScript, and by keyboard alone."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.house import Person

MOST_TABS = 40
FOCUSED = "document.activeElement.innerText.split('\\n')[0].trim()"


def walk_to(person: Person, text: str) -> None:
    """Press Tab until what begins with this text has the focus, which must show, and press Enter."""
    for _ in range(MOST_TABS):
        person.page.keyboard.press("Tab")
        if str(person.page.evaluate(FOCUSED)).startswith(text):
            assert person.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            person.page.keyboard.press("Enter")
            return
    raise AssertionError(f"Tab does not reach {text}")


def test_a_whole_sign_in_and_a_change_by_keyboard_alone(person: Person) -> None:
    person.page.goto(person.house.registry)
    walk_to(person, "Sign in")
    person.heading("Sign in to Example Registry")
    walk_to(person, "Microsoft")
    person.heading("Who are you?")
    walk_to(person, person.house.world.standins.persona("msa-mfa").label)
    expect(person.button("Approve")).to_be_visible()
    walk_to(person, "Approve")
    person.arrive("msa-mfa")
    person.open("/account")
    person.page.keyboard.press("Tab")
    person.page.keyboard.press("Enter")  # skip to content
    for _ in range(2):
        person.page.keyboard.press("Tab")
    person.page.keyboard.press("Control+A")
    person.page.keyboard.type("Ada Lovelace")
    person.page.keyboard.press("Enter")
    expect(person.page.get_by_role("status")).to_have_text("Your name is saved.")


def test_a_whole_sign_in_a_change_and_a_link_without_javascript(somebody: Callable[..., Person]) -> None:
    person = somebody(scripts=False)
    person.begin()
    person.choose("Microsoft")
    person.pick("msa-mfa")
    person.approve()
    person.heading("Back to the application")
    person.button("Continue").click()  # the form that otherwise posts itself
    person.arrive("msa-mfa")
    person.open("/account")
    person.page.get_by_label("Name", exact=True).fill("Ada Lovelace")
    person.button("Save name").click()
    expect(person.page.get_by_role("status")).to_have_text("Your name is saved.")
    person.button("Link GitHub").click()
    person.pick("2fa-true")
    expect(person.page.get_by_role("status")).to_have_text("Linked. You can sign in with it from now on.")
    person.sign_out()
    person.heading("You are signed out")
