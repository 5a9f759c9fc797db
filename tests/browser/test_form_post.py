"""Form Post Response Mode in Chromium: the page posts itself to the registry, or is posted by its button."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.house import House, Person
from tests.browser.test_without_scripts import walk_to
from tests.chromium import SMALL, check_page


@pytest.fixture
def house(guesthouse: House) -> Iterator[House]:
    yield guesthouse
    guesthouse.receiver.onward = None


def stay(person: Person) -> None:
    """Let the page post itself to nowhere, so that it can be looked at."""
    person.context.route(person.house.receiver.callback, lambda route: route.fulfill(status=204))


def test_a_sign_in_comes_back_by_a_form_that_posts_itself(person: Person) -> None:
    request = person.come_from("ours", response_mode="form_post", provider="github")
    person.pick("2fa-true")
    tokens = person.back_at("ours", request)
    last = person.house.receiver.arrivals()[-1]
    assert last.method == "POST"
    assert last.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "referer" not in last.headers
    assert "cookie" not in last.headers
    assert set(person.house.receiver.told()) == {"code", "state", "iss"}

    # From the live session, too, and an error as well.
    request = person.come_from("ours", response_mode="form_post")
    assert person.back_at("ours", request).claims["sub"] == tokens.claims["sub"]
    person.come_from("ours", response_mode="form_post", prompt="none", max_age="0")
    person.heading("Back at the registry")
    assert person.house.receiver.told()["error"] == "login_required"
    assert len(person.upstream_trips()) == 1


def test_without_scripts_its_button_does_it(somebody: Callable[..., Person]) -> None:
    person = somebody(scripts=False)
    request = person.come_from("ours", response_mode="form_post", provider="github")
    person.pick("2fa-true")
    person.heading("On your way back")
    walk_to(person, "Continue")
    person.back_at("ours", request)


def test_after_consent_it_comes_by_form_as_well(person: Person) -> None:
    request = person.come_from("crates", response_mode="form_post", provider="github")
    person.pick("2fa-true")
    person.heading("Let Crates of Others know you?")
    person.page.get_by_role("button", name="Allow", exact=True).click()
    person.back_at("crates", request)
    assert person.house.receiver.arrivals()[-1].method == "POST"


def test_whoever_gives_up_goes_back_by_form(person: Person) -> None:
    request = person.come_from("ours", response_mode="form_post")
    person.link("Cancel and go back").click()
    person.heading("Back at the registry")
    told = person.house.receiver.told()
    assert (told["error"], told["state"]) == ("access_denied", request.state)


def test_a_registry_may_send_the_browser_on_to_another_site_of_its_own(person: Person) -> None:
    house = person.house
    house.receiver.onward = f"{house.elsewhere.url}/packages"
    person.come_from("ours", response_mode="form_post", prompt="none")
    expect(person.page).to_have_url(f"{house.elsewhere.url}/packages")


def test_axe_finds_nothing_on_the_page_that_posts_itself(person: Person) -> None:
    stay(person)
    with person.page.expect_request(person.house.receiver.callback):
        person.come_from("ours", response_mode="form_post", prompt="none")
    person.heading("On your way back")
    person.check()
    check_page(person.page, SMALL, "light")
    with person.page.expect_request(person.house.receiver.callback):
        person.button("Continue").click()


def test_t10_no_script_but_its_own_runs_there_and_nothing_comes_from_the_request(person: Person) -> None:
    stay(person)
    hostile = "\"><script>window.ran = 'state'</script><input name=\"code"
    with person.page.expect_request(person.house.receiver.callback) as sent:
        person.come_from("ours", response_mode="form_post", prompt="none", state=hostile)
    person.heading("On your way back")
    person.page.evaluate(
        """() => {
            const script = document.createElement("script")
            script.textContent = "window.ran = 'injected'"
            document.body.append(script)
        }"""
    )
    assert person.page.evaluate("window.ran") is None
    (refusal,) = person.heard()
    assert "script-src 'sha256-" in refusal
    body = sent.value.post_data_json
    assert body is not None
    assert (body["state"], body["error"]) == (hostile, "login_required")
    assert "code" not in body
