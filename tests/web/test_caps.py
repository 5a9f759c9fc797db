"""How large a request may be."""

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from broker.web import caps, init_web


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    app = Flask("caps")
    app.secret_key = "for this test alone"
    init_web(app, issuer="http://localhost:8000")

    @app.get("/")
    def echo() -> str:
        return f"{len(request.args)} {len(request.cookies)}"

    @app.get("/form")
    def form() -> str:
        return "form"

    return app.test_client(use_cookies=False)


def cookies(number: int) -> dict[str, str]:
    return {"Cookie": "; ".join(f"c{each}=v" for each in range(number))}


def test_as_much_as_may_be_is_taken(client: FlaskClient) -> None:
    query = "&".join(f"p{each}=v" for each in range(caps.MAX_PARAMETERS))
    assert client.get(f"/?{query}", headers=cookies(caps.MAX_COOKIES)).text == f"{caps.MAX_PARAMETERS} 100"
    assert client.get("/?p=" + "x" * (caps.MAX_QUERY - 2)).status_code == 200
    assert client.get("/", headers={"X-Long": "x" * (caps.MAX_HEADERS - 200)}).status_code == 200


def test_t12_a_longer_address_is_refused(client: FlaskClient) -> None:
    assert client.get("/?p=" + "x" * caps.MAX_QUERY).status_code == 414
    response = client.get("/" + "x" * caps.MAX_PATH + "x")
    assert (response.status_code, "longer than anything we take" in response.text) == (414, True)


def test_t12_more_headers_and_cookies_are_refused(client: FlaskClient) -> None:
    for headers in ({"X-Long": "x" * caps.MAX_HEADERS}, {f"X-{n}": "x" * 1000 for n in range(33)}):
        assert client.get("/", headers=headers).status_code == 431
    response = client.get("/", headers=cookies(caps.MAX_COOKIES + 1))
    assert (response.status_code, "Delete the cookies of this site" in response.text) == (431, True)


def test_t12_more_parameters_are_refused(client: FlaskClient) -> None:
    many = "&".join(f"p{each}=v" for each in range(caps.MAX_PARAMETERS + 1))
    assert client.get(f"/?{many}").status_code == 400
    assert client.post("/form", data=many, content_type="application/x-www-form-urlencoded").status_code == 400


def test_t12_a_larger_body_is_refused(client: FlaskClient) -> None:
    large = b"p=" + b"x" * caps.MAX_BODY
    assert client.post("/form", data=large, content_type="application/x-www-form-urlencoded").status_code == 413


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        ";",
        "=",
        "a",
        "a=;=b;;;",
        "\x80\xff=\xfe",
        'a="',
        'a="\\',
        'a="\\400"',
        "$Version=1; a=b",
        "a=b\tc",
        "=" * 5000,
    ],
)
def test_t12_a_malformed_cookie_is_as_good_as_none(client: FlaskClient, cookie: str) -> None:
    assert client.get("/", environ_overrides={"HTTP_COOKIE": cookie}).status_code == 200
