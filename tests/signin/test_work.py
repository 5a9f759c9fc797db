"""Finding the way: a domain, an address or a name leads to the tenant, and tells nothing of who has an account."""

import logging
import re
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from broker.limits.table import Name
from broker.signin.transactions import Goal
from providers.standins import NORTHWIND
from tests.limits.counting import most
from tests.world import Arrival, Page, Visitor, World

UNKNOWN = [
    "nobody.example",
    "ada@nobody.example",
    "No Such Organisation",
    "northwind",
    "off.example",  # suspended
    "Off Packages",
    "ada@contoso.example",  # a tenant of the configuration: no organisation has mapped it
    "@",
    "",
    "a@b@northwind.example",
    "northwind.example\x01",
    "x" * 400,
    "<script>alert(1)</script>",
    "\N{RIGHT-TO-LEFT OVERRIDE}northwind.example",
]


def chooser(visitor: Visitor, client_id: str = "registry") -> Page:
    """Come from the registry, as far as the chooser."""
    request = visitor.world.registry(client_id).request()
    page = visitor.walk(visitor.authorize(request))
    assert isinstance(page, Page)
    return page


def question(visitor: Visitor) -> str:
    """Return the path of the page that asks where somebody works."""
    return next(each for each in chooser(visitor).links if each.startswith("/work/"))


def answer(visitor: Visitor, path: str, typed: str) -> Page:
    return visitor.page(visitor.submit(path, {"work": typed}, page=path))


