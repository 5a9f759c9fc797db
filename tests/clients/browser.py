"""One person's browser, on its way between a client, the broker and a provider, all over TLS."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import requests

from providers.standins import browser as upstream
from providers.standins.browser import Returned
from tests.world import TIMEOUT, Page, Visitor, World

_MOST_STEPS = 20
PERSONA = "entra-mfa"
PROVIDER = "entra"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What comes to a client through the browser: ``body`` is that of a form, and none for a redirect."""

    url: str
    body: str | None = None

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters. Raises ValueError when one occurs twice."""
        pairs = parse_qsl(urlsplit(self.url).query if self.body is None else self.body, keep_blank_values=True)
        if len(pairs) != len(dict(pairs)):
            raise ValueError("a parameter occurs twice")
        return dict(pairs)


@dataclass
class Form:
    """A form of a page, with what it would send: its hidden fields, and the button that is pressed."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(values.get("action", "")))
        elif self.found and "name" in values and tag in ("input", "button"):
            into = self.found[-1].fields if tag == "input" else self.found[-1].buttons
            into.append((values["name"], values.get("value", "")))


def forms(page: Page) -> list[Form]:
    """Return the forms of a page, in their order."""
    return _Forms(page.text).found


class Browser(Visitor):
    """Trusts the tests' authority, follows every redirect, and signs in as a person whose MFA is proven."""

    def __init__(self, world: World, ca_file: Path) -> None:
        super().__init__(world)
        self.ca_file = str(ca_file)
        self.http.verify = self.ca_file

    def go(self, url: str, until: str | None = None) -> Page | Answer:
        """Open ``url`` and go on as a person would: to a page with something to decide, or to ``until``."""
        return self._follow(self.get(url), until)

    def press(self, page: Page, button: tuple[str, str] | None = None, until: str | None = None) -> Page | Answer:
        """Send the first form of a page that has ``button``, or the first at all."""
        form = next(each for each in forms(page) if button is None or button in each.buttons)
        body = urlencode([*form.fields, *([button] if button else [])])
        url = urljoin(page.url, form.action)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.world.base, "Referer": page.url}
        response = self.http.post(url, data=body, headers=headers, allow_redirects=False, timeout=TIMEOUT)
        return self._follow(response, until)

    def come_back(self, returned: Returned) -> requests.Response:
        if returned.method == "GET":
            return self.get(f"{returned.url}?{urlencode(returned.fields)}")
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://127.0.0.1"}
        body = urlencode(returned.fields)
        return requests.post(
            returned.url, data=body, headers=headers, allow_redirects=False, timeout=TIMEOUT, verify=self.ca_file
        )

    def _follow(self, response: requests.Response, until: str | None) -> Page | Answer:
        for _ in range(_MOST_STEPS):
            if response.is_redirect:
                url = urljoin(response.url, response.headers["Location"])
                if until is not None and url.startswith(until):
                    return Answer(url=url)
                if url.startswith(self.world.standins.browser_url):
                    response = self.come_back(upstream.sign_in(url, PERSONA))
                else:
                    response = self.get(url)
                continue
            page = self.page(response)
            if until is not None and page.onward is not None and page.onward.startswith(until):
                return Answer(url=page.onward)
            by_itself = next((each for each in forms(page) if until and each.action.startswith(until)), None)
            if by_itself is not None:
                return Answer(url=by_itself.action, body=urlencode(by_itself.fields))
            choice = next((each for each in page.links if each.endswith(f"/{PROVIDER}")), None)
            if choice is None:
                return page
            response = self.get(urljoin(response.url, choice))
        raise AssertionError(f"too many steps, the last to {response.url}")
