import os
import ssl
import stat
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
import trustme

from broker.events.handling import NotSent
from broker.events.mailer import DirectoryMailer, Mail, SmtpMailer, open_mailer
from tests.events.smtp import PASSWORD, USERNAME, authenticate, certified, smtp_server, trusting
from tests.servers import free_port

SENDER = "vestibule@login.example.org"
MAIL = Mail(
    id="5f0c2d3e-0000-4000-8000-1234567890ab",
    to="ada@example.org",
    subject="Confirm your email address – now",
    text="Zoë, follow this link:\n\nhttps://login.example.org/" + "x" * 1200 + "\n",
    written_at=datetime(2026, 11, 22, 8, 30, 15, tzinfo=UTC),
)


@pytest.fixture(scope="module")
def tls() -> tuple[ssl.SSLContext, trustme.CA]:
    return certified()


def mailer_to(port: int, **changes: object) -> SmtpMailer:
    plain = SmtpMailer(sender=SENDER, host="127.0.0.1", port=port, tls="never", context=ssl.create_default_context())
    return replace(plain, **changes)  # type: ignore[arg-type]  # each test names fields of its own


def text_of(mail: EmailMessage) -> str:
    content = mail.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")


def test_a_mail_arrives_as_it_was_written() -> None:
    with smtp_server() as server:
        open_mailer(f"smtp://127.0.0.1:{server.port}", SENDER).send(MAIL)
    (mail,) = server.mails
    assert (mail["From"], mail["To"], mail["Subject"]) == (SENDER, MAIL.to, MAIL.subject)
    assert text_of(mail) == MAIL.text
    assert mail.get_content_type() == "text/plain"
    assert mail["Date"].datetime == MAIL.written_at
    assert mail["Message-ID"] == "<5f0c2d3e-0000-4000-8000-1234567890ab@login.example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert (server.senders, server.recipients) == ([SENDER], [[MAIL.to]])


def test_a_mail_of_a_campaign_says_in_a_header_that_no_reader_has_to_decode_how_to_unsubscribe() -> None:
    address = f"https://login.example.org/unsubscribe/{'1' * 128}.{'a' * 43}"
    with smtp_server() as server:
        mailer = mailer_to(server.port)
        mailer.send(replace(MAIL, unsubscribe=address))
        mailer.send(MAIL)
    assert f"\r\nList-Unsubscribe: <{address}>\r\n".encode() in server.raw[0]
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in server.raw[0]
    assert "List-Unsubscribe" not in server.mails[1]


def test_the_server_is_not_told_the_name_of_this_machine() -> None:
    with smtp_server() as server:
        mailer_to(server.port).send(MAIL)
    assert server.names == ["login.example.org"]


def test_lines_are_of_a_length_that_every_server_takes() -> None:
    with smtp_server() as server:
        mailer_to(server.port).send(MAIL)
    assert all(len(line) <= 998 for line in server.raw[0].split(b"\r\n"))


@pytest.mark.parametrize(
    "field, value",
    [
        ("subject", "Hello\r\nBcc: eve@example.net"),
        ("subject", "Hello\nBcc: eve@example.net"),
        ("subject", "Hello\rBcc: eve@example.net"),
        ("to", "ada@example.org\r\nBcc: eve@example.net"),
        ("to", "ada@example.org\nBcc: eve@example.net"),
        ("to", "ada@example.org, eve@example.net"),
        ("to", "Ada <ada@example.org>"),
        ("to", "ada@example.org>\r\nRCPT TO:<eve@example.net"),
        ("to", "ada"),
        ("to", "zoë@example.org"),
        ("to", "ada@"),
        ("to", "@"),
        ("to", "@example.org"),
        ("to", "ada..l@example.org"),
        ("to", ""),
        ("to", "a b@example.org"),
        ("to", '"unclosed@example.org'),
    ],
)
def test_nothing_in_an_address_or_a_subject_makes_another_header_or_recipient(
    field: str, value: str, tmp_path: Path
) -> None:
    mail = replace(MAIL, **{field: value})  # type: ignore[arg-type]  # field is one of its text fields
    with smtp_server() as server, pytest.raises(NotSent, match=r"^not_a_mail$"):
        mailer_to(server.port).send(mail)
    assert server.mails == []
    with pytest.raises(NotSent, match=r"^not_a_mail$"):
        DirectoryMailer(sender=SENDER, path=tmp_path).send(mail)
    assert list(tmp_path.iterdir()) == []


def test_a_text_cannot_end_the_mail_and_begin_another() -> None:
    text = "one\r\n.\r\nMAIL FROM:<eve@example.net>\r\n"
    with smtp_server() as server:
        mailer_to(server.port).send(replace(MAIL, text=text))
    (mail,) = server.mails
    assert text_of(mail) == text.replace("\r\n", "\n")


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_refusal_is_told_by_its_code_and_nothing_else(step: str) -> None:
    with smtp_server() as server:
        server.step, server.refusal = step, "550 5.1.1 <ada@example.org> unknown"
        with pytest.raises(NotSent) as raised:
            mailer_to(server.port).send(MAIL)
    assert str(raised.value) == "smtp_550"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(NotSent, match=r"^ConnectionRefusedError$"):
        mailer_to(free_port()).send(MAIL)


