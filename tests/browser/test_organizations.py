"""It must show 7: the pages of organisations in Chromium, without scripts: made, joined, ruled; a change stopped."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.house import Person

ADA, ELI = "Canary 2fa-true", "Canary gh-same-email"
ELIS_ADDRESS = "canary-entra-mfa@personas.example"


def come_by_github(person: Person, persona: str) -> None:
    person.choose("GitHub")
    person.pick(persona)


def said(person: Person, text: str) -> None:
    expect(person.page.get_by_role("status")).to_contain_text(text)


def test_an_organisation_is_made_joined_and_ruled_and_a_change_is_stopped(somebody: Callable[..., Person]) -> None:
    ada, eli = somebody(scripts=False), somebody(scripts=False)
    ada.open("/organizations")
    come_by_github(ada, "2fa-true")
    ada.heading("Your organisations")
    ada.page.get_by_label("Name").fill("Example Crates")
    ada.button("Create the organisation").click()
    ada.heading("Example Crates")
    said(ada, "The organisation is there, and you are its admin.")

    ada.page.get_by_label("Email of somebody to invite").fill(ELIS_ADDRESS)
    ada.button("Invite").click()
    said(ada, "The invitation is on its way.")
    eli.page.goto(ada.house.mailed_link(ELIS_ADDRESS))
    eli.heading("Join Example Crates")
    eli.link("Sign in to join").click()
    come_by_github(eli, "gh-same-email")
    eli.heading("Join Example Crates")
    eli.button("Join Example Crates").click()
    said(eli, "Welcome. You are a member now.")
    eli.link("Example Crates").click()
    expect(eli.page.get_by_role("region", name="Admins")).to_contain_text(ADA)

    ada.page.reload()
    people = ada.page.get_by_role("region", name="People").get_by_role("listitem")
    expect(people).to_have_count(2)
    people.filter(has_text=ELI).locator("summary").click()
    expect(ada.button("Remove")).to_be_visible()
    ada.button("Make an admin").click()
    said(ada, "It takes effect after 24 hours")
    waiting = ada.page.get_by_role("region", name="What waits")
    expect(waiting).to_contain_text(f"Make {ELI} an admin")
    ada.button("Stop").click()
    said(ada, "Stopped.")
    expect(waiting).to_have_count(0)

    ada.link("Change the rules").click()
    ada.page.get_by_label("Greatest age of the proof").fill("60")
    ada.page.get_by_label("GitHub", exact=True).check()
    ada.button("Show what it would do").click()
    ada.heading("What it would do")
    stricter = ada.page.get_by_role("region", name="Stricter, at once")
    expect(stricter).to_contain_text("at most 1 hour")
    ada.button("Save these rules").click()
    said(ada, "Saved. It holds from now on.")
    expect(ada.page.get_by_role("region", name="In force now")).to_contain_text("only GitHub")
    ada.page.get_by_label("Greatest age of the proof").fill("")
    ada.button("Show what it would do").click()
    expect(ada.page.get_by_role("region", name="Looser, after 24 hours")).to_contain_text("no limit of its own")
    ada.button("Save these rules").click()
    said(ada, "What is looser takes effect after 24 hours")
