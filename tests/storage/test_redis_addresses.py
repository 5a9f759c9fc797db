"""Sentinels and Clusters: real servers, and a master that is killed."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from redis import Redis
from redis.exceptions import RedisError

from broker.settings.values import store_url
from broker.storage.redis_addresses import CLUSTER_PREFIX, PREFIX, is_redis, line_to, prefix_for
from broker.storage.store import RedisStore, StoreUnavailable, Window, open_store
from tests.servers import free_port

PASSWORD = "p@ss-word"
QUOTED = "p%40ss-word"
Result = TypeVar("Result")


@contextmanager
def server(folder: Path, port: int, *lines: str, sentinel: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a server of Redis, which the kernel stops should the test process be killed."""
    program = shutil.which("redis-server")
    assert program is not None
    place = folder / str(port)
    place.mkdir()
    configuration = place / "redis.conf"
    said = ("bind 127.0.0.1", f"port {port}", f"dir {place}", *lines)
    configuration.write_text("\n".join((*said, *(() if sentinel else ('save ""', "appendonly no")))) + "\n")
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", program, str(configuration), *(["--sentinel"] if sentinel else [])],
        stdout=subprocess.DEVNULL,
    )
    try:
        with Redis(port=port, password=None if sentinel else PASSWORD) as client:
            wait_for(client.ping)
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(answer: Callable[[], Result]) -> Result:
    """Return what it returns once that is true and it raises nothing."""
    deadline = time.monotonic() + 60
    while True:
        try:
            if found := answer():
                return found
        except (RedisError, StoreUnavailable, OSError):
            pass
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def everything_works(store: RedisStore) -> None:
    """Go through every kind of command, with several keys each."""
    store.put("a", b"1", 60)
    assert store.add("b", b"2", 60)
    assert store.get_many(["a", "b", "c"]) == [b"1", b"2", None]
    done = store.step(
        take=["a"], get=["b"], put=[("c", b"3", 60)], index=[("people", "ada", 60)], count=[Window("w", 1, 60)]
    )
    assert done.done
    assert done.values == [b"2"]
    assert not store.step(take=["a"]).done
    assert store.members("people") == {"ada"}
    store.uncount(["w"], done.mark)
    assert store.take("c") == b"3"
    store.delete("b", "c")
    assert store.get("b") is None


SENTINEL_LINES = (
    "sentinel auth-pass main {password}",
    "sentinel down-after-milliseconds main 300",
    "sentinel failover-timeout main 2000",
)


def test_after_a_failover_sentinels_lead_to_the_new_master_and_until_then_nothing_is_a_result(tmp_path: Path) -> None:
    first, second, watcher = (free_port() for _ in range(3))
    protected = (f"requirepass {PASSWORD}", f"masterauth {PASSWORD}")
    with (
        server(tmp_path, first, *protected) as master,
        server(tmp_path, second, *protected, f"replicaof 127.0.0.1 {first}", "repl-diskless-sync-delay 0"),
        Redis(port=second, password=PASSWORD) as replica,
    ):
        wait_for(lambda: replica.info("replication")["master_link_status"] == "up")
        watching = (
            f"sentinel monitor main 127.0.0.1 {first} 1",
            *(line.format(password=PASSWORD) for line in SENTINEL_LINES),
        )
        with server(tmp_path, watcher, *watching, sentinel=True), Redis(port=watcher) as sentinel:
            wait_for(lambda: sentinel.sentinel_master("main")["num-slaves"] == 1)
            away = free_port()
            store = RedisStore(f"redis+sentinel://:{QUOTED}@127.0.0.1:{away},127.0.0.1:{watcher}/main/0")
            everything_works(store)
            store.put("code", b"grant", 600)
            with Redis(port=first, password=PASSWORD) as client:
                assert client.wait(1, 10_000) == 1
            master.kill()
            master.wait()
            with pytest.raises(StoreUnavailable):
                store.take("code")
            assert wait_for(lambda: store.take("code")) == b"grant"
            assert store.take("code") is None
            everything_works(store)
            store.close()


