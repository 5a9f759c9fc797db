"""T7: codes under race and reuse (see also tests/oidc/test_races.py); a storage error is never a success."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.storage.store import StoreUnavailable
from providers.standins import Standins
from providers.standins import browser as upstream
from tests.security.test_t1_side_paths import upstream_url
from tests.servers import redis as redis_server
from tests.world import Arrival, World, running


@contextmanager
def redis_that_dies(tmp_path: Path, standins: Standins) -> Iterator[tuple[World, object]]:
    """Yield a broker whose Redis can be ended by leaving its own context."""
    server = redis_server()
    url = server.__enter__()
    ended: list[bool] = []

    def end() -> None:
        if not ended:
            ended.append(True)
            server.__exit__(None, None, None)

    try:
        with running(tmp_path, standins=standins, store_url=url) as world:
            yield world, end
    finally:
        end()


def test_t7_without_the_store_nothing_succeeds_and_the_answer_is_503(tmp_path: Path, standins: Standins) -> None:
    with redis_that_dies(tmp_path, standins) as (world, end):
        visitor, away, other = world.visitor(), world.visitor(), world.visitor()
        tokens = world.registry().redeem(other.sign_in("entra-mfa", "entra"), other.last_request)
        arrived = visitor.sign_in("2fa-true", "github")
        assert isinstance(arrived, Arrival)
        request = visitor.last_request
        returned = upstream.sign_in(upstream_url(away, provider="github"), "2fa-true")
        end()  # type: ignore[operator]
        token = world.registry().token_response(arrived.code, request.verifier)
        assert token.status_code == 503
        assert "access_token" not in token.text
        assert away.come_back(returned).status_code == 503
        assert visitor.authorize(world.registry().request()).status_code == 503
        assert visitor.get("/account").status_code == 503
        # One that cannot be looked up is not said to be false: a client would throw a good one away.
        for each in (tokens.response["access_token"], "vat_AAAA"):
            answer = world.registry().userinfo(each)
            assert (answer.status_code, "sub" in answer.text) == (503, False)
            assert int(answer.headers["Retry-After"]) > 0


def test_t7_a_code_is_bound_to_its_challenge(world: World) -> None:
    one, two = world.visitor(), world.visitor()
    first, second = one.sign_in("2fa-true", "github"), two.sign_in("2fa-true", "github")
    assert isinstance(first, Arrival)
    assert isinstance(second, Arrival)
    swapped = world.registry().token_response(first.code, two.last_request.verifier)
    assert swapped.json()["error"] == "invalid_grant"


def test_t7_codes_are_long_and_never_repeat(world: World) -> None:
    visitor = world.visitor()
    codes = set()
    for _ in range(20):
        arrived = visitor.sign_in("2fa-true", "github")
        assert isinstance(arrived, Arrival)
        codes.add(arrived.code)
    assert len(codes) == 20
    assert all(len(code) >= 43 for code in codes)


def test_t7_the_store_says_that_it_is_away() -> None:
    from broker.storage.store import open_store

    store = open_store("redis://127.0.0.1:1/0")
    with pytest.raises(StoreUnavailable):
        store.take("code:x")
