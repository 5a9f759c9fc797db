"""How mail leaves: by SMTP, or into a folder."""

import os
import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import unquote, urlsplit

from broker.events.handling import NotSent
from broker.settings.values import is_loopback

_TIMEOUT_SECONDS = 10


class _Unfolded(UnstructuredHeader, BaseHeader):
    """A header of one long word, which the library would encode (RFC 2047) to fold it: nobody reads that as a URL."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_headers = HeaderRegistry()
_headers.map_to_type("list-unsubscribe", _Unfolded)
_POLICY = SMTP.clone(header_factory=_headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One plain-text mail to one address. ``id`` becomes its Message-ID, the same at every attempt.

    ``unsubscribe``: where a POST by the reader's mail program, at one click, ends mails of this kind (RFC 8058).
    """

    id: str
    to: str
    subject: str
    text: str
    written_at: datetime
    unsubscribe: str | None = None


class Mailer(Protocol):
    def send(self, mail: Mail) -> None:
        """Hand the mail over. Raises :class:`NotSent`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpMailer:
    """Sends over SMTP (RFC 5321). ``tls``: from the first byte, by STARTTLS (RFC 3207) or not at all."""

    sender: str
    host: str
    port: int
    tls: Literal["always", "starttls", "never"]
    context: ssl.SSLContext
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def send(self, mail: Mail) -> None:
        message = compose(mail, self.sender)
        try:
            with self._connect() as server:
                if self.tls == "starttls":
                    server.starttls(context=self.context)
                if self.username is not None and self.password is not None:
                    server.login(self.username, self.password)
                server.send_message(message)
        except smtplib.SMTPResponseException as error:
            raise NotSent(f"smtp_{error.smtp_code}") from None
        except smtplib.SMTPRecipientsRefused as error:
            (code, _), *_ = error.recipients.values()
            raise NotSent(f"smtp_{code}") from None
        except (OSError, smtplib.SMTPException) as error:
            # Neither is chained: their texts repeat addresses and what the server said about them.
            raise NotSent(type(error).__name__) from None

    def _connect(self) -> smtplib.SMTP:
        # Left to itself the library asks DNS for this machine's name, and tells it to the server.
        name = self.sender.rpartition("@")[2]
        if self.tls == "always":
            return smtplib.SMTP_SSL(self.host, self.port, name, timeout=_TIMEOUT_SECONDS, context=self.context)
        return smtplib.SMTP(self.host, self.port, name, timeout=_TIMEOUT_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryMailer:
    """Writes each mail to ``<id>.eml``, for its owner's eyes only."""

    sender: str
    path: Path

    def send(self, mail: Mail) -> None:
        message = compose(mail, self.sender).as_bytes()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with os.fdopen(os.open(self.path / f"{mail.id}.eml", flags, 0o600), "wb") as file:
                file.write(message)
        except OSError as error:
            raise NotSent(type(error).__name__) from None


def open_mailer(url: str, sender: str) -> Mailer:
    """Return what sends mail from ``sender`` by way of ``url``.

    ``smtp://HOST:PORT`` (25 by default) is plain to this machine and insists on STARTTLS to any other;
    ``smtps://USER:PASSWORD@HOST:PORT`` (465) is TLS throughout; certificates are verified. ``directory:PATH``
    writes files. Raises :class:`ValueError` for anything else.
    """
    if url.startswith("directory:") and url != "directory:":
        return DirectoryMailer(sender=sender, path=Path(url.removeprefix("directory:")))
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("mail goes to smtp://HOST:PORT, smtps://HOST:PORT or directory:PATH")
    always = parts.scheme == "smtps"
    return SmtpMailer(
        sender=sender,
        host=parts.hostname,
        port=parts.port or (465 if always else 25),
        tls="always" if always else "never" if is_loopback(parts.hostname) else "starttls",
        context=ssl.create_default_context(),
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def compose(mail: Mail, sender: str) -> EmailMessage:
    """Return the message (RFC 5322). Raises :class:`NotSent` for what is no address or subject."""
    message = EmailMessage(policy=_POLICY)
    try:
        origin = Address(addr_spec=sender)
        message["From"] = origin
        message["To"] = Address(addr_spec=mail.to)
        message["Subject"] = mail.subject
    except (MessageError, ValueError, IndexError):
        # The parser behind Address answers some malformed addresses with an IndexError.
        raise NotSent("not_a_mail") from None
    message["Date"] = mail.written_at
    message["Message-ID"] = f"<{mail.id}@{origin.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notice comes back
    if mail.unsubscribe is not None:
        message["List-Unsubscribe"] = f"<{mail.unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.text)
    return message
