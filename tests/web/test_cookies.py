"""Our cookies: names and attributes at each kind of issuer."""

import pytest
from flask import Flask, Response

from broker.web import init_web
from broker.web.cookies import Cookies


@pytest.mark.parametrize(
    "issuer", ["http://localhost:8000", "http://127.0.0.1", "http://127.8.8.8:1", "http://[::1]:8000"]
)
def test_a_loopback_http_issuer_has_plain_cookies(issuer: str) -> None:
    response = Response()
    Cookies(issuer).set(response, "vestibule", "v")
    assert response.headers["Set-Cookie"] == "vestibule=v; HttpOnly; Path=/; SameSite=Lax"


def test_an_https_issuer_has_host_cookies() -> None:
    response = Response()
    Cookies("https://id.example").set(response, "vestibule", "v", max_age=600, samesite="Strict")
    value, *attributes = response.headers["Set-Cookie"].split("; ")
    assert value == "__Host-vestibule=v"
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Strict", "Max-Age=600"} <= set(attributes)
    assert "Domain" not in response.headers["Set-Cookie"]


def test_a_value_that_would_end_the_cookie_is_quoted() -> None:
    line = Cookies("https://id.example").line("vestibule", "a; Domain=evil.example", max_age=600)
    assert line.startswith('__Host-vestibule="a\\073 Domain=evil.example"; ')
    assert line.endswith(Cookies("https://id.example").line("vestibule", "a", max_age=600).partition("; ")[2])


@pytest.mark.parametrize(
    "issuer",
    [
        "http://id.example",
        "http://localhost.example",
        "http://192.168.1.2",
        "http://",
        "ftp://localhost",
        "localhost:8000",
        "",
    ],
)
def test_t10_no_other_issuer_gets_cookies_without_tls(issuer: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        Cookies(issuer)


def test_clearing_a_cookie_expires_it_under_its_own_name() -> None:
    response = Response()
    Cookies("https://id.example").clear(response, "vestibule")
    assert response.headers["Set-Cookie"].startswith("__Host-vestibule=; Expires=Thu, 01 Jan 1970")
    assert "Secure" in response.headers["Set-Cookie"]


def test_init_web_refuses_an_http_issuer_elsewhere() -> None:
    app = Flask("features")
    app.secret_key = "for this test alone"
    with pytest.raises(ValueError, match="loopback"):
        init_web(app, issuer="http://id.example")


def test_init_web_refuses_an_application_without_a_secret_key() -> None:
    with pytest.raises(ValueError, match="secret_key"):
        init_web(Flask("features"), issuer="http://localhost:8000")
