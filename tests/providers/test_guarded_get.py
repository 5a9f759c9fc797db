"""URLs that someone else steers (T11)."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import trustme

from providers import guarded
from providers.connection import ResponseTooLarge
from providers.guarded import AddressRefused, guarded_get
from tests.providers.answers import (
    drip_body,
    drip_headers,
    garbage,
    huge,
    huge_in_chunks,
    huge_without_length,
    ok,
    truncated,
    truncated_chunks,
)
from tests.providers.loopback import Handler, serve, trust


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    return trust(authority, tmp_path)


PUBLIC = "93.184.216.34"
PRIVATE = [
    "127.0.0.1",
    "10.0.0.8",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - nothing binds to it
    "192.0.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fc00::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
]


class TestGuardedGet:
    def test_it_goes_to_the_address_that_was_checked_under_the_name_that_was_asked(
        self, authority: trustme.CA, bundle: Path
    ) -> None:
        asked: list[tuple[str, int]] = []

        def resolver(host: str, port: int) -> list[str]:
            asked.append((host, port))
            return ["127.0.0.1"]

        with serve(ok, authority=authority, names=("keys.example",)) as server:
            fetched = guarded_get(
                f"https://keys.example:{server.port}/jwks?a=b",
                max_bytes=1000,
                insecure_allow_private=True,
                ca_bundle=bundle,
                resolver=resolver,
            )
        assert (fetched.status, fetched.media_type, fetched.body) == (200, "application/json", b'{"fine": true}')
        assert server.seen[0].path == "/jwks?a=b"
        assert server.seen[0].headers["host"] == f"keys.example:{server.port}"
        assert server.names == ["keys.example"]
        assert asked == [("keys.example", server.port)]

    def test_t11_a_name_that_means_something_else_a_moment_later_gains_nothing(self) -> None:
        answers = iter([["127.0.0.1"], [PUBLIC]])
        with serve(ok) as server:
            url = f"http://rebinding.example:{server.port}/"
            guarded_get(url, max_bytes=1000, insecure_allow_private=True, resolver=lambda _host, _port: next(answers))
        assert server.count() == 1
        assert next(answers) == [PUBLIC]

    @pytest.mark.parametrize("address", PRIVATE)
    @pytest.mark.parametrize("others", [[], [PUBLIC]])
    def test_t11_one_address_that_is_not_global_refuses_the_host(self, address: str, others: list[str]) -> None:
        def resolver(host: str, port: int) -> list[str]:
            return [*others, address]

        with pytest.raises(AddressRefused):
            guarded_get("https://keys.example/", max_bytes=1000, resolver=resolver)

    @pytest.mark.parametrize("address", [PUBLIC, "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"])
    def test_a_global_address_is_not_refused(self, address: str) -> None:
        assert guarded._is_global(address)

    def test_a_host_without_an_address_is_refused(self) -> None:
        with pytest.raises(AddressRefused):
            guarded_get("https://keys.example/", max_bytes=1000, resolver=lambda _host, _port: [])

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "[::1]"])
    def test_t11_no_spelling_of_loopback_is_visited(self, host: str) -> None:
        def resolver(name: str, port: int) -> list[str]:
            # The system's, without the test suite's own guard.
            return [str(info[4][0]) for info in socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)]

        with serve(ok) as server:
            with pytest.raises(AddressRefused):
                guarded_get(f"https://{host}:{server.port}/", max_bytes=1000, resolver=resolver)
            assert server.count() == 0

    def test_the_systems_resolver_is_the_default(self) -> None:
        assert "127.0.0.1" in guarded.resolve("localhost", 443)
        with pytest.raises(AddressRefused):
            guarded_get("https://localhost/", max_bytes=1000)

    @pytest.mark.parametrize(
        "url",
        [
            "http://keys.example/",
            "ftp://keys.example/",
            "file:///etc/passwd",
            "//keys.example/",
            "",
            "https://",
            "https:///path",
            "https://user@keys.example/",
            "https://user:word@keys.example/",
            "https://@keys.example/",
            "https://keys.example:99999/",
            "https://keys.example:port/",
            "https://[::1/",
            "https://.keys.example/",
            "https://keys.exämple/",
            "https://keys.example/a b",
            "https://keys.example/\r\nX-Injected: yes",
            "https://keys.example/\x00",
        ],
    )
    def test_t11_what_is_no_plain_https_url_is_refused_before_any_look_up(self, url: str) -> None:
        def resolver(host: str, port: int) -> list[str]:
            raise AssertionError("looked up")

        with pytest.raises(AddressRefused):
            guarded_get(url, max_bytes=1000, resolver=resolver)

    def test_a_name_that_does_not_resolve_is_no_connection(self) -> None:
        def resolver(host: str, port: int) -> list[str]:
            raise socket.gaierror("unknown")

        with pytest.raises(requests.ConnectionError):
            guarded_get("https://keys.example/", max_bytes=1000, resolver=resolver)

    def test_t11_a_redirect_is_refused(self) -> None:
        with serve(ok) as target, serve(lambda it: it.reply(status=307, Location=target.url)) as server:
            with pytest.raises(AddressRefused):
                guarded_get(server.url, max_bytes=1000, insecure_allow_private=True)
            assert (server.count(), target.count()) == (1, 0)

    @pytest.mark.parametrize("answer", [huge, huge_without_length, huge_in_chunks])
    def test_t11_an_answer_that_is_too_large_is_not_read_to_its_end(self, answer: Callable[[Handler], None]) -> None:
        with serve(answer) as server, pytest.raises(ResponseTooLarge):
            guarded_get(server.url, max_bytes=100_000, insecure_allow_private=True)

    def test_an_answer_of_exactly_the_limit_is_fine_and_may_have_no_type(self) -> None:
        with serve(huge) as server:
            fetched = guarded_get(server.url, max_bytes=200_000, insecure_allow_private=True)
        assert (len(fetched.body), fetched.media_type) == (200_000, "")

    @pytest.mark.parametrize("answer", [truncated, truncated_chunks, garbage])
    def test_a_broken_answer_is_an_error(self, answer: Callable[[Handler], None]) -> None:
        with serve(answer) as server, pytest.raises(requests.RequestException):
            guarded_get(server.url, max_bytes=1000, insecure_allow_private=True)

    @pytest.mark.parametrize("answer", [drip_body, drip_headers])
    def test_t11_an_answer_that_drips_is_cut_off(self, answer: Callable[[Handler], None]) -> None:
        with serve(answer) as server, pytest.raises(requests.RequestException):
            guarded_get(server.url, max_bytes=10**7, insecure_allow_private=True, timeout=(1, 5), total=0.2)

    def test_t11_a_drip_without_a_length_is_not_taken_for_a_whole_answer(self) -> None:
        def endless(handler: Handler) -> None:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            handler.drip(b"x")

        with serve(endless) as server, pytest.raises(requests.RequestException):
            guarded_get(server.url, max_bytes=10**7, insecure_allow_private=True, timeout=(1, 5), total=0.2)

    def test_t11_a_server_that_shakes_no_hands_is_given_up(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"https://localhost:{silent.getsockname()[1]}/"
            with pytest.raises(requests.ConnectionError):
                guarded_get(url, max_bytes=1000, insecure_allow_private=True, timeout=(0.2, 0.2))

    def test_a_certificate_of_another_name_is_refused(self, authority: trustme.CA, bundle: Path) -> None:
        with serve(ok, authority=authority, names=("elsewhere.example",)) as server:
            with pytest.raises(requests.ConnectionError):
                guarded_get(server.url, max_bytes=1000, insecure_allow_private=True, ca_bundle=bundle)
            assert server.count() == 0

    def test_nobody_is_left_watching(self) -> None:
        with serve(ok) as server:
            before = threading.active_count()
            guarded_get(f"{server.url}/", max_bytes=1000, insecure_allow_private=True)
            waiting = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
            assert not [timer for timer in waiting if not timer.finished.is_set()]
            assert threading.active_count() <= before + 2

    def test_hanging_up_on_a_line_that_is_dead_is_no_error(self) -> None:
        with socket.socket() as line:
            guarded._hang_up(line)
