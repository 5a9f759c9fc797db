"""The device pages in a real browser: from the link on the command line to its tokens, with and without scripts."""

from collections.abc import Callable

from playwright.sync_api import expect

from broker.oidc.device.user_codes import new_user_code, shown
from tests.browser.house import Person
from tests.chromium import SMALL, check_page
from tests.oidc.device.command_line import add_client, started


def test_somebody_lets_a_device_in_by_its_link_and_axe_finds_nothing_on_the_way(person: Person) -> None:
    world = person.house.world
    add_client(world, name="Example Registry command line")
    scope = "openid profile email offline_access"
    command_line = started(world, scope=scope, resource="https://packages.example")
    person.page.goto(command_line.codes["verification_uri_complete"])
    person.heading("Sign in a device")
    expect(person.page.get_by_label("Code")).to_have_value(command_line.user_code)
    person.check("light")
    person.button("Continue").click()
    person.heading("Sign in to Example Registry command line")
    person.choose("GitHub")
    person.pick("2fa-true")
    person.heading("Let Example Registry command line in?")
    expect(person.page.get_by_text(command_line.user_code, exact=True)).to_be_visible()
    person.check()
    check_page(person.page, SMALL, "light")
    person.button("Allow").click()
    person.heading("Your device is being signed in")
    assert command_line.poll().status_code == 200


def test_a_code_is_typed_and_turned_away_without_scripts(somebody: Callable[..., Person]) -> None:
    person = somebody(scripts=False)
    world = person.house.world
    add_client(world)
    command_line = started(world)
    person.sign_in_with_github()
    person.open("/device")
    person.page.get_by_label("Code").fill(shown(new_user_code()))
    person.button("Continue").click()
    expect(person.page.get_by_role("alert")).to_contain_text("This code is not known, or has expired.")
    person.page.get_by_label("Code").fill(command_line.user_code.lower())
    person.page.keyboard.press("Enter")
    person.heading("Let Example CLI in?")
    expect(person.link("Use another account")).to_be_visible()
    person.button("Deny").click()
    person.heading("The device was turned away")
    assert command_line.told() == "access_denied"


def test_where_a_code_is_wrong_or_nothing_is_asked_there_is_a_way_on(person: Person) -> None:
    person.open("/device")
    person.page.get_by_label("Code").fill("no code")
    person.button("Continue").click()
    expect(person.page.get_by_role("alert")).to_contain_text("A code has eight letters")
    person.check("light")
    person.open("/device/confirm/of-somebody-else")
    person.heading("There is nothing to decide here")
    person.link("Type a code").click()
    person.heading("Sign in a device")
