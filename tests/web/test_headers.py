"""The headers of every response, and what a cache may keep."""

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import LOOPBACK, PUBLIC, MakeApp

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'none'; "
    "script-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
EVERYWHERE = [
    "/page/home",
    "/page/account",
    "/nowhere",
    "/refuse",
    "/defect/x",
    "/assets/style.css",
    "/moved",
]


@pytest.mark.parametrize("path", EVERYWHERE)
@pytest.mark.parametrize("header", HEADERS)
def test_every_response_carries_the_header(client: FlaskClient, path: str, header: str) -> None:
    assert client.get(path, buffered=True).headers.getlist(header) == [HEADERS[header]]


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_response_switches_devices_off(client: FlaskClient, path: str) -> None:
    policy = client.get(path, buffered=True).headers["Permissions-Policy"]
    assert {"camera=()", "microphone=()", "geolocation=()"} <= set(policy.split(", "))


def test_an_https_issuer_insists_on_https(make_app: MakeApp) -> None:
    response = make_app(PUBLIC).test_client().get("/page/home")
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_loopback_http_issuer_does_not_speak_of_https(make_app: MakeApp) -> None:
    response = make_app(LOOPBACK).test_client().get("/page/home")
    assert "Strict-Transport-Security" not in response.headers


def test_a_page_may_let_its_form_end_up_anywhere(client: FlaskClient) -> None:
    policy = client.get("/leaving").headers["Content-Security-Policy"]
    assert "form-action 'self' *;" in policy


def test_the_next_page_does_not_inherit_them(client: FlaskClient) -> None:
    client.get("/leaving")
    assert "form-action 'self';" in client.get("/page/erase").headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/page/home", "/page/account", "/nowhere", "/refuse", "/moved", "/private"])
def test_t10_no_cache_keeps_a_page(client: FlaskClient, path: str) -> None:
    response = client.get(path, buffered=True)
    assert response.headers.getlist("Cache-Control") == ["no-store"]
    assert "Cookie" in response.vary


def test_a_response_that_says_it_is_public_may_be_kept(client: FlaskClient) -> None:
    response = client.get("/cached")
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert "Cookie" not in response.vary


def test_t10_a_public_response_that_sets_a_cookie_is_not_kept(client: FlaskClient) -> None:
    assert client.get("/cached?cookie=1").headers["Cache-Control"] == "no-store"


def test_static_files_may_be_kept_and_set_no_cookie(client: FlaskClient) -> None:
    response = client.get("/assets/style.css", buffered=True)
    assert response.headers["Cache-Control"] == "public, max-age=86400"
    assert "Cookie" not in response.vary
    assert "Set-Cookie" not in response.headers


def test_a_static_file_that_is_not_there_is_not_kept(client: FlaskClient) -> None:
    response = client.get("/assets/nothing.css")
    assert response.status_code == 404
    assert response.headers["Cache-Control"] == "no-store"
