"""The page behind the link in each campaign mail, one click from a mail program, and chores that keep the campaign."""

import email
import email.policy
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from broker.accounts.organizations.capabilities import Shell
from migrations.accounts.campaign.templates import TemplateName
from migrations.accounts.campaign.waves import Audience
from migrations.accounts.records import State
from tests.migrations.campaign.office import HERE, Office, text_of
from tests.migrations.crash import state_of
from tests.migrations.legacy import legacy
from tests.world import TIMEOUT

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture(autouse=True, scope="module")
def _one(office: Office) -> None:
    legacy(office.world, "42")


@pytest.fixture
def path(office: Office) -> Iterator[str]:
    """The path in the mails to an account, which gets them."""
    office.put("42", unsubscribed_at=None)
    yield f"/unsubscribe/{office.campaign.unsubscribing.token('42')}"
    office.put("42", unsubscribed_at=None)


def unsubscribed(office: Office) -> bool:
    return office.legacy("42").unsubscribed_at is not None


def test_a_button_ends_the_mails_and_another_begins_them_again(office: Office, path: str) -> None:
    visitor = office.world.visitor()
    assert "You can have no more of these." in text_of(visitor.get(path))
    answer = visitor.submit(path, page=path)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{path}?notice=done")
    assert unsubscribed(office)
    assert "You get no more mails about leaving the passwords of" in text_of(visitor.get(path))
    answer = visitor.submit(f"{path}/again", page=path)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{path}?notice=done")
    assert not unsubscribed(office)
    assert "You get mails again" in text_of(visitor.get(f"{path}?notice=done"))


@pytest.mark.parametrize("multipart", [False, True])
def test_one_click_of_a_mail_program_needs_no_form_of_ours(office: Office, path: str, multipart: bool) -> None:
    url = office.world.base + path
    sent = {"files": {name: (None, value) for name, value in ONE_CLICK.items()}} if multipart else {"data": ONE_CLICK}
    for _ in range(2):
        answer = requests.post(url, timeout=TIMEOUT, allow_redirects=False, **sent)
        assert (answer.status_code, answer.text) == (200, "")
    assert unsubscribed(office)


@pytest.mark.parametrize("form", [{}, {"List-Unsubscribe": "one-click"}, {"List-Unsubscribe": ""}, {"x": "One-Click"}])
def test_any_other_form_needs_its_token(office: Office, path: str, form: dict[str, str]) -> None:
    answer = office.world.visitor().post(path, form)
    assert (answer.status_code, "This form has expired" in answer.text) == (400, True)
    assert not unsubscribed(office)


def test_one_click_does_nothing_but_unsubscribing(office: Office, path: str) -> None:
    office.put("42", unsubscribed_at=office.world.clock())
    assert office.world.visitor().post(f"{path}/again", ONE_CLICK).status_code == 400
    assert office.operator.visitor.post(f"{HERE}/accounts/42/exception", ONE_CLICK).status_code == 400
    assert unsubscribed(office)


def test_a_link_that_was_cut_short_says_so_and_does_nothing(office: Office, path: str) -> None:
    visitor = office.world.visitor()
    token = visitor.page(visitor.get(path)).form_token()
    answers = [
        visitor.get(path[:-1]),
        visitor.post(path[:-1], ONE_CLICK),
        visitor.post(f"{path[:-1]}/again", {"csrf_token": token}),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert all("This link is not one of ours" in answer.text for answer in answers)
    assert not unsubscribed(office)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_prefetchers_and_mail_scanners_change_nothing(office: Office, path: str, method: str) -> None:
    pages = [f"{HERE}{page}" for page in ("", "/accounts/42", "/aliases", "/mails", "/mails/announced", "/cases")]
    before = state_of(office.world.parts.database)
    for page in (path, *pages):
        for visitor in (office.operator.visitor, office.world.visitor()):
            visitor.http.request(method, office.world.base + page, allow_redirects=False, timeout=TIMEOUT)
    for page in (f"{path}/again", f"{HERE}/waves", f"{HERE}/search", f"{HERE}/mails/announced/reset"):
        answer = office.operator.visitor.http.request(method, office.world.base + page, timeout=TIMEOUT)
        assert answer.status_code == 405
    assert state_of(office.world.parts.database) == before


def test_the_worker_sends_waves_whose_mails_say_how_to_unsubscribe(office: Office, path: str) -> None:
    with office.world.parts.database.begin() as connection:
        shell = Shell(now=office.world.clock())
        office.campaign.waves.start(connection, shell, TemplateName.ANNOUNCED, Audience.PEOPLE)
    for _ in range(2):  # what one chore writes, the next pass delivers
        assert office.world.parts.worker.run_once() == []
    folder = Path(office.world.raw["mail"]["url"].removeprefix("directory:"))
    (mail,) = [
        each
        for each in (
            email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in folder.iterdir()
        )
        if each["To"] == "user42@old.example"
    ]
    assert mail["List-Unsubscribe"] == f"<{office.world.base}{path}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Subject"] == "Your account at Example Registry needs a new way to sign in"
    assert f"{office.world.base}{path}" in mail.get_content()


def test_the_worker_closes_and_forgets_on_their_days(office: Office) -> None:
    legacy(office.world, "43")
    with office.later(timedelta(days=121)):
        assert office.world.parts.worker.run_once() == []
    assert (office.legacy("43").state, office.legacy("43").hash_sealed) == (State.CLOSED, None)
    assert office.legacy("43").name is not None
    with office.later(timedelta(days=211)):
        assert office.world.parts.worker.run_once() == []
    assert (office.legacy("43").name, office.legacy("43").email) == (None, None)
