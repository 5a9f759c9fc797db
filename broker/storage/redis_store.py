"""The short-lived store of any number of processes: Redis 6.2 or later."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from broker.storage.shortlived import StoreUnavailable, check_ttls

_TIMEOUT_SECONDS = 2

# ARGV: how many keys to take, delete and put, and how many members to add and remove; then value and ttl of
# each put, member and ttl of each addition, member of each removal. KEYS: keys and indexes in the same order.
# An index is a sorted set whose scores are the members' expiry times, by the server's clock.
_COMMIT = """
local takes, deletes, puts = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local additions, removals = tonumber(ARGV[4]), tonumber(ARGV[5])
for i = 1, takes do
  if redis.call('EXISTS', KEYS[i]) == 0 then return 0 end
end
local k, a = takes + deletes, 5
for i = 1, k do redis.call('DEL', KEYS[i]) end
for i = 1, puts do
  redis.call('SET', KEYS[k + i], ARGV[a + 1], 'EX', ARGV[a + 2])
  a = a + 2
end
k = k + puts
local now = tonumber(redis.call('TIME')[1])
local indexes = k + additions
for i = 1, removals do
  redis.call('ZREM', KEYS[indexes + i], ARGV[a + 2 * additions + i])
end
for i = 1, additions do
  local ttl = tonumber(ARGV[a + 2])
  redis.call('ZREMRANGEBYSCORE', KEYS[k + i], '-inf', now)
  redis.call('ZADD', KEYS[k + i], now + ttl, ARGV[a + 1])
  if redis.call('TTL', KEYS[k + i]) < ttl then redis.call('EXPIRE', KEYS[k + i], ttl) end
  a = a + 2
end
return 1
"""

_MEMBERS = """
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. redis.call('TIME')[1], '+inf')
"""


class RedisStore:
    """Keeps everything in one Redis database, under ``prefix``.

    ``url`` is ``redis://``, ``rediss://`` or ``unix://``, as redis-py reads it; else :class:`ValueError`.
    Each call is one command, and waits 2 seconds at most for a connection and 2 for an answer.
    """

    def __init__(self, url: str, prefix: str = "vestibule:") -> None:
        # No retries: a command that was carried out and whose answer was lost would find its key taken and be
        # read as a refusal. A connection that died while it was idle is noticed before it is used.
        self._redis = Redis.from_url(
            url,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            socket_timeout=_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            decode_responses=False,
        )
        self._prefix = prefix
        self._commit = self._redis.register_script(_COMMIT)
        self._members = self._redis.register_script(_MEMBERS)

    def put(self, key: str, value: bytes, ttl: int) -> None:
        check_ttls([ttl])
        with _failing_closed():
            self._redis.set(self._key(key), value, ex=ttl)

    def get(self, key: str) -> bytes | None:
        with _failing_closed():
            return cast("bytes | None", self._redis.get(self._key(key)))

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        if not keys:
            return []
        with _failing_closed():
            return cast("list[bytes | None]", self._redis.mget([self._key(key) for key in keys]))

    def take(self, key: str) -> bytes | None:
        with _failing_closed():
            return cast("bytes | None", self._redis.getdel(self._key(key)))

    def add(self, key: str, value: bytes, ttl: int) -> bool:
        check_ttls([ttl])
        with _failing_closed():
            return bool(self._redis.set(self._key(key), value, ex=ttl, nx=True))

    def delete(self, *keys: str) -> None:
        if not keys:
            return
        with _failing_closed():
            self._redis.delete(*(self._key(key) for key in keys))

    def members(self, index: str) -> set[str]:
        with _failing_closed():
            found = cast("list[bytes]", self._members(keys=[self._index(index)]))
        return {member.decode() for member in found}

    def commit(
        self,
        *,
        take: Sequence[str] = (),
        put: Sequence[tuple[str, bytes, int]] = (),
        delete: Sequence[str] = (),
        index: Sequence[tuple[str, str, int]] = (),
        unindex: Sequence[tuple[str, str]] = (),
    ) -> bool:
        check_ttls(ttl for _, _, ttl in (*put, *index))
        keys = [self._key(key) for key in (*take, *delete)]
        keys += [self._key(key) for key, _, _ in put]
        keys += [self._index(name) for name, _, _ in index]
        keys += [self._index(name) for name, _ in unindex]
        arguments: list[str | bytes | int] = [len(take), len(delete), len(put), len(index), len(unindex)]
        for _, value, ttl in put:
            arguments += [value, ttl]
        for _, member, ttl in index:
            arguments += [member, ttl]
        arguments += [member for _, member in unindex]
        with _failing_closed():
            return bool(self._commit(keys=keys, args=arguments) == 1)

    def close(self) -> None:
        self._redis.close()

    def _key(self, key: str) -> str:
        return f"{self._prefix}key:{key}"

    def _index(self, index: str) -> str:
        return f"{self._prefix}index:{index}"


@contextmanager
def _failing_closed() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        # The library's own text may name the server, and with an address also its password.
        raise StoreUnavailable(f"Redis: {type(error).__name__}") from error
