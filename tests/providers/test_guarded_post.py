"""Forms sent to URLs that someone else steers (T11). What is shared with ``guarded_get`` is tested there."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import trustme

from providers.guarded import AddressRefused, guarded_post
from tests.providers.answers import drip_headers, garbage, huge, never, ok
from tests.providers.loopback import Handler, serve, trust

FORM = {"logout_token": "a.b.c", "text": "ü &=+"}


def post(url: str, **options: object) -> int:
    return guarded_post(url, FORM, insecure_allow_private=True, **options)  # type: ignore[arg-type]  # each test names its own


def test_a_form_arrives_as_it_was_sent() -> None:
    with serve(ok) as server:
        assert post(f"{server.url}/back?channel=1") == 200
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("POST", "/back?channel=1")
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
    assert seen.headers["host"] == f"localhost:{server.port}"
    assert seen.headers["content-length"] == str(len(seen.body))
    assert seen.body == b"logout_token=a.b.c&text=%C3%BC+%26%3D%2B"


@pytest.mark.parametrize("status", [200, 204, 400, 404, 500, 503])
def test_the_status_is_what_comes_back(status: int) -> None:
    def answer(handler: Handler) -> None:
        handler.reply(b"" if status == 204 else b"{}", status=status)

    with serve(answer) as server:
        assert post(server.url) == status
    assert server.count() == 1, "and nothing is sent twice"


def test_t11_the_body_of_the_answer_is_not_read() -> None:
    with serve(huge) as server:
        assert post(server.url) == 200


def test_it_goes_to_the_address_that_was_checked_under_the_name_that_was_asked(tmp_path: Path) -> None:
    authority = trustme.CA()
    with serve(ok, authority=authority, names=("registry.example",)) as server:
        status = post(
            f"https://registry.example:{server.port}/",
            ca_bundle=trust(authority, tmp_path),
            resolver=lambda _host, _port: ["127.0.0.1"],
        )
        assert status == 200
        assert server.names == ["registry.example"]
        with pytest.raises(requests.ConnectionError):
            post(f"https://registry.example:{server.port}/", resolver=lambda _host, _port: ["127.0.0.1"])
        assert server.count() == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.8", "169.254.169.254", "::1", "::ffff:10.0.0.8"])
def test_t11_nothing_is_sent_to_a_private_address(address: str) -> None:
    with serve(ok) as server:
        with pytest.raises(AddressRefused):
            guarded_post(f"https://registry.example:{server.port}/", FORM, resolver=lambda _host, _port: [address])
        assert server.count() == 0


def test_t11_nothing_is_sent_in_the_clear() -> None:
    def resolver(host: str, port: int) -> list[str]:
        raise AssertionError("looked up")

    with pytest.raises(AddressRefused):
        guarded_post("http://registry.example/", FORM, resolver=resolver)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_t11_a_redirect_is_refused(status: int) -> None:
    with serve(ok) as target, serve(lambda it: it.reply(status=status, Location=target.url)) as server:
        with pytest.raises(AddressRefused):
            post(server.url)
        assert (server.count(), target.count()) == (1, 0)


@pytest.mark.parametrize("answer", [never, drip_headers, garbage])
def test_t11_an_answer_that_does_not_come_whole_is_given_up(answer: Callable[[Handler], None]) -> None:
    with serve(answer) as server, pytest.raises(requests.RequestException):
        post(server.url, timeout=(1, 5), total=0.2)


def test_a_server_that_is_not_there_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(requests.ConnectionError):
        post(f"http://127.0.0.1:{port}/")
