"""The operators' pages of mails: what they say, to whom they go, and how fast."""

from collections.abc import Iterator

import pytest
from sqlalchemy import delete

from broker.accounts.organizations.capabilities import Shell
from migrations.accounts.campaign.templates import TemplateName, default
from migrations.accounts.campaign.waves import Audience
from migrations.accounts.model import mail_waves
from tests.migrations.campaign.office import HERE, Office, location, text_of


def test_an_operator_edits_a_text_sees_it_first_and_goes_back_to_the_original(office: Office, account: str) -> None:
    page, name = f"{HERE}/mails/last_call", TemplateName.LAST_CALL
    form = {"subject": "Now, {name}", "text": "Go: {link}\r\nLeave: {unsubscribe}\r\n{outlook}"}
    shown = office.post(f"{page}/preview", {**form, "account": account})
    assert f"Now, user{account}" in text_of(shown)
    assert f"Go: {office.world.base}/claim\nLeave: {office.world.base}/unsubscribe/{account}." in shown.text
    assert "Now, Sam Sample" in text_of(office.post(f"{page}/preview", form))
    with office.world.parts.database.read() as connection:
        assert office.campaign.templates.get(connection, name) == default(name)
    assert location(office.post(page, form)) == f"{page}?notice=saved"
    with office.world.parts.database.read() as connection:
        saved = office.campaign.templates.get(connection, name)
    assert (saved.subject, saved.edited_by) == ("Now, {name}", office.operator.account_id)
    assert "Edited" in text_of(office.get(page))
    assert location(office.post(f"{page}/reset")) == f"{page}?notice=reset"
    assert "This is the text that comes with Vestibule." in text_of(office.get(page))


@pytest.mark.parametrize("where", ["", "/preview"])
def test_t12_a_text_that_cannot_be_saved_is_shown_again_with_what_is_wrong(office: Office, where: str) -> None:
    form = {"subject": "{0.__class__}", "text": "</textarea><script>{nmae}"}
    answer = office.post(f"{HERE}/mails/announced{where}", form)
    assert answer.status_code == 400
    said = text_of(answer)
    assert "Braces stand around one of the known words only." in said
    assert "{nmae} is not known here." in said
    assert "&lt;/textarea&gt;&lt;script&gt;{nmae}" in answer.text
    assert "<script>" not in answer.text


def test_a_preview_for_nobody_says_so(office: Office) -> None:
    form = {"subject": "Hello", "text": "{link} {unsubscribe}", "account": "nobody"}
    answer = office.post(f"{HERE}/mails/announced/preview", form)
    assert (answer.status_code, "There is no account of this id." in text_of(answer)) == (404, True)


@pytest.mark.parametrize("path", ["/mails/nothing", "/mails/nothing/reset", "/mails/nothing/preview"])
def test_there_are_no_other_texts(office: Office, path: str) -> None:
    form = {"subject": "Hello", "text": "{link} {unsubscribe}"}
    assert office.post(HERE + path, form).status_code == 404
    assert office.get(f"{HERE}/mails/nothing").status_code == 404


@pytest.fixture
def no_waves(office: Office) -> Iterator[None]:
    yield
    with office.world.parts.database.begin() as connection:
        connection.execute(delete(mail_waves))


@pytest.mark.usefixtures("no_waves")
def test_a_wave_is_counted_started_stopped_and_resumed(office: Office, account: str) -> None:
    page, form = f"{HERE}/mails", {"template": "announced", "audience": "everyone", "per_hour": "60", "most": "1"}
    counted = office.post(f"{HERE}/waves/preview", form)
    assert "It would go to 1 account now." in text_of(counted)
    assert 'value="60"' in counted.text
    assert "It would go to 1 account now." not in text_of(office.post(f"{HERE}/waves/preview", {**form, "most": ""}))
    assert location(office.post(f"{HERE}/waves", form)) == f"{page}?notice=started"
    with office.world.parts.database.read() as connection:
        (wave,) = office.campaign.waves.all(connection)
    assert (wave.per_hour, wave.most, wave.started_by) == (60, 1, office.operator.account_id)
    again = office.post(f"{HERE}/waves", form)
    assert (again.status_code, "Another wave is running" in again.text) == (409, True)
    for verb, notice in (("stop", "The wave is stopped."), ("resume", "The wave goes on.")):
        assert location(office.post(f"{HERE}/waves/{wave.id}/{verb}")) == f"{page}?notice={verb}"
        assert notice in text_of(office.get(f"{page}?notice={verb}"))
    assert office.world.parts.worker.run_once() == []
    changed = office.post(f"{HERE}/waves/{wave.id}/stop")
    assert (changed.status_code, "it is done" in changed.text) == (409, True)
    said = text_of(office.get(page))
    assert "Announcement done To all, those that nobody has decided on too 1 mails of at most 1, 60 an hour" in said


@pytest.mark.usefixtures("no_waves")
def test_a_wave_is_not_resumed_while_another_runs(office: Office, account: str) -> None:
    with office.world.parts.database.begin() as connection:
        shell, waves = Shell(now=office.world.clock()), office.campaign.waves
        wave = waves.start(connection, shell, TemplateName.REQUIRED, Audience.PEOPLE)
        waves.stop(connection, shell, wave.id)
        waves.start(connection, shell, TemplateName.LAST_CALL, Audience.PEOPLE)
    assert office.post(f"{HERE}/waves/{wave.id}/resume").status_code == 409
    assert office.post(f"{HERE}/waves/{wave.id}/shout").status_code == 404
    assert office.post(f"{HERE}/waves/nobody/stop").status_code == 404


def test_numbers_that_are_none_are_shown_again(office: Office) -> None:
    form = {"template": "nothing", "audience": "nobody", "per_hour": "1001", "most": "0x1"}
    for path in ("/waves", "/waves/preview"):
        answer = office.post(HERE + path, form)
        assert answer.status_code == 400
        said = text_of(answer)
        for part in (
            "Choose one of the texts.",
            "Choose whom it goes to.",
            "Give a number from 1 to 1000, or leave it empty.",
            "Give a number from 1, or leave it empty.",
        ):
            assert part in said
        assert 'value="0x1"' in answer.text
