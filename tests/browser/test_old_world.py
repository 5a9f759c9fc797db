"""It must show 6: in Chromium, a password account is claimed; an alias becomes an organisation; one no, one undo."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from migrations.accounts.model import cases
from providers.standins import Standins
from tests.browser.house import House, Person, an_operator, furnished
from tests.browser.test_organizations import come_by_github, said
from tests.browser.test_tenants import region
from tests.browser.test_without_scripts import MOST_TABS, walk_to
from tests.migrations.legacy import PASSWORD, Legacy, legacy, package, with_campaign

ADA, ELI = "2fa-true", "gh-same-email"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[House]:
    """A house with an old world for all tests of the module, each with an account of its own there."""
    folder = tmp_path_factory.mktemp("old-world")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")
    with furnished(folder, standins, more=with_campaign) as house:
        yield house


def address_of(house: House, persona: str) -> str:
    return house.world.standins.persona(persona).email


def shared(house: House, registry_id: str) -> Legacy:
    """Import an account of a team."""
    packages = [package("engine.core"), package("engine.parts", role="maintainer")]
    return legacy(house.world, registry_id, name=f"team{registry_id}", kind="alias", packages=packages, keys=2)


def time_passes(house: House, registry_id: str) -> None:
    """Have the days be over that a case waits. It is still now: what the stand-ins sign is of now."""
    past = house.world.clock() - timedelta(seconds=1)
    with house.world.parts.database.begin() as connection:
        connection.execute(update(cases).where(cases.c.registry_id == registry_id).values(due_at=past))
    assert house.world.parts.worker.run_once() == []


def type_into(person: Person, field: str, text: str) -> None:
    """Press Tab until the field has the focus, type, and press Enter."""
    for _ in range(MOST_TABS):
        person.page.keyboard.press("Tab")
        if person.page.evaluate("document.activeElement.id") == field:
            person.page.keyboard.type(text)
            person.page.keyboard.press("Enter")
            return
    raise AssertionError(f"Tab does not reach {field}")


def start_conversion(person: Person, team: Legacy, organization: str, other: str) -> None:
    """Prove the alias and oneself, name oneself and another as the admins, and start."""
    assert team.email is not None
    person.open("/claim")
    person.page.get_by_label("Name or address of the old account").fill(team.name)
    person.button("Begin").click()
    person.button("Send the link").click()
    said(person, "a link is on its way there")
    person.page.goto(person.house.mailed_link(team.email, "/claim/link/"))
    person.button("This mailbox is mine").click()
    said(person, "The mailbox is proven.")
    person.page.get_by_label("Old password").fill(PASSWORD)
    person.button("Give the password").click()
    person.link("Make it an organisation").click()
    come_by_github(person, ADA)
    person.heading("Turn a shared account into an organisation")
    expect(person.page.get_by_label("Email of admin 1", exact=True)).to_have_value(address_of(person.house, ADA))
    person.page.get_by_label("Name of the organisation").fill(organization)
    person.page.get_by_label("Email of admin 2", exact=True).fill(other)
    person.button("Start, and tell everybody").click()
    said(person, "Everybody behind the shared address was told")
    person.heading(organization)


def test_an_account_is_claimed_by_keyboard_in_any_order_and_the_old_address_undoes_it(
    somebody: Callable[..., Person],
) -> None:
    ada, mailbox = somebody(), somebody(scripts=False)
    old = legacy(ada.house.world, "41", packages=[package("left-pad")], keys=2)
    assert old.email is not None
    ada.open("/")
    walk_to(ada, "Claim it")
    ada.heading("Claim your old account")
    type_into(ada, "account", old.name)
    expect(ada.link("Sign in")).to_be_visible()
    walk_to(ada, "Sign in")
    expect(ada.link("GitHub")).to_be_visible()
    walk_to(ada, "GitHub")
    ada.heading("Who are you?")
    walk_to(ada, ada.house.world.standins.persona(ADA).label)
    ada.heading("Claim your old account")
    type_into(ada, "old-password", PASSWORD)
    said(ada, "What came of it is shown here once the mailbox is proven.")
    walk_to(ada, "Send the link")
    said(ada, "a link is on its way there")
    expect(ada.button("Claim the account")).to_have_count(0)

    ada.page.goto(ada.house.mailed_link(old.email, "/claim/link/"))
    walk_to(ada, "This mailbox is mine")
    said(ada, "The mailbox is proven.")
    walk_to(ada, "Claim the account")
    ada.heading("Your old account")
    expect(ada.page.get_by_text("The account is yours, and its old password opens nothing any more.")).to_be_visible()
    ada.open("/account")
    region(ada, "Earlier accounts", "41")

    mailbox.page.goto(ada.house.mailed_link(old.email, "/migration/undo/"))
    mailbox.heading("Undo this?")
    mailbox.button("Undo it").click()
    mailbox.heading("It was undone")
    expect(mailbox.page.get_by_text("Nobody has the account now: it is frozen.")).to_be_visible()
    assert ada.house.world.parts.worker.run_once() == []
    ada.page.reload()
    ada.heading("Sign in to your account")


def test_an_alias_becomes_an_organisation_of_two_and_the_alias_undoes_it(somebody: Callable[..., Person]) -> None:
    ada, eli, mailbox = somebody(scripts=False), somebody(), somebody()
    team = shared(ada.house, "42")
    assert team.email is not None
    start_conversion(ada, team, "Engine Crates", address_of(ada.house, ELI))
    standing = ada.page.url
    region(ada, "Whom you named", "not yet")
    ada.page.goto(ada.house.mailed_link(address_of(ada.house, ADA), "/convert/accept/"))
    ada.button("Accept, and become an admin").click()
    said(ada, "You have accepted.")

    eli.page.goto(ada.house.mailed_link(address_of(ada.house, ELI), "/convert/accept/"))
    eli.heading("Become an admin of Engine Crates")
    region(eli, "Packages and roles", "The organisation owns it.")
    eli.link("Sign in to accept").click()
    come_by_github(eli, ELI)
    eli.button("Accept, and become an admin").click()
    said(eli, "You have accepted.")
    expect(eli.link("To the organisation")).to_have_count(0)

    time_passes(ada.house, "42")
    eli.page.reload()
    eli.link("To the organisation").click()
    eli.heading("Engine Crates")
    expect(eli.page.get_by_role("region", name="People").get_by_role("listitem")).to_have_count(2)
    region(eli, "Contact", team.email)

    mailbox.page.goto(ada.house.mailed_link(team.email, "/migration/undo/"))
    mailbox.button("Undo it").click()
    mailbox.heading("It was undone")
    ada.page.goto(standing)
    region(ada, "How it stands", "Somebody behind the shared address undid it.")
    eli.page.reload()
    expect(eli.page.get_by_text("Engine Crates")).to_have_count(0)


def test_an_objection_stops_a_conversion_and_an_operator_gives_the_account_back(
    somebody: Callable[..., Person],
) -> None:
    ada, olga, mailbox = somebody(), somebody(), somebody(scripts=False)
    team = shared(ada.house, "43")
    assert team.email is not None
    start_conversion(ada, team, "Other Crates", address_of(ada.house, "msa-mfa"))
    mailbox.page.goto(ada.house.mailed_link(team.email, "/migration/stop/"))
    mailbox.heading("Stop this?")
    mailbox.button("Stop it").click()
    mailbox.heading("It was stopped")
    ada.page.reload()
    region(ada, "How it stands", "Somebody behind the shared address objected.")

    an_operator(olga)
    olga.link("the campaign").click()
    olga.link("Cases").click()
    disputed = olga.page.get_by_role("region", name="Disputed")
    disputed.get_by_role("link", name="Conversion into an organisation: 43").click()
    region(olga, "The case", "Other Crates")
    decide = olga.page.get_by_role("region", name="Decide")
    decide.locator("summary").filter(has_text="Give it back").click()
    decide.get_by_role("button", name="Give it back").click()
    said(olga, "Decided: the account is as it was before.")
    ada.page.reload()
    region(ada, "How it stands", "An operator has decided against it.")
