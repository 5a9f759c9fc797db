"""Clients' keys: registered inline, or fetched from where the client says, and never on an attacker's demand (T9)."""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import requests
import trustme

from broker.oidc.jose import client_keys
from broker.oidc.jose.client_keys import MAX_SETS, ClientKeys
from broker.oidc.jose.jwk import PublicKey, read_key
from broker.oidc.jose.signed import KeysUnavailable
from providers.guarded import Fetched
from tests.oidc.jose.samples import CLIENT, EC, ED, NOW, OTHER_EC, RSA, SampleClient, public
from tests.providers.loopback import Handler, Server, serve, trust
from tests.storage.parallel import in_parallel

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@dataclass
class Site:
    """What the client's URL answers: a JWK Set, or a body as it is, or an error."""

    keys: list[object] = field(default_factory=lambda: [public(EC)])
    body: bytes | None = None
    status: int = 200
    delay: float = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    def answer(self, handler: Handler) -> None:
        handler.released.wait(self.delay)
        body = json.dumps({"keys": self.keys}).encode() if self.body is None else self.body
        handler.reply(body, status=self.status, **self.headers)


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def server(site: Site) -> Iterator[Server]:
    with serve(site.answer) as server:
        yield server


@pytest.fixture
def cache() -> ClientKeys:
    return ClientKeys(insecure_allow_private=True)


def kids(
    cache: ClientKeys,
    where: Server | SampleClient,
    kid: str | None = "k1",
    alg: str = "ES256",
    after: timedelta = timedelta(0),
) -> list[str | None]:
    client = SampleClient(jwks_uri=where.url) if isinstance(where, Server) else where
    return [key.kid for key in cache.candidates(client, kid, alg, NOW + after)]


