"""A registry sends its user to ``/logout`` (OpenID Connect RP-Initiated Logout 1.0)."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.oidc.logout.registries import (
    ELSEWHERE,
    SIGNED_OUT,
    SIGNED_OUT_QUERY,
    House,
    clears_session,
    goes_on_to,
    hidden,
    part,
)
from tests.world import TIMEOUT

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_with_the_id_token_of_the_session_it_ends_at_once_and_the_browser_goes_back(house: House) -> None:
    visitor = house.world.visitor()
    id_token = house.sign_in(visitor).response["id_token"]
    assert house.is_signed_in(visitor)
    cookie = dict(visitor.http.cookies)
    left = house.logout(visitor, id_token_hint=id_token, post_logout_redirect_uri=SIGNED_OUT, state="s-1")
    assert left.status_code == 303
    assert left.headers["Location"] == f"{SIGNED_OUT}?state=s-1"
    assert clears_session(left)
    assert not house.is_signed_in(visitor)
    visitor.http.cookies.update(cookie)
    assert not house.is_signed_in(visitor), "the old cookie is worth nothing"


@pytest.mark.parametrize("state", [None, "", "a b&c=d#e", "\N{SNOWMAN}", "x" * 2000, 'q"<>\r\nSet-Cookie: a=b'])
@pytest.mark.parametrize("url", [SIGNED_OUT, SIGNED_OUT_QUERY])
def test_the_state_comes_back_as_it_was_given_or_not_at_all(house: House, url: str, state: str | None) -> None:
    visitor = house.world.visitor()
    id_token = house.sign_in(visitor).response["id_token"]
    given = {} if state is None else {"state": state}
    left = house.logout(visitor, id_token_hint=id_token, post_logout_redirect_uri=url, **given)
    location = left.headers["Location"]
    assert location.startswith(url)
    expected = {"from": ["vestibule"]} if url == SIGNED_OUT_QUERY else {}
    assert parse_qs(urlsplit(location).query) == {**expected, **({"state": [state]} if state else {})}
    assert set(left.headers) & {"Set-Cookie"} == {"Set-Cookie"}
    assert "a=b" not in left.headers["Set-Cookie"]


def test_a_form_posted_from_the_registry_is_asked_again_by_get_with_all_it_had(house: House) -> None:
    visitor = house.world.visitor()
    id_token = house.sign_in(visitor).response["id_token"]
    form = {
        "id_token_hint": id_token,
        "client_id": "first",
        "post_logout_redirect_uri": SIGNED_OUT_QUERY,
        "state": "a b&c=\N{SNOWMAN}",
        "ui_locales": "de",
    }
    # From another site, and so without the cookies.
    again = requests.post(f"{house.world.base}/logout", data=form, allow_redirects=False, timeout=TIMEOUT)
    assert again.status_code == 303
    # Sealed: an ID token is not for URLs, which end up in logs and histories.
    assert set(parse_qs(urlsplit(again.headers["Location"]).query)) == {"relay"}
    assert not any(value in unquote(again.headers["Location"]) for value in form.values() if len(value) > 2)
    left = visitor.get(again.headers["Location"])
    assert left.headers["Location"] == f"{SIGNED_OUT_QUERY}&state=a+b%26c%3D%E2%98%83"
    assert not house.is_signed_in(visitor)


@pytest.mark.parametrize(
    "body, headers, path",
    [
        (b"state=%ff", FORM, "/logout"),
        (b"state=\xff", FORM, "/logout"),
        (b"state=a", FORM, "/logout?client_id=first"),
        (b'{"state": "a"}', {"Content-Type": "application/json"}, "/logout"),
        (b"", {}, "/logout"),
    ],
    ids=["escaped", "raw", "url", "json", "nothing"],
)
def test_a_form_that_is_none_is_a_page_and_goes_nowhere(
    house: House, body: bytes, headers: dict[str, str], path: str
) -> None:
    url = house.world.base + path
    response = requests.post(url, data=body, headers=headers, allow_redirects=False, timeout=TIMEOUT)
    assert response.status_code == 400
    assert "does not add up" in response.text


def test_a_query_that_is_not_utf_8_is_a_page(house: House) -> None:
    response = house.world.visitor().get("/logout?state=%ff")
    assert response.status_code == 400
    assert "This request does not add up" in response.text


def test_an_expired_id_token_still_names_its_session(house: House) -> None:
    visitor = house.world.visitor()
    id_token = house.sign_in(visitor).response["id_token"]
    house.world.clock.move(timedelta(hours=3))
    left = house.logout(visitor, id_token_hint=id_token, post_logout_redirect_uri=SIGNED_OUT)
    assert left.headers["Location"] == SIGNED_OUT
    assert not house.is_signed_in(visitor)


def test_without_an_address_to_return_to_the_person_stays_on_a_page_that_says_so(house: House) -> None:
    visitor = house.world.visitor()
    id_token = house.sign_in(visitor).response["id_token"]
    page = house.logout(visitor, id_token_hint=id_token, state="s")
    assert page.status_code == 200
    assert "You are signed out" in page.text
    assert not house.is_signed_in(visitor)


def test_what_it_does_not_know_it_does_not_mind(house: House) -> None:
    visitor = house.world.visitor()
    id_token = house.sign_in(visitor).response["id_token"]
    more = {"ui_locales": "de-CH en", "logout_hint": "ada@example.org", "unheard_of": "1", "client_id": ""}
    left = house.logout(visitor, id_token_hint=id_token, post_logout_redirect_uri=SIGNED_OUT, **more)
    assert left.headers["Location"] == SIGNED_OUT


def unsigned(token: str) -> str:
    header = urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


def foreign(token: str) -> str:
    header = json.loads(part(token, 0))
    key = ECKey.generate_key("P-256", {"kid": header["kid"]})
    return jwt.encode(header, json.loads(part(token, 1)), key, algorithms=["ES256"])


def changed(token: str) -> str:
    header, _, signature = token.split(".")
    claims = {**json.loads(part(token, 1)), "aud": "second"}
    return f"{header}.{urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b'=').decode()}.{signature}"


@pytest.mark.parametrize(
    "forge",
    [unsigned, foreign, changed, lambda it: it[:-4], lambda _: "x", lambda it: it + "." * 9000, lambda it: it + "\n"],
    ids=["unsigned", "foreign", "changed", "cut", "no-token", "oversize", "newline"],
)
def test_t9_a_hint_that_is_not_ours_is_a_page_and_ends_nothing(house: House, forge: Callable[[str], str]) -> None:
    visitor = house.world.visitor()
    id_token = house.sign_in(visitor).response["id_token"]
    for extra in ({}, {"client_id": "first"}):
        response = house.logout(
            visitor, id_token_hint=forge(id_token), post_logout_redirect_uri=SIGNED_OUT, state="s", **extra
        )
        assert response.status_code == 400
        assert "Location" not in response.headers
        assert "127.0.0.1:1" not in response.text
    assert house.is_signed_in(visitor)


def test_t9_another_kind_of_token_is_no_hint(house: House) -> None:
    visitor = house.world.visitor()
    access_token = house.sign_in(visitor).response["access_token"]
    other = house.world.visitor()
    house.sign_in(other)
    house.confirm(other, house.logout(other))
    house.deliver()
    (heard,) = house.first.heard()
    for token in (access_token, heard["logout_token"][0]):
        assert house.logout(visitor, id_token_hint=token).status_code == 400
    assert house.is_signed_in(visitor)


@pytest.mark.parametrize(
    "url",
    [
        f"{SIGNED_OUT}/",
        f"{SIGNED_OUT}?",
        f"{SIGNED_OUT}?more=1",
        f"{SIGNED_OUT_QUERY}&more=1",
        f"{SIGNED_OUT}#fragment",
        SIGNED_OUT.upper(),
        SIGNED_OUT.replace("http", "https"),
        SIGNED_OUT.replace("127.0.0.1", "localhost"),
        f" {SIGNED_OUT}",
        f"{SIGNED_OUT}\n",
        quote(SIGNED_OUT, safe=""),
        ELSEWHERE,
        "http://127.0.0.1:1/callback",
        "https://evil.example/",
        "//evil.example/",
        "javascript:alert(1)",
        "/account",
    ],
)
def test_t6_an_address_that_this_client_did_not_register_is_never_gone_to(house: House, url: str) -> None:
    visitor = house.world.visitor()
    id_token = house.sign_in(visitor).response["id_token"]
    for by in ({"id_token_hint": id_token}, {"client_id": "first"}):
        response = house.logout(visitor, post_logout_redirect_uri=url, state="s", **by)
        assert response.status_code == 400
        assert "Location" not in response.headers
        assert "evil.example" not in response.text + response.headers["Content-Security-Policy"]
    assert house.is_signed_in(visitor)


@pytest.mark.parametrize("name", ["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"])
def test_a_parameter_that_comes_twice_is_a_page(house: House, name: str) -> None:
    visitor = house.world.visitor()
    given = {
        "id_token_hint": house.sign_in(visitor).response["id_token"],
        "client_id": "first",
        "post_logout_redirect_uri": SIGNED_OUT,
        "state": "s",
        "ui_locales": "de",
    }
    response = house.logout(visitor, **{**given, name: [given[name], given[name]]})
    assert response.status_code == 400
    assert house.is_signed_in(visitor)


def test_a_hint_of_one_client_and_the_id_of_another_do_not_go_together(house: House) -> None:
    visitor = house.world.visitor()
    id_token = house.sign_in(visitor).response["id_token"]
    response = house.logout(visitor, id_token_hint=id_token, client_id="second", post_logout_redirect_uri=ELSEWHERE)
    assert response.status_code == 400
    assert house.is_signed_in(visitor)


@pytest.mark.parametrize("client_id", ["nobody", "first ", "FIRST", "\x01", "x" * 300])
def test_a_client_that_is_not_there_is_a_page(house: House, client_id: str) -> None:
    response = house.logout(house.world.visitor(), client_id=client_id, post_logout_redirect_uri=SIGNED_OUT)
    assert response.status_code == 400
    assert 'href="/logout"' in response.text, "and a way to sign out all the same"


def test_without_a_hint_the_person_is_asked_and_then_goes_back(house: House) -> None:
    visitor = house.world.visitor()
    house.sign_in(visitor)
    asked = house.logout(visitor, client_id="first", post_logout_redirect_uri=SIGNED_OUT, state="s 1")
    assert asked.status_code == 200
    assert "Sign out?" in asked.text
    assert "First Registry" in asked.text
    assert house.is_signed_in(visitor), "not yet"
    left = house.confirm(visitor, asked)
    assert goes_on_to(left) == f"{SIGNED_OUT}?state=s+1"
    assert clears_session(left)
    assert not house.is_signed_in(visitor)


def test_without_anything_the_person_is_asked_and_stays_here(house: House) -> None:
    visitor = house.world.visitor()
    house.sign_in(visitor)
    for given in ({}, {"state": "only"}, {"post_logout_redirect_uri": SIGNED_OUT, "state": "s"}):
        asked = house.logout(visitor, **given)
        assert asked.status_code == 200
        assert "Sign out?" in asked.text
        assert "127.0.0.1:1" not in asked.text, "an address that is nobody's"
        assert hidden(visitor.page(asked)).keys() <= {"csrf_token", "state"}
    left = house.confirm(visitor, house.logout(visitor))
    assert left.status_code == 200
    assert "You are signed out" in left.text
    assert not house.is_signed_in(visitor)


def test_a_hint_of_another_session_is_stale_and_the_person_is_asked(house: House) -> None:
    visitor, elsewhere = house.world.visitor(), house.world.visitor()
    house.sign_in(visitor)
    stale = house.sign_in(elsewhere).response["id_token"]
    asked = house.logout(visitor, id_token_hint=stale, post_logout_redirect_uri=SIGNED_OUT, state="s")
    assert "Sign out?" in asked.text
    assert stale not in asked.text
    assert (house.is_signed_in(visitor), house.is_signed_in(elsewhere)) == (True, True)
    assert goes_on_to(house.confirm(visitor, asked)) == f"{SIGNED_OUT}?state=s"
    assert (house.is_signed_in(visitor), house.is_signed_in(elsewhere)) == (False, True)


def test_where_nobody_is_signed_in_a_hint_leads_back_and_anything_else_to_a_page(house: House) -> None:
    visitor = house.world.visitor()
    id_token = house.sign_in(visitor).response["id_token"]
    somebody = house.world.visitor()
    back = house.logout(somebody, id_token_hint=id_token, post_logout_redirect_uri=SIGNED_OUT, state="s")
    assert back.headers["Location"] == f"{SIGNED_OUT}?state=s"
    assert house.is_signed_in(visitor), "of another browser"
    page = house.logout(somebody, client_id="first", post_logout_redirect_uri=SIGNED_OUT, state="s")
    assert page.status_code == 200
    assert f'href="{SIGNED_OUT}?state=s"' in page.text, "to be followed by hand"
    assert "Back to the registry" in page.text
    for given in ({}, {"client_id": "first"}):
        page = house.logout(somebody, **given)
        assert (page.status_code, "You are signed out" in page.text) == (200, True)


def test_a_yes_that_comes_after_the_end_leads_back_as_well(house: House) -> None:
    visitor = house.world.visitor()
    house.sign_in(visitor)
    asked = house.logout(visitor, client_id="first", post_logout_redirect_uri=SIGNED_OUT)
    house.world.clock.move(timedelta(hours=13))
    assert goes_on_to(house.confirm(visitor, asked)) == SIGNED_OUT


@pytest.mark.parametrize(
    "changes",
    [
        {"post_logout_redirect_uri": "https://evil.example/"},
        {"post_logout_redirect_uri": ELSEWHERE},
        {"client_id": "second"},
        {"client_id": "nobody"},
        {"id_token_hint": "x"},
    ],
)
def test_what_the_form_says_is_checked_once_more(house: House, changes: dict[str, str]) -> None:
    visitor = house.world.visitor()
    house.sign_in(visitor)
    asked = house.logout(visitor, client_id="first", post_logout_redirect_uri=SIGNED_OUT)
    response = house.confirm(visitor, asked, **changes)
    assert response.status_code == 400
    assert "refresh" not in response.text
    assert house.is_signed_in(visitor)


def test_the_form_carries_no_more_than_it_needs(house: House) -> None:
    visitor = house.world.visitor()
    house.sign_in(visitor)
    asked = house.logout(visitor, client_id="first", post_logout_redirect_uri=SIGNED_OUT, state="s", ui_locales="de")
    assert set(hidden(visitor.page(asked))) == {"csrf_token", "client_id", "post_logout_redirect_uri", "state"}
