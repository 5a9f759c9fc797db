"""The short-lived store of any number of processes: Redis 6.2 or later."""

from collections.abc import Sequence
from secrets import token_hex
from typing import cast

from redis.exceptions import RedisError

from broker.storage.redis_addresses import line_to, prefix_for
from broker.storage.redis_wire import Script
from broker.storage.shortlived import Done, StoreUnavailable, Window, check_ttls

# ARGV: how many keys to take, delete, put and get, members to add and remove, windows to count in and to look at; the
# mark; then value and ttl of each put, member and ttl of each addition, member of each removal, size and seconds of
# each window. KEYS: in the order of these numbers, but that what is read comes after the indexes.
# An index is a sorted set whose scores are the members' expiry times in seconds, a window one whose scores are when
# something was counted, in milliseconds; both by the server's clock.
_STEP = Script("""
local takes, deletes, puts, gets = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local additions, removals = tonumber(ARGV[5]), tonumber(ARGV[6])
local counts, looks, mark = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]
local time = redis.call('TIME')
local seconds, milliseconds = tonumber(time[1]), tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local done, taken, values, waits, looked = 1, {}, {}, {}, {}
for i = 1, takes do
  taken[i] = redis.call('GET', KEYS[i])
  if not taken[i] then done = 0 end
end
local written = takes + deletes + puts + additions + removals
for i = 1, gets do values[i] = redis.call('GET', KEYS[written + i]) end
local windows = written + gets
local sizes = 9 + 2 * puts + 2 * additions + removals
local function wait(key, size, span)
  local from = '(' .. string.format('%.0f', milliseconds - span)
  local held = redis.call('ZCOUNT', key, from, '+inf')
  if held < size then return 0 end
  if size < 1 then return math.ceil(span / 1000) end
  local last = redis.call('ZRANGEBYSCORE', key, from, '+inf', 'WITHSCORES', 'LIMIT', held - size, 1)
  return math.max(1, math.ceil((tonumber(last[2]) + span - milliseconds) / 1000))
end
for i = 1, counts + looks do
  local size, span = tonumber(ARGV[sizes + 2 * i - 1]), tonumber(ARGV[sizes + 2 * i]) * 1000
  local left = wait(KEYS[windows + i], size, span)
  if i <= counts then
    waits[i] = left
    if left > 0 then done = 0 end
  else
    looked[i - counts] = left
  end
end
if done == 0 then return {0, taken, values, waits, looked} end
local k, a = takes + deletes, 9
for i = 1, k do redis.call('DEL', KEYS[i]) end
for i = 1, puts do
  redis.call('SET', KEYS[k + i], ARGV[a + 1], 'EX', ARGV[a + 2])
  a = a + 2
end
k = k + puts
local indexes = k + additions
for i = 1, removals do
  redis.call('ZREM', KEYS[indexes + i], ARGV[a + 2 * additions + i])
end
for i = 1, additions do
  local ttl = tonumber(ARGV[a + 2])
  redis.call('ZREMRANGEBYSCORE', KEYS[k + i], '-inf', seconds)
  redis.call('ZADD', KEYS[k + i], seconds + ttl, ARGV[a + 1])
  if redis.call('TTL', KEYS[k + i]) < ttl then redis.call('EXPIRE', KEYS[k + i], ttl) end
  a = a + 2
end
for i = 1, counts do
  local key, ttl = KEYS[windows + i], tonumber(ARGV[sizes + 2 * i])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', milliseconds - ttl * 1000))
  redis.call('ZADD', key, string.format('%.0f', milliseconds), mark)
  redis.call('EXPIRE', key, ttl + 1)
end
return {1, taken, values, waits, looked}
""")

_MEMBERS = Script("""
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. redis.call('TIME')[1], '+inf')
""")

_UNCOUNT = Script("""
for i = 1, #KEYS do redis.call('ZREM', KEYS[i], ARGV[1]) end
""")


