"""The phases of the campaign: when each begins (00:00 UTC of its day), and what people are told in it."""

from datetime import UTC, date, datetime, time
from enum import StrEnum

from broker.settings.migration import MigrationSettings


class Phase(StrEnum):
    """How far the campaign is."""

    BEFORE = "before"
    ANNOUNCED = "announced"
    ENCOURAGED = "encouraged"
    REQUIRED = "required"
    CLOSED = "closed"


def begin_of(day: date) -> datetime:
    """Return 00:00 UTC of a day."""
    return datetime.combine(day, time(tzinfo=UTC))


def as_day(at: datetime) -> str:
    """Return a day as texts for people have it."""
    return f"{at.day} {at:%B %Y}"


def calendar(settings: MigrationSettings) -> list[tuple[Phase, datetime]]:
    """Return every phase but the first with its beginning, in order."""
    return [
        (Phase.ANNOUNCED, begin_of(settings.announced)),
        (Phase.ENCOURAGED, begin_of(settings.encouraged)),
        (Phase.REQUIRED, begin_of(settings.required)),
        (Phase.CLOSED, begin_of(settings.closed)),
    ]


def closes_at(settings: MigrationSettings) -> datetime:
    """Return when the old passwords end."""
    return begin_of(settings.closed)


def phase(settings: MigrationSettings, now: datetime) -> Phase:
    """Return the phase that it is."""
    return next((each for each, begins in reversed(calendar(settings)) if begins <= now), Phase.BEFORE)


def next_phase(settings: MigrationSettings, now: datetime) -> tuple[Phase, datetime] | None:
    """Return the phase that comes next, with its beginning; none after closing. A phase of no day is none."""
    coming = [(each, begins) for each, begins in calendar(settings) if begins > now]
    if not coming:
        return None
    begins = coming[0][1]
    return next(each for each in reversed(coming) if each[1] == begins)


def told(settings: MigrationSettings, now: datetime) -> str:
    """Return what people who come to claim an account are told of the time they have."""
    return _TOLD[phase(settings, now)].format(registry=settings.registry, closes=as_day(closes_at(settings)))


_TOLD = {
    Phase.BEFORE: "Old accounts of {registry} can be claimed already. There is no hurry: passwords end on {closes}.",
    Phase.ANNOUNCED: "Old accounts of {registry} can be claimed now. Their passwords end on {closes}.",
    Phase.ENCOURAGED: "Please claim your old account of {registry} now. Its password ends on {closes}.",
    Phase.REQUIRED: "Every old account of {registry} has to be claimed. What nobody has claimed is closed on {closes}.",
    Phase.CLOSED: (
        "The old passwords of {registry} ended on {closes}. An account that nobody claimed can be asked for still, "
        "and operators decide."
    ),
}
