"""T10: the browser's session. Bound to one browser, new at each sign-in, never cached, never by a foreign Host."""

import re
from pathlib import Path
from typing import Any

import pytest
import requests

from providers.standins import Standins
from providers.standins import browser as upstream
from tests.security.test_t1_side_paths import upstream_url
from tests.world import TIMEOUT, Arrival, Page, World, running

CHANGING = {"POST", "PUT", "PATCH", "DELETE"}
# What answers programs and never looks at a cookie; and what other sites post to, which changes nothing but the URL.
EXEMPT = {"oidc_api", "oidc_form", "callback", "logout_form", "management"}
SESSION, BINDING = "vestibule", "vestibule-browser"


@pytest.mark.parametrize("provider, persona", [("entra", "entra-mfa"), ("github", "2fa-true")])
def test_t10_a_callback_carried_to_another_browser_is_refused(world: World, provider: str, persona: str) -> None:
    attacker, victim = world.visitor(), world.visitor()
    returned = upstream.sign_in(upstream_url(attacker, provider=provider), persona)
    ended = victim.walk(victim.come_back(returned))
    assert isinstance(ended, Page)
    assert ended.status == 400
    victim.get("/signin")  # a browser with a binding of its own fares no better
    again = upstream.sign_in(upstream_url(attacker, provider=provider), persona)
    assert isinstance(victim.walk(victim.come_back(again)), Page)
    assert victim.get("/account").status_code == 303


def test_t10_the_session_id_is_new_at_every_sign_in_and_the_old_one_ends(world: World) -> None:
    visitor = world.visitor()
    visitor.http.cookies.set(SESSION, "f" * 43, domain="localhost.local")
    seen = {"f" * 43}
    for _ in range(3):
        visitor.sign_in("2fa-true", "github", prompt="select_account")
        (value,) = [each.value for each in visitor.http.cookies if each.name == SESSION and each.value not in seen]
        assert value is not None
        for old in seen:
            response = requests.get(
                f"{world.base}/account", cookies={SESSION: old}, allow_redirects=False, timeout=TIMEOUT
            )
            assert response.status_code == 303
        seen.add(value)


@pytest.mark.parametrize(
    "value", ["", "x", "f" * 500, "\N{SNOWMAN}" * 20, "a b", "'; DROP TABLE accounts; --" + "x" * 20]
)
def test_t10_a_malformed_cookie_is_no_session_and_no_error(world: World, value: str) -> None:
    raw = f"{SESSION}={value}; {BINDING}={value}".encode()
    for path, status in (("/account", 303), ("/", 200), ("/signin/x", 400)):
        response = requests.get(world.base + path, headers={"Cookie": raw}, allow_redirects=False, timeout=TIMEOUT)
        assert response.status_code == status


def test_t10_cookies_are_http_only_lax_and_for_this_host(world: World) -> None:
    visitor = world.visitor()
    visitor.sign_in("2fa-true", "github")
    for cookie in visitor.http.cookies:
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert cookie.get_nonstandard_attr("SameSite") == "Lax"
        assert cookie.path == "/"
        assert not cookie.domain_specified
        assert not cookie.secure, "a loopback http issuer, and nowhere else"


