"""T6: redirect_uri. Compared as a string; an error before it is known good is a page and never a redirect."""

import pytest

from tests.world import CALLBACK, World

TRICKS = {
    "trailing slash": CALLBACK + "/",
    "query added": CALLBACK + "?next=evil",
    "fragment": CALLBACK + "#x",
    "userinfo": CALLBACK.replace("127.0.0.1", "127.0.0.1:1@evil.example"),
    "userinfo before": CALLBACK.replace("127.0.0.1", "user@127.0.0.1"),
    "upper case": CALLBACK.upper(),
    "upper-case scheme": CALLBACK.replace("http", "HTTP"),
    "trailing dot": CALLBACK.replace("127.0.0.1", "127.0.0.1."),
    "another port": CALLBACK.replace(":1/", ":2/"),
    "localhost": CALLBACK.replace("127.0.0.1", "localhost"),
    "localhost prefix": CALLBACK.replace("127.0.0.1", "localhost.evil.example"),
    "another scheme": CALLBACK.replace("http:", "https:"),
    "javascript": "javascript:alert(1)",
    "data": "data:text/html,x",
    "path up": CALLBACK.replace("/callback", "/x/../callback"),
    "encoded path": CALLBACK.replace("callback", "%63allback"),
    "double encoded": CALLBACK.replace("callback", "%2563allback"),
    "newline": CALLBACK + "\n",
    "newline and header": CALLBACK + "\r\nSet-Cookie: a=b",
    "NUL": CALLBACK + "\x00",
    "backslash": CALLBACK.replace("/callback", "\\callback"),
    "wildcard": CALLBACK.replace("callback", "*"),
    "leading space": " " + CALLBACK,
    "relative": "/callback",
    "empty": "",
    "scheme-relative": "//127.0.0.1:1/callback",
    "full-width": CALLBACK.replace("callback", "\uff43allback"),
}


@pytest.mark.parametrize("uri", TRICKS.values(), ids=TRICKS.keys())
def test_t6_anything_but_the_exact_string_is_shown_and_not_redirected(world: World, uri: str) -> None:
    for extra in ({}, {"prompt": "none"}, {"response_type": "token"}):
        response = world.visitor().authorize(world.registry().request(redirect_uri=uri, **extra))
        assert response.status_code == 400
        assert "Location" not in response.headers
        assert "evil" not in response.text


def test_t6_the_token_endpoint_holds_the_code_to_its_redirect_uri(world: World) -> None:
    visitor = world.visitor()
    arrived = visitor.sign_in("2fa-true", "github")
    response = world.registry().token_response(
        arrived.code,  # type: ignore[union-attr]
        visitor.last_request.verifier,
        {"redirect_uri": CALLBACK + "?x"},
    )
    assert response.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "path", ["//evil.example/", "/signin/x/https:%2f%2fevil.example", "/leave/https:%2f%2fevil.example"]
)
def test_t6_no_page_of_ours_redirects_where_a_stranger_says(world: World, path: str) -> None:
    response = world.visitor().http.get(world.base + path, allow_redirects=False, timeout=20)
    assert "evil" not in response.headers.get("Location", "")
