"""What every short-lived store does: codes, sessions and flows, each with a date by which it is gone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


class StoreUnavailable(Exception):
    """The store could not answer. Nothing may be concluded from it, and nothing may be let through."""


class StoreFull(StoreUnavailable):
    """The in-process store holds as much as it may."""


@dataclass(frozen=True, slots=True)
class Window:
    """At most ``size`` of something in any ``seconds``: a sliding window, exact."""

    key: str
    size: int
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of a step. ``done`` false: nothing was changed, as a key to take was missing or a window full.

    ``taken`` and ``values`` are in the order of ``take`` and ``get``, as they were before. ``waits`` and ``looked`` are
    the seconds until there is room in each window of ``count`` and ``look``, 0 where there was. ``mark`` names what
    was counted, to give it back.
    """

    done: bool
    taken: Sequence[bytes | None] = ()
    values: Sequence[bytes | None] = ()
    waits: Sequence[int] = ()
    looked: Sequence[int] = ()
    mark: str = ""


class ShortLived(Protocol):
    """Keys to bytes, for a time, and indexes: named sets of members, each kept for a time of its own.

    Times to live are whole seconds above zero (else :class:`ValueError`). A key, an index and a window of one name
    have nothing to do with each other.
    Every method raises :class:`StoreUnavailable` when the store cannot answer.
    """

    def put(self, key: str, value: bytes, ttl: int) -> None:
        """Keep ``value`` for ``ttl`` seconds, in place of what was there."""
        ...

    def get(self, key: str) -> bytes | None: ...

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values in the order of ``keys``."""
        ...

    def take(self, key: str) -> bytes | None:
        """Return the value and remove it: of any number of takers, one gets it."""
        ...

    def add(self, key: str, value: bytes, ttl: int) -> bool:
        """Keep ``value`` unless the key is there already; true if it was kept."""
        ...

    def delete(self, *keys: str) -> None: ...

    def members(self, index: str) -> set[str]: ...

    def commit(
        self,
        *,
        take: Sequence[str] = (),
        put: Sequence[tuple[str, bytes, int]] = (),
        delete: Sequence[str] = (),
        index: Sequence[tuple[str, str, int]] = (),
        unindex: Sequence[tuple[str, str]] = (),
    ) -> bool:
        """Do all of it in one step, or, if a key of ``take`` is missing, nothing; true if it was done.

        ``put`` is (key, value, ttl), ``index`` (index, member, ttl), ``unindex`` (index, member). Removals
        come before additions, so a key both taken and put ends up put.
        """
        ...

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
        """Do as :meth:`commit`, read ``get``, and count one more in each window of ``count``, all in one step.

        Nothing is done where a window of ``count`` is full; what is in those of ``look`` is told, and hinders nothing.
        ``get`` and the windows are read whatever comes of the rest.
        """
        ...

    def uncount(self, keys: Sequence[str], mark: str) -> None:
        """Take out of the windows of these keys what a step counted there."""
        ...

    def forget(self, kind: str) -> None:
        """Remove every key that begins with ``kind`` and a colon: for a restored backup, and not in one step."""
        ...

    def close(self) -> None:
        """Give back connections. The store is not used afterwards."""
        ...


def check_ttls(ttls: Iterable[int]) -> None:
    """Raise :class:`ValueError` unless every time to live is above zero."""
    if any(ttl <= 0 for ttl in ttls):
        raise ValueError("a time to live is a whole number of seconds above zero")
