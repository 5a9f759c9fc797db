"""Debian's mod_auth_openidc in a real Apache, as a registry's own web server would have it."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import requests

from claims.vocabulary import ACR_MFA
from tests.clients.apache import NotStarted, apache
from tests.clients.browser import Answer, Browser
from tests.clients.tls import Authority, Start
from tests.servers import free_port
from tests.world import Page, World

_ATTEMPTS = 3  # another process may take the free port first


@dataclass(frozen=True, kw_only=True)
class Site:
    """The Apache at ``url`` and the broker it trusts."""

    world: World
    url: str
    authority: Authority

    def browser(self) -> Browser:
        return Browser(self.world, self.authority.ca_file)

    def members(self, browser: Browser) -> Page:
        """Return the page for members, where a sign-in ends if one is needed."""
        landed = browser.go(f"{self.url}/members/")
        assert isinstance(landed, Page)
        return landed

    def known(self, browser: Browser) -> dict[str, Any]:
        """Return what Apache knows of the session."""
        answered = browser.get(f"{self.url}/members/return?info=json")
        assert answered.status_code == 200, answered.text
        known: dict[str, Any] = json.loads(answered.text)
        return known


@pytest.fixture(scope="module")
def site(start: Start, authority: Authority) -> Iterator[Site]:
    for attempt in range(_ATTEMPTS):
        port, plain_port = free_port(), free_port()
        url = f"https://localhost:{port}"
        secret = secrets.token_urlsafe(32)
        world = start(
            {
                "apache": {
                    "name": "Apache",
                    "redirect_uris": [f"{url}/members/return"],
                    "secret": secret,
                    "first_party": True,
                    "grant_types": ["authorization_code", "refresh_token"],
                    "scopes": ["openid", "profile", "email", "offline_access"],
                    "post_logout_redirect_uris": [f"{url}/goodbye.html"],
                    # The broker trusts no authority of ours, so it is told without TLS.
                    "backchannel_logout_uri": f"http://localhost:{plain_port}/members/return?logout=backchannel",
                    "backchannel_logout_session_required": True,
                },
            },
            insecure_allow_private_addresses=True,
        )
        try:
            with apache(
                port, plain_port, authority=authority, issuer=world.base, client_id="apache", secret=secret
            ) as log:
                yield Site(world=world, url=url, authority=authority)
                assert "[auth_openidc:error]" not in log.read_text()
                return
        except NotStarted:
            if attempt == _ATTEMPTS - 1:
                raise


def test_apache_lets_in_who_signed_in_and_tells_its_pages_who_that_is(site: Site) -> None:
    browser = site.browser()
    page = site.members(browser)
    assert page.status == 200
    assert page.text == "for members\n"
    known = site.known(browser)
    assert page.headers["X-Subject"] == known["id_token"]["sub"] == known["userinfo"]["sub"]
    assert page.headers["X-Acr"] == known["id_token"]["acr"] == ACR_MFA
    assert page.headers["X-Email"] == known["userinfo"]["email"]
    assert known["id_token"]["iss"] == site.world.base


def test_apache_keeps_a_session_alive_with_refresh_tokens(site: Site) -> None:
    browser = site.browser()
    site.members(browser)
    before = site.known(browser)
    page = quote(f"{site.url}/members/", safe="")
    refresh = f"{site.url}/members/return?refresh={page}&access_token={quote(before['access_token'], safe='')}"
    assert browser.get(refresh).headers["Location"] == f"{site.url}/members/"
    after = site.known(browser)
    assert after["access_token"] != before["access_token"]
    assert after["refresh_token"] != before["refresh_token"]
    assert userinfo(site, browser, after["access_token"]).json()["sub"] == before["id_token"]["sub"]


def test_apache_signs_out_at_the_broker_too_and_revokes_what_it_held(site: Site) -> None:
    browser = site.browser()
    site.members(browser)
    held = site.known(browser)["access_token"]
    landed = browser.go(f"{site.url}/members/return?logout={quote(f'{site.url}/goodbye.html', safe='')}")
    assert isinstance(landed, Page)
    assert (landed.url, landed.text) == (f"{site.url}/goodbye.html", "signed out\n")
    assert userinfo(site, browser, held).status_code == 401
    # Nobody is signed in at the broker either: it would have to ask.
    asked = browser.go(f"{site.url}/members/", until=site.world.standins.browser_url)
    assert isinstance(asked, Answer)


def test_apache_ends_its_session_when_the_broker_tells_it_to(site: Site) -> None:
    browser, other = site.browser(), site.browser()
    assert site.members(browser).text == site.members(other).text == "for members\n"
    question = browser.go(f"{site.world.base}/logout")
    assert isinstance(question, Page)
    browser.press(question)
    assert browser.get(f"{site.url}/members/").status_code == 200
    site.world.parts.worker.run_once()
    assert browser.get(f"{site.url}/members/").is_redirect
    assert other.get(f"{site.url}/members/").status_code == 200


def userinfo(site: Site, browser: Browser, access_token: str) -> requests.Response:
    return browser.get(f"{site.world.base}/userinfo", headers={"Authorization": f"Bearer {access_token}"})
