"""The browser in front of us: its cookies, and the addresses of the way in."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from flask import request
from werkzeug.sansio.http import parse_cookie  # as Flask reads them: what is no UTF-8 is no fault
from werkzeug.wrappers import Response

from broker.signin.sessions import COOKIE
from broker.web import csrf
from broker.web.cookies import Cookies

BINDING_COOKIE = "vestibule-browser"
_TOKEN_LENGTH = range(32, 65)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """The cookies that a request came with: of the session, of the binding, and whether of a form."""

    session: str | None
    binding: str | None
    form: bool


class Browser:
    """Reads and writes the two cookies of the current request.

    One names the session, the other binds a transaction to the browser that began it. Both are Lax: the
    provider's cross-site form post comes without them, and is sent round once by GET.
    """

    def __init__(self, cookies: Cookies) -> None:
        self._cookies = cookies

    def visit(self, cookies: Mapping[str, str]) -> Visit:
        """Return what these cookies say."""
        return Visit(
            session=_sane(cookies.get(self._cookies.name(COOKIE))),
            binding=_sane(cookies.get(self._cookies.name(BINDING_COOKIE))),
            form=self._cookies.name(csrf.COOKIE) in cookies,
        )

    def visit_of(self, environ: Mapping[str, object]) -> Visit:
        """Return the visit that a WSGI environment tells of."""
        sent = environ.get("HTTP_COOKIE")
        return self.visit(parse_cookie(str(sent)) if sent else {})

    def remembering(self, token: str) -> str:
        """Return the header that gives the browser its binding."""
        return self._cookies.line(BINDING_COOKIE, token)

    def signing_in(self, visit: Visit, session_token: str, lifetime: int) -> list[str]:
        """Return the headers that give the browser its session, and make the forms shown before worthless."""
        renewed = [self._cookies.line(csrf.COOKIE, "", max_age=0)] if visit.form else []
        return [*renewed, self._cookies.line(COOKIE, session_token, max_age=lifetime)]

    def session_cookie(self) -> str | None:
        """Return the session cookie's value, or none."""
        return _sane(request.cookies.get(self._cookies.name(COOKIE)))

    def binding(self) -> str | None:
        """Return the binding cookie's value, or none."""
        return _sane(request.cookies.get(self._cookies.name(BINDING_COOKIE)))

    def token(self) -> str:
        """Return the binding of this browser, made now if it has none."""
        return self.binding() or new_binding()

    def remember(self, response: Response, token: str) -> None:
        """Give the browser its binding."""
        self._cookies.set(response, BINDING_COOKIE, token)

    def sign_in(self, response: Response, session_token: str, lifetime: int) -> None:
        """Give the browser its session."""
        self._cookies.set(response, COOKIE, session_token, max_age=lifetime)

    def sign_out(self, response: Response) -> None:
        """Take the session away."""
        self._cookies.clear(response, COOKIE)

    def entrance(self, transaction_id: str, provider_id: str | None = None) -> str:
        """Return the path of the chooser, or of one choice."""
        path = f"/signin/{quote(transaction_id)}"
        return f"{path}/{quote(provider_id)}" if provider_id else path


def new_binding() -> str:
    """Return a binding for a browser that has none."""
    return secrets.token_urlsafe(32)


def _sane(value: str | None) -> str | None:
    return value if value is not None and len(value) in _TOKEN_LENGTH and value.isascii() else None
