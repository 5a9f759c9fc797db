"""The short-lived store of a single process."""

import time
from collections.abc import Callable, Sequence
from threading import Lock

from broker.storage.shortlived import StoreFull, check_ttls

_SWEEP_SECONDS = 60.0
# A full store is swept more often, yet not at every write: a sweep looks at everything.
_SWEEP_SECONDS_FULL = 1.0


class MemoryStore:
    """Keeps everything in this process; a restart forgets it all.

    ``max_entries`` bounds values and index members together: beyond it a write raises
    :class:`~broker.storage.shortlived.StoreFull`. ``clock`` returns seconds that never go back.
    """

    def __init__(self, *, max_entries: int = 100_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_entries = max_entries
        self._clock = clock
        self._lock = Lock()
        self._values: dict[str, tuple[bytes, float]] = {}
        self._indexes: dict[str, dict[str, float]] = {}
        self._members = 0
        self._swept_at = clock()

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
        check_ttls(ttl for _, _, ttl in (*put, *index))
        with self._lock:
            now = self._clock()
            if any(self._live(key, now) is None for key in take):
                return False
            self._make_room([key for key, _, _ in put], [(name, member) for name, member, _ in index], now)
            for key in (*take, *delete):
                self._values.pop(key, None)
            for name, member in unindex:
                self._drop_member(name, member)
            for key, value, ttl in put:
                self._values[key] = (value, now + ttl)
            for name, member, ttl in index:
                members = self._indexes.setdefault(name, {})
                self._members += member not in members
                members[member] = now + ttl
            return True

    def close(self) -> None:
        with self._lock:
            self._values.clear()
            self._indexes.clear()
            self._members = 0

    def _live(self, key: str, now: float) -> bytes | None:
        entry = self._values.get(key)
        return entry[0] if entry is not None and entry[1] > now else None

    def _make_room(self, keys: Sequence[str], members: Sequence[tuple[str, str]], now: float) -> None:
        """Sweep when it is time to, and refuse, before anything has changed, what would not fit."""
        if now - self._swept_at >= _SWEEP_SECONDS:
            self._sweep(now)
        if self._size_with(keys, members) <= self._max_entries:
            return
        if now - self._swept_at >= _SWEEP_SECONDS_FULL:
            self._sweep(now)
        if self._size_with(keys, members) > self._max_entries:
            raise StoreFull(f"the in-process store holds its {self._max_entries} entries")

    def _size_with(self, keys: Sequence[str], members: Sequence[tuple[str, str]]) -> int:
        new_keys = len({key for key in keys if key not in self._values})
        new_members = len({(i, m) for i, m in members if m not in self._indexes.get(i, {})})
        return len(self._values) + self._members + new_keys + new_members

    def _sweep(self, now: float) -> None:
        self._swept_at = now
        self._values = {key: entry for key, entry in self._values.items() if entry[1] > now}
        members = [(name, each, until) for name, of in self._indexes.items() for each, until in of.items()]
        for name, member in [(name, each) for name, each, until in members if until <= now]:
            self._drop_member(name, member)

    def _drop_member(self, name: str, member: str) -> None:
        members = self._indexes.get(name, {})
        if members.pop(member, None) is not None:
            self._members -= 1
            if not members:
                del self._indexes[name]
