import pytest

from broker.storage.store import MemoryStore, RedisStore, open_store


def test_memory_is_the_in_process_store() -> None:
    assert isinstance(open_store("memory://"), MemoryStore)


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "rediss://127.0.0.1:1/0", "unix:///no/such.sock"])
def test_redis_addresses_open_redis_without_connecting(url: str) -> None:
    store = open_store(url)
    assert isinstance(store, RedisStore)
    store.close()


@pytest.mark.parametrize("url", ["", "memory", "memcached://127.0.0.1", "http://127.0.0.1"])
def test_any_other_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="short-lived store"):
        open_store(url)
