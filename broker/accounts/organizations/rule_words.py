"""A rule in words, member by member. Names in it were chosen by people, so they stand apart from our own words."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta

from broker.tenants.rules import NOTHING_MORE, Rule, as_json, changed, load
from claims.evidence import Binding, Strength

LABELS = {
    "strength": "Proof",
    "bindings": "Kind of proof",
    "max_age": "Age of the proof",
    "session_length": "Time since sign-in",
    "guests": "Guests",
    "providers": "Providers",
    "tenants": "Tenants",
}

STRENGTHS = {
    Strength.MFA: "a second factor",
    Strength.PHISHING_RESISTANT: "a phishing-resistant sign-in, such as with a passkey",
}
BINDINGS = {
    Binding.SESSION: "the provider's word about the session",
    Binding.ATTESTED: "a rule of the tenant that its admin attested",
    Binding.ACCOUNT_STATE: "a setting of the account, such as GitHub's",
}
_UNITS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a rule says in one member. ``names`` follow the text; ``was`` is what it said before, if that is told."""

    label: str
    text: str
    names: tuple[str, ...] = ()
    was: "Line | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What providers (by id) and tenants (by ``tid``) are called."""

    providers: Mapping[str, str]
    tenants: Mapping[str, str]


def said(rule: Rule, names: Names) -> list[Line]:
    """Return what the rule asks for, and nothing of what it says nothing of."""
    return [_line(rule, member, names) for member in _in_order(changed(rule, NOTHING_MORE))]


def of(rule: Rule, members: Collection[str], names: Names, *, was: Rule | None = None) -> list[Line]:
    """Return what the rule says in these members; ``was``: the one before it."""
    return [
        _line(rule, member, names, was=None if was is None else _line(was, member, names))
        for member in _in_order(members)
    ]


def plain(members: Mapping[str, object]) -> list[str]:
    """Return, as plain text, what a rule would say in these members, JSON values of a change that waits."""
    rule = load(json.dumps({**as_json(NOTHING_MORE), **members}))
    lines = of(rule, members.keys(), Names(providers={}, tenants={}))
    return [f"{each.label}: {' '.join((each.text, ', '.join(each.names))).strip()}" for each in lines]


def _in_order(members: Collection[str]) -> Iterable[str]:
    return (each.name for each in fields(Rule) if each.name in members)


def _line(rule: Rule, member: str, names: Names, was: Line | None = None) -> Line:
    text, said_names = _SAYS[member](rule, names)
    return Line(label=LABELS[member], text=text, names=said_names, was=was)


def _strength(rule: Rule, _: Names) -> tuple[str, tuple[str, ...]]:
    return STRENGTHS.get(rule.strength or Strength.NONE, "what is asked of everybody here"), ()


def _bindings(rule: Rule, _: Names) -> tuple[str, tuple[str, ...]]:
    if rule.bindings is None:
        return "any that is accepted here", ()
    return " or ".join(text for binding, text in BINDINGS.items() if binding in rule.bindings) or _NOBODY, ()


def _max_age(rule: Rule, _: Names) -> tuple[str, tuple[str, ...]]:
    return _at_most(rule.max_age), ()


def _session_length(rule: Rule, _: Names) -> tuple[str, tuple[str, ...]]:
    return _at_most(rule.session_length), ()


def _guests(rule: Rule, _: Names) -> tuple[str, tuple[str, ...]]:
    return "let in" if rule.guests else "not let in", ()


def _providers(rule: Rule, names: Names) -> tuple[str, tuple[str, ...]]:
    return _only(rule.providers, names.providers, "any that is accepted here")


def _tenants(rule: Rule, names: Names) -> tuple[str, tuple[str, ...]]:
    return _only(rule.tenants, names.tenants, "any, or none")


_SAYS: Mapping[str, Callable[[Rule, Names], tuple[str, tuple[str, ...]]]] = {
    "strength": _strength,
    "bindings": _bindings,
    "max_age": _max_age,
    "session_length": _session_length,
    "guests": _guests,
    "providers": _providers,
    "tenants": _tenants,
}
_NOBODY = "none, so nobody meets it"


def _only(values: frozenset[str] | None, names: Mapping[str, str], anything: str) -> tuple[str, tuple[str, ...]]:
    if values is None:
        return anything, ()
    return ("only", tuple(sorted(names.get(each, each) for each in values))) if values else (_NOBODY, ())


def _at_most(span: timedelta | None) -> str:
    return "no limit of its own" if span is None else f"at most {span_words(span)}"


def span_words(span: timedelta) -> str:
    """Return a time in days, hours and minutes, to the minute: ``1 day 2 hours``."""
    parts = []
    for unit, word in _UNITS:
        count, span = divmod(span, unit)
        if count:
            parts.append(f"{count} {word}{'s' if count > 1 else ''}")
    return " ".join(parts) or "less than a minute"
