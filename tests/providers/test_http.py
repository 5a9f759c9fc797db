"""The limits of every outgoing request, against servers that try them (T11)."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import trustme

from providers.connection import ResponseTooLarge
from providers.http import harden, is_loopback, json_of, outbound
from providers.wire import Wire
from tests.providers.answers import (
    bomb,
    drip_body,
    garbage,
    huge,
    huge_in_chunks,
    huge_without_length,
    never,
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

        with serve(stall) as server, outbound(timeout=(1, 0.5)) as session, pytest.raises(requests.ConnectionError):
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

        with serve(huge) as server, harden(Own(), Wire(max_bytes=1000)) as session, pytest.raises(ResponseTooLarge):
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
