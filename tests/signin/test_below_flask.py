"""The redirects of a sign-in are the same below Flask and in it, which answers what is odd about a request."""

from urllib.parse import urlencode

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Response

from providers.standins import browser as upstream
from tests.world import World, arrival

PLAIN, ODD = "localhost", "[::1]"
FORM = "vestibule-form="
OWN = {"Location", "Set-Cookie", "Content-Length", "Date"}


def same(response: Response) -> dict[str, str]:
    """Return the headers that have nothing of one request in them, and the names and attributes of cookies."""
    lines = response.headers.getlist("Set-Cookie")
    # Flask clears the cookie of forms also where there is none.
    cookies = [each.partition("=")[0] + each.partition(";")[2] for each in lines if not each.startswith(FORM)]
    return {
        **{name: value for name, value in response.headers if name not in OWN},
        "cookies": "|".join(sorted(cookies)),
        "status": str(response.status_code),
    }


class Browser:
    """A browser of whom every request is plain, or odd."""

    def __init__(self, world: World, host: str) -> None:
        self._client = Client(world.app, Response)
        self._host = host

    def get(self, path: str, query: str = "") -> Response:
        return self._client.get(path, query_string=query, headers={"Host": self._host})


def whole(world: World, host: str, persona: str = "2fa-true") -> tuple[Browser, list[Response]]:
    browser, request = Browser(world, host), world.registry().request(provider="github")
    there = browser.get("/authorize", urlencode(request.parameters))
    returned = upstream.sign_in(there.headers["Location"], persona)
    back = browser.get("/callback/github", urlencode(returned.fields))
    return browser, [there, back]


def test_a_sign_in_is_answered_the_same(world: World) -> None:
    below, within = (whole(world, host) for host in (PLAIN, ODD))
    assert [same(each) for each in below[1]] == [same(each) for each in within[1]]
    for browser, answers in (below, within):
        assert arrival(answers[1].headers["Location"]).code
        again = browser.get("/authorize", urlencode(world.registry().request().parameters))
        assert arrival(again.headers["Location"]).code


def test_a_page_is_made_by_flask_of_what_was_found_below(world: World) -> None:
    below, within = (whole(world, host, "2fa-false")[1][1] for host in (PLAIN, ODD))
    assert same(below) == same(within)
    assert below.status_code == 403
    assert 'name="vestibule-reason"' in below.get_data(as_text=True)


@pytest.mark.parametrize("host", [PLAIN, ODD])
def test_a_challenge_leads_back_to_the_provider(world: World, host: str) -> None:
    browser, request = Browser(world, host), world.registry().request(provider="generic")
    there = browser.get("/authorize", urlencode(request.parameters))
    returned = upstream.sign_in(there.headers["Location"], "oidc-when-forced")
    again = browser.get("/callback/generic", urlencode(returned.fields))
    assert again.status_code == 302
    assert (
        again.headers["Location"].startswith(f"{world.standins.backchannel_url}/oidc")
        or "authorize" in (again.headers["Location"])
    )


@pytest.mark.parametrize("host", [PLAIN, ODD])
def test_what_is_wrong_is_told_by_a_page(world: World, host: str) -> None:
    browser = Browser(world, host)
    assert browser.get("/callback/github", "state=nobodys&code=x").status_code == 400
    assert browser.get("/callback/github", "state=a&state=b").status_code == 400
    assert browser.get("/callback/nobody", "state=a").status_code == 400
    assert browser.get("/authorize", "client_id=nobody").status_code == 400
    assert browser.get("/authorize", "client_id=registry%00").status_code == 400


@pytest.mark.parametrize("host", [PLAIN, ODD])
def test_forms_from_before_a_sign_in_are_worthless_after_it(world: World, host: str) -> None:
    browser = Browser(world, host)
    # A page with a form gives the browser its cookie.
    page = browser.get("/work/" + _transaction(world, browser))
    assert any(each.startswith(FORM) for each in page.headers.getlist("Set-Cookie"))
    there = browser.get("/authorize", urlencode(world.registry().request(provider="github").parameters))
    returned = upstream.sign_in(there.headers["Location"], "2fa-true")
    back = browser.get("/callback/github", urlencode(returned.fields))
    cleared = [each for each in back.headers.getlist("Set-Cookie") if each.startswith(f"{FORM};")]
    assert len(cleared) == 1
    assert "Max-Age=0" in cleared[0]


def test_a_registry_that_wants_a_form_gets_its_page(world: World) -> None:
    browser, request = Browser(world, PLAIN), world.registry().request(prompt="none", response_mode="form_post")
    page = browser.get("/authorize", urlencode(request.parameters))
    assert page.status_code == 200
    assert 'value="login_required"' in page.get_data(as_text=True)


def _transaction(world: World, browser: Browser) -> str:
    there = browser.get("/authorize", urlencode(world.registry().request().parameters))
    return there.headers["Location"].rpartition("/")[2]
