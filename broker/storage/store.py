"""Opening the short-lived store."""

from broker.storage.memory import MemoryStore
from broker.storage.redis_store import RedisStore
from broker.storage.shortlived import ShortLived, StoreFull, StoreUnavailable

MEMORY_URL = "memory://"

__all__ = ["MEMORY_URL", "MemoryStore", "RedisStore", "ShortLived", "StoreFull", "StoreUnavailable", "open_store"]


def open_store(url: str) -> ShortLived:
    """Return the store at ``url``: ``memory://`` in this process, or ``redis://``, ``rediss://`` or ``unix://``.

    Raises :class:`ValueError` for any other address. Nothing is connected before the first use.
    """
    if url == MEMORY_URL:
        return MemoryStore()
    if url.startswith(("redis://", "rediss://", "unix://")):
        return RedisStore(url)
    raise ValueError("a short-lived store is memory:// or starts with redis://, rediss:// or unix://")