def asked_of(url: str) -> Mapping[str, str]:
    """Return the parameters of the request upstream."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@pytest.mark.parametrize(
    "typed, hint",
    [
        ("northwind.example", "northwind.example"),
        (" NORTHWIND.example. ", "northwind.example"),
        ("ada.canary@Northwind.Example", "northwind.example"),
        ("northwind  packages", None),
    ],
)
def test_a_domain_an_address_or_a_name_leads_to_the_sign_in_of_the_tenant(
    mapped: World, typed: str, hint: str | None
) -> None:
    visitor = mapped.visitor()
    leaving = answer(visitor, question(visitor), typed)
    assert leaving.status == 200
    assert leaving.onward is not None
    assert leaving.onward.startswith(f"{mapped.standins.browser_url}/{NORTHWIND}/oauth2/")
    assert asked_of(leaving.onward).get("domain_hint") == hint
    assert "canary" not in leaving.onward


def test_who_comes_that_way_is_signed_in_at_the_registry(mapped: World) -> None:
    visitor = mapped.visitor()
    leaving = answer(visitor, question(visitor), "northwind.example")
    assert leaving.onward is not None
    landed = visitor.walk(redirect_to(leaving.onward), "northwind-mfa")
    assert isinstance(landed, Arrival)
    assert "code" in landed.parameters


def redirect_to(url: str) -> requests.Response:
    """Return what a browser makes of the page that sends it on."""
    response = requests.Response()
    response.status_code, response.url, response.headers["Location"] = 302, url, url
    return response


def test_what_the_provider_will_not_begin_is_a_refusal_with_a_way_on(mapped: World) -> None:
    visitor = mapped.visitor()
    page = answer(visitor, question(visitor), "odd.example")
    assert page.status == 403
    assert page.meta("reason") == "tenant_not_allowed"
    assert [each for each in page.links if each.endswith("/github")]


@pytest.mark.parametrize("typed", UNKNOWN, ids=lambda each: repr(each[:24]))
def test_what_leads_nowhere_is_answered_alike_whatever_it_is(mapped: World, typed: str) -> None:
    visitor = mapped.visitor()
    path = question(visitor)
    plain, this = (answer(visitor, path, each) for each in ("plain", typed))
    assert this.status == plain.status == 404
    assert field_of(this) == typed
    assert without_what_varies(this) == without_what_varies(plain)
    assert "Choose another way to sign in" in plain.text
    assert "Ask the people who look after your work accounts" in plain.text


def field_of(page: Page) -> str:
    found = re.search(r'<input id="work"[^>]* value="([^"]*)"', page.text)
    assert found is not None
    return unescape(found[1])


def without_what_varies(page: Page) -> tuple[str, set[str]]:
    text = re.sub(r'(<input id="work"[^>]* value=)"[^"]*"', r"\1", page.text)
    text = re.sub(r'(name="csrf_token" value=)"[^"]*"', r"\1", text)
    return text, set(page.headers) - {"Set-Cookie"}


def test_an_address_is_unknown_whether_or_not_somebody_has_an_account_with_it(mapped: World) -> None:
    owner = mapped.visitor()
    address = re.search(r"[\w.+-]+@[\w.-]+", owner.open_account("entra-mfa", "entra").text)
    assert address is not None
    visitor = mapped.visitor()
    path = question(visitor)
    known, stranger = (answer(visitor, path, each) for each in (address[0], f"nobody-{address[0]}"))
    assert without_what_varies(known) == without_what_varies(stranger)


def test_what_is_typed_is_neither_logged_nor_kept_nor_part_of_an_address(
    mapped: World, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = mapped.visitor()
    with caplog.at_level(logging.DEBUG):
        path = question(visitor)
        for typed in ("typed-canary@northwind.example", "typed-canary@nobody.example", "Typed-Canary"):
            page = answer(visitor, path, typed)
            assert "canary" not in page.url.casefold()
    assert "canary" not in caplog.text.casefold()
    folder = Path(mapped.raw["database"]["url"].removeprefix("sqlite:///")).parent
    kept = b"".join(each.read_bytes() for each in folder.glob("vestibule.db*"))
    assert b"typed-canary" not in kept.lower()


def test_t12_somebody_looks_up_so_often_and_keeps_nobody_elsewhere_from_it(mapped: World) -> None:
    visitor, other = mapped.visitor(), mapped.visitor()
    visitor.http.headers["X-Forwarded-For"] = "192.0.2.50"
    path = question(visitor)
    form = {"work": "nobody.example", "csrf_token": visitor.page(visitor.get(path)).form_token()}
    statuses = [visitor.post(path, form).status_code for _ in range(most(Name.WORK_ADDRESS))]
    assert statuses == [404] * most(Name.WORK_ADDRESS)
    for typed in ("nobody.example", "northwind.example"):
        refused = visitor.post(path, {**form, "work": typed})
        assert refused.status_code == 429
        assert "too_many_look_ups" in refused.text
        assert 0 < int(refused.headers["Retry-After"]) <= 600
    assert visitor.submit(question(visitor), form, page=path).status_code == 429, "another sign-in counts with this one"
    assert answer(other, question(other), "northwind.example").status == 200


def test_t10_the_form_is_answered_to_the_browser_that_began_and_to_our_own_page_alone(mapped: World) -> None:
    visitor, stranger = mapped.visitor(), mapped.visitor()
    path = question(visitor)
    assert visitor.post(path, {"work": "northwind.example"}).status_code == 400
    chooser(stranger)
    assert "signin_expired" in stranger.get(path).text
    theirs = stranger.submit(path, {"work": "northwind.example"}, page=question(stranger))
    assert theirs.status_code == 400
    assert "signin_expired" in theirs.text


def test_where_no_work_account_of_any_tenant_fits_nobody_is_asked(mapped: World) -> None:
    visitor = mapped.visitor()
    form_page = question(visitor)
    page = chooser(visitor, "forge-only")
    assert "Operator guests" in page.text, "at one tenant alone"
    assert not [each for each in page.links if each.startswith("/work/")]
    path = f"/work/{urlsplit(page.url).path.rpartition('/')[2]}"
    for response in (visitor.get(path), visitor.submit(path, {"work": "northwind.example"}, page=form_page)):
        assert response.status_code == 400
        assert "provider_unavailable" in response.text


def test_t4_who_must_sign_in_at_a_certain_tenant_is_not_led_to_another(mapped: World) -> None:
    visitor = mapped.visitor()
    chooser(visitor)
    binding = visitor.http.cookies["vestibule-browser"]
    payload = {"session": "s", "organization": "o", "mapping": "m", "provider": "entra", "tid": NORTHWIND}
    transaction = mapped.parts.people.transactions.begin(Goal.MAPPING, payload, binding, mapped.clock())
    assert "provider_unavailable" in visitor.get(f"/work/{transaction.id}").text
    assert "/work/" not in visitor.get(f"/signin/{transaction.id}").text


def test_who_does_not_know_goes_on_without(mapped: World) -> None:
    visitor = mapped.visitor()
    page = visitor.page(visitor.get(question(visitor)))
    (direct,) = [each for each in page.links if each.endswith("/entra")]
    upstream = visitor.get(direct).headers["Location"]
    assert upstream.startswith(f"{mapped.standins.browser_url}/organizations/oauth2/")
