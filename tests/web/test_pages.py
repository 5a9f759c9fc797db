"""The pages: well-formed for people, programs and screen readers."""

import re
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask import Flask, render_template
from flask.testing import FlaskClient
from jinja2 import UndefinedError

from broker import web
from broker.web.destinations import Destination, leave
from broker.web.pages import stamp, typeset
from tests.web.account_sample import account
from tests.web.conftest import LOOPBACK
from tests.web.samples import PAGES

HERE = Path(web.__file__).parent
VOID = {"meta", "link", "input", "img"}


@dataclass
class Tag:
    name: str
    attributes: dict[str, str]


@dataclass
class Page(HTMLParser):
    """What a page consists of. Fails when an element is closed that is not open."""

    tags: list[Tag] = field(default_factory=list)
    forms: list[list[Tag]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = Tag(tag, {name: value or "" for name, value in attrs})
        self.tags.append(found)
        if tag == "form":
            self.forms.append([found])
        elif "form" in self._open:
            self.forms[-1].append(found)
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def whole(self) -> "Page":
        assert self._open == []
        return self

    def named(self, name: str) -> list[Tag]:
        return [tag for tag in self.tags if tag.name == name]


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    return page.whole()


@pytest.fixture(params=sorted(PAGES))
def page(request: pytest.FixtureRequest, client: FlaskClient) -> Page:
    """Return each page in turn."""
    response = client.get(f"/page/{request.param}")
    assert response.status_code == 200
    return read(response.text)


def test_every_page_has_its_landmarks_language_and_one_heading(page: Page) -> None:
    counts = Counter(tag.name for tag in page.tags)
    assert (counts["main"], counts["header"], counts["footer"], counts["h1"], counts["title"]) == (
        1,
        1,
        1,
        1,
        1,
    )
    assert page.named("html")[0].attributes["lang"] == "en"
    skip = next(tag for tag in page.named("a") if tag.attributes.get("class") == "skip")
    assert skip.attributes["href"] == "#" + page.named("main")[0].attributes["id"]
    assert page.tags.index(skip) < page.tags.index(page.named("header")[0])


def test_every_heading_follows_the_one_above(page: Page) -> None:
    levels = [int(tag.name[1]) for tag in page.tags if re.fullmatch(r"h[1-6]", tag.name)]
    ordered = sorted(levels[:1]) + levels
    assert all(after - before <= 1 for before, after in zip(ordered, levels, strict=False))


def test_no_page_has_a_script_or_a_style_of_its_own(page: Page) -> None:
    assert not page.named("script")
    assert not page.named("style")
    inline = {name for tag in page.tags for name in tag.attributes if name == "style" or name.startswith("on")}
    assert inline == set()


def test_every_page_brings_nothing_from_elsewhere(page: Page) -> None:
    fetched = [tag.attributes["href"] for tag in page.named("link")]
    fetched += [tag.attributes["src"] for tag in page.tags if "src" in tag.attributes]
    assert fetched
    assert all(url.startswith("/assets/") for url in fetched)


def test_every_form_posts_to_us_with_its_token(page: Page) -> None:
    for form, *inside in page.forms:
        assert form.attributes.get("action", "/").startswith("/")  # none: to the page's own address
        # A form that only asks has no token, which would stand in the URL.
        asks = form.attributes["method"] == "get"
        assert asks or form.attributes["method"] == "post"
        assert sum(tag.attributes.get("name") == "csrf_token" for tag in inside) == (0 if asks else 1)
        assert [tag.name for tag in inside].count("button") >= 1


def test_every_field_has_a_label_and_no_id_occurs_twice(page: Page) -> None:
    ids = Counter(tag.attributes["id"] for tag in page.tags if "id" in tag.attributes)
    assert all(count == 1 for count in ids.values())
    labelled = {tag.attributes["for"] for tag in page.named("label")}
    fields = [*page.named("input"), *page.named("select"), *page.named("textarea")]
    shown = [tag for tag in fields if tag.attributes.get("type") != "hidden"]
    assert {tag.attributes["id"] for tag in shown} == labelled
    pointed = {tag.attributes.get("aria-labelledby") or tag.attributes.get("aria-describedby") for tag in page.tags}
    assert pointed - {None} <= set(ids)


def test_a_link_that_leaves_opens_apart_and_says_so(client: FlaskClient) -> None:
    html = client.get("/page/refused-entra").text
    leaving = [tag for tag in read(html).named("a") if tag.attributes.get("target")]
    assert [tag.attributes["href"] for tag in leaving] == [
        "https://mysignins.microsoft.com/security-info",
        "https://aka.ms/mfasetup",
    ]
    assert {tag.attributes["rel"] for tag in leaving} == {"noopener"}
    assert html.count("(opens in a new tab)") == 2


def test_a_refusal_tells_programs_its_reason_and_people_its_codes(client: FlaskClient) -> None:
    html = client.get("/page/refused-policy").text
    metas = {tag.attributes.get("name"): tag.attributes.get("content") for tag in read(html).named("meta")}
    assert metas["vestibule-reason"] == "blocked_by_policy"
    assert metas["vestibule-remedy"] == "none"
    for code in ("AADSTS53003", "aaaa0000-bb11-2222-33cc-444444dddddd", "K7QF2MXW9D"):
        assert code in html
    assert '<details class="support" open>' in html


def test_a_refusal_without_a_code_keeps_its_details_shut(client: FlaskClient) -> None:
    html = client.get("/page/refused-github").text
    assert '<details class="support">' in html
    assert "Correlation id" not in html


def test_a_refusal_without_other_ways_says_so(client: FlaskClient) -> None:
    assert "There are none here at the moment." in client.get("/page/refused-managed").text


def test_a_way_that_cannot_be_used_is_not_a_link(client: FlaskClient) -> None:
    html = client.get("/page/choose-some").text
    assert "/signin/github" not in html
    assert "Cannot prove the sign-in itself" in html


def test_leaving_needs_no_script(app: Flask) -> None:
    url = "https://crates.example/cb?code=a&state=b;c"
    with app.test_request_context():
        page = read(render_template("leave.html", target_name="crates.example", url=url))
    refresh = [tag.attributes["content"] for tag in page.named("meta") if "http-equiv" in tag.attributes]
    assert refresh == [f"0;url={url}"]
    assert [tag.attributes["href"] for tag in page.named("a") if tag.attributes["href"] == url] == [url]


def test_the_last_way_in_cannot_be_unlinked(client: FlaskClient) -> None:
    assert "/account/unlink/" not in client.get("/page/account-new").text
    assert client.get("/page/account").text.count("/account/unlink/") == 2


def test_the_current_session_is_ended_by_signing_out(client: FlaskClient) -> None:
    html = client.get("/page/account").text
    assert "/account/sessions/s-1/end" not in html
    assert "/account/sessions/s-2/end" in html
    assert 'action="/signout"' in html


def test_what_a_registry_may_is_taken_back_by_its_id(client: FlaskClient) -> None:
    page = read(client.get("/page/account").text)
    taking = [tags for tags in page.forms if tags[0].attributes["action"] == "/account/registries/withdraw"]
    buttons = [tag.attributes for tags in taking for tag in tags if tag.name == "button"]
    assert [(each["name"], each["value"]) for each in buttons] == [
        ("client_id", each["client_id"]) for each in account()["registries"]
    ]
    assert 'id="registries"' not in client.get("/page/account-new").text


def test_the_page_that_posts_itself_has_the_fields_a_button_and_the_one_script_that_it_may_run(app: Flask) -> None:
    there, fields = "https://crates.example/cb?x=1&y=2", {"code": "a+b", "state": 'é"<', "iss": LOOPBACK}
    with app.test_request_context():
        response = app.process_response(app.make_response(leave(Destination(url=there, fields=fields))))
    html = response.get_data(as_text=True)
    page = read(html)
    ((form, *inside),) = page.forms
    assert (form.attributes["method"], form.attributes["action"]) == ("post", there)
    sent = {tag.attributes["name"]: tag.attributes["value"] for tag in inside if tag.name == "input"}
    assert sent == fields, "and no token of our own"
    assert [tag.name for tag in inside].count("button") == 1
    (script,) = re.findall(r"<script>(.*?)</script>", html)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = response.headers["Content-Security-Policy"].split("; ")
    assert f"script-src 'sha256-{digest}'" in policy
    assert "form-action 'self' *" in policy, "wherever the registry sends the browser from there"


def test_a_page_that_was_not_given_what_it_shows_is_a_defect(app: Flask) -> None:
    with app.test_request_context(), pytest.raises(UndefinedError):
        render_template("home.html")


@pytest.mark.parametrize(
    "path",
    sorted([*HERE.rglob("*.html"), *HERE.rglob("*.css"), *HERE.rglob("*.svg")]),
    ids=lambda path: path.name,
)
def test_no_template_or_static_file_names_another_site(path: Path) -> None:
    text = path.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|//[a-z]|@import|data:", text)


def test_the_texts_link_only_where_a_second_factor_is_set_up_and_where_a_tenant_is_administered() -> None:
    source = "".join(path.read_text() for path in HERE.rglob("*.py"))
    assert set(re.findall(r"https?://[^\s\"')]+", source)) == {
        "https://account.microsoft.com/security",
        "https://mysignins.microsoft.com/security-info",
        "https://aka.ms/mfasetup",
        "https://github.com/settings/security",
        "https://myaccount.google.com/signinoptions/two-step-verification",
        "https://entra.microsoft.com/",
    }


def test_every_sign_of_the_stylesheet_is_there(client: FlaskClient) -> None:
    style = client.get("/assets/style.css", buffered=True).text
    signs = set(re.findall(r'url\("([^"]+)"\)', style))
    assert len(signs) == 6
    for sign in signs:
        assert client.get(f"/assets/{sign}", buffered=True).mimetype == "image/svg+xml"


def test_a_time_is_shown_in_utc_for_people_and_for_programs() -> None:
    moment = datetime(2026, 11, 21, 3, 2, 12, tzinfo=timezone(timedelta(hours=1)))
    assert stamp(moment) == '<time datetime="2026-11-21T02:02:12Z">21 Nov 2026, 02:02 UTC</time>'


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        stamp(datetime(2026, 11, 21, tzinfo=UTC).replace(tzinfo=None))


def test_an_apostrophe_is_set_as_in_print() -> None:
    assert typeset("organisation's") == "organisation\N{RIGHT SINGLE QUOTATION MARK}s"
