"""Limits for tests: over any store, with the numbers as they are unless told otherwise."""

from datetime import UTC, datetime

from broker.keys.pseudonyms import BlindIndex
from broker.limits.service import Limits, Raised
from broker.limits.table import Name
from broker.settings.limits import LimitSettings
from broker.storage.store import ShortLived

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


class NothingRaised:
    """No operator raised anything."""

    def size(self, limit: str, subject: str, now: datetime) -> int:
        return 0


def counting(
    store: ShortLived, *, index: BlindIndex | None = None, raises: Raised | None = None, **numbers: str
) -> Limits:
    """Return limits that count in ``store``. ``numbers`` as in the settings, by name."""
    return Limits(
        store=store,
        index=index or BlindIndex(bytes(32)),
        settings=LimitSettings.model_validate(numbers),
        raises=raises or NothingRaised(),
        clock=lambda: NOW,
    )


def most(name: Name, window: int = 0) -> int:
    """Return how many a limit lets through in its first window, or another, unless it is set."""
    return int(getattr(LimitSettings(), name.value)[window].size)
