"""It must show 7: the account page in Chromium: name, email, a second identity, sessions, data, sign-out, erasure."""

import json
from collections.abc import Callable
from datetime import timedelta

from playwright.sync_api import expect

from tests.browser.house import Person

NAME = "Canary 2fa-true"
EMAIL = "ada@elsewhere.example"


def section(person: Person, heading: str) -> str:
    """Return the text of a part of the account page."""
    return person.page.get_by_role("region", name=heading).inner_text()


def signed_in(person: Person, name: str = NAME) -> Person:
    """Sign in to the registry with GitHub, where someone of this name arrives, and open the account page."""
    person.sign_in_with_github(name)
    person.open("/account")
    person.heading("Your account")
    return person


def notice(person: Person, text: str) -> None:
    expect(person.page.get_by_role("status")).to_have_text(text)


def test_a_second_identity_is_linked_and_leads_to_the_same_account(
    person: Person, somebody: Callable[..., Person]
) -> None:
    signed_in(person)
    subject = person.whoami()["id_token"]["sub"]
    person.open("/account")
    person.button("Link Work account").click()
    person.pick("entra-mfa")
    person.approve()
    notice(person, "Linked. You can sign in with it from now on.")
    assert {"GitHub", "Work account"} <= set(section(person, "Ways to sign in").splitlines())
    later = somebody()
    later.begin()
    later.choose("Work account")
    later.pick("entra-mfa")
    later.approve()
    later.arrive("2fa-true")
    assert later.whoami()["id_token"]["sub"] == subject


def test_linking_long_after_the_sign_in_asks_to_sign_in_once_more(person: Person) -> None:
    signed_in(person)
    person.house.world.clock.move(timedelta(minutes=16))
    person.page.reload()
    expect(person.page.get_by_text("Before these change, we ask you to sign in once more.")).to_be_visible()
    person.button("Link GitHub").click()
    person.heading("Sign in once more")
    person.link("Sign in again").click()
    person.choose("GitHub")
    person.pick("2fa-true")
    person.button("Link GitHub").click()
    person.pick("gh-same-email")
    notice(person, "Linked. You can sign in with it from now on.")


def test_an_identity_without_mfa_is_not_linked(person: Person) -> None:
    signed_in(person)
    person.button("Link GitHub").click()
    person.pick("2fa-false")
    person.heading("Two-factor authentication is off")
    person.link("Back to your account").click()
    assert "your only way in" in section(person, "Ways to sign in")


def test_an_identity_is_unlinked_and_the_last_one_stays(person: Person) -> None:
    signed_in(person)
    person.button("Link GitHub").click()
    person.pick("gh-same-email")
    person.button("Unlink GitHub").last.click()
    notice(person, "Unlinked. Its sessions have ended.")
    assert "your only way in" in section(person, "Ways to sign in")
    expect(person.button("Unlink")).to_have_count(0)


def test_the_session_list_shows_other_browsers_and_ends_them(person: Person, somebody: Callable[..., Person]) -> None:
    other = signed_in(somebody())
    signed_in(person)
    listed = person.page.get_by_role("region", name="Sessions").get_by_role("listitem")
    expect(listed).to_have_count(2)
    expect(listed.filter(has_text="this session")).to_have_count(1)
    expect(listed.first).to_contain_text("not proven for this sign-in")
    person.button("End the session since").click()
    notice(person, "Ended.")
    expect(listed).to_have_count(1)
    other.page.reload()
    other.heading("Sign in to your account")


def test_the_name_is_changed_and_the_registry_sees_it_at_the_next_sign_in(person: Person) -> None:
    signed_in(person)
    person.page.get_by_label("Name", exact=True).fill("Ada Lovelace")
    person.button("Save name").click()
    notice(person, "Your name is saved.")
    person.page.goto(f"{person.house.registry}/login")
    person.heading("Welcome, Ada Lovelace")


def test_a_new_email_counts_once_its_owner_has_followed_the_link_in_the_mail(
    person: Person, somebody: Callable[..., Person]
) -> None:
    signed_in(person)
    box = person.page.get_by_role("textbox", name="Email")
    before = box.input_value()
    box.fill(EMAIL)
    person.button("Change email").click()
    notice(person, "We have sent a link to the new address. The change takes effect when you follow it.")
    expect(box).to_have_value(before)
    link = person.house.mailed_link(EMAIL)
    stranger = somebody()
    stranger.page.goto(link)
    expect(stranger.page.get_by_text("sign_in_first", exact=True)).to_be_visible()
    person.page.reload()
    expect(box).to_have_value(before)
    person.page.goto(link)
    person.button("Confirm this email").click()
    person.heading("Your email is confirmed")
    person.link("Your account").click()
    expect(box).to_have_value(EMAIL)
    expect(person.page.get_by_text("verified", exact=True)).to_be_visible()


def test_a_name_that_the_provider_says_differently_is_offered_and_taken(
    person: Person, somebody: Callable[..., Person]
) -> None:
    signed_in(person)
    person.page.get_by_label("Name", exact=True).fill("Ada Lovelace")
    person.button("Save name").click()
    notice(person, "Your name is saved.")
    later = signed_in(somebody(), "Ada Lovelace")
    offer = later.page.get_by_role("region", name="Your provider has something else on file")
    expect(offer).to_contain_text(NAME)
    later.button("Use these").click()
    expect(later.page.get_by_label("Name", exact=True)).to_have_value(NAME)
    expect(offer).to_have_count(0)


def test_the_data_is_there_to_take_along(person: Person) -> None:
    signed_in(person)
    with person.page.expect_download() as downloading:
        person.link("Download my data").click()
    assert downloading.value.suggested_filename == "vestibule-account.json"
    kept = json.loads(downloading.value.path().read_text(encoding="utf-8"))
    assert NAME in json.dumps(kept)
    assert len(kept["sessions"]) == 1


def test_signing_out_ends_the_session_here(person: Person) -> None:
    signed_in(person)
    person.sign_out()
    person.heading("You are signed out")
    assert "vestibule" not in person.cookies()
    person.page.go_back()
    person.heading("Sign in to your account")
    person.page.goto(f"{person.house.registry}/login?prompt=none")
    expect(person.page.get_by_text("login_required")).to_be_visible()


def test_an_account_is_erased_only_when_the_box_is_ticked_and_then_for_good(person: Person) -> None:
    signed_in(person)
    subject = person.whoami()["id_token"]["sub"]
    person.open("/account")
    person.link("Erase my account").click()
    person.button("Erase my account").click()
    box = person.page.get_by_label("Yes, erase my account for good")
    expect(box).to_be_focused()
    box.check()
    person.button("Erase my account").click()
    person.heading("Your account is erased")
    assert "vestibule" not in person.cookies()
    person.open("/account")
    person.heading("Sign in to your account")
    person.page.goto(f"{person.house.registry}/login")
    person.choose("GitHub")
    person.pick("2fa-true")
    person.heading(f"Welcome, {NAME}")
    assert person.whoami()["id_token"]["sub"] != subject
