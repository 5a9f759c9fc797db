"""It must show 1: in Chromium, a tenant is mapped, ruled and attested; an exception is asked for, approved and over."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.browser.house import Person, an_operator

REASON = "Our people may bring no telephones to where they work."


def said(person: Person, text: str) -> None:
    expect(person.page.get_by_role("status")).to_contain_text(text)


def region(person: Person, name: str, text: str) -> None:
    """Wait until a part of the page says this."""
    expect(person.page.get_by_role("region", name=name, exact=True)).to_contain_text(text)


def an_admin(person: Person) -> None:
    """Sign in with GitHub, and make an organisation."""
    person.open("/organizations")
    person.choose("GitHub")
    person.pick("2fa-true")
    person.page.get_by_label("Name").fill("Example Crates")
    person.button("Create the organisation").click()
    person.heading("Example Crates")


def test_a_tenant_is_mapped_ruled_and_attested_and_an_exception_runs_and_ends(somebody: Callable[..., Person]) -> None:
    ada, olga = somebody(), somebody()
    an_admin(ada)
    an_operator(olga)

    ada.page.get_by_label("Tenant id, or a domain of it").fill("northwind.example")
    ada.page.locator("#tenant-name").fill("Northwind")
    ada.button("Map this tenant").click()
    ada.heading("Northwind")
    said(ada, "The tenant is asked for.")
    region(ada, "Where it stands", "Nobody can sign in through it yet.")
    ada.check("dark")

    ada.button("Prove it").click()
    ada.button("Approve, as admin of Northwind").click()
    ada.pick("northwind-admin")
    ada.approve()
    ada.heading("Northwind")
    said(ada, "The sign-in at the tenant counted.")
    region(ada, "Where it stands", "by somebody who may speak for the tenant")

    olga.page.reload()
    region(olga, "Tenants that wait", "Example Crates")
    olga.check("light")
    olga.button("Approve Example Crates").click()
    said(olga, "Approved.")
    region(olga, "Tenants that wait", "None.")

    ada.page.reload()
    region(ada, "Where it stands", "People of this tenant can sign in with it")
    ada.link("Change the rule").click()
    ada.page.get_by_label("Longest time since the sign-in here").fill("480")
    ada.button("Show what it would do").click()
    region(ada, "Stricter, at once", "at most 8 hours")
    region(ada, "Who would be refused", "Nobody whose last sign-in we know.")
    ada.button("Save these rules").click()
    said(ada, "Saved. It holds from now on.")
    ada.link("Northwind").click()
    region(ada, "Rule", "at most 8 hours")

    ada.page.get_by_label("Authentication context").select_option("c2")
    ada.page.get_by_label("It enforces").select_option("phishing-resistant MFA")
    ada.page.get_by_label(re.compile("I am responsible")).check()
    ada.button("Sign the attestation").click()
    said(ada, "What you attested counts in 24 hours")
    region(ada, "What waits", "c2")
    ada.check("light")

    ada.link("Example Crates").click()
    ada.link("Ask for an exception").click()
    ada.heading("Exceptions")
    ada.page.get_by_label("Whoever comes by the tenant Northwind").check()
    ada.page.get_by_label("How many people at most").fill("2")
    ada.page.get_by_label("Why").fill(REASON)
    ada.page.get_by_label("Last day").fill((datetime.now(UTC) + timedelta(days=1)).date().isoformat())
    ada.button("Ask for this exception").click()
    said(ada, "Asked for.")
    region(ada, "All exceptions", "0 of 1 operators have approved it")
    ada.check("dark")

    olga.page.reload()
    region(olga, "Exceptions that wait", REASON)
    olga.button("Approve the exception of Example Crates").click()
    said(olga, "Approved.")
    region(olga, "Exceptions that run", REASON)
    ada.page.reload()
    region(ada, "All exceptions", "runs")

    norbert = somebody()
    norbert.open("/account")
    norbert.choose("Work account")
    norbert.pick("northwind-pwd")
    norbert.heading("Your account")
    ada.page.reload()
    region(ada, "All exceptions", "Used by 1 so far")

    ada.house.world.clock.move(timedelta(days=2))
    ada.house.world.parts.worker.run_once()
    norbert.page.reload()
    norbert.heading("Sign in to your account")
    ada.page.reload()
    ada.choose("GitHub")
    ada.pick("2fa-true")
    ada.heading("Exceptions")
    region(ada, "All exceptions", "It excuses nobody any more.")
    ada.link("Example Crates").click()
    ada.link("Northwind").click()
    region(ada, "Attestations", "c2 enforces phishing-resistant MFA")
