"""Opening the short-lived store."""

from broker.storage.memory import MemoryStore
from broker.storage.redis_addresses import is_redis
from broker.storage.redis_store import RedisStore
from broker.storage.shortlived import Done, ShortLived, StoreFull, StoreUnavailable, Window

MEMORY_URL = "memory://"

__all__ = [
    "MEMORY_URL",
    "Done",
    "MemoryStore",
    "RedisStore",
    "ShortLived",
    "StoreFull",
    "StoreUnavailable",
    "Window",
    "open_store",
]


def open_store(url: str) -> ShortLived:
    """Return the store at ``url``: ``memory://`` in this process, or an address of Redis.

    Raises :class:`ValueError` for any other address. Nothing is connected before the first use.
    """
    if url == MEMORY_URL:
        return MemoryStore()
    if is_redis(url):
        return RedisStore(url)
    raise ValueError("a short-lived store is memory:// or starts with redis://, rediss:// or unix://")
