"""The person in front of the suite's browser, and what comes back to the suite's own addresses."""

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import requests

from providers.standins import browser as upstream
from tests.clients.browser import Form, forms
from tests.world import TIMEOUT, Page, Visitor, World

SUITE = "https://suite.example"
_MOST_STEPS = 20
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Callback:
    """What came to an address of the suite: ``fields`` as they stand, from the query or from a form."""

    url: str
    posted: bool
    fields: tuple[tuple[str, str], ...]

    @property
    def parameters(self) -> dict[str, str]:
        """The fields by name, each once."""
        assert len(dict(self.fields)) == len(self.fields), self.fields
        return dict(self.fields)


class Person(Visitor):
    """Signs in with MFA wherever a provider asks, and allows what we ask.

    ``sign_ins`` counts how often a provider was asked, ``consents`` how often we asked.
    """

    def __init__(
        self,
        world: World,
        ca_file: Path,
        *,
        persona: str = "oidc-mfa",
        provider: str = "generic",
        signs_in: bool = True,
    ) -> None:
        super().__init__(world)
        self.http.verify = str(ca_file)
        self.persona = persona
        self.provider = provider
        self.signs_in = signs_in
        self.sign_ins = 0
        self.consents = 0

    def open(self, url: str) -> Page | Callback:
        """Follow a link of the suite's, as far as it leads."""
        return self.follow(self.get(url))

    def send(self, url: str, fields: dict[str, str]) -> Page | Callback:
        """Submit a form of the suite's: from another site, and so without our cookies."""
        response = requests.post(url, data=fields, allow_redirects=False, timeout=TIMEOUT, verify=str(self.http.verify))
        return self.follow(response)

    def press(self, page: Page, button: tuple[str, str] | None = None) -> Page | Callback:
        """Submit the first form of a page of ours that has ``button``, or the first at all."""
        form = next(each for each in forms(page) if button is None or button in each.buttons)
        body = urlencode([*form.fields, *([button] if button else [])])
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": self.world.base,
            "Referer": page.url,
        }
        url = urljoin(page.url, form.action)
        return self.follow(self.http.post(url, data=body, headers=headers, allow_redirects=False, timeout=TIMEOUT))

    def follow(self, response: requests.Response) -> Page | Callback:
        chosen = not self.signs_in
        for _ in range(_MOST_STEPS):
            if response.is_redirect:
                url = urljoin(response.url, response.headers["Location"])
                if url.startswith(SUITE):
                    return _redirected(url)
                response = self._sign_in(url) if url.startswith(self.world.standins.browser_url) else self.get(url)
                continue
            page = self.page(response)
            if page.onward is not None and page.onward.startswith(SUITE):
                return _redirected(page.onward)
            by_itself = next((each for each in forms(page) if each.action.startswith(SUITE)), None)
            if by_itself is not None:
                return _posted(page, by_itself)
            choice = next((each for each in page.links if each.endswith(f"/{self.provider}")), None)
            if choice is not None and not chosen:
                chosen = True
                response = self.get(urljoin(response.url, choice))
            elif "/consent/" in page.url and page.status == 200:
                self.consents += 1
                return self.press(page, ("answer", "allow"))
            else:
                return page
        raise AssertionError(f"too many steps, the last to {response.url}")

    def _sign_in(self, url: str) -> requests.Response:
        self.sign_ins += 1
        return self.come_back(upstream.sign_in(url, self.persona))


def _redirected(url: str) -> Callback:
    parts = urlsplit(url)
    # OAuth 2.0 Multiple Response Type Encoding Practices section 5: a code comes in the query.
    assert not parts.fragment
    fields = tuple(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    return Callback(url=url, posted=False, fields=fields)


def _posted(page: Page, form: Form) -> Callback:
    """Do what a browser does with the page of OAuth 2.0 Form Post Response Mode, if its policy lets it."""
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "no-store" in page.headers["Cache-Control"]
    policy = {
        directive.split()[0]: directive.split()[1:]
        for directive in page.headers["Content-Security-Policy"].split(";")
        if directive.strip()
    }
    parts = urlsplit(form.action)
    # Wherever the registry sends the browser after that.
    assert "*" in policy["form-action"]
    (script,) = _SCRIPT.findall(page.text)
    assert "submit()" in script
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy["script-src"] == [f"'sha256-{digest}'"]
    assert '<form method="post"' in page.text
    query = parse_qsl(parts.query, keep_blank_values=True)
    return Callback(url=form.action, posted=True, fields=(*query, *form.fields))
