"""The short-lived store of a single process."""

import time
from collections.abc import Callable, Sequence
from math import ceil
from secrets import token_hex
from threading import Lock

import structlog

from broker.storage.shortlived import Done, StoreFull, Window, check_ttls

log = structlog.get_logger(__name__)

_SWEEP_SECONDS = 60.0
# A full store is swept more often, yet not at every write: a sweep looks at everything.
_SWEEP_SECONDS_FULL = 1.0
# How often it tells of being full: whoever fills it makes as many requests as they like.
_TOLD_SECONDS = 60.0
RESERVED = ("session:", "sessions:", "revoked:", "clients:", "codes:", "switches")
"""How keys and indexes begin that nobody makes who has not signed in, or is an operator."""


class MemoryStore:
    """Keeps everything in this process; a restart forgets it all.

    ``max_entries`` bounds values, index members and what windows count together: beyond it a write raises
    :class:`~broker.storage.shortlived.StoreFull`. The last fifth of it is kept for writes that have something of
    :data:`RESERVED` in them: strangers can neither keep people from signing out nor undo what was revoked.
    ``clock`` returns seconds that never go back.
    """

    def __init__(self, *, max_entries: int = 100_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_entries = max_entries
        self._clock = clock
        self._lock = Lock()
        self._values: dict[str, tuple[bytes, float]] = {}
        self._indexes: dict[str, dict[str, float]] = {}
        # By key, what was counted there and until when it counts, the oldest first.
        self._windows: dict[str, dict[str, float]] = {}
        self._members = 0
        self._swept_at = clock()
        self._told_at: float | None = None

    def put(self, key: str, value: bytes, ttl: int) -> None:
        self.commit(put=[(key, value, ttl)])

    def get(self, key: str) -> bytes | None:
        with self._lock:
            return self._live(key, self._clock())

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        with self._lock:
            now = self._clock()
            return [self._live(key, now) for key in keys]

    def take(self, key: str) -> bytes | None:
        with self._lock:
            value = self._live(key, self._clock())
            self._values.pop(key, None)
            return value

    def add(self, key: str, value: bytes, ttl: int) -> bool:
        check_ttls([ttl])
        with self._lock:
            now = self._clock()
            if self._live(key, now) is not None:
                return False
            self._make_room([key], [], now)
            self._values[key] = (value, now + ttl)
            return True

    def delete(self, *keys: str) -> None:
        with self._lock:
            for key in keys:
                self._values.pop(key, None)

    def members(self, index: str) -> set[str]:
        with self._lock:
            now = self._clock()
            return {member for member, until in self._indexes.get(index, {}).items() if until > now}

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
        mark = token_hex(8) if count else ""
        with self._lock:
            now = self._clock()
            taken = [self._live(key, now) for key in take]
            values = [self._live(key, now) for key in get]
            waits, looked = [self._wait(each, now) for each in count], [self._wait(each, now) for each in look]
            done = None not in taken and not any(waits)
            if done:
                members = [*((name, member) for name, member, _ in index), *((each.key, mark) for each in count)]
                self._make_room([key for key, _, _ in put], members, now)
                for key in (*take, *delete):
                    self._values.pop(key, None)
                for name, member in unindex:
                    self._drop(self._indexes, name, member)
                for key, value, ttl in put:
                    self._values[key] = (value, now + ttl)
                for name, member, ttl in index:
                    self._add(self._indexes, name, member, now + ttl)
                for each in count:
                    self._add(self._windows, each.key, mark, now + each.seconds)
        return Done(done=done, taken=taken, values=values, waits=waits, looked=looked, mark=mark)

    def uncount(self, keys: Sequence[str], mark: str) -> None:
        with self._lock:
            for key in keys:
                self._drop(self._windows, key, mark)

    def forget(self, kind: str) -> None:
        with self._lock:
            self._values = {key: entry for key, entry in self._values.items() if not key.startswith(f"{kind}:")}

    def close(self) -> None:
        with self._lock:
            self._values.clear()
            self._indexes.clear()
            self._windows.clear()
            self._members = 0

    def _wait(self, window: Window, now: float) -> int:
        counted = self._windows.get(window.key, {})
        if len(counted) < window.size:
            return 0
        # What a shorter window of the same key counted is over sooner; each entry knows its own end.
        live = sorted(until for until in counted.values() if until > now)
        if len(live) < window.size:
            return 0
        return max(1, ceil(live[len(live) - window.size] - now)) if window.size > 0 else window.seconds

    def _live(self, key: str, now: float) -> bytes | None:
        entry = self._values.get(key)
        return entry[0] if entry is not None and entry[1] > now else None

    def _make_room(self, keys: Sequence[str], members: Sequence[tuple[str, str]], now: float) -> None:
        """Sweep when it is time to, and refuse, before anything has changed, what would not fit."""
        if now - self._swept_at >= _SWEEP_SECONDS:
            self._sweep(now)
        reserved = any(name.startswith(RESERVED) for name in (*keys, *(index for index, _ in members)))
        most = self._max_entries if reserved else self._max_entries - self._max_entries // 5
        if self._size_with(keys, members) <= most:
            return
        if now - self._swept_at >= _SWEEP_SECONDS_FULL:
            self._sweep(now)
        if self._size_with(keys, members) > most and not self._adds_nothing(keys, members):
            self._tell_full(now)
            raise StoreFull(f"the in-process store holds its {self._max_entries} entries")

    def _tell_full(self, now: float) -> None:
        if self._told_at is None or now - self._told_at >= _TOLD_SECONDS:
            self._told_at = now
            log.error("the in-process store is full", entries=len(self._values) + self._members)

    def _adds_nothing(self, keys: Sequence[str], members: Sequence[tuple[str, str]]) -> bool:
        return self._size_with(keys, members) == len(self._values) + self._members

    def _size_with(self, keys: Sequence[str], members: Sequence[tuple[str, str]]) -> int:
        new_keys = len({key for key in keys if key not in self._values})
        new_members = len({(i, m) for i, m in members if m not in self._indexes.get(i, {})})
        return len(self._values) + self._members + new_keys + new_members

    def _sweep(self, now: float) -> None:
        self._swept_at = now
        self._values = {key: entry for key, entry in self._values.items() if entry[1] > now}
        for kept in (self._indexes, self._windows):
            members = [(name, each, until) for name, of in kept.items() for each, until in of.items()]
            for name, member in [(name, each) for name, each, until in members if until <= now]:
                self._drop(kept, name, member)

    def _add(self, kept: dict[str, dict[str, float]], name: str, member: str, until: float) -> None:
        members = kept.setdefault(name, {})
        self._members += member not in members
        members[member] = until

    def _drop(self, kept: dict[str, dict[str, float]], name: str, member: str) -> None:
        members = kept.get(name, {})
        if members.pop(member, None) is not None:
            self._members -= 1
            if not members:
                del kept[name]
