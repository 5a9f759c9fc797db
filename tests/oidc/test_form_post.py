"""Form Post Response Mode: a page that posts itself, for codes and for errors, and that works by its button too."""

import re
from html import unescape

import pytest

from tests.world import CALLBACK, Page, World

ACTION = re.compile(r'<form method="post" action="([^"]*)">')
FIELD = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')


def posted(page: object) -> tuple[str, dict[str, str]]:
    """Return where a page posts itself to, and what."""
    assert isinstance(page, Page), page
    assert page.status == 200
    found = ACTION.search(page.text)
    assert found, page.text
    return unescape(found[1]), {unescape(name): unescape(value) for name, value in FIELD.findall(page.text)}


def test_a_code_comes_by_post(busy: World) -> None:
    visitor, registry = busy.visitor(), busy.registry()
    for _ in range(2):  # from the provider, and from the live session
        request = registry.request(provider="entra", response_mode="form_post")
        page = visitor.walk(visitor.authorize(request), "entra-mfa")
        action, fields = posted(page)
        assert action == CALLBACK
        assert set(fields) == {"code", "state", "iss"}
        assert (fields["state"], fields["iss"]) == (request.state, busy.base)
        assert registry.token_response(fields["code"], request.verifier).status_code == 200


@pytest.mark.parametrize(
    "changes", [{"prompt": "none"}, {"scope": "email"}, {"code_challenge": ""}], ids=["silent", "scope", "pkce"]
)
def test_so_does_an_error(busy: World, changes: dict[str, str]) -> None:
    visitor = busy.visitor()
    request = busy.registry().request(response_mode="form_post", **changes)
    action, fields = posted(visitor.walk(visitor.authorize(request)))
    assert action == CALLBACK
    assert set(fields) == {"error", "error_description", "state", "iss"}


def test_t10_the_page_may_run_its_one_script_and_post_there_and_nothing_else(busy: World) -> None:
    visitor = busy.visitor()
    response = visitor.authorize(busy.registry().request(response_mode="form_post", prompt="none", state='"><script>'))
    policy = response.headers["Content-Security-Policy"]
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]+';", policy)
    assert "form-action 'self' *;" in policy
    assert response.headers["Cache-Control"] == "no-store"
    assert response.text.count("<script>") == 1
    assert "csrf_token" not in response.text
    elsewhere = visitor.get("/")
    assert "script-src 'none'" in elsewhere.headers["Content-Security-Policy"]


def test_giving_up_goes_back_by_post_too(busy: World) -> None:
    visitor = busy.visitor()
    request = busy.registry().request(response_mode="form_post")
    page = visitor.walk(visitor.authorize(request))
    assert isinstance(page, Page)
    _, fields = posted(visitor.walk(visitor.get(next(link for link in page.links if "/leave/" in link))))
    assert fields["error"] == "access_denied"
