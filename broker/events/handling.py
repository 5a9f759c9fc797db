"""What hands over one kind of item, and how it says that it could not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

# After each failed attempt; the last repeats until the item expires.
BACK_OFF = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
)


class NotSent(Exception):
    """The item was not handed over. Its text is a code, without any part of the item or of what was answered."""


class NobodyThere(NotSent):
    """Nobody answered. What else waits for the same subject need not be tried now either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something that waited, at an attempt to hand it over. ``id`` is the same at every attempt."""

    id: str
    payload: Mapping[str, Any]  # as it was enqueued
    written_at: datetime


class Handler(Protocol):
    """Hands over the items of one kind. ``back_off`` as :data:`BACK_OFF`."""

    @property
    def back_off(self) -> Sequence[timedelta]: ...

    def deliver(self, item: Item, now: datetime) -> None:
        """Hand the item over, within seconds. Raises :class:`NotSent`; then it is tried again later."""
        ...
