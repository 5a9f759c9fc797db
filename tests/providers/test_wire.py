"""Connections that are kept, against servers that do not keep them (T11, T12)."""

import gc
import socket
from collections.abc import Iterator
from threading import Event

import pytest
import requests

from providers import wire as module
from providers.circuit import FAILURES, Circuit, State
from providers.connection import Server, _host
from providers.provider import ProviderError
from providers.wire import Wire
from tests.providers.answers import bomb, drip_headers, garbage, never, ok
from tests.providers.loopback import Answer as Answering
from tests.providers.loopback import Handler, serve

HEADERS = {"Accept": "application/json"}


class Connections:
    """Counts the connections that an answer came by."""

    def __init__(self) -> None:
        self.met: list[object] = []

    def __call__(self, handler: Handler) -> None:
        if handler.connection not in self.met:
            self.met.append(handler.connection)
        ok(handler)


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.close()


def test_a_connection_is_used_again(wire: Wire) -> None:
    connections = Connections()
    with serve(connections) as server:
        for _ in range(3):
            assert wire.exchange("POST", server.url, HEADERS, b"a=b").body == b'{"fine": true}'
    assert len(connections.met) == 1
    assert server.seen[0].headers["content-length"] == "3"


def test_one_that_was_idle_for_long_is_not(wire: Wire) -> None:
    connections = Connections()
    with serve(connections) as server:
        wire.exchange("GET", server.url, HEADERS)
        (kept,) = next(iter(wire._idle.values()))
        kept.idle_since -= module.IDLE_SECONDS + 1
        wire.exchange("GET", server.url, HEADERS)
    assert len(connections.met) == 2


def test_nor_one_that_the_server_closed_or_said_it_would_close(wire: Wire) -> None:
    def once(handler: Handler) -> None:
        handler.close_connection = True
        if handler.path == "/said":
            handler.reply(Connection="close")
        else:
            handler.reply()

    with serve(once) as server:
        assert wire.exchange("POST", f"{server.url}/said", HEADERS).status == 200
        assert not wire._idle
        assert wire.exchange("POST", server.url, HEADERS).status == 200
        (kept,) = next(iter(wire._idle.values()))
        while not kept.has_news():
            Event().wait(0.001)
        assert wire.exchange("POST", server.url, HEADERS).status == 200
    assert server.count() == 3


def hang_up_on_the_second(connections: list[object]) -> object:
    def answer(handler: Handler) -> None:
        """Take a second request, and close without a word."""
        handler.close_connection = handler.connection in connections
        if not handler.close_connection:
            connections.append(handler.connection)
            ok(handler)

    return answer


def test_a_get_whose_connection_turned_out_dead_is_sent_again_and_a_post_is_not(wire: Wire) -> None:
    with serve(hang_up_on_the_second([])) as server:  # type: ignore[arg-type]  # an Answer
        assert wire.exchange("GET", server.url, HEADERS).status == 200
        assert wire.exchange("GET", server.url, HEADERS).status == 200
        assert server.count() == 3
        with pytest.raises(requests.ConnectionError):
            wire.exchange("POST", server.url, HEADERS)
        assert server.count() == 4


def test_t11_a_head_that_drips_ends_with_the_deadline() -> None:
    with serve(drip_headers) as server, pytest.raises(requests.ReadTimeout):
        Wire(timeout=(1, 5), total=0.2).exchange("GET", server.url, HEADERS)


def test_t11_a_bomb_is_not_unpacked(wire: Wire) -> None:
    with serve(bomb) as server, pytest.raises(requests.RequestException):
        wire.exchange("GET", server.url, HEADERS)


def test_what_says_it_is_packed_and_is_not_is_an_error(wire: Wire) -> None:
    with (
        serve(lambda it: it.reply(b"plain", Content_Encoding="gzip")) as server,
        pytest.raises(requests.ConnectionError),
    ):
        wire.exchange("GET", server.url, HEADERS)


@pytest.mark.parametrize("url", ["ftp://localhost/", "http:///", "nothing"])
def test_what_is_no_address_is_an_error(wire: Wire, url: str) -> None:
    with pytest.raises(requests.RequestException):
        wire.exchange("GET", url, HEADERS)