def test_an_address_beyond_ascii_goes_where_it_is_understood() -> None:
    mail = replace(MAIL, to="ada@exämple.org")
    with smtp_server(enable_SMTPUTF8=True) as server:
        mailer_to(server.port).send(mail)
    assert server.recipients == [["ada@exämple.org"]]
    with smtp_server(enable_SMTPUTF8=False) as server, pytest.raises(NotSent, match=r"^SMTPNotSupportedError$"):
        mailer_to(server.port).send(mail)


def test_mail_goes_over_tls_to_a_verified_server(tls: tuple[ssl.SSLContext, trustme.CA]) -> None:
    context, authority = tls
    with smtp_server(ssl_context=context) as server:
        mailer_to(server.port, tls="always", context=trusting(authority)).send(MAIL)
    assert server.secured == [True]


def test_mail_goes_by_starttls_to_a_verified_server(tls: tuple[ssl.SSLContext, trustme.CA]) -> None:
    context, authority = tls
    with smtp_server(tls_context=context, require_starttls=True) as server:
        mailer_to(server.port, tls="starttls", context=trusting(authority)).send(MAIL)
    assert server.secured == [True]


def test_t11_mail_does_not_go_to_a_server_nobody_vouches_for(tls: tuple[ssl.SSLContext, trustme.CA]) -> None:
    context, _ = tls
    with (
        smtp_server(tls_context=context) as server,
        pytest.raises(NotSent, match=r"^SSLCertVerificationError$"),
    ):
        mailer_to(server.port, tls="starttls").send(MAIL)
    assert server.mails == []


def test_t8_mail_does_not_go_in_the_clear_where_tls_was_asked_for() -> None:
    with smtp_server() as server, pytest.raises(NotSent, match=r"^SMTPNotSupportedError$"):
        mailer_to(server.port, tls="starttls").send(MAIL)
    assert server.mails == []


def test_a_server_that_wants_to_know_who_sends_is_told(tls: tuple[ssl.SSLContext, trustme.CA]) -> None:
    context, authority = tls
    asked = {"authenticator": authenticate, "auth_required": True, "require_starttls": True}
    with smtp_server(tls_context=context, **asked) as server:
        known = mailer_to(
            server.port, tls="starttls", context=trusting(authority), username=USERNAME, password=PASSWORD
        )
        known.send(MAIL)
        with pytest.raises(NotSent, match=r"^smtp_535$"):
            replace(known, password="wrong").send(MAIL)
    assert len(server.mails) == 1


@pytest.mark.parametrize(
    "url, host, port, tls, username, password",
    [
        ("smtp://localhost", "localhost", 25, "never", None, None),
        ("smtp://127.0.0.1:2525", "127.0.0.1", 2525, "never", None, None),
        ("smtp://[::1]:2525", "::1", 2525, "never", None, None),
        ("smtp://mail.example.org:587", "mail.example.org", 587, "starttls", None, None),
        ("smtp://10.0.0.1", "10.0.0.1", 25, "starttls", None, None),
        ("smtps://mail.example.org", "mail.example.org", 465, "always", None, None),
        ("smtps://me%40here:p%3As@mail.example.org:4650", "mail.example.org", 4650, "always", "me@here", "p:s"),
    ],
)
def test_an_address_says_how_mail_leaves(
    url: str, host: str, port: int, tls: str, username: str | None, password: str | None
) -> None:
    mailer = open_mailer(url, SENDER)
    assert isinstance(mailer, SmtpMailer)
    assert (mailer.host, mailer.port, mailer.tls) == (host, port, tls)
    assert (mailer.username, mailer.password) == (username, password)
    assert mailer.context.verify_mode is ssl.CERT_REQUIRED
    assert mailer.context.check_hostname


def test_a_mailer_does_not_show_its_password() -> None:
    assert "canary" not in repr(open_mailer("smtps://user:canary@mail.example.org", SENDER))


@pytest.mark.parametrize("url", ["", "smtp:", "smtp://", "directory:", "http://example.org", "mail.example.org"])
def test_any_other_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="mail goes to"):
        open_mailer(url, SENDER)


def test_a_folder_takes_mail_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "mail"
    before = os.umask(0)
    try:
        open_mailer(f"directory:{folder}", SENDER).send(MAIL)
    finally:
        os.umask(before)
    (file,) = folder.iterdir()
    assert file.name == f"{MAIL.id}.eml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    mail = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert (mail["To"], mail["Subject"]) == (MAIL.to, MAIL.subject)
    assert text_of(mail) == MAIL.text


def test_a_mail_written_again_replaces_itself(tmp_path: Path) -> None:
    mailer = open_mailer(f"directory:{tmp_path}", SENDER)
    mailer.send(replace(MAIL, text="x" * 10_000))
    mailer.send(replace(MAIL, text="short\n"))
    (file,) = tmp_path.iterdir()
    assert text_of(message_from_bytes(file.read_bytes(), policy=policy.default)) == "short\n"


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotSent, match=r"^(FileExists|NotADirectory)Error$"):
        open_mailer(f"directory:{tmp_path / 'file' / 'mail'}", SENDER).send(MAIL)
