"""So many of something in so many seconds, for all processes of the broker: places in the short-lived store.

A place is free, or taken until its time is over; of any number who want the last one, one gets it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from secrets import token_hex

from broker.storage.store import ShortLived


class TooMany(Exception):
    """No more of it for now: ``retry_after`` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"no more for {retry_after} s")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Bucket:
    """``size`` places, each for ``seconds``. ``name`` says of what and of whom; it is a key of the store."""

    name: str
    size: int
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """``keys`` are what to give back. ``room``: whether there was a place in each of the hidden buckets, too."""

    keys: tuple[str, ...]
    room: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A bucket as it is: its free places, and after how many seconds there is one where there is none."""

    free: Sequence[str]
    seconds: int
    wait: int


class Buckets:
    """Takes places. ``clock`` returns seconds since the epoch. Every method raises ``StoreUnavailable``."""

    def __init__(self, store: ShortLived, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def take(self, told: Sequence[Bucket], hidden: Sequence[Bucket] = ()) -> Taken:
        """Take a place in each bucket. Raises :class:`TooMany`, and takes none, where one of ``told`` is full.

        What fills the ``hidden`` ones is others' doing, which nobody may learn of (T12): where one of them is full,
        none is taken of these alone, and the store is asked as often as if there had been room.
        """
        now = int(self._clock())
        seen = self._look((*told, *hidden), now)
        mine, theirs = seen[: len(told)], seen[len(told) :]
        full = [each.wait for each in mine if not each.free]
        if full:
            raise TooMany(max(full))
        taken = self._take(mine, now)
        if taken is None:
            raise TooMany(min(each.wait for each in mine))
        room = all(each.free for each in theirs)
        more = self._take(theirs if room else [_nowhere() for _ in theirs], now)
        return Taken(keys=(*taken, *(more or ())), room=room and more is not None)

    def give_back(self, taken: Sequence[str]) -> None:
        """Have it not count."""
        if taken:
            self._store.delete(*taken)

    def _look(self, buckets: Sequence[Bucket], now: int) -> list[_Seen]:
        """Return how they are, by one question to the store."""
        places = [[f"{bucket.name}:{number}" for number in range(bucket.size)] for bucket in buckets]
        held = iter(self._store.get_many([key for keys in places for key in keys]))
        seen = []
        for bucket, keys in zip(buckets, places, strict=True):
            values = {key: next(held) for key in keys}
            until = [int(value) for value in values.values() if value is not None]
            free = [key for key, value in values.items() if value is None]
            seen.append(_Seen(free=free, seconds=bucket.seconds, wait=max(1, min(until, default=now) - now)))
        return seen

    def _take(self, seen: Sequence[_Seen], now: int) -> list[str] | None:
        """Return a place in each, or none at all where somebody else took the last one meanwhile."""
        taken: list[str] = []
        for each in seen:
            until = str(now + each.seconds).encode()
            place = next((key for key in each.free if self._store.add(key, until, each.seconds)), None)
            if place is None:
                # What is refused does not count, or it would fill a day in minutes.
                self.give_back(taken)
                return None
            taken.append(place)
        return taken


def _nowhere() -> _Seen:
    return _Seen(free=(f"nowhere:{token_hex(16)}",), seconds=1, wait=1)