def test_a_server_that_takes_no_connection_in_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: object, **__: object) -> socket.socket:
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", late)
    with pytest.raises(requests.ConnectTimeout):
        Wire().exchange("GET", "http://localhost:1/", HEADERS)


def test_no_more_is_kept_than_is_of_use(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_SERVERS", 1)
    connections = Connections()
    with serve(connections) as one, serve(connections) as other:
        for url in (one.url, other.url, one.url):
            wire.exchange("GET", url, HEADERS)
        assert len(connections.met) == 3
        monkeypatch.setattr(module, "_MOST_IDLE", 0)
        wire.exchange("GET", one.url, HEADERS)
        assert not any(wire._idle.values())


def test_nothing_is_left_open_by_a_wire_that_is_gone() -> None:
    with serve(ok) as server:
        wire = Wire()
        wire.exchange("GET", server.url, HEADERS)
        (kept,) = next(iter(wire._idle.values()))
        del wire
        gc.collect()
        assert kept._wire.fileno() == -1


@pytest.mark.parametrize(
    "answer, fine",
    [
        (lambda it: it.reply(status=500), False),
        (lambda it: it.reply(b"<html>"), False),
        (lambda it: it.reply(status=302, Location="/"), False),
        (garbage, False),
        (never, False),
        (lambda it: it.reply(status=400), True),
        (lambda it: it.reply(b"<html>", status=403), True),
        (lambda it: it.reply(b" [1]"), True),
    ],
)
def test_a_circuit_hears_what_a_provider_does_and_not_what_it_says_of_a_user(answer: object, fine: bool) -> None:
    circuit = Circuit("example")
    with serve(answer) as server:  # type: ignore[arg-type]  # an Answer
        wire = Wire(timeout=(1, 10 if fine else 0.05), circuit=circuit)  # no machine is too busy to be fine
        for _ in range(FAILURES):
            try:
                wire.exchange("POST", server.url, HEADERS)
            except requests.RequestException:
                assert not fine
        assert (circuit.state is State.CLOSED) == fine
        seen = server.count()
        if not fine:
            with pytest.raises(ProviderError):
                wire.exchange("POST", server.url, HEADERS)
        assert server.count() == seen


def test_t12_what_cannot_be_said_is_no_failure_of_a_provider() -> None:
    circuit = Circuit("example")
    wire = Wire(circuit=circuit)
    for _ in range(FAILURES):
        with pytest.raises(requests.ConnectionError):
            wire.exchange("GET", "https://localhost:1/", {"Authorization": "token a\r\nb"})
        with pytest.raises(requests.exceptions.InvalidURL):
            wire.exchange("GET", "https://localhost:65536/", HEADERS)
    assert circuit.state is State.CLOSED


@pytest.mark.parametrize(
    "url", ["https://localhost:99999/", "https://localhost:0/", "https://localhost:a/", "https://[::1/", "ftp://a/"]
)
def test_t11_what_is_no_url_is_trouble_on_the_way_like_any_other(wire: Wire, url: str) -> None:
    with pytest.raises(requests.exceptions.InvalidURL):
        wire.exchange("GET", url, HEADERS)


def test_t11_what_is_left_in_a_buffer_of_ours_is_nobodys() -> None:
    """An answer in pieces, and one more behind it in the same packet, which the standard library has read already."""
    met: list[object] = []

    def answer(handler: Handler) -> None:
        met.append(handler.connection)
        more = FINE + LENGTH + b"\r\n[]"
        handler.wfile.write(FINE + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + more)

    with serve(answer) as server:
        wire = Wire()
        for _ in range(2):
            assert wire.exchange("GET", server.url, HEADERS).body == b"{}"
            assert not wire._idle
    assert met[0] is not met[1]


def said(*pieces: bytes) -> Answering:
    """Return an answer that is these bytes, and then the end of the connection."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        for piece in pieces:
            handler.wfile.write(piece)
            handler.wfile.flush()

    return answer


FINE = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 2\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        (FINE + LENGTH + b"\r\n{}",),
        (FINE + b"Con", b"tent-Length: 2\r\n\r", b"\n{", b"}"),
        (b"HTTP/1.1 200\r\n" + LENGTH + b"\r\n{}",),
        (FINE + b"Set-Cookie: a=b\r\nSet-Cookie: c=d\r\n" + LENGTH + b"\r\n{}",),
        (FINE + LENGTH + b"Connection: close\r\n\r\n{}",),
        (FINE + LENGTH + LENGTH + b"\r\n{}",),
        (FINE + b"X-Folded: one\r\n two\r\n" + LENGTH + b"\r\n{}",),
        (FINE + b"\r\n{}",),
        (FINE + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",),
        (FINE + b"Transfer-Encoding: chunked\r\n" + LENGTH + b"\r\n2\r\n{}\r\n0\r\n\r\n",),
        (b"HTTP/1.0 200 OK\r\n" + LENGTH + b"\r\n{}",),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + FINE + LENGTH + b"\r\n{}",),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r", b"\n" + FINE + LENGTH + b"\r\n{}"),
        (b"HTTP/1.1 102 Processing\r\n\r\n" * 8 + FINE + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",),
        (FINE + b"X-Long: " + b"x" * 20000 + b"\r\n" + LENGTH + b"\r\n{}",),
        (FINE + LENGTH + b"\r\n{}HTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n[]",),
    ],
)
def test_an_answer_is_read_however_it_is_said_and_what_follows_it_is_nobodys(
    wire: Wire, pieces: tuple[bytes, ...]
) -> None:
    with serve(said(*pieces)) as server:
        for _ in range(2):
            answer = wire.exchange("GET", server.url, HEADERS)
            assert (answer.status, answer.body) == (200, b"{}")


def test_one_without_a_body_has_none_whatever_length_it_says(wire: Wire) -> None:
    with serve(said(b"HTTP/1.1 204 No Content\r\n" + LENGTH + b"\r\n")) as server:
        assert wire.exchange("GET", server.url, HEADERS).body == b""


@pytest.mark.parametrize(
    "pieces",
    [
        (FINE + b"Content-Length: 3\r\n\r\n{}",),
        (FINE + b"Content-Length: 3",),
        (b"HTTP/1.1 what\r\n" + LENGTH + b"\r\n{}",),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + FINE + LENGTH + b"\r\n{}",),
        (b"HTTP/1.1 102 Processing\r\n\r\n" * 9 + FINE + LENGTH + b"\r\n{}",),
        (b"HTTP/1.1 103 Early Hints\r\n" + LENGTH + b"\r\n{}" + FINE + LENGTH + b"\r\n{}",),
        (b"HTTP/1.1 103 Early Hints\n\n" + FINE + LENGTH + b"\r\n{}",),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n",),
        (),
    ],
)
def test_one_that_ends_early_or_is_none_is_an_error(wire: Wire, pieces: tuple[bytes, ...]) -> None:
    with serve(said(*pieces)) as server, pytest.raises(requests.ConnectionError):
        wire.exchange("GET", server.url, HEADERS)


@pytest.mark.parametrize(
    "method, path, headers",
    [
        ("GET", "", {"X-Own": "a\r\nX-Other: b"}),
        ("GET", "", {"X-Own\n": "a"}),
        ("GET", "", {"X-Own": "\N{EURO SIGN}"}),
        ("GET", "/a\u00e9", HEADERS),
        ("GET / HTTP/1.1\r\n", "", HEADERS),
    ],
)
def test_t11_nothing_that_is_asked_can_become_a_second_request(
    wire: Wire, method: str, path: str, headers: dict[str, str]
) -> None:
    with serve(ok) as server:
        with pytest.raises(requests.RequestException):
            wire.exchange(method, f"{server.url}{path}", headers)
        assert server.count() == 0


def test_what_requests_has_prepared_is_sent_as_it_is(wire: Wire) -> None:
    own = {"Host": "other.example", b"Accept-Encoding": b"gzip", "Content-Length": "3"}
    with serve(ok) as server:
        wire.exchange("POST", server.url, own, b"a=b")  # type: ignore[arg-type]  # as requests has them
        sent = server.seen[0].headers
    assert (sent["host"], sent["accept-encoding"], sent["content-length"]) == ("other.example", "gzip", "3")


def test_a_host_is_named_as_http_has_it() -> None:
    assert _host(Server("https", "a.example", 443)) == "a.example"
    assert _host(Server("https", "::1", 8443)) == "[::1]:8443"
    assert _host(Server("http", "b\u00fccher.example", 80)) == "xn--bcher-kva.example"
