"""Issuers' keys: fetched when needed, kept for a while, and never on an attacker's demand (T9)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Barrier, Thread

import pytest

from providers import jwks
from providers.http import outbound
from providers.jwks import JwksCache, KeysUnavailable
from tests.providers.loopback import Handler, Server, serve
from tests.providers.tokens import EC, NOW, OTHER_RSA, RSA, Members, base64url, public


@dataclass
class Issuer:
    """What the issuer answers with: a JWKS, or a body as it is, or an error."""

    keys: list[object] = field(default_factory=lambda: [public(RSA)])
    body: bytes | None = None
    status: int = 200
    delay: float = 0

    def answer(self, handler: Handler) -> None:
        handler.released.wait(self.delay)
        handler.reply(self.body or json.dumps({"keys": self.keys}).encode(), status=self.status)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def server(issuer: Issuer) -> Iterator[Server]:
    with serve(issuer.answer) as server:
        yield server


@pytest.fixture
def cache() -> JwksCache:
    return JwksCache(lambda: outbound(max_bytes=20_000))


MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def kids(cache: JwksCache, server: Server, kid: str = "k1", after: timedelta = timedelta(0)) -> list[str]:
    return [key.kid for key in cache.keys(server.url, kid, NOW + after)]


def test_keys_are_fetched_once_in_a_day(cache: JwksCache, server: Server) -> None:
    assert kids(cache, server) == ["k1"]
    assert kids(cache, server, after=23 * HOUR) == ["k1"]
    assert server.count() == 1
    assert kids(cache, server, after=24 * HOUR) == ["k1"]
    assert server.count() == 2


def test_members_of_the_issuers_own_are_kept(cache: JwksCache, server: Server, issuer: Issuer) -> None:
    issuer.keys = [public(RSA, issuer="https://login.example/{tenantid}/v2.0", x5c=["MIIC"])]
    (key,) = cache.keys(server.url, "k1", NOW)
    assert key.raw["issuer"] == "https://login.example/{tenantid}/v2.0"


def test_a_new_key_is_found_at_once(cache: JwksCache, server: Server, issuer: Issuer) -> None:
    kids(cache, server)
    issuer.keys = [public(OTHER_RSA, "k2")]
    assert kids(cache, server, "k2", MINUTE) == ["k2"]
    assert kids(cache, server, "k1", MINUTE) == []
    assert server.count() == 2


def test_t9_made_up_kids_cause_one_fetch_in_five_minutes(cache: JwksCache, server: Server) -> None:
    kids(cache, server)
    for index in range(50):
        assert kids(cache, server, f"made-up-{index}", MINUTE) == []
    assert server.count() == 2
    assert kids(cache, server, "made-up", 5 * MINUTE) == []
    assert server.count() == 2
    assert kids(cache, server, "made-up", 6 * MINUTE) == []
    assert server.count() == 3


def test_the_last_good_keys_stay_in_use_while_the_issuer_is_down(
    cache: JwksCache, server: Server, issuer: Issuer
) -> None:
    kids(cache, server)
    issuer.status = 500
    assert kids(cache, server, after=25 * HOUR) == ["k1"]
    assert kids(cache, server, after=25 * HOUR + MINUTE) == ["k1"]
    assert server.count() == 2
    issuer.status = 200
    assert kids(cache, server, after=25 * HOUR + 5 * MINUTE) == ["k1"]
    assert server.count() == 3


def test_no_fetch_trusts_the_connection_of_an_earlier_one(cache: JwksCache) -> None:
    connections: list[object] = []

    def answer_once(handler: Handler) -> None:
        """Keep the connection open, and hang up on whoever uses it again: what a server does that went to sleep."""
        handler.close_connection = handler.connection in connections
        if not handler.close_connection:
            connections.append(handler.connection)
            handler.reply(json.dumps({"keys": [public(RSA)]}).encode())

    with serve(answer_once) as server:
        assert kids(cache, server) == ["k1"]
        assert kids(cache, server, after=25 * HOUR) == ["k1"]
        assert kids(cache, server, after=25 * HOUR + MINUTE) == ["k1"]
    assert len(connections) == server.count() == 2


def test_keys_that_never_came_are_asked_for_again(cache: JwksCache, server: Server, issuer: Issuer) -> None:
    issuer.status = 500
    for _ in range(2):
        with pytest.raises(KeysUnavailable):
            kids(cache, server)
    issuer.status = 200
    assert kids(cache, server) == ["k1"]
    assert server.count() == 3


def test_sets_of_two_addresses_are_kept_apart(cache: JwksCache, server: Server) -> None:
    kids(cache, server)
    assert cache.keys(f"{server.url}/other", "k1", NOW)
    assert server.count("/other") == 1


def test_t12_of_many_addresses_those_unused_longest_are_forgotten(
    cache: JwksCache, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "MAX_SETS", 2)
    for name, fetched in (("a", 1), ("b", 2), ("a", 2), ("c", 3), ("a", 3), ("b", 4)):
        assert cache.keys(f"{server.url}?{name}", "k1", NOW)
        assert server.count() == fetched


def test_t9_a_short_modulus_is_none_however_it_is_padded(cache: JwksCache, server: Server, issuer: Issuer) -> None:
    modulus = RSA.raw_value.public_key().public_numbers().n  # type: ignore[union-attr]  # an RSA key it is
    short = (modulus >> 1024 | 1).to_bytes(256)
    issuer.keys = [public(RSA), {**public(RSA, "short"), "n": base64url(short)}]
    assert kids(cache, server) == ["k1"]
    assert kids(cache, server, "short") == []


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [1, null, "x", [], {}]}',
        json.dumps({"keys": [{}] * 201}).encode(),
        b" " * 30_000,
        b"[" * 10_000,
    ],
)
def test_t9_what_is_no_key_set_is_unavailable(cache: JwksCache, server: Server, issuer: Issuer, body: bytes) -> None:
    issuer.body = body
    with pytest.raises(KeysUnavailable):
        kids(cache, server)


@pytest.mark.parametrize(
    "odd",
    [
        17,
        {"kty": "oct", "kid": "odd", "k": "c2VjcmV0"},
        {"kty": "RSA", "kid": "odd"},
        {"kty": "RSA", "kid": "odd", "n": "A" * 342, "e": 3},
        {"kty": "RSA", "kid": "odd", "n": "*" * 342, "e": "AQAB"},
        {"kty": "RSA", "kid": "odd", "n": "A" * 342, "e": "AQAB"},
        {"kty": "RSA", "kid": "odd", "n": "AQ", "e": "AQAB"},
        {"kty": "EC", "kid": "odd", "crv": "P-257", "x": "AQ", "y": "AQ"},
        {"kty": "EC", "kid": "odd", "crv": "P-256", "x": "AQ", "y": "AQ"},
        {"kty": "OKP", "kid": "odd", "crv": "Ed25519", "x": "AQ"},
        {"kty": ["RSA"], "kid": "odd"},
        {"kty": "ML-DSA", "kid": "odd"},
        public(RSA, "odd", use="enc"),
        public(RSA, "odd", use="sig", key_ops="verify"),
        public(RSA, "odd", alg=1),
        {**RSA.as_dict(private=True), "kid": "odd"},
        public(RSA, ...),  # type: ignore[arg-type]  # a key without a kid
        {**public(RSA), "kid": 17},
    ],
)
def test_t9_an_odd_key_is_left_out_and_the_others_stay(
    cache: JwksCache, server: Server, issuer: Issuer, odd: Members
) -> None:
    issuer.keys = [odd, public(EC, "good")]
    assert kids(cache, server, "odd") == []
    assert kids(cache, server, "good") == ["good"]


def test_however_many_ask_at_once_one_fetches(cache: JwksCache, server: Server, issuer: Issuer) -> None:
    start = Barrier(20)
    found: list[list[str]] = []

    def ask() -> None:
        start.wait()
        found.append(kids(cache, server))

    issuer.delay = 0.2
    _together(ask)
    assert found == [["k1"]] * 20
    assert server.count() == 1


def test_whoever_waited_for_a_fetch_that_failed_does_not_fetch_in_turn(
    cache: JwksCache, server: Server, issuer: Issuer
) -> None:
    issuer.status, issuer.delay = 500, 0.2
    start = Barrier(20)
    refused: list[bool] = []

    def ask() -> None:
        start.wait()
        with pytest.raises(KeysUnavailable):
            kids(cache, server)
        refused.append(True)

    _together(ask)
    assert len(refused) == 20
    assert server.count() < 3


def _together(ask: object) -> None:
    assert callable(ask)
    threads = [Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
