"""T12, by real requests: lockouts, what is said of them, and what hostile requests leave behind."""

import re
import secrets
import shutil
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import Client

from broker import metrics
from broker.app import create_app, parts
from broker.limits.table import Name
from broker.metrics.labels import is_known
from broker.settings import Settings
from broker.web import caps
from providers.standins import Standins
from tests.limits.counting import most
from tests.management.estate import Estate, clients, estate
from tests.storage.parallel import in_parallel
from tests.world import CALLBACK, TIMEOUT, Page, Visitor, World, running

FEW = 4
"""What some limits are set to here."""
CALLS = 300
UNRULED = {
    "strength": None,
    "bindings": None,
    "max_age": None,
    "session_length": None,
    "guests": True,
    "providers": None,
    "tenants": None,
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[Estate]:
    """A broker behind a proxy, with the limits of production, but for a few that are lower still.

    Each test comes from addresses of its own.
    """
    folder = tmp_path_factory.mktemp("guarded")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")

    def change(raw: dict[str, Any]) -> None:
        raw["trusted_proxies"] = 1
        raw["clients"].update(clients())
        raw["clients"]["public"] = {
            "name": "Anybody's",
            "auth_method": "none",
            "grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
            "redirect_uris": [CALLBACK],
        }
        raw["limits"] = {
            "sign_in_address": f"{FEW} / 5 min",
            "api_address": f"{3 * FEW} / 5 min",
            "begun_address": "100 / 10 min",
            "management_account": f"{CALLS} / 5 min",
        }

    with running(folder, standins=standins, change=change) as world:
        yield estate(world)


@pytest.fixture
def world(guarded: Estate) -> World:
    return guarded.world


@pytest.fixture
def hits() -> Iterator[Callable[[], Mapping[str, int]]]:
    """Count in this process, and say how often each limit was hit, as operators see it."""
    numbers = metrics.on()

    def counted() -> Mapping[str, int]:
        families = text_string_to_metric_families(generate_latest(numbers.registry).decode())
        found = [each for family in families for each in family.samples if each.name == "vestibule_limits_hit_total"]
        return {each.labels["limit"]: int(each.value) for each in found if each.value}

    yield counted
    metrics.off()


def from_address(world: World, address: str) -> Visitor:
    """Return somebody whose requests the proxy says come from there."""
    visitor = world.visitor()
    visitor.http.headers["X-Forwarded-For"] = address
    return visitor


def token_request(
    world: World, address: str, client_id: str = "registry", secret: str = "wrong", **more: str
) -> requests.Response:
    """Ask for tokens with some secret and a code that is none."""
    basic = b64encode(f"{client_id}:{secret}".encode()).decode()
    form = {"grant_type": "authorization_code", "code": secrets.token_urlsafe(), "redirect_uri": CALLBACK}
    headers = {"Authorization": f"Basic {basic}", "X-Forwarded-For": address, **more}
    return requests.post(f"{world.base}/token", data=form, headers=headers, timeout=TIMEOUT)


def is_told_to_wait(response: requests.Response) -> bool:
    return response.status_code == 429 and 0 < int(response.headers["Retry-After"]) <= 86_400


# Lockouts of people


def test_t12_whoever_comes_back_refused_too_often_waits_and_nobody_else_does(
    world: World, hits: Callable[[], Mapping[str, int]]
) -> None:
    for _ in range(FEW):
        # Another browser each time: browsers are made at will.
        refused = from_address(world, "192.0.2.1").sign_in("2fa-false", "github")
        assert isinstance(refused, Page)
        assert refused.status == 403
    visitor = from_address(world, "::ffff:192.0.2.1")
    page = visitor.sign_in("2fa-true", "github")
    assert isinstance(page, Page)
    assert (page.status, 0 < int(page.headers["Retry-After"]) <= 300) == (429, True)
    assert "Slow down a little" in page.text
    assert re.search(r"Wait (a minute|\d minutes), then try again", page.text)
    assert "another network" in page.text, "what else can be done is said, too"
    assert not isinstance(from_address(world, "192.0.2.2").sign_in("2fa-true", "github"), Page)
    assert hits() == {Name.SIGN_IN_ADDRESS: 1}


def test_t12_an_ipv6_network_counts_as_one_address(world: World) -> None:
    for number in range(FEW):
        from_address(world, f"2001:db8::{number:x}:1").sign_in("2fa-false", "github")
    page = from_address(world, "2001:db8::abcd:1").sign_in("2fa-true", "github")
    assert isinstance(page, Page)
    assert page.status == 429
    assert not isinstance(from_address(world, "2001:db8:0:1::1").sign_in("2fa-true", "github"), Page)


def test_t12_a_return_that_is_nobodys_counts_for_nobody(world: World) -> None:
    """Or any page on the web could lock its readers out, by having their browsers go there."""
    visitor = from_address(world, "192.0.2.3")
    for _ in range(FEW + 1):
        assert visitor.get("/callback/github?state=nobodys&code=x").status_code == 400
    assert not isinstance(visitor.sign_in("2fa-true", "github"), Page)


def test_t12_one_address_does_not_fill_the_store(world: World, hits: Callable[[], Mapping[str, int]]) -> None:
    visitor = from_address(world, "192.0.2.4")
    entries = len(world.parts.store._values)  # type: ignore[attr-defined]  # it is the in-process one
    answers = Counter(visitor.get("/signin").status_code for _ in range(110))
    assert answers == {302: 100, 429: 10}
    assert len(world.parts.store._values) - entries == 100  # type: ignore[attr-defined]  # as above
    form = {"client_id": "public", "scope": "openid"}
    headers = {"X-Forwarded-For": "192.0.2.4"}
    for path, more in (("/device_authorization", {}), ("/par", world.registry("public").request().parameters)):
        response = requests.post(f"{world.base}{path}", data={**more, **form}, headers=headers, timeout=TIMEOUT)
        assert is_told_to_wait(response), path
        assert response.json()["error"] == "too_many_requests"
    assert hits() == {Name.BEGUN_ADDRESS: 12}


# Lockouts of programs


def test_t12_of_50_parallel_guesses_at_a_secret_ten_are_told_that_they_are_wrong(
    world: World, hits: Callable[[], Mapping[str, int]]
) -> None:
    answers = in_parallel(50, lambda: token_request(world, "192.0.2.10"))
    assert Counter(each.status_code for each in answers) == {401: most(Name.CLIENT_AUTHENTICATION), 429: 40}
    assert sum(hits().values()) == hits()[Name.CLIENT_AUTHENTICATION] == 40
    later = next(each for each in answers if each.status_code == 429)
    assert is_told_to_wait(later)
    assert set(later.json()) == {"error", "error_description"}
    assert later.headers["Cache-Control"] == "no-store"
    right = token_request(world, "192.0.2.10", secret=world.secrets["registry"])
    assert (right.status_code, right.json()["error"]) == (400, "invalid_grant"), "a right secret is never refused"
    assert token_request(world, "192.0.2.11").status_code == 401, "nor is anybody elsewhere"


def test_t12_neither_other_names_nor_other_browsers_make_more_guesses(world: World) -> None:
    def guess(number: int) -> int:
        agent = {"User-Agent": f"browser {number}", "X-Real-IP": f"10.0.0.{number}", "Cookie": f"a={number}"}
        name = f"{'REGISTRY' if number % 2 else 'registry'}{' ' * (number % 3)}{number}"
        return token_request(world, "192.0.2.12", name, **agent).status_code

    assert Counter(guess(number) for number in range(3 * FEW + 5)) == {401: 3 * FEW, 429: 5}


@pytest.mark.parametrize(
    "method, path",
    [
        ("POST", "/introspect"),
        ("POST", "/revoke"),
        ("POST", "/par"),
        ("POST", "/device_authorization"),
        ("POST", "/register"),
        ("GET", "/register/somebody"),
        ("POST", "/events/poll"),
        ("GET", "/userinfo"),
        ("GET", "/api/organizations"),
    ],
)
def test_t12_guesses_at_any_endpoint_of_programs_have_an_end(world: World, method: str, path: str) -> None:
    address = f"198.51.100.{sum(path.encode()) % 251}"
    by_client = path in ("/introspect", "/revoke", "/par", "/device_authorization")

    def guess() -> requests.Response:
        headers = {"X-Forwarded-For": address}
        if not by_client:
            headers["Authorization"] = f"Bearer {secrets.token_urlsafe(32)}"
        form = (
            {"client_id": "registry", "client_secret": secrets.token_urlsafe(32), "token": "x"} if by_client else None
        )
        return requests.request(method, f"{world.base}{path}", data=form, headers=headers, timeout=TIMEOUT)

    statuses = [guess().status_code for _ in range(3 * FEW)]
    assert set(statuses) <= {401, 429}
    assert statuses[0] == 401
    response = guess()
    assert is_told_to_wait(response)
    media = "application/problem+json" if path.startswith("/api/") else "application/json"
    assert response.headers["Content-Type"] == media


def test_t12_the_management_api_is_called_so_often_for_one_person(
    guarded: Estate, hits: Callable[[], Mapping[str, int]]
) -> None:
    answers = [guarded.call("suspended", "GET", "/api/organizations") for _ in range(CALLS + 2)]
    assert Counter(each.status_code for each in answers) == {200: CALLS, 429: 2}
    guarded.refused(answers[-1], 429, "too_many_requests")
    assert is_told_to_wait(answers[-1])
    assert hits() == {Name.MANAGEMENT_ACCOUNT: 2}
    guarded.got("admin", "/api/organizations")


def test_t12_limits_outlive_a_process(
    tmp_path: Path, standins: Standins, migrated_sqlite: Path, fresh_redis_url: str
) -> None:
    shutil.copy(migrated_sqlite, tmp_path / "vestibule.db")

    def change(raw: dict[str, Any]) -> None:
        raw["limits"] = {}

    with running(tmp_path, standins=standins, store_url=fresh_redis_url, change=change) as world:
        answers = in_parallel(50, lambda: token_request(world, "ignored without a proxy"))
        assert Counter(each.status_code for each in answers) == {401: most(Name.CLIENT_AUTHENTICATION), 429: 40}
        other = create_app(Settings.model_validate(world.raw))
        try:
            form = {"client_id": "registry", "client_secret": "wrong", "token": "x"}
            answer = Client(other).post("/introspect", data=form, environ_base={"REMOTE_ADDR": "::ffff:127.0.0.1"})
            assert answer.status_code == 429, "by another name of the address, in another process, at another endpoint"
            form["client_id"] = "somebody-else"
            answer = Client(other).post("/introspect", data=form, environ_base={"REMOTE_ADDR": "127.0.0.1"})
            assert answer.status_code == 401
        finally:
            parts(other).close()


# What hostile requests leave behind

HOSTILE = (
    "{{ 7*191 }}",
    "${7*191}",
    "#{7*191}",
    "<%= 7*191 %>",
    "{% for x in range(9) %}{{ config }}{% endfor %}",
    "{0.__class__.__mro__}",
    "%(secret)s %s %n",
    "__import__('os').system('echo $((7*191))')",
    "'; DROP TABLE organizations; --",
    '" OR "1"="1',
    "(a+)+$" + "a" * 40 + "!",
    "../../../etc/passwd",
    "$(echo $((7*191)))",
    "<script>alert(7*191)</script>",
    "\u202e\u0000\ufeff",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_t12_a_preview_of_rules_evaluates_data_and_never_code(guarded: Estate, text: str) -> None:
    before = guarded.written()
    wrong: list[dict[str, object]] = [{name: text} for name in UNRULED]
    wrong += [{name: [text]} for name in ("bindings", "providers", "tenants")]
    wrong += [{text: None}, {"max_age": {"$gt": text}}]
    for change in wrong:
        answer = guarded.call("admin", "POST", "rule/preview", {**UNRULED, **change})
        assert answer.status_code == 400, (change, answer.text)
        assert answer.json()["code"] in {"invalid_input", "invalid_request"}
        assert "1337" not in answer.text
        if text not in change:
            assert text not in answer.text, "no value is sent back"
    admin, here = guarded.people["admin"].visitor, f"/organizations/{guarded.organization.id}/rules/preview"
    for name in (*UNRULED, text):
        page = admin.get(f"{here}?{urlencode({name: text})}")
        assert page.status_code < 500
        assert "1337" not in page.text
        assert not set("<>'\"") & set(text) or text not in page.text
    assert guarded.written() == before
    assert guarded.call("admin", "POST", "rule/preview", UNRULED).status_code == 200


def test_t12_nothing_that_strangers_send_is_ever_a_label(world: World) -> None:
    numbers = metrics.on()
    try:
        marks = [f"hostile{number}x" for number in range(8)]
        odd = Client(world.app, use_cookies=False)
        for mark in marks:
            for method, path in (
                ("GET", f"/{mark}"),
                ("GET", f"/callback/{mark}?state={mark}&error={mark}&error_description={mark}"),
                ("GET", f"/signin/{mark}/{mark}"),
                ("GET", f"/authorize?client_id={mark}&redirect_uri=https://{mark}.example&provider={mark}"),
                ("GET", f"/for-admins/{mark}/{mark}"),
                ("POST", "/token"),
                ("GET", f"/api/organizations/{mark}"),
                (mark.upper(), "/token"),
            ):
                form = {"grant_type": mark, "client_id": mark, "code": mark} if method == "POST" else None
                address = {"REMOTE_ADDR": "203.0.113.200"}
                answer = odd.open(path, method=method, data=form, environ_base=address, headers={"User-Agent": mark})
                assert answer.status_code < 500, (method, path)
        from_address(world, "203.0.113.201").sign_in("2fa-false", "github")
        text = generate_latest(numbers.registry).decode()
    finally:
        metrics.off()
    seen = [
        (name, value)
        for each in text_string_to_metric_families(text)
        for s in each.samples
        for name, value in s.labels.items()
    ]
    assert {name for name, _ in seen} >= {"endpoint", "method", "status"}
    assert [each for each in seen if each[0] != "le" and not is_known(*each)] == []
    assert "hostile" not in text.lower()


_COOKIES = (
    "{}",
    "{}=",
    "{}=;{}=;{}=",
    '{}="',
    '{}="\\',
    '{}="\\999\\400"',
    "{}=\x80\xff\xfe",
    "{}=\x01\x02\x7f",
    "{}=" + "A" * 43,
    "{}=" + "A" * 4000,
    "{}=%00%ff%u0000",
    "{}=..%2f..%2f; Path=/; Secure",
    "{}=eyJhIjoxfQ.x.y",
    "{}=.eJwrSS0uUUguLUlMKkksSlUAAC0pBfk.bad.sig",
    "=;;;=;{}=\t\t",
)


@pytest.mark.parametrize("malformed", _COOKIES)
def test_t12_a_malformed_cookie_is_a_bad_request_or_none_and_never_a_fault(world: World, malformed: str) -> None:
    browser = Client(world.app, use_cookies=False)
    for name in ("vestibule", "vestibule-browser", "vestibule-form", "session", "__Host-vestibule"):
        cookie = malformed.replace("{}", name)
        for method, path in (
            *(("GET", each) for each in ("/account", "/signin", "/device", "/organizations", "/operator", "/livez")),
            ("GET", "/consent/x"),
            ("GET", "/callback/github?state=x&code=y"),
            ("GET", "/signin/x/github"),
            ("POST", "/signout"),
            ("POST", "/device"),
        ):
            address = {"REMOTE_ADDR": f"203.0.113.{len(malformed) % 200}"}
            answer = browser.open(path, method=method, environ_base=address, environ_overrides={"HTTP_COOKIE": cookie})
            assert answer.status_code < 500, (path, cookie)


def test_t12_more_than_fits_is_refused_before_anything_reads_it(world: World) -> None:
    for headers, path, status in (
        ({"Cookie": "; ".join(f"c{n}=v" for n in range(caps.MAX_COOKIES + 1))}, "/account", 431),
        ({"X-Long": "x" * caps.MAX_HEADERS}, "/account", 431),
        ({}, "/authorize?state=" + "x" * caps.MAX_QUERY, 414),
        ({}, "/authorize?" + "&".join(f"p{n}=" for n in range(caps.MAX_PARAMETERS + 1)), 400),
    ):
        response = requests.get(f"{world.base}{path}", headers=headers, timeout=TIMEOUT, allow_redirects=False)
        assert response.status_code == status, path[:40]
        assert re.search(r'class="code">[2-9A-Z]{10}<', response.text), "with a reference"
    large = requests.post(f"{world.base}/token", data={"code": "x" * caps.MAX_BODY}, timeout=TIMEOUT)
    assert large.status_code == 413
