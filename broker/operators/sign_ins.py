"""Sign-ins by provider, and refusals by reason, over time."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from broker.accounts.organizations.visit import operator_of
from broker.audit.tallies import SIGNED_IN
from broker.metrics.counts import ByHour
from broker.operators import bars
from broker.operators.context import OperatorPages
from broker.operators.words import reason

PAGE = "/operator/sign-ins"
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """So many steps of time, up to and with the one that runs."""

    name: str
    label: str
    step: timedelta
    steps: int
    shown: str  # as strftime has it

    def begins(self, now: datetime) -> list[datetime]:
        """Return when each step begins, in UTC."""
        last = now.replace(minute=0, second=0, microsecond=0)
        last = last if self.step == _HOUR else last.replace(hour=0)
        return [last - self.step * before for before in reversed(range(self.steps))]


PERIODS = (
    Period(name="day", label="24 hours", step=_HOUR, steps=24, shown="%d %b, %H:00"),
    Period(name="month", label="30 days", step=_DAY, steps=30, shown="%d %b %Y"),
)

Row = Mapping[str, Any]


def show_sign_ins(pages: OperatorPages) -> ResponseReturnValue:
    """GET /operator/sign-ins: of the last 24 hours; with ``period=month``, of the last 30 days."""
    wanted = request.args.get("period")
    period = next((each for each in PERIODS if each.name == wanted), PERIODS[0])
    with pages.base.database.read() as connection:
        now = operator_of(pages.base, connection).now
    begins = period.begins(now)
    with pages.base.database.read_stale() as connection:
        found = pages.counts.read(connection, begins[0])
    names = {each.id: each.name for each in pages.base.gate.providers.values()}
    return render_template(
        "operator_sign_ins.html",
        here=PAGE,
        periods=[{"name": each.name, "label": each.label, "chosen": each is period} for each in PERIODS],
        label=period.label,
        step="hour" if period.step == _HOUR else "day",
        counted=found is not None,
        charts=charts(found or {}, period, begins, names),
    )


def charts(found: ByHour, period: Period, begins: list[datetime], names: Mapping[str, str]) -> list[Row]:
    """Return the two charts of the page."""
    passed: dict[str, Counter[int]] = {provider_id: Counter() for provider_id in names}
    refused: dict[str, Counter[int]] = {}
    for (hour, provider_id, outcome), count in found.items():
        at = (hour - begins[0]) // period.step
        if outcome == SIGNED_IN:
            passed.setdefault(provider_id, Counter())[at] += count
        else:
            refused.setdefault(outcome, Counter())[at] += count
    shown = [each.strftime(period.shown) for each in begins]
    return [
        _chart("sign-ins", "Sign-ins by provider", passed, shown, lambda each: names.get(each, each)),
        _chart("refusals", "Refusals by reason", refused, shown, reason),
    ]


def _chart(
    name: str, heading: str, counts: Mapping[str, Counter[int]], shown: list[str], called: Callable[[str], str]
) -> Row:
    steps = range(len(shown))
    top = max((count for each in counts.values() for count in each.values()), default=0)
    series = [
        {
            "name": called(each),
            "total": of.total(),
            "most": max(of.values(), default=0),
            "bars": bars.draw([of[at] for at in steps], max(top, 1)),
            "counts": [of[at] for at in steps],
        }
        for each, of in sorted(counts.items(), key=lambda item: (-item[1].total(), item[0]))
    ]
    return {
        "name": name,
        "heading": heading,
        "top": top,
        "total": sum(of.total() for of in counts.values()),
        "series": series,
        "times": shown,
        "width": len(shown) * bars.STEP,
        "height": bars.HEIGHT,
    }
