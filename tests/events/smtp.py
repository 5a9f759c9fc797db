"""A real SMTP server on loopback, and a certificate for it."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers import free_port

USERNAME, PASSWORD = "vestibule", "smtp password"


class Server(Controller):
    """Takes mail, or answers with ``refusal`` at the ``step`` that is to be refused."""

    def __init__(self, **options: object) -> None:
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.recipients: list[list[str]] = []
        self.senders: list[str | None] = []
        self.names: list[str] = []
        self.secured: list[bool] = []
        self.refusal = "250 OK"
        self.step = ""
        super().__init__(self, hostname="127.0.0.1", port=free_port(), **options)  # type: ignore[arg-type]  # all of them are the library's own

    # The library calls its handler by these names.
    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.names.append(hostname)
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self._answer("MAIL")

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self._answer("RCPT")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self._answer("DATA")
        if answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.raw.append(content)
            self.mails.append(message_from_bytes(content, policy=policy.default))
            self.recipients.append(list(envelope.rcpt_tos))
            self.senders.append(envelope.mail_from)
            self.secured.append(session.ssl is not None or self.ssl_context is not None)
        return answer

    def _answer(self, step: str) -> str:
        return self.refusal if step == self.step else "250 OK"


@contextmanager
def smtp_server(**options: object) -> Iterator[Server]:
    server = Server(**options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, credentials: object) -> AuthResult:
    """Let one user in."""
    known = LoginPassword(USERNAME.encode(), PASSWORD.encode())
    return AuthResult(success=credentials == known, handled=False)


def certified() -> tuple[ssl.SSLContext, trustme.CA]:
    """Return a server context for 127.0.0.1 and the authority that vouches for it."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context, authority


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context
