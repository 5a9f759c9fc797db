"""The browser in front of us: its cookies, and the addresses of the way in."""

import secrets
from urllib.parse import quote

from flask import request
from werkzeug.wrappers import Response

from broker.signin.sessions import COOKIE
from broker.web.cookies import Cookies

BINDING_COOKIE = "vestibule-browser"
_TOKEN_LENGTH = range(32, 65)


class Browser:
    """Reads and writes the two cookies of the current request.

    One names the session, the other binds a transaction to the browser that began it. Both are Lax: the
    provider's cross-site form post comes without them, and is sent round once by GET.
    """

    def __init__(self, cookies: Cookies) -> None:
        self._cookies = cookies

    def session_cookie(self) -> str | None:
        """Return the session cookie's value, or none."""
        return _sane(request.cookies.get(self._cookies.name(COOKIE)))

    def binding(self) -> str | None:
        """Return the binding cookie's value, or none."""
        return _sane(request.cookies.get(self._cookies.name(BINDING_COOKIE)))

    def token(self) -> str:
        """Return the binding of this browser, made now if it has none."""
        return self.binding() or secrets.token_urlsafe(32)

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


def _sane(value: str | None) -> str | None:
    return value if value is not None and len(value) in _TOKEN_LENGTH and value.isascii() else None
