"""Counts over time as bars, for an SVG that a page draws without any script."""

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 40  # of the view box, as the width of each bar is 10; the page stretches both
STEP = 10
_GAP = 2
_LEAST = 2  # so that one sign-in beside thousands is seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A rectangle, as SVG 2, section 10.2, has it."""

    x: int
    y: int
    width: int
    height: int


def draw(counts: Sequence[int], top: int) -> tuple[Bar, ...]:
    """Return a bar for each count above 0; one of ``top``, which is above 0, is as high as there is room."""
    heights = [max(_LEAST, round(HEIGHT * count / top)) if count else 0 for count in counts]
    return tuple(
        Bar(x=at * STEP + _GAP // 2, y=HEIGHT - height, width=STEP - _GAP, height=height)
        for at, height in enumerate(heights)
        if height
    )
