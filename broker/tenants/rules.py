"""A rule: what an organisation, or one of its tenants, asks of a sign-in beyond what the broker asks.

A member that says nothing adds nothing. Where several rules apply, the strictest wins in each member by itself, so
that no rule can be stepped around by another.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from functools import reduce
from typing import TypeVar, cast

from claims.decision import Requirement
from claims.evidence import Binding, Strength

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """``max_age`` counts from the authentication, ``session_length`` from the sign-in here.

    ``providers`` are ids of providers, ``tenants`` Entra ``tid``: who comes by another one does not meet the rule.
    """

    strength: Strength | None = None
    bindings: frozenset[Binding] | None = None
    max_age: timedelta | None = None
    session_length: timedelta | None = None
    guests: bool = True
    providers: frozenset[str] | None = None
    tenants: frozenset[str] | None = None


NOTHING_MORE = Rule()
"""The rule of an organisation that has not set any."""
OF_A_NEW_TENANT = Rule(guests=False)
"""The rule of a tenant that was just mapped."""


def strictest(rules: Iterable[Rule]) -> Rule:
    """Return the rule that is met by whatever meets all of ``rules``, and by nothing else."""
    return reduce(_stricter, rules, NOTHING_MORE)


def loosened(old: Rule, new: Rule) -> frozenset[str]:
    """Return the members in which ``new`` lets pass what ``old`` does not."""
    least = strictest((old, new))
    return frozenset(each.name for each in fields(Rule) if getattr(least, each.name) != getattr(new, each.name))


def changed(old: Rule, new: Rule) -> frozenset[str]:
    """Return the members in which the two differ."""
    return frozenset(each.name for each in fields(Rule) if getattr(old, each.name) != getattr(new, each.name))


def tighten(requirement: Requirement, rule: Rule) -> Requirement:
    """Return ``requirement`` with what the rule asks of the proof. The rest of it is not for ``decide`` to judge."""
    if rule is NOTHING_MORE:
        return requirement
    if rule.strength is None and rule.bindings is None and rule.max_age is None:
        return requirement
    return replace(
        requirement,
        strength=max(requirement.strength, rule.strength or Strength.NONE),
        bindings=requirement.bindings if rule.bindings is None else requirement.bindings & rule.bindings,
        max_age=_both(requirement.max_age, rule.max_age, min),
    )


def dump(rule: Rule) -> str:
    """Return the rule as JSON text; times in whole seconds."""
    return json.dumps(as_json(rule), sort_keys=True)


def as_json(rule: Rule) -> dict[str, object]:
    """Return the rule as JSON values, every member of it; times in whole seconds."""
    return {
        "strength": rule.strength.label if rule.strength is not None else None,
        "bindings": _sorted(rule.bindings),
        "max_age": _seconds(rule.max_age),
        "session_length": _seconds(rule.session_length),
        "guests": rule.guests,
        "providers": _sorted(rule.providers),
        "tenants": _sorted(rule.tenants),
    }


def load(text: str) -> Rule:
    """Return the rule of :func:`dump`."""
    stored = cast(Mapping[str, object], json.loads(text))
    strength = stored["strength"]
    return Rule(
        strength=Strength.parse(strength) if strength is not None else None,
        bindings=_set(stored["bindings"], Binding),
        max_age=_span(stored["max_age"]),
        session_length=_span(stored["session_length"]),
        guests=stored["guests"] is True,
        providers=_set(stored["providers"], str),
        tenants=_set(stored["tenants"], str),
    )


def _stricter(one: Rule, other: Rule) -> Rule:
    return Rule(
        strength=_both(one.strength, other.strength, max),
        bindings=_both(one.bindings, other.bindings, frozenset.intersection),
        max_age=_both(one.max_age, other.max_age, min),
        session_length=_both(one.session_length, other.session_length, min),
        guests=one.guests and other.guests,
        providers=_both(one.providers, other.providers, frozenset.intersection),
        tenants=_both(one.tenants, other.tenants, frozenset.intersection),
    )


def _both(one: _T | None, other: _T | None, of: Callable[[_T, _T], _T]) -> _T | None:
    if one is None or other is None:
        return one if other is None else other
    return of(one, other)


def _sorted(values: Iterable[str] | None) -> list[str] | None:
    return None if values is None else sorted(values)


def _seconds(span: timedelta | None) -> int | None:
    return None if span is None else int(span.total_seconds())


def _span(seconds: object) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=cast(int, seconds))


def _set(values: object, kind: Callable[[str], _T]) -> frozenset[_T] | None:
    return None if values is None else frozenset(kind(each) for each in cast(list[str], values))
