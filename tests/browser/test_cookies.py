"""T10: whose browser it is. Cookies as Chromium keeps and sends them, and a callback that another browser opens."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Route, expect

from tests.browser.house import Person

OURS = {"vestibule", "vestibule-browser", "vestibule-form"}


def test_t10_cookies_are_http_only_lax_and_of_this_host(person: Person) -> None:
    person.sign_in_with_github()
    person.open("/account")
    person.heading("Your account")
    cookies = person.cookies()
    assert set(cookies) == {*OURS, "demo-registry"}, "the stand-ins need none, and names do not clash"
    for cookie in cookies.values():
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax"), cookie
        assert (cookie["domain"], cookie["path"]) == ("localhost", "/"), cookie
        assert cookie["secure"] is False, "on a loopback http issuer, and there alone"
    assert person.page.evaluate("document.cookie") == ""
    assert cookies["vestibule"]["expires"] > 0
    assert cookies["vestibule-browser"]["expires"] == -1, "gone when the browser closes"


def test_t10_the_form_post_comes_without_cookies_and_finds_its_browser_all_the_same(person: Person) -> None:
    person.begin()
    person.choose("Microsoft")
    person.pick("msa-mfa")
    person.approve()
    person.arrive("msa-mfa")
    posted, got = [each for each in person.requests if urlsplit(each.url).path.startswith("/callback/")]
    assert (posted.method, got.method) == ("POST", "GET")
    assert posted.header_value("sec-fetch-site") == "cross-site"
    assert "cookie" not in posted.all_headers()
    assert "vestibule-browser=" in got.all_headers()["cookie"]


@pytest.mark.parametrize("provider, persona", [("GitHub", "2fa-true"), ("Microsoft", "msa-mfa")])
def test_t10_a_callback_opened_in_another_browser_is_refused(
    person: Person, somebody: Callable[..., Person], provider: str, persona: str
) -> None:
    copied: list[str] = []

    def copy(route: Route) -> None:
        """Let the address be seen and not opened, as someone does who wants to send it to somebody else."""
        if route.request.method == "GET":
            route.continue_()
            return
        answer = route.fetch(max_redirects=0)
        location = answer.headers.get("location")
        if location is None:
            route.fulfill(response=answer)
        else:
            copied.append(location)
            route.fulfill(body="Not opened.", content_type="text/plain")

    person.begin()
    person.choose(provider)
    pages = f"{person.house.world.standins.browser_url}/**" if provider == "GitHub" else "**/callback/*"
    person.context.route(pages, copy)
    person.pick(persona)
    if provider != "GitHub":
        person.approve()
    expect(person.page.get_by_text("Not opened.")).to_be_visible()
    (callback,) = copied

    victim = somebody()
    victim.begin()
    address = callback if callback.startswith("http") else f"{victim.house.world.base}{callback}"
    victim.page.goto(address)
    expect(victim.page.get_by_text("wrong_browser", exact=True)).to_be_visible()
    assert "vestibule" not in victim.cookies()
    victim.page.goto(victim.house.registry)
    victim.heading("A registry that asks for MFA")
