"""The operators' pages of sign-ins over time, and of kill switches."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from broker.audit.tallies import SIGNED_IN
from broker.metrics.counts import ByHour
from broker.operators.sign_ins import PAGE, PERIODS, Period, charts
from broker.operators.switches import considered, overview
from broker.operators.words import SWITCH_NOTICES
from broker.switches.service import COMMAND_LINE, Kind, Switch
from tests.web.account_sample import LONG, NOW, Context

NAMES = {"microsoft": "Microsoft", "contoso": "Contoso", "github": "GitHub", "long": LONG}


def found(period: Period) -> ByHour:
    """Return a busy time at one provider, a quiet one at others, and refusals of three reasons."""
    counts = {}
    for at, hour in enumerate(period.begins(NOW)):
        counts[(hour, "microsoft", SIGNED_IN)] = 1200 + 37 * (at % 7)
        counts[(hour, "github", SIGNED_IN)] = at % 3
        counts[(hour, "github", "not_disclosed")] = 40 * at
        counts[(hour, "contoso", "too_weak")] = at % 2
    counts[(period.begins(NOW)[0], "gone", "of_another_version")] = 1
    return counts


def sign_ins(period: Period, counts: ByHour | None, names: dict[str, str] = NAMES) -> Context:
    """Return the context of the page."""
    return {
        "here": PAGE,
        "periods": [{"name": each.name, "label": each.label, "chosen": each is period} for each in PERIODS],
        "label": period.label,
        "step": "hour" if period.name == "day" else "day",
        "counted": counts is not None,
        "charts": charts(counts or {}, period, period.begins(NOW), names),
    }


OTHER_ACCOUNT = "6c1f0f2e-8f0e-4c7e-9a55-0d5b1f6f7c11"
TID = "b0a7d1e2-51c3-4f0e-8a9b-6d5c4b3a2f10"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    provider_id: str = "microsoft"
    tenant: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """An operator, as far as the page of switches cares."""

    fresh: bool = True
    account_id: str = "own"
    proven: _Way = _Way()


def _switch(kind: Kind, target: str, by: str, hours: int) -> Switch:
    return Switch(kind=kind, target=target, at=NOW - timedelta(hours=hours), by=by)


THROWN = {
    _switch(Kind.CLIENT, "a" * 255, COMMAND_LINE, 300): LONG,
    _switch(Kind.PROVIDER, "github", OTHER_ACCOUNT, 1): "GitHub",
    _switch(Kind.READ_ONLY, "", "own", 0): "",
    _switch(Kind.TENANT, TID, COMMAND_LINE, 2): None,
}


def switches(thrown: dict[Switch, Any] | None, names: dict[str, str] = NAMES, **more: Any) -> Context:
    """Return the context of the page of switches."""
    visitor: Any = Visitor(fresh=more.pop("fresh", True))
    return overview(None if thrown is None else list(thrown), thrown or {}, names, visitor, **more)


def consider(kind: Kind, target: str = "", name: str = "", **more: Any) -> Context:
    """Return the context of the page that says what a switch does."""
    visitor: Any = Visitor(**more)
    return considered(kind, target, name, visitor)


OPERATOR_PAGES: dict[str, tuple[str, Context]] = {
    "operator-sign-ins": ("operator_sign_ins.html", sign_ins(PERIODS[0], found(PERIODS[0]))),
    "operator-sign-ins-month": ("operator_sign_ins.html", sign_ins(PERIODS[1], found(PERIODS[1]))),
    "operator-sign-ins-none": ("operator_sign_ins.html", sign_ins(PERIODS[0], None, {})),
    "operator-switches": ("operator_switches.html", switches({}, notice=SWITCH_NOTICES["restored"])),
    "operator-switches-thrown": ("operator_switches.html", switches(THROWN)),
    "operator-switches-stale": ("operator_switches.html", switches(THROWN, fresh=False)),
    "operator-switches-unknown": ("operator_switches.html", switches({}, unknown=(Kind.TENANT, "no such tenant"))),
    "operator-switches-none": ("operator_switches.html", switches(None)),
    "operator-switch-provider": ("operator_switch.html", consider(Kind.PROVIDER, "github", "GitHub")),
    "operator-switch-own": ("operator_switch.html", consider(Kind.PROVIDER, "microsoft", "Microsoft")),
    "operator-switch-client": ("operator_switch.html", consider(Kind.CLIENT, "a" * 255, LONG)),
    "operator-switch-stale": ("operator_switch.html", consider(Kind.TENANT, TID, "Contoso", fresh=False)),
    "operator-switch-read-only": ("operator_switch.html", consider(Kind.READ_ONLY)),
    "operator-switch-sign-up": ("operator_switch.html", consider(Kind.SIGN_UP)),
}


def hostile_operator_pages(name: str) -> dict[str, Context]:
    """Return the page where everything that somebody chose is ``name``."""
    named = dict.fromkeys(NAMES, name)
    return {
        "operator_sign_ins.html": sign_ins(PERIODS[0], found(PERIODS[0]), named),
        "operator_switches.html": switches(dict.fromkeys(THROWN, name), named),
        "operator_switch.html": consider(Kind.TENANT, TID, name),
    }