def test_t10_what_is_personal_is_never_stored_by_a_cache(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account("2fa-true", "github")
    paths = "/ /account /account/data.json /account/erase /account/email/confirm /signin /consent/x /device /logout"
    for path in paths.split():
        response = visitor.get(path)
        assert response.headers["Cache-Control"] == "no-store", path
        assert "Cookie" in response.headers["Vary"], path


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"])
def test_t10_a_foreign_host_is_not_believed(world: World, header: str) -> None:
    visitor = world.visitor()
    value = {"X-Forwarded-Proto": "https", "Forwarded": "host=evil.example"}.get(header, "evil.example")
    document = requests.get(f"{world.base}/.well-known/openid-configuration", headers={header: value}, timeout=TIMEOUT)
    assert "evil" not in document.text
    request = world.registry().request(provider="github")
    response = visitor.get("/authorize", params=dict(request.parameters), headers={header: value})
    assert f"{world.base.rpartition(':')[2]}%2Fcallback" in response.headers["Location"]
    assert "evil" not in response.headers["Location"]
    chooser = visitor.get("/authorize", params=dict(world.registry().request().parameters), headers={header: value})
    begun = visitor.get(f"{chooser.headers['Location']}/github", headers={header: value})
    assert f"{world.base.rpartition(':')[2]}%2Fcallback" in begun.headers["Location"]
    assert "evil" not in chooser.headers["Location"] + begun.headers["Location"]
    assert not any(cookie.secure for cookie in visitor.http.cookies)


def test_t10_every_change_needs_a_form_of_ours(world: World) -> None:
    visitor, other = world.visitor(), world.visitor()
    visitor.open_account("2fa-true", "github")
    other.open_account("entra-mfa", "entra")
    foreign = other.page(other.get("/account")).form_token()
    before = visitor.page(visitor.get("/account")).form_token()
    changing = [rule for rule in world.app.url_map.iter_rules() if not CHANGING.isdisjoint(rule.methods or ())]
    rooms = {rule.endpoint.partition(".")[0] for rule in changing}
    people = {"accounts", "organizations", "tenants", "operators", "signin", "consent", "device", "logout"}
    assert rooms == people | set(EXEMPT)
    pages = [rule for rule in changing if rule.endpoint.partition(".")[0] not in EXEMPT]
    posts = [re.sub(r"<\w+>", "x", rule.rule) for rule in pages]
    assert len(posts) >= 40
    assert all(CHANGING & set(rule.methods or ()) == {"POST"} for rule in pages)
    for path in posts:
        for fields in ({}, {"csrf_token": ""}, {"csrf_token": foreign}, {"csrf_token": "x" * 40}):
            response = visitor.post(path, fields)
            assert response.status_code == 400, path
            assert "form" in response.text.lower()
    visitor.sign_in("2fa-true", "github", prompt="select_account")
    assert visitor.post("/account/name", {"csrf_token": before, "name": "x"}).status_code == 400, "from before"


def test_t10_what_needs_no_form_of_ours_does_nothing_with_a_browser(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account("2fa-true", "github")
    cookies = dict(visitor.http.cookies)
    for rule in world.app.url_map.iter_rules():
        methods = CHANGING & set(rule.methods or ())
        if rule.endpoint.partition(".")[0] not in EXEMPT or not methods:
            continue
        path = re.sub(r"<\w+>", "github", rule.rule)
        for method in methods:
            fields = {"client_id": "registry", "action": "allow", "answer": "allow", "token": cookies[SESSION]}
            response = visitor.http.request(
                method, world.base + path, data=fields, allow_redirects=False, timeout=TIMEOUT
            )
            assert response.status_code in (303, 400, 401, 403), (method, path, response.status_code)
            assert "Set-Cookie" not in response.headers, (method, path)
    assert dict(visitor.http.cookies) == cookies
    assert visitor.get("/account").status_code == 200


def test_t10_over_https_cookies_are_secure_and_host_only(tmp_path: Path, standins: Standins) -> None:
    def https(raw: dict[str, Any]) -> None:
        raw["issuer"] = "https://login.example"

    with running(tmp_path, standins=standins, change=https) as world:
        client = world.app.test_client()
        response = client.get("/signin", base_url="https://login.example")
        cookies = response.headers.getlist("Set-Cookie")
        assert cookies
        for cookie in cookies:
            assert cookie.startswith("__Host-")
            assert "Secure" in cookie
            assert "HttpOnly" in cookie
        assert "max-age" in response.headers["Strict-Transport-Security"]


def test_t10_a_relayed_return_is_good_for_one_minute_and_one_provider(world: World) -> None:
    from datetime import timedelta

    visitor = world.visitor()
    returned = upstream.sign_in(upstream_url(visitor, provider="entra"), "entra-mfa")
    location = visitor.come_back(returned).headers["Location"]
    for changed in (location.replace("/entra", "/msa"), location[:-8] + "AAAAAAA=", location.partition("=")[0] + "=!"):
        assert visitor.get(changed).status_code == 400
    world.clock.move(timedelta(seconds=61))
    assert visitor.get(location).status_code == 400
    world.clock.move(timedelta(seconds=-61))
    assert isinstance(visitor.walk(visitor.get(location)), Arrival)
    world.clock.move(timedelta(seconds=-61))
    assert visitor.get(location).status_code == 400, "from the future"
