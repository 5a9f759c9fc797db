"""It must show 4: 50 parallel uses of whatever is good for one use, on every pair of stores: one success each (T7)."""

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey

from providers.standins import Standins
from tests.oidc.device.command_line import METADATA, answered, confirmation, started
from tests.oidc.kinds import clients_of_every_kind, post, refresh, sign_in
from tests.world import Arrival, World, running

PARALLEL = 50
KEY = ECKey.generate_key("P-256")


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def durable(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["memory", "redis"])
def raced(durable: str, tmp_path: Path, standins: Standins, request: pytest.FixtureRequest) -> Iterator[World]:
    """A broker on one pair of stores."""
    database_url = request.getfixturevalue("fresh_postgres_url") if durable == "postgresql" else None
    store_url = request.getfixturevalue("fresh_redis_url") if request.param == "redis" else "memory://"

    def change(raw: dict[str, Any]) -> None:
        one = raw["clients"]["registry"]
        raw["clients"].update(clients_of_every_kind(one))
        raw["clients"]["cli"] = {**METADATA, "first_party": True}
        raw["clients"]["asserting"] = {
            **{name: value for name, value in one.items() if name != "secret"},
            "auth_method": "private_key_jwt",
            "jwks": {"keys": [KEY.as_dict(private=False)]},
        }

    with running(tmp_path, standins=standins, database_url=database_url, store_url=store_url, change=change) as world:
        yield world


def fifty(use: Callable[[], requests.Response]) -> list[requests.Response]:
    with ThreadPoolExecutor(PARALLEL) as pool:
        return [each.result() for each in [pool.submit(use) for _ in range(PARALLEL)]]


def succeeded(answers: list[requests.Response], error: str, status: int = 400) -> requests.Response:
    """Return the one that succeeded, of many that were all told why not."""
    good = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(good) == 1
    assert {(answer.status_code, answer.json()["error"]) for answer in refused} == {(status, error)}
    return good[0]


def test_of_fifty_parallel_uses_of_anything_that_is_good_once_one_succeeds(raced: World) -> None:
    world, visitor, registry = raced, raced.visitor(), raced.registry()

    # A code.
    arrived = visitor.sign_in("entra-mfa", "entra")
    assert isinstance(arrived, Arrival)
    verifier = visitor.last_request.verifier
    succeeded(fifty(lambda: registry.token_response(arrived.code, verifier)), "invalid_grant")

    # A refresh token. Those who lost came a moment later, from the same client: the family lives on.
    token = sign_in(world, "offline", visitor=visitor).response["refresh_token"]
    winner = succeeded(fifty(lambda: refresh(world, "offline", token)), "invalid_grant").json()
    assert refresh(world, "offline", winner["refresh_token"]).status_code == 200

    # A device code that was approved.
    device = started(world)
    answered(visitor, confirmation(visitor, device), "allow")
    succeeded(fifty(device.poll), "invalid_grant")

    # A client assertion.
    now = int(time.time())
    claims = {"iss": "asserting", "sub": "asserting", "aud": world.base, "exp": now + 60, "jti": secrets.token_hex(8)}
    form = {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": "ES256"}, claims, KEY),
        "token": "x",
    }
    said = succeeded(fifty(lambda: post(world, "/introspect", None, **form)), "invalid_client", 401)
    assert said.json() == {"active": False}

    # The code for one pushed request, from a live session.
    request = world.registry("pushing").request()
    reference = post(world, "/par", "pushing", **request.parameters).json()["request_uri"]
    path = f"/authorize?client_id=pushing&request_uri={reference}"
    cookies = visitor.http.cookies.get_dict()

    def authorize() -> requests.Response:
        # A session of requests is not for many threads.
        return requests.get(world.base + path, cookies=cookies, allow_redirects=False, timeout=20)

    answers = fifty(authorize)
    codes = [each.headers["Location"] for each in answers if "code=" in each.headers.get("Location", "")]
    assert len(codes) == 1
    assert {each.status_code for each in answers if each.headers.get("Location") not in codes} == {400}


def test_t7_a_family_that_a_replayed_code_would_have_led_to_does_not_live(raced: World) -> None:
    registry, visitor = raced.registry("offline"), raced.visitor()
    request = registry.request(provider="entra", scope="openid offline_access")
    arrived = visitor.walk(visitor.authorize(request), "entra-mfa")
    assert isinstance(arrived, Arrival)
    answer = succeeded(fifty(lambda: registry.token_response(arrived.code, request.verifier)), "invalid_grant")
    assert refresh(raced, "offline", answer.json()["refresh_token"]).json()["error"] == "invalid_grant"
    assert registry.userinfo(answer.json()["access_token"]).status_code == 401
