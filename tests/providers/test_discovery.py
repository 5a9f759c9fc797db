"""Discovery documents: believed only of the issuer that was configured, and only where they are safe (T9, T11)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from providers.discovery import LIFETIME, RETRY_AFTER, Discovery, read
from providers.provider import Fault, ProviderError
from tests.providers.loopback import Handler, Server, serve

ISSUER = "https://issuer.example"


def document(issuer: object = ISSUER, **changes: Any) -> dict[str, Any]:
    members = {
        "issuer": issuer,
        "authorization_endpoint": "https://issuer.example/authorize?theme=a",
        "token_endpoint": "https://issuer.example/token",
        "jwks_uri": "https://keys.issuer.example/jwks",
        **changes,
    }
    return {name: value for name, value in members.items() if value is not ...}


class TestRead:
    def test_what_is_not_said_has_its_default(self) -> None:
        metadata = read(document(), ISSUER)
        assert metadata.auth_method == "client_secret_basic"
        assert metadata.userinfo_endpoint is None
        assert not metadata.sends_iss
        assert not metadata.takes_claims

    def test_what_is_said_is_taken(self) -> None:
        metadata = read(
            document(
                userinfo_endpoint="https://issuer.example/userinfo",
                token_endpoint_auth_methods_supported=["private_key_jwt", "client_secret_post"],
                authorization_response_iss_parameter_supported=True,
                claims_parameter_supported=True,
                code_challenge_methods_supported=["plain", "S256"],
            ),
            ISSUER,
        )
        assert metadata.auth_method == "client_secret_post"
        assert metadata.userinfo_endpoint == "https://issuer.example/userinfo"
        assert metadata.sends_iss
        assert metadata.takes_claims

    @pytest.mark.parametrize("odd", ["true", 1, None, []])
    def test_a_flag_is_only_set_by_true(self, odd: object) -> None:
        metadata = read(
            document(authorization_response_iss_parameter_supported=odd, claims_parameter_supported=odd), ISSUER
        )
        assert not metadata.sends_iss
        assert not metadata.takes_claims

    @pytest.mark.parametrize(
        "odd",
        [None, [], "text", {}, document("https://issuer.example/"), document("https://other.example"), document(None)],
    )
    def test_t9_the_document_of_another_issuer_is_refused(self, odd: object) -> None:
        assert _refused(odd) == Fault.MISCONFIGURED

    @pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
    @pytest.mark.parametrize(
        "url",
        [
            ...,
            None,
            17,
            "",
            "/token",
            "https://issuer.example:99999/token",
            "https://issuer.example:0/token",
            "http://issuer.example/token",
            "http://localhost.issuer.example/token",
            "http://localhost:80@issuer.example/token",
            "https://user@issuer.example/token",
            "https://issuer.example/token#fragment",
            "https://issuer.example/to ken",
            "https://issuer.example/tökén",
            "https://[::1/token",
            "https:///token",
            "javascript:alert(1)",
            "ftp://issuer.example/token",
        ],
    )
    def test_t11_an_endpoint_that_is_not_secure_is_refused(self, name: str, url: Any) -> None:
        assert _refused(document(**{name: url})) == Fault.MISCONFIGURED

    def test_an_odd_userinfo_endpoint_is_refused(self) -> None:
        assert _refused(document(userinfo_endpoint="http://issuer.example/userinfo")) == Fault.MISCONFIGURED

    def test_an_endpoint_may_be_http_on_loopback(self) -> None:
        metadata = read(document(authorization_endpoint="http://127.0.0.1:8002/authorize"), ISSUER)
        assert metadata.authorization_endpoint == "http://127.0.0.1:8002/authorize"

    @pytest.mark.parametrize("methods", [[], ["plain"], "S256", None])
    def test_t8_a_provider_without_pkce_s256_is_refused(self, methods: object) -> None:
        assert _refused(document(code_challenge_methods_supported=methods)) == Fault.MISCONFIGURED

    @pytest.mark.parametrize("methods", [[], ["private_key_jwt"], "client_secret_basic", None])
    def test_a_provider_that_takes_no_secret_is_refused(self, methods: object) -> None:
        assert _refused(document(token_endpoint_auth_methods_supported=methods)) == Fault.MISCONFIGURED


def _refused(value: object) -> Fault:
    with pytest.raises(ProviderError) as caught:
        read(value, ISSUER)
    return caught.value.code


@dataclass
class Issuer:
    """What the issuer answers with; ``document`` is the good one, as far as the issuer is told."""

    issuer: str = ""
    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def answer(self, handler: Handler) -> None:
        body = json.dumps(document(self.issuer)).encode() if self.body is None else self.body
        handler.reply(body, status=self.status, **self.headers)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def server(issuer: Issuer) -> Iterator[Server]:
    with serve(issuer.answer) as server:
        issuer.issuer = f"{server.url}/a"
        yield server


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class TestDiscovery:
    def test_the_document_is_fetched_from_the_issuers_own_place_once_an_hour(self, server: Server) -> None:
        clock = Clock()
        discovery = Discovery(f"{server.url}/a", None, clock=clock)
        discovery.metadata()
        clock.now += LIFETIME - 1
        assert discovery.metadata().token_endpoint == "https://issuer.example/token"
        assert server.count("/a/.well-known/openid-configuration") == 1
        clock.now += 1
        discovery.metadata()
        assert server.count() == 2

    def test_a_slash_at_the_issuers_end_is_left_out_of_the_address_and_not_of_the_comparison(
        self, server: Server, issuer: Issuer
    ) -> None:
        issuer.issuer = f"{server.url}/a/"
        Discovery(f"{server.url}/a/", None).metadata()
        assert server.count("/a/.well-known/openid-configuration") == 1

    def test_the_last_good_document_stays_in_use_while_the_issuer_is_down(self, server: Server, issuer: Issuer) -> None:
        clock = Clock()
        discovery = Discovery(f"{server.url}/a", None, clock=clock)
        discovery.metadata()
        issuer.status = 404
        clock.now += LIFETIME
        discovery.metadata()
        clock.now += RETRY_AFTER - 1
        discovery.metadata()
        assert server.count() == 2
        clock.now += 1
        discovery.metadata()
        assert server.count() == 3

    @pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"\xff"])
    def test_what_is_no_document_is_refused(self, server: Server, issuer: Issuer, body: bytes) -> None:
        issuer.body = body
        assert self._refused(server) == Fault.MISCONFIGURED

    def test_t9_another_issuers_document_is_refused(self, server: Server, issuer: Issuer) -> None:
        issuer.issuer = "https://attacker.invalid"
        assert self._refused(server) == Fault.MISCONFIGURED

    @pytest.mark.parametrize("status", [404, 500])
    def test_a_provider_that_is_down_is_unavailable(self, server: Server, issuer: Issuer, status: int) -> None:
        issuer.status = status
        assert self._refused(server) == Fault.UNAVAILABLE

    def test_t9_a_redirect_is_not_followed(self, server: Server, issuer: Issuer) -> None:
        issuer.status, issuer.headers = 302, {"Location": f"{server.url}/elsewhere"}
        assert self._refused(server) == Fault.UNAVAILABLE
        assert server.count("/elsewhere") == 0

    def test_t11_a_huge_document_is_not_read(self, server: Server, issuer: Issuer) -> None:
        issuer.body = b" " * 300_000
        assert self._refused(server) == Fault.UNAVAILABLE

    def test_whoever_asks_again_gets_an_error_of_their_own(self, server: Server, issuer: Issuer) -> None:
        issuer.status = 404
        discovery = Discovery(f"{server.url}/a", None)
        errors = []
        for _ in range(2):
            with pytest.raises(ProviderError) as caught:
                discovery.metadata()
            errors.append(caught.value)
        assert errors[0] is not errors[1]
        assert server.count() == 2

    def _refused(self, server: Server) -> Fault:
        with pytest.raises(ProviderError) as caught:
            Discovery(f"{server.url}/a", None).metadata()
        return caught.value.code

    def test_whoever_waited_for_another_takes_what_it_brought(self, server: Server, issuer: Issuer) -> None:
        from threading import Barrier, Thread

        start = Barrier(10)
        discovery = Discovery(f"{server.url}/a", None)
        found = []

        def ask() -> None:
            start.wait()
            found.append(discovery.metadata())

        threads = [Thread(target=ask) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(map(id, found))) == 1
        assert server.count() == 1
