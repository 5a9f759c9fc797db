"""Bodies sent to URLs that someone else steers (T11). What is shared with ``guarded_get`` is tested there."""

import socket
from collections.abc import Callable, Mapping

import pytest
import requests

from providers.guarded import AddressRefused, Fetched, guarded_send
from tests.providers.answers import drip_body, drip_headers, garbage, huge, never, ok
from tests.providers.loopback import Handler, serve

HEADERS: Mapping[str, str] = {"Content-Type": "application/secevent+jwt", "Authorization": "Bearer canary"}


def send(url: str, **options: object) -> Fetched:
    return guarded_send(url, b"a.b.c", HEADERS, max_bytes=100, insecure_allow_private=True, **options)  # type: ignore[arg-type]  # each test names its own


def test_a_body_arrives_as_it_is_with_its_headers() -> None:
    with serve(ok) as server:
        assert send(f"{server.url}/events?x=1").status == 200
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/events?x=1", b"a.b.c")
    assert {name: seen.headers[name.lower()] for name in HEADERS} == HEADERS
    assert seen.headers["content-length"] == "5"


@pytest.mark.parametrize("status, said", [(200, b""), (202, b""), (400, b"{}"), (503, b"{}")])
def test_of_an_answer_the_status_comes_back_and_what_an_error_says(status: int, said: bytes) -> None:
    with serve(lambda it: it.reply(status=status, Content_Type="Application/JSON; charset=utf-8")) as server:
        assert send(server.url) == Fetched(status=status, media_type="application/json", body=said)
    with serve(lambda it: it.reply(status=status)) as server:
        assert send(server.url).media_type == ""


def test_t11_what_an_error_says_is_cut_and_nothing_else_is_read() -> None:
    with serve(lambda it: it.reply(b"x" * 200_000, status=400)) as server:
        assert send(server.url).body == b"x" * 100
    for answer in (huge, drip_body):
        with serve(answer) as server:
            assert send(server.url, total=0.5).body == b""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_t11_a_redirect_is_refused_and_nothing_goes_along(status: int) -> None:
    with serve(ok) as target, serve(lambda it: it.reply(status=status, Location=target.url)) as server:
        with pytest.raises(AddressRefused):
            send(server.url)
        assert (server.count(), target.count()) == (1, 0)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.8", "169.254.169.254", "::1", "::ffff:10.0.0.8"])
def test_t11_nothing_is_sent_to_a_private_address(address: str) -> None:
    with serve(ok) as server:
        with pytest.raises(AddressRefused):
            guarded_send(
                f"https://registry.example:{server.port}/",
                b"",
                HEADERS,
                max_bytes=1,
                resolver=lambda _host, _port: [address],
            )
        assert server.count() == 0


@pytest.mark.parametrize("answer", [never, drip_headers, garbage])
def test_t11_an_answer_that_does_not_come_whole_is_given_up(answer: Callable[[Handler], None]) -> None:
    with serve(answer) as server, pytest.raises(requests.RequestException):
        send(server.url, timeout=(1, 5), total=0.2)


def test_a_server_that_is_not_there_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(requests.ConnectionError):
        send(f"http://127.0.0.1:{port}/")
