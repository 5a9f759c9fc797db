"""Forms are answered only when they came from our own page."""

import re

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import PUBLIC, MakeApp


def token_of(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def test_t10_a_form_without_a_token_changes_nothing_and_says_what_to_do(client: FlaskClient) -> None:
    response = client.post("/change", data={"name": "Eve"})
    assert response.status_code == 400
    assert "This form has expired" in response.text
    assert "Go back, reload the page" in response.text


def test_a_form_from_our_page_is_answered(client: FlaskClient) -> None:
    token = token_of(client.get("/page/erase").text)
    assert client.post("/change", data={"csrf_token": token}).text == "changed"


def test_t10_the_token_of_another_browser_is_refused(client: FlaskClient) -> None:
    client.get("/page/erase")
    stolen = token_of(client.application.test_client().get("/page/erase").text)
    assert client.post("/change", data={"csrf_token": stolen}).status_code == 400


def test_t10_a_token_from_before_a_sign_in_is_worth_nothing_after(client: FlaskClient) -> None:
    before = token_of(client.get("/page/erase").text)
    after = token_of(client.post("/renewed", data={"csrf_token": before}).text)
    assert client.post("/change", data={"csrf_token": before}).status_code == 400
    assert client.post("/change", data={"csrf_token": after}).status_code == 200


def test_an_exempt_blueprint_answers_programs(client: FlaskClient) -> None:
    assert client.post("/token").status_code == 403


def test_the_form_cookie_is_plain_on_loopback(client: FlaskClient) -> None:
    cookie = client.get("/page/erase").headers["Set-Cookie"]
    assert cookie.startswith("vestibule-form=")
    assert cookie.endswith("; HttpOnly; Path=/; SameSite=Lax")


def test_the_form_cookie_is_a_host_cookie_over_https(make_app: MakeApp) -> None:
    response = make_app(PUBLIC).test_client().get("/page/erase", base_url=PUBLIC)
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-vestibule-form=")
    assert cookie.endswith("; Secure; HttpOnly; Path=/; SameSite=Lax")


@pytest.mark.parametrize("referrer", [None, "https://evil.example/"])
def test_t10_over_https_a_form_must_come_from_our_origin(make_app: MakeApp, referrer: str | None) -> None:
    client = make_app(PUBLIC).test_client()
    token = token_of(client.get("/page/erase", base_url=PUBLIC).text)
    headers = {"Referer": referrer} if referrer else {}
    response = client.post("/change", base_url=PUBLIC, data={"csrf_token": token}, headers=headers)
    assert response.status_code == 400
    own = client.post("/change", base_url=PUBLIC, data={"csrf_token": token}, headers={"Referer": f"{PUBLIC}/account"})
    assert own.status_code == 200
