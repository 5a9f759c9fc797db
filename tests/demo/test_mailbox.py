"""The demo's mailbox: what was sent, as text, with links to the broker alone."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.demo import mailbox
from broker.demo.mailbox import Part, letters
from broker.demo.registry import create_registry
from broker.events.mailer import DirectoryMailer, Mail

ISSUER = "http://localhost:8000"
WRITTEN = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mail"


@pytest.fixture
def reader(folder: Path) -> FlaskClient:
    app: Flask = create_registry(
        url="http://localhost:8001", issuer=ISSUER, client_id="demo-registry", client_secret="s" * 32
    )
    app.register_blueprint(mailbox.blueprint(folder, ISSUER))
    return app.test_client()


def send(folder: Path, text: str, *, id: str = "1", subject: str = "Subject", minutes: int = 0) -> None:
    mail = Mail(
        id=id,
        to="ada@contoso.example",
        subject=subject,
        text=text,
        written_at=WRITTEN + timedelta(minutes=minutes),
    )
    DirectoryMailer(sender="vestibule@localhost", path=folder).send(mail)


def links(page: str) -> list[str]:
    return re.findall(r'<a href="(http[^"]*)"', page)


def test_without_mail_the_page_says_so(reader: FlaskClient) -> None:
    assert "There is none yet." in reader.get("/mail").text


def test_the_newest_is_on_top(folder: Path, reader: FlaskClient) -> None:
    for number in (2, 3, 1):
        send(folder, "text", id=str(number), subject=f"Number {number}", minutes=number)
    assert re.findall(r"Number \d", reader.get("/mail").text) == ["Number 3", "Number 2", "Number 1"]


def test_an_address_of_the_broker_is_a_link_and_no_other_is(folder: Path, reader: FlaskClient) -> None:
    ours = [ISSUER, f"{ISSUER}/invitations?token=aB-c_9", f"{ISSUER}/organizations/1"]
    others = [
        "https://evil.example/",
        f"{ISSUER}.evil.example/",
        f"{ISSUER}@evil.example/",
        f"{ISSUER}0/",
        f"https://evil.example/?{ISSUER}/",
        "javascript:alert(1)",
    ]
    send(folder, "\n".join(f"Go to {each} now." for each in (*ours, *others)))
    page = reader.get("/mail").text
    assert links(page) == ours
    for each in others:
        assert each.replace("&", "&amp;") in page


def test_t12_what_a_mail_says_is_text_in_a_line_of_its_own(folder: Path, reader: FlaskClient) -> None:
    hostile = 'The "<script>alert(1)</script>\N{RIGHT-TO-LEFT OVERRIDE}" house'
    send(folder, f"{hostile}\nsecond line", subject="<b>\N{RIGHT-TO-LEFT OVERRIDE}")
    page = reader.get("/mail").text
    assert "<script" not in page
    assert "<h2><bdi>&lt;b&gt;\N{RIGHT-TO-LEFT OVERRIDE}</bdi></h2>" in page
    assert "\N{RIGHT-TO-LEFT OVERRIDE}&#34; house</bdi></p>" in page
    assert "<p><bdi>second line</bdi></p>" in page


def test_a_letter_is_read_whole(folder: Path) -> None:
    send(folder, f"Zoë, follow\n{ISSUER}/x\n\nor do not.", subject="Für Zoë")
    (folder / "being-written.eml").touch()
    (letter,) = letters(folder, ISSUER)
    assert (letter.to, letter.subject, letter.written_at) == ("ada@contoso.example", "Für Zoë", WRITTEN)
    assert letter.lines == (
        (Part(text="Zoë, follow"),),
        (Part(text=f"{ISSUER}/x", url=f"{ISSUER}/x"),),
        (),
        (Part(text="or do not."),),
    )


def test_mail_that_goes_to_a_server_has_no_folder() -> None:
    assert mailbox.folder_of("smtp://localhost:25") is None
    assert mailbox.folder_of("directory:/somewhere/mail") == Path("/somewhere/mail")
