"""The picture of the curve: lines over weeks, as the points of an SVG that the page draws without any script."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from migrations.accounts.campaign.progress import WEEK, Week

WIDTH, HEIGHT = 600, 240  # of the view box; the page stretches it


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line. ``points`` as SVG 2, section 10.6.4, has them."""

    name: str
    points: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The picture: ``top`` is the number at its upper edge, ``marks`` is where a phase began."""

    lines: tuple[Line, ...]
    marks: tuple[str, ...]
    top: int
    begin: datetime
    end: datetime


def draw(weeks: Sequence[Week], phases: Sequence[datetime]) -> Curve:
    """Return the picture of at least one week. ``phases``: when they began, or will."""
    begin, end = weeks[0].begin, weeks[-1].begin + WEEK
    top = max(1, *(max(week.claimed, week.converted, week.pending) for week in weeks))
    return Curve(
        lines=(
            _line("pending", [week.pending for week in weeks], top),
            _line("claimed", [week.claimed for week in weeks], top),
            _line("converted", [week.converted for week in weeks], top),
        ),
        marks=tuple(_number(WIDTH * ((at - begin) / (end - begin))) for at in phases if begin < at < end),
        top=top,
        begin=begin,
        end=end,
    )


def _line(name: str, counts: Sequence[int], top: int) -> Line:
    # Each count is of the end of its week; what was before the first week is drawn as it was at its end.
    heights = [HEIGHT * (1 - count / top) for count in (counts[0], *counts)]
    points = [f"{_number(WIDTH * at / len(counts))},{_number(height)}" for at, height in enumerate(heights)]
    return Line(name=name, points=" ".join(points))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