class RedisStore:
    """Keeps everything in one Redis database, under ``prefix``.

    ``url`` is one of :mod:`broker.storage.redis_addresses`; else :class:`ValueError`.
    Each call is one command, and waits 2 seconds at most for a connection and 2 for an answer.
    """

    def __init__(self, url: str, prefix: str | None = None) -> None:
        self._send = line_to(url)
        self._prefix = prefix or prefix_for(url)

    def put(self, key: str, value: bytes, ttl: int) -> None:
        check_ttls([ttl])
        with _FAILING_CLOSED:
            self._send("SET", self._key(key), value, "EX", ttl)

    def get(self, key: str) -> bytes | None:
        with _FAILING_CLOSED:
            return cast("bytes | None", self._send("GET", self._key(key)))

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        if not keys:
            return []
        with _FAILING_CLOSED:
            return cast("list[bytes | None]", self._send("MGET", *[self._key(key) for key in keys]))

    def take(self, key: str) -> bytes | None:
        with _FAILING_CLOSED:
            return cast("bytes | None", self._send("GETDEL", self._key(key)))

    def add(self, key: str, value: bytes, ttl: int) -> bool:
        check_ttls([ttl])
        with _FAILING_CLOSED:
            return self._send("SET", self._key(key), value, "EX", ttl, "NX") is not None

    def delete(self, *keys: str) -> None:
        if not keys:
            return
        with _FAILING_CLOSED:
            self._send("DEL", *[self._key(key) for key in keys])

    def members(self, index: str) -> set[str]:
        with _FAILING_CLOSED:
            found = cast("list[bytes]", _MEMBERS(self._send, [self._index(index)], []))
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
        return self.step(take=take, put=put, delete=delete, index=index, unindex=unindex).done

    def step(
        self,
        *,
        take: Sequence[str] = (),
        get: Sequence[str] = (),
        put: Sequence[tuple[str, bytes, int]] = (),
        delete: Sequence[str] = (),
        index: Sequence[tuple[str, str, int]] = (),
        unindex: Sequence[tuple[str, str]] = (),
        count: Sequence[Window] = (),
        look: Sequence[Window] = (),
    ) -> Done:
        check_ttls([*(ttl for _, _, ttl in (*put, *index)), *(each.seconds for each in count)])
        keys = [self._key(key) for key in (*take, *delete)]
        keys += [self._key(key) for key, _, _ in put]
        keys += [self._index(name) for name, _, _ in index]
        keys += [self._index(name) for name, _ in unindex]
        keys += [self._key(key) for key in get]
        keys += [self._window(each.key) for each in (*count, *look)]
        mark = token_hex(8) if count else ""
        arguments: list[str | bytes | int] = [len(take), len(delete), len(put), len(get), len(index), len(unindex)]
        arguments += [len(count), len(look), mark]
        for _, value, ttl in put:
            arguments += [value, ttl]
        for _, member, ttl in index:
            arguments += [member, ttl]
        arguments += [member for _, member in unindex]
        for each in (*count, *look):
            arguments += [each.size, each.seconds]
        with _FAILING_CLOSED:
            done, taken, values, waits, looked = _STEP(self._send, keys, arguments)
        return Done(done=done == 1, taken=taken, values=values, waits=waits, looked=looked, mark=mark)

    def uncount(self, keys: Sequence[str], mark: str) -> None:
        if not keys:
            return
        with _FAILING_CLOSED:
            _UNCOUNT(self._send, [self._window(key) for key in keys], [mark])

    def forget(self, kind: str) -> None:
        with _FAILING_CLOSED:
            cursor: bytes | int = 0
            while True:
                cursor, keys = self._send("SCAN", cursor, "MATCH", self._key(f"{kind}:*"), "COUNT", 1000)
                if keys:
                    self._send("DEL", *keys)
                if int(cursor) == 0:
                    return

    def close(self) -> None:
        self._send.close()

    def _key(self, key: str) -> str:
        return f"{self._prefix}key:{key}"

    def _index(self, index: str) -> str:
        return f"{self._prefix}index:{index}"

    def _window(self, key: str) -> str:
        return f"{self._prefix}window:{key}"


class _FailingClosed:
    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, RedisError):
            # The library's own text may name the server, and with an address also its password.
            raise StoreUnavailable(f"Redis: {type(error).__name__}") from error


_FAILING_CLOSED = _FailingClosed()
