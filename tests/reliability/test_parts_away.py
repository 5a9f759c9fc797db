"""Redis or PostgreSQL killed, or alive and silent: everybody is told to come back, nobody gets in, and it passes."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

import psycopg
import pytest
import requests
from redis import Redis

from tests.oidc.device.command_line import CommandLine, answered, confirmation, started
from tests.oidc.kinds import basic, introspect, post, refresh, sign_in
from tests.reliability.conftest import Estate
from tests.reliability.parts import Part
from tests.world import TIMEOUT, Arrival, AuthRequest, Page, Visitor, World

HOWS = ["killed", "paused"]
PARTS = ["redis", "postgresql"]


@dataclass(frozen=True, kw_only=True)
class Held:
    """What somebody had when the part went: each of it good for one use, or for as long as nobody ends it."""

    visitor: Visitor
    arrived: Arrival
    request: AuthRequest
    access_token: str
    refresh_token: str
    device: CommandLine
    coming_back: str


def held(world: World) -> Held:
    visitor = world.visitor()
    tokens = sign_in(world, "offline", visitor=visitor, persona="oidc-phr", provider="generic").response
    arrived = visitor.sign_in("oidc-phr", "generic")
    assert isinstance(arrived, Arrival), arrived
    device = started(world)
    answered(visitor, confirmation(visitor, device), "allow")
    on_the_way = world.visitor()
    leaving = on_the_way.authorize(world.registry().request(provider="github"))
    while leaving.headers["Location"].startswith("/"):
        leaving = on_the_way.get(leaving.headers["Location"])
    state = parse_qs(urlsplit(leaving.headers["Location"]).query)["state"][0]
    return Held(
        visitor=visitor,
        arrived=arrived,
        request=visitor.last_request,
        access_token=tokens["access_token"],
        refresh_token=tokens["refresh_token"],
        device=device,
        coming_back=f"/callback/github?code=x&state={state}",
    )


def asks(world: World, has: Held) -> Mapping[str, Callable[[], requests.Response]]:
    """Return a request to every endpoint that needs more than keys, by its name."""
    cookies = has.visitor.http.cookies.get_dict()

    def get(path: str, **headers: str) -> requests.Response:
        return requests.get(world.base + path, cookies=cookies, headers=headers, timeout=TIMEOUT, allow_redirects=False)

    return {
        "authorize": lambda: get(f"/authorize?{urlencode(world.registry().request().parameters)}"),
        "signin": lambda: get("/signin"),
        "callback": lambda: get(has.coming_back),
        "account": lambda: get("/account"),
        "code": lambda: world.registry().token_response(has.arrived.code, has.request.verifier),
        "device code": has.device.poll,
        "introspect": lambda: post(world, "/introspect", "offline", token=has.access_token),
        "userinfo": lambda: get("/userinfo", Authorization=f"Bearer {has.access_token}"),
        "revoke": lambda: post(world, "/revoke", "offline", token=has.access_token),
    }


FOR_PROGRAMS = {"code", "device code", "introspect", "userinfo", "revoke"}
# These look at what the other part keeps, and go no further.
NEEDS_NO = {"redis": set(), "postgresql": {"signin", "revoke", "callback", "authorize"}}


@contextmanager
def away(part: Part, how: str) -> Iterator[None]:
    if how == "killed":
        part.kill()
    else:
        part.pause()
    try:
        yield
    finally:
        if how == "killed":
            part.start()
        else:
            part.resume()


def at_once(asked: Mapping[str, Callable[[], requests.Response]]) -> dict[str, requests.Response]:
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = {name: pool.submit(ask) for name, ask in asked.items()}
        return {name: answer.result() for name, answer in answers.items()}


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", PARTS)
def test_without_a_part_nobody_gets_in_and_all_are_told_when_to_come_back(estate: Estate, name: str, how: str) -> None:
    world, has = estate.world, held(estate.world)
    asked = asks(world, has)

    with away(estate.part(name), how):
        answers = at_once(asked)
        documents = [requests.get(world.base + path, timeout=TIMEOUT) for path in ("/jwks", METADATA)]

    assert [each.status_code for each in documents] == [200, 200]
    for needed in asked.keys() - NEEDS_NO[name]:
        answer = answers[needed]
        assert answer.status_code == 503, (needed, answer.status_code, answer.text)
        assert answer.headers["Retry-After"].isdigit(), needed
        assert answer.headers["Cache-Control"] == "no-store"
        if needed in FOR_PROGRAMS:
            assert answer.json()["error"] == "temporarily_unavailable", answer.text
        else:
            assert "having trouble right now" in answer.text
    assert not any(answer.status_code == 200 for need, answer in answers.items() if need in FOR_PROGRAMS - {"revoke"})
    assert not any("code=" in answer.headers.get("Location", "") for answer in answers.values())

    # It has passed, and nobody had to do anything.
    again = world.visitor()
    arrived = again.sign_in("oidc-phr", "generic")
    assert world.registry().redeem(arrived, again.last_request).claims["sub"]
    renewed = refresh(world, "offline", has.refresh_token)
    assert renewed.status_code == 200, renewed.text
    assert introspect(world, "offline", renewed.json()["access_token"])["active"] is True


METADATA = "/.well-known/openid-configuration"


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", PARTS)
def test_t7_what_was_shown_while_a_part_was_away_is_honoured_once_at_most(estate: Estate, name: str, how: str) -> None:
    """An answer that never came may have used a code up: then it is worth nothing, and never worth two."""
    world, has = estate.world, held(estate.world)
    shown = {name: ask for name, ask in asks(world, has).items() if name in ("code", "device code")}
    shown["refresh token"] = lambda: refresh(world, "offline", has.refresh_token)

    with away(estate.part(name), how):
        first = at_once(shown)
    second, third = at_once(shown), at_once(shown)

    for each in shown:
        statuses = [answers[each].status_code for answers in (first, second, third)]
        assert statuses.count(200) <= 1, (each, statuses)
        assert set(statuses) <= {200, 400, 503}
        assert statuses[2] == 400, (each, statuses)


def test_a_database_that_only_takes_reads_is_one_that_is_away(estate: Estate) -> None:
    """As a primary is that has become a standby: it may take a while until everybody is led to the new one."""
    world, database = estate.world, estate.world.parts.database
    visitor = world.visitor()

    def only_reads(yes: str) -> None:
        with psycopg.connect(estate.postgresql.url, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {yes}".encode())
            connection.execute("SELECT pg_reload_conf()")
        database.dispose()

    only_reads("on")
    try:
        answer = visitor.sign_in("oidc-phr", "generic")
    finally:
        only_reads("off")
    assert isinstance(answer, Page)
    assert answer.status == 503, answer.text
    assert answer.headers["Retry-After"].isdigit()
    assert isinstance(visitor.sign_in("oidc-phr", "generic"), Arrival)


def test_redis_without_room_is_one_that_is_away(estate: Estate) -> None:
    """What it holds stays: nothing is thrown out to make room, which could be the mark of a used code."""
    client = Redis.from_url(estate.redis.url)
    client.config_set("maxmemory", "1mb")
    client.config_set("maxmemory-policy", "noeviction")
    try:
        answer = estate.world.visitor().get("/signin")
        assert answer.status_code == 503
        assert answer.headers["Retry-After"].isdigit()
    finally:
        client.config_set("maxmemory", "0")
        client.close()
    assert isinstance(estate.world.visitor().sign_in("oidc-phr", "generic"), Arrival)


def test_basic_credentials_are_not_what_fails(estate: Estate) -> None:
    """A client that is turned away while a part is away may not conclude that its secret is wrong."""
    with away(estate.redis, "paused"):
        answer = requests.post(
            f"{estate.world.base}/introspect",
            data={"token": "x"},
            headers=basic(estate.world, "offline"),
            timeout=TIMEOUT,
        )
    assert "WWW-Authenticate" not in answer.headers
    assert answer.status_code in (200, 503)  # what is no token of ours can be told without any store
