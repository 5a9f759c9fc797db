"""The limits of every outgoing request, against servers that try them (T11)."""

import gzip
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import trustme

from providers import http
from providers.http import AddressRefused, ResponseTooLarge, guarded_get, harden, is_loopback, json_of, outbound
from tests.providers.loopback import Handler, serve, trust


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    return trust(authority, tmp_path)


def ok(handler: Handler) -> None:
    handler.reply(b'{"fine": true}', Content_Type="application/json; charset=utf-8")


def never(handler: Handler) -> None:
    handler.released.wait()


def drip_body(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    handler.drip(b"x")


def drip_headers(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
    handler.drip(b"x")


def huge(handler: Handler) -> None:
    handler.reply(b"x" * 200_000)


def huge_without_length(handler: Handler) -> None:
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 200_000)


def huge_in_chunks(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    handler.wfile.write((b"2710\r\n" + b"x" * 10_000 + b"\r\n") * 20 + b"0\r\n\r\n")


def bomb(handler: Handler) -> None:
    handler.reply(gzip.compress(bytes(5_000_000)), Content_Encoding="gzip")


def truncated(handler: Handler) -> None:
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


def truncated_chunks(handler: Handler) -> None:
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf")


def garbage(handler: Handler) -> None:
    handler.close_connection = True
    handler.wfile.write(b"this is no HTTP\r\n\r\n")


class TestOutbound:
    def test_it_brings_the_answer_and_says_who_it_is(self) -> None:
        with serve(ok) as server, outbound() as session:
            response = session.get(server.url)
        assert json_of(response) == {"fine": True}
        assert server.seen[0].headers["user-agent"] == "vestibule"
        assert server.seen[0].headers["accept-encoding"] == "identity"

    @pytest.mark.parametrize("follow", [True, False])
    def test_t11_no_redirect_is_followed_whatever_the_call_says(self, follow: bool) -> None:
        with serve(ok) as target, serve(lambda it: it.reply(status=302, Location=target.url)) as server:
            with outbound() as session, pytest.raises(requests.TooManyRedirects):
                session.get(server.url, allow_redirects=follow)
            assert (server.count(), target.count()) == (1, 0)

    def test_no_cookie_is_kept(self) -> None:
        with serve(lambda it: it.reply(Set_Cookie="a=b; Path=/")) as server, outbound() as session:
            session.get(server.url)
            session.get(server.url)
            assert not session.cookies
        assert all("cookie" not in seen.headers for seen in server.seen)

    def test_t11_proxies_bundles_and_passwords_of_the_environment_are_ignored(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: trustme.CA, bundle: Path
    ) -> None:
        (tmp_path / "netrc").write_text("machine localhost login somebody password something\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
        with serve(ok) as proxy, serve(ok, authority=authority) as server, outbound(bundle) as session:
            for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
                monkeypatch.setenv(name, proxy.url)
            assert session.get(server.url).status_code == 200
            assert proxy.count() == 0
        assert "authorization" not in server.seen[0].headers

    def test_a_server_of_an_unknown_authority_is_refused(self, authority: trustme.CA) -> None:
        with serve(ok, authority=authority) as server, outbound() as session:
            with pytest.raises(requests.exceptions.SSLError):
                session.get(server.url)
            assert server.count() == 0

    def test_a_certificate_of_another_name_is_refused(self, authority: trustme.CA, bundle: Path) -> None:
        with serve(ok, authority=authority, names=("elsewhere.example",)) as server, outbound(bundle) as session:
            with pytest.raises(requests.exceptions.SSLError):
                session.get(server.url)
            assert server.count() == 0

    @pytest.mark.parametrize("answer", [huge, huge_without_length, huge_in_chunks, bomb])
    def test_t11_an_answer_that_is_too_large_is_not_read_to_its_end(self, answer: Callable[[Handler], None]) -> None:
        with serve(answer) as server, outbound(max_bytes=100_000) as session, pytest.raises(ResponseTooLarge):
            session.get(server.url)

    def test_what_was_left_unread_is_not_taken_for_the_next_answer(self) -> None:
        def first_huge(handler: Handler) -> None:
            (huge if handler.path == "/huge" else ok)(handler)

        with serve(first_huge) as server, outbound(max_bytes=100_000) as session:
            with pytest.raises(ResponseTooLarge):
                session.get(f"{server.url}/huge")
            assert json_of(session.get(f"{server.url}/small")) == {"fine": True}

    def test_an_answer_of_exactly_the_limit_is_fine(self) -> None:
        with serve(huge) as server, outbound(max_bytes=200_000) as session:
            assert len(session.get(server.url).content) == 200_000

    def test_t11_a_server_that_never_answers_is_given_up(self) -> None:
        with serve(never) as server, outbound(timeout=(1, 0.1)) as session, pytest.raises(requests.ReadTimeout):
            session.get(server.url)

    def test_t11_an_answer_that_drips_is_given_up(self) -> None:
        with (
            serve(drip_body) as server,
            outbound(timeout=(1, 5), total=0.2) as session,
            pytest.raises(requests.ReadTimeout),
        ):
            session.get(server.url)

    @pytest.mark.parametrize("answer", [truncated, truncated_chunks, garbage])
    def test_a_broken_answer_is_an_error(self, answer: Callable[[Handler], None]) -> None:
        with serve(answer) as server, outbound() as session, pytest.raises(requests.RequestException):
            session.get(server.url)

    def test_an_answer_that_stalls_is_given_up(self) -> None:
        def stall(handler: Handler) -> None:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            handler.released.wait()

        with serve(stall) as server, outbound(timeout=(1, 0.1)) as session, pytest.raises(requests.ConnectionError):
            session.get(server.url)

    def test_a_get_is_tried_twice_more_after_503_and_retry_after_is_not_obeyed(self) -> None:
        answers = [503, 502, 200]
        with (
            serve(lambda it: it.reply(status=answers.pop(0), Retry_After="3600")) as server,
            outbound() as session,
        ):
            assert session.get(server.url).status_code == 200
            assert server.count() == 3

    def test_a_get_is_not_tried_a_fourth_time(self) -> None:
        with serve(lambda it: it.reply(status=504)) as server, outbound() as session:
            assert session.get(server.url).status_code == 504
            assert server.count() == 3

    @pytest.mark.parametrize("method", ["POST", "DELETE"])
    def test_nothing_but_a_get_is_tried_twice(self, method: str) -> None:
        with serve(lambda it: it.reply(status=503)) as server, outbound() as session:
            assert session.request(method, server.url).status_code == 503
            assert server.count() == 1

    def test_nothing_is_tried_again_when_nobody_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with outbound() as session, pytest.raises(requests.ConnectionError):
            session.post(f"http://localhost:{port}")

    def test_a_librarys_own_session_gets_the_same_limits(self) -> None:
        class Own(requests.Session):
            pass

        with serve(huge) as server, harden(Own(), max_bytes=1000) as session, pytest.raises(ResponseTooLarge):
            session.get(server.url, stream=True)


class TestJson:
    @pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 100_000])
    def test_what_is_no_json_is_none(self, body: bytes) -> None:
        with serve(lambda it: it.reply(body)) as server, outbound() as session:
            assert json_of(session.get(server.url)) is None


class TestLoopback:
    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
    def test_this_machine_is_loopback(self, host: str) -> None:
        assert is_loopback(host)

    @pytest.mark.parametrize("host", ["localhost.example", "10.0.0.1", "example.com", "localhost.", "::", ""])
    def test_nothing_else_is(self, host: str) -> None:
        assert not is_loopback(host)


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
        assert http._is_global(address)

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
        assert "127.0.0.1" in http.resolve("localhost", 443)
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
            http._hang_up(line)
