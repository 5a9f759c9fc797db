"""A browser for tests: it opens the authorization URL, presses buttons, and stops where the stand-ins let
go.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
TIMEOUT_SECONDS = 30
MOST_PAGES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """How the browser goes back to the application: ``method`` is GET or POST, ``url`` is without the query,
    and ``fields`` are all parameters as they stand, so also those that occur twice.
    """

    method: str
    url: str
    fields: tuple[tuple[str, str], ...]

    @property
    def parameters(self) -> dict[str, str]:
        """The fields by name. Raises ValueError when one occurs twice."""
        parameters = dict(self.fields)
        if len(parameters) != len(self.fields):
            raise ValueError("a parameter occurs twice")
        return parameters


class Stopped(Exception):
    """The stand-ins showed a page that leads nowhere: ``status`` and ``text`` of it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:2000]}")
        self.status = status
        self.text = text


@dataclass(slots=True)
class _Form:
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Page(HTMLParser):
    """Finds the one form of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.form: _Form | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.form = _Form(values.get("action", ""))
        elif tag == "input" and self.form is not None:
            self.form.fields.append((values["name"], values["value"]))
        elif tag == "button" and self.form is not None and "name" in values:
            self.form.buttons.append((values["name"], values["value"]))


def sign_in(authorize_url: str, persona: str, *, approve: bool = True) -> Returned:
    """Return how the browser comes back after ``persona`` signed in at ``authorize_url``.

    A second factor is approved, or cancelled when ``approve`` is false; every other question is answered
    yes. Raises :class:`Stopped` on an error page, KeyError when the page does not offer the persona, and
    ValueError for a URL that is not on loopback.
    """
    with requests.Session() as session:
        session.trust_env = False
        url, answer = authorize_url, _send(session, "GET", authorize_url, [])
        for _ in range(MOST_PAGES):
            if answer.is_redirect:
                target, _, query = urljoin(url, answer.headers["Location"]).partition("?")
                return Returned(method="GET", url=target, fields=tuple(parse_qsl(query, keep_blank_values=True)))
            form = _Page(answer.text).form
            if form is None or answer.status_code >= 400:
                raise Stopped(answer.status_code, answer.text)
            if form.action:
                return Returned(method="POST", url=form.action, fields=tuple(form.fields))
            answer = _send(session, "POST", url, [*form.fields, _pressed(form, persona, approve)])
        raise Stopped(answer.status_code, "too many pages")


def _pressed(form: _Form, persona: str, approve: bool) -> tuple[str, str]:
    buttons = dict(reversed(form.buttons))
    if "persona" in buttons:
        if ("persona", persona) not in form.buttons:
            raise KeyError(f"the page does not offer {persona}")
        return "persona", persona
    if "mfa" in buttons:
        return "mfa", "approve" if approve else "cancel"
    return form.buttons[0]


def _send(session: requests.Session, method: str, url: str, fields: list[tuple[str, str]]) -> requests.Response:
    if urlsplit(url).hostname not in LOOPBACK:
        raise ValueError("this browser goes to loopback only")
    return session.request(method, url, data=fields or None, timeout=TIMEOUT_SECONDS, allow_redirects=False)
