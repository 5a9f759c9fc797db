"""T10: the Content-Security-Policy as Chromium applies it, and caches that keep nothing."""

from collections import Counter
from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.browser.house import Person, origin


def test_t10_every_page_on_the_way_has_a_policy_without_scripts_and_is_stored_nowhere(person: Person) -> None:
    person.sign_in_with_github()
    for path in ("/", "/account", "/account/erase", "/nothing-here", "/signin"):
        person.open(path)
    person.choose("GitHub")
    person.pick("2fa-true")
    person.heading("Your account")
    ours = [each for each in person.documents if origin(each.url) == person.house.world.base]
    rooms = Counter(urlsplit(each.url).path.split("/")[1] for each in ours)
    # On the way: what sends to the provider at once, the chooser and what it leads to, and two returns.
    assert rooms == {"authorize": 1, "callback": 2, "signin": 3, "": 1, "account": 3, "nothing-here": 1}
    for document in ours:
        policy = document.header_value("content-security-policy") or ""
        assert {"default-src 'none'", "script-src 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))
        assert "unsafe" not in policy
        assert document.header_value("cache-control") == "no-store"
        assert "Cookie" in (document.header_value("vary") or "")


def test_t10_a_script_that_got_into_a_page_does_not_run(person: Person) -> None:
    person.open("/")
    person.page.evaluate(
        """() => {
            const script = document.createElement("script")
            script.textContent = "window.ran = true"
            document.body.append(script)
        }"""
    )
    assert person.page.evaluate("window.ran") is None
    (refusal,) = person.heard()
    assert "script-src 'none'" in refusal


def test_t10_a_page_shows_in_no_frame(person: Person) -> None:
    person.page.goto(f"{person.house.world.standins.browser_url}/nothing-here")
    with person.page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        person.page.set_content(f'<iframe src="{person.house.world.base}/"></iframe>')
    expect(person.page.frame_locator("iframe").get_by_role("heading")).to_have_count(0)
    assert person.heard()
