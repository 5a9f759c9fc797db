from collections.abc import Callable, Iterator
from secrets import token_hex
from typing import cast

import pytest
from redis import Redis

from broker.storage.shortlived import Window
from broker.storage.store import RedisStore, StoreUnavailable
from tests import servers
from tests.servers import free_port
from tests.storage.commands import watched

CALLS: list[Callable[[RedisStore], object]] = [
    lambda store: store.put("key", b"", 60),
    lambda store: store.get("key"),
    lambda store: store.get_many(["key"]),
    lambda store: store.take("key"),
    lambda store: store.add("key", b"", 60),
    lambda store: store.delete("key"),
    lambda store: store.members("index"),
    lambda store: store.commit(take=["key"]),
    lambda store: store.step(get=["key"], count=[Window("window", 1000, 60)], look=[Window("other", 1, 60)]),
    lambda store: store.uncount(["window", "other"], "mark"),
]
NAMES = ["put", "get", "get_many", "take", "add", "delete", "members", "commit", "step", "uncount"]


@pytest.fixture
def prefix() -> str:
    return f"{token_hex(8)}:"


@pytest.fixture
def store(redis_url: str, prefix: str) -> Iterator[RedisStore]:
    opened = RedisStore(redis_url, prefix)
    yield opened
    opened.close()


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    opened = Redis.from_url(redis_url)
    yield opened
    opened.close()


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
def test_t7_a_server_that_does_not_answer_is_never_a_result(call: Callable[[RedisStore], object]) -> None:
    store = RedisStore(f"redis://:canary-password@127.0.0.1:{free_port()}/0")
    with pytest.raises(StoreUnavailable) as raised:
        call(store)
    assert "canary-password" not in str(raised.value)
    store.close()


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
def test_a_wrong_password_is_never_a_result(call: Callable[[RedisStore], object], redis_url: str) -> None:
    store = RedisStore(f"redis://:canary-password@{redis_url.rpartition('@')[2]}")
    with pytest.raises(StoreUnavailable) as raised:
        call(store)
    assert "canary-password" not in str(raised.value)
    store.close()


def test_t7_an_answer_of_the_wrong_kind_is_never_a_result(store: RedisStore, client: Redis, prefix: str) -> None:
    client.rpush(f"{prefix}key:list", "item")
    client.set(f"{prefix}index:text", "text")
    with pytest.raises(StoreUnavailable):
        store.get("list")
    with pytest.raises(StoreUnavailable):
        store.take("list")
    with pytest.raises(StoreUnavailable):
        store.members("text")
    with pytest.raises(StoreUnavailable):
        store.commit(index=[("text", "member", 60)])


def test_t7_a_server_that_stopped_is_not_an_empty_store() -> None:
    with servers.redis() as url:
        store = RedisStore(url)
        store.put("code", b"grant", 60)
    with pytest.raises(StoreUnavailable):
        store.take("code")
    store.close()


def test_a_connection_that_died_idle_costs_no_call(store: RedisStore, client: Redis) -> None:
    store.put("key", b"value", 60)
    client.client_kill_filter(_type="normal", skipme=True)
    assert store.take("key") == b"value"


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
def test_each_call_is_one_command(call: Callable[[RedisStore], object], store: RedisStore, redis_url: str) -> None:
    call(store)  # connects, and has the server compile the script
    with watched(redis_url) as commands:
        call(store)
    assert len(commands) == 1, commands


def test_a_script_the_server_forgot_is_sent_again(store: RedisStore, client: Redis) -> None:
    store.commit(put=[("key", b"value", 60)])
    client.script_flush()
    assert store.commit(take=["key"])


def test_everything_has_a_time_to_live(store: RedisStore, client: Redis, prefix: str) -> None:
    store.put("put", b"", 60)
    store.add("added", b"", 60)
    store.commit(put=[("committed", b"", 60)], index=[("index", "long", 600), ("index", "short", 60)])
    names = cast("list[bytes]", client.keys(f"{prefix}*"))
    lives = {name.decode().removeprefix(prefix): client.ttl(name) for name in names}
    assert {name: 0 < life <= 60 for name, life in lives.items() if name != "index:index"} == {
        "key:put": True,
        "key:added": True,
        "key:committed": True,
    }
    assert 60 < lives["index:index"] <= 600


def test_expired_members_are_removed_when_another_is_added(store: RedisStore, client: Redis, prefix: str) -> None:
    client.zadd(f"{prefix}index:index", {"long gone": 1})
    store.commit(index=[("index", "member", 60)])
    assert client.zcard(f"{prefix}index:index") == 1


def test_an_odd_address_is_refused() -> None:
    with pytest.raises(ValueError, match="scheme"):
        RedisStore("http://127.0.0.1/")