class TestInline:
    @pytest.mark.parametrize("alg, key", [("PS256", RSA), ("RS256", RSA), ("ES256", EC), ("EdDSA", ED)])
    def test_the_key_that_fits_is_found(self, cache: ClientKeys, alg: str, key: PublicKey) -> None:
        (found,) = cache.candidates(CLIENT, "k1", alg, NOW)
        assert found.thumbprint() == key.thumbprint()

    def test_without_a_kid_all_that_fit_are_tried_and_five_at_most(self, cache: ClientKeys) -> None:
        client = SampleClient(jwks={"keys": [public(RSA, "r"), *(public(EC, f"k{index}") for index in range(7))]})
        assert kids(cache, client, kid=None) == ["k0", "k1", "k2", "k3", "k4"]
        assert kids(cache, client, kid="k6") == ["k6"]
        assert kids(cache, client, kid="r") == []

    def test_t9_a_key_without_a_kid_is_not_found_by_one(self, cache: ClientKeys) -> None:
        client = SampleClient(jwks={"keys": [public(EC, kid=...)]})
        assert kids(cache, client, kid="k1") == []
        assert kids(cache, client, kid=None) == [None]

    def test_keys_of_no_use_are_left_out(self, cache: ClientKeys) -> None:
        odd = [17, {"kty": "RSA"}, EC.as_dict(private=True), public(EC, "enc", use="enc")]
        assert kids(cache, SampleClient(jwks={"keys": [*odd, public(OTHER_EC, "good")]}), kid=None) == ["good"]

    def test_a_client_without_keys_has_none(self, cache: ClientKeys) -> None:
        assert kids(cache, SampleClient()) == []
        assert kids(cache, SampleClient(jwks={"keys": []})) == []

    @pytest.mark.parametrize("jwks", [{}, {"keys": {}}, {"keys": [public(EC)] * 21}])
    def test_t9_what_is_no_key_set_has_no_keys(self, cache: ClientKeys, jwks: Mapping[str, object]) -> None:
        with pytest.raises(KeysUnavailable):
            kids(cache, SampleClient(jwks=jwks))

    def test_a_set_is_parsed_once_and_its_successor_at_once(
        self, cache: ClientKeys, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        parsed: list[object] = []

        def read(jwk: object) -> PublicKey:
            parsed.append(jwk)
            return read_key(jwk)

        monkeypatch.setattr(client_keys, "read_key", read)
        for _ in range(3):
            assert kids(cache, SampleClient(jwks={"keys": [public(EC, "old")]}), kid=None) == ["old"]
        assert kids(cache, SampleClient(jwks={"keys": [public(EC, "new")]}), kid=None) == ["new"]
        assert len(parsed) == 2


class TestByUrl:
    def test_keys_are_fetched_once_in_ten_minutes(self, cache: ClientKeys, server: Server, site: Site) -> None:
        assert kids(cache, server) == ["k1"]
        site.keys = [public(OTHER_EC, "k2")]
        assert kids(cache, server, after=10 * MINUTE - SECOND) == ["k1"]
        assert server.count() == 1
        assert kids(cache, server, after=10 * MINUTE) == []
        assert server.count() == 2

    def test_keys_come_over_tls_from_a_server_of_the_authority(self, tmp_path: Path, site: Site) -> None:
        authority = trustme.CA()
        with serve(site.answer, authority=authority) as server:
            trusting = ClientKeys(insecure_allow_private=True, ca_bundle=trust(authority, tmp_path))
            assert kids(trusting, server) == ["k1"]
            with pytest.raises(KeysUnavailable):
                kids(ClientKeys(insecure_allow_private=True), server)

    def test_t11_a_private_address_is_not_asked_unless_the_operator_says_so(
        self, server: Server, caplog: pytest.LogCaptureFixture
    ) -> None:
        strict = ClientKeys(insecure_allow_private=False)
        for host in ("localhost", "127.0.0.1"):
            with caplog.at_level(logging.WARNING), pytest.raises(KeysUnavailable):
                kids(strict, SampleClient(jwks_uri=f"https://{host}:{server.port}/jwks"))
        assert server.count() == 0
        assert set(caplog.messages) == {"the keys of client the-client were not fetched: AddressRefused"}

    def test_a_new_key_is_found_at_once(self, cache: ClientKeys, server: Server, site: Site) -> None:
        kids(cache, server)
        site.keys = [public(OTHER_EC, "k2")]
        assert kids(cache, server, "k2", after=SECOND) == ["k2"]
        assert kids(cache, server, "k1", after=SECOND) == []
        assert server.count() == 2 + 1

    def test_t9_made_up_kids_cause_one_fetch_in_a_minute(self, cache: ClientKeys, server: Server) -> None:
        kids(cache, server)
        for index in range(50):
            assert kids(cache, server, f"made-up-{index}", after=SECOND) == []
        assert server.count() == 2
        assert kids(cache, server, "made-up", after=MINUTE) == []
        assert server.count() == 2
        assert kids(cache, server, "made-up", after=MINUTE + SECOND) == []
        assert server.count() == 3

    def test_t9_a_made_up_kid_at_first_causes_one_fetch_too(self, cache: ClientKeys, server: Server) -> None:
        for _ in range(3):
            assert kids(cache, server, "made-up") == []
        assert server.count() == 1

    def test_an_algorithm_that_no_key_fits_is_as_an_unknown_kid(
        self, cache: ClientKeys, server: Server, site: Site
    ) -> None:
        kids(cache, server)
        site.keys = [public(EC), public(ED)]
        assert kids(cache, server, None, "EdDSA") == ["k1"]
        assert server.count() == 2

    def test_the_last_good_keys_stay_in_use_for_a_day_while_the_url_is_down(
        self, cache: ClientKeys, server: Server, site: Site
    ) -> None:
        kids(cache, server)
        site.status = 503
        assert kids(cache, server, after=HOUR) == ["k1"]
        assert kids(cache, server, after=HOUR + 29 * SECOND) == ["k1"]
        assert server.count() == 2
        assert kids(cache, server, after=HOUR + 30 * SECOND) == ["k1"]
        assert server.count() == 3
        assert kids(cache, server, after=24 * HOUR - SECOND) == ["k1"]
        with pytest.raises(KeysUnavailable):
            kids(cache, server, after=24 * HOUR)
        site.status = 200
        assert kids(cache, server, after=24 * HOUR + 30 * SECOND) == ["k1"]

    def test_a_failed_fetch_is_not_repeated_within_half_a_minute(
        self, cache: ClientKeys, server: Server, site: Site
    ) -> None:
        site.status = 500
        for seconds in (0, 1, 29):
            with pytest.raises(KeysUnavailable):
                kids(cache, server, after=seconds * SECOND)
        assert server.count() == 1
        site.status = 200
        assert kids(cache, server, after=30 * SECOND) == ["k1"]

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>",
            b"[]",
            b"{}",
            b'{"keys": {}}',
            b'{"keys": [], "keys": []}',
            json.dumps({"keys": [public(EC)] * 21}).encode(),
            b'{"keys": []' + b" " * 70_000 + b"}",
            b'{"keys":' + b"[" * 10_000,
        ],
    )
    def test_t9_what_is_no_key_set_is_no_answer(
        self, cache: ClientKeys, server: Server, site: Site, body: bytes
    ) -> None:
        kids(cache, server)
        site.body = body
        assert kids(cache, server, after=HOUR) == ["k1"]
        with pytest.raises(KeysUnavailable):
            kids(ClientKeys(insecure_allow_private=True), server)

    def test_t11_a_redirect_is_no_answer(self, cache: ClientKeys, server: Server) -> None:
        with serve(Site(status=302, headers={"Location": f"{server.url}/"}).answer) as first:
            with pytest.raises(KeysUnavailable):
                kids(cache, first)
            assert server.count() == 0

    def test_t5_an_empty_set_withdraws_all_keys(self, cache: ClientKeys, server: Server, site: Site) -> None:
        kids(cache, server)
        site.keys = []
        assert kids(cache, server, after=HOUR) == []
        assert kids(cache, server, kid=None, after=HOUR) == []

    def test_t9_keys_of_an_earlier_url_are_never_used(self, cache: ClientKeys, server: Server, site: Site) -> None:
        assert kids(cache, server) == ["k1"]
        site.status = 500
        with pytest.raises(KeysUnavailable):
            kids(cache, SampleClient(jwks_uri=f"{server.url}/moved"))
        site.status, site.keys = 200, [public(OTHER_EC, "k2")]
        assert kids(cache, SampleClient(jwks_uri=f"{server.url}/moved"), after=MINUTE) == []
        assert kids(cache, SampleClient(jwks={"keys": []}, jwks_uri=server.url)) == []

    def test_however_many_ask_at_once_one_fetches(self, cache: ClientKeys, server: Server, site: Site) -> None:
        site.delay = 0.2
        assert in_parallel(20, lambda: kids(cache, server)) == [["k1"]] * 20
        assert server.count() == 1

    def test_whoever_waited_for_a_fetch_that_failed_does_not_fetch_in_turn(
        self, cache: ClientKeys, server: Server, site: Site
    ) -> None:
        def ask() -> bool:
            with pytest.raises(KeysUnavailable):
                kids(cache, server)
            return True

        site.status, site.delay = 500, 0.2
        assert all(in_parallel(20, ask))
        assert server.count() == 1

    def test_who_has_a_key_does_not_wait_for_anothers_fetch(self, server: Server) -> None:
        fetches: list[list[str | None]] = []

        def fetch(url: str, **options: object) -> Fetched:
            if fetches:
                fetches.append(kids(busy, server, after=HOUR))  # would wait for itself for ever
            fetches.append([])
            return Fetched(status=200, media_type="", body=json.dumps({"keys": [public(EC)]}).encode())

        busy = ClientKeys(True, None, fetch)
        assert kids(busy, server) == ["k1"]
        assert kids(busy, server, after=HOUR) == ["k1"]
        assert fetches == [[], ["k1"], []]

    def test_t12_only_so_many_urls_are_remembered_and_the_one_used_last_is(self) -> None:
        asked: list[str] = []

        def fetch(url: str, **options: object) -> Fetched:
            asked.append(url)
            raise requests.ConnectionError

        small = ClientKeys(True, None, fetch)
        urls = [f"https://client-{index}.example/jwks" for index in range(MAX_SETS + 1)]
        for url in [*urls[:-1], urls[0], urls[-1], urls[0], urls[1]]:
            with pytest.raises(KeysUnavailable):
                kids(small, SampleClient(jwks_uri=url))
        assert asked == [*urls, urls[1]]