def test_sentinels_that_know_no_such_master_are_never_a_result(redis_url: str) -> None:
    store = RedisStore(f"redis+sentinel://:{QUOTED}@127.0.0.1:{free_port()}/main")
    with pytest.raises(StoreUnavailable) as raised:
        store.get("key")
    assert PASSWORD not in str(raised.value)
    store.close()


@contextmanager
def cluster(folder: Path) -> Iterator[list[int]]:
    """Yield the ports of three masters, each with a third of the slots."""
    ports = [free_port() for _ in range(3)]
    with ExitStack() as stack:
        for port in ports:
            lines = ("cluster-enabled yes", "cluster-node-timeout 2000", f"cluster-port {free_port()}")
            stack.enter_context(server(folder, port, f"requirepass {PASSWORD}", f"masterauth {PASSWORD}", *lines))
        clients: list[Any] = [
            stack.enter_context(Redis(port=port, password=PASSWORD, decode_responses=True)) for port in ports
        ]
        bounds = (0, 5461, 10923, 16384)
        for number, client in enumerate(clients):
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for port in ports[1:]:
            bus = int(clients[ports.index(port)].config_get("cluster-port")["cluster-port"])
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", port, bus)
        wait_for(lambda: all(each.cluster("INFO")["cluster_state"] == "ok" for each in clients))
        yield ports


def test_in_a_cluster_every_step_is_one_step_on_one_node_and_follows_its_slot(tmp_path: Path) -> None:
    with cluster(tmp_path) as ports, ExitStack() as stack:
        store = open_store(f"redis+cluster://:{QUOTED}@127.0.0.1:{free_port()},127.0.0.1:{ports[0]}")
        assert isinstance(store, RedisStore)
        everything_works(store)
        store.put("key", b"value", 600)
        clients = {
            port: stack.enter_context(Redis(port=port, password=PASSWORD, decode_responses=True)) for port in ports
        }
        (owner,) = [port for port, each in clients.items() if each.dbsize()]
        heir = next(port for port in ports if port != owner)
        names = set(clients[owner].keys())
        assert names
        assert all(name.startswith(CLUSTER_PREFIX) for name in names)
        _hand_over(clients[owner], clients[heir], heir, names)
        assert store.take("key") == b"value"
        everything_works(store)
        for each in clients.values():
            each.config_set("cluster-require-full-coverage", "yes")
        clients[heir].shutdown(nosave=True)
        with pytest.raises(StoreUnavailable):
            store.get("key")
        with pytest.raises(StoreUnavailable):
            store.get("key")
        store.close()


def _hand_over(owner: Any, heir: Any, port: int, names: set[str]) -> None:
    """Have another node take our slot, and what is in it."""
    slot = owner.execute_command("CLUSTER", "KEYSLOT", CLUSTER_PREFIX)
    ids = {each: each.execute_command("CLUSTER", "MYID") for each in (owner, heir)}
    heir.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[owner])
    owner.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[heir])
    owner.execute_command("MIGRATE", "127.0.0.1", port, "", 0, 5000, "AUTH", PASSWORD, "KEYS", *names)
    for each in (heir, owner):
        each.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[heir])


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://sentinel-1:26379,sentinel-2/main/0",
        "rediss+sentinel://vestibule:secret@sentinel-1,sentinel-2,sentinel-3/main",
        "redis+cluster://node-1:6379,node-2:6379",
        "rediss+cluster://:secret@node-1",
    ],
)
def test_addresses_of_several_servers_can_be_configured_and_connect_to_nothing_yet(url: str) -> None:
    assert store_url(url) == url
    assert is_redis(url)
    line_to(url).close()
    assert prefix_for(url) == (CLUSTER_PREFIX if "cluster" in url else PREFIX)


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://sentinel-1:26379",
        "redis+sentinel:///main",
        "redis+cluster://",
        "redis+cluster://node-1/0",
        "redis+pigeon://node-1",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not the URL of a store"):
        store_url(url)


def test_sentinels_without_a_service_are_refused() -> None:
    with pytest.raises(ValueError, match="service"):
        line_to("redis+sentinel://sentinel-1")
