"""Rules as people and programs write them: every member is checked, and all that is wrong is said at once."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from broker.tenants.rules import Rule
from claims.evidence import Binding, Strength

MAX_AGE = (timedelta(minutes=5), timedelta(days=30))
SESSION_LENGTH = (timedelta(minutes=15), timedelta(days=30))
"""The least and the most, both allowed."""

_STRENGTHS = {each.label: each for each in (Strength.MFA, Strength.PHISHING_RESISTANT)}
_BINDINGS = {each.value: each for each in Binding}
_MEMBERS = ("strength", "bindings", "max_age", "session_length", "guests", "providers", "tenants")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with one member: a sentence for people."""

    field: str
    sentence: str


class BadRule(ValueError):
    """What was written is no rule. ``problems`` are all of them, in the order of the members."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{each.field}: {each.sentence}" for each in problems))
        self.problems = tuple(problems)


class _Wrong(Exception):
    """The sentence of a problem."""


def parse(values: Mapping[str, object], *, known_providers: Collection[str], own_tenants: Collection[str]) -> Rule:
    """Return the rule of JSON values as :func:`~broker.tenants.rules.as_json` writes them, all of them there.

    Null says nothing; an empty list would let nobody pass. Raises :class:`BadRule`.
    """
    readers: dict[str, Callable[[object], object]] = {
        "strength": _strength,
        "bindings": lambda value: _subset(value, _BINDINGS, "the kinds of proof"),
        "max_age": lambda value: _span(value, MAX_AGE, "5 minutes to 30 days"),
        "session_length": lambda value: _span(value, SESSION_LENGTH, "15 minutes to 30 days"),
        "guests": _guests,
        "providers": lambda value: _subset(value, _each(known_providers), "the providers here"),
        "tenants": lambda value: _subset(value, _each(own_tenants), "the organisation's own tenants"),
    }
    read: dict[str, object] = {}
    problems = [
        Problem(field=name, sentence="A rule has no such member.") for name in sorted(set(values) - set(readers))
    ]
    for name in _MEMBERS:
        try:
            read[name] = readers[name](_member(values, name))
        except _Wrong as wrong:
            problems.append(Problem(field=name, sentence=str(wrong)))
    if problems:
        raise BadRule(problems)
    return Rule(**read)  # type: ignore[arg-type]  # each reader returns what its member takes


def parse_form(
    form: Mapping[str, Sequence[str]], *, known_providers: Collection[str], own_tenants: Collection[str]
) -> Rule:
    """Return the rule of a form's fields, each with all its values; times in minutes.

    An empty field, and a group in which nothing is ticked, says nothing; ``guests`` is ticked to let them in.
    Raises :class:`BadRule`.
    """
    values: dict[str, object] = {
        "strength": _only(form, "strength"),
        "bindings": _ticked(form, "bindings"),
        "max_age": _seconds(form, "max_age"),
        "session_length": _seconds(form, "session_length"),
        "guests": bool(form.get("guests")),
        "providers": _ticked(form, "providers"),
        "tenants": _ticked(form, "tenants"),
    }
    return parse(values, known_providers=known_providers, own_tenants=own_tenants)


def _member(values: Mapping[str, object], name: str) -> object:
    if name not in values:
        # Left out by mistake it would loosen the rule.
        raise _Wrong("It is missing: a rule says every member, if only that it asks for nothing.")
    return values[name]


def _strength(value: object) -> Strength | None:
    if value is None:
        return None
    if not isinstance(value, str) or value not in _STRENGTHS:
        raise _Wrong("Choose MFA or phishing-resistant MFA.")
    return _STRENGTHS[value]


def _span(value: object, bounds: tuple[timedelta, timedelta], words: str) -> timedelta | None:
    if value is None:
        return None
    least, most = (int(each.total_seconds()) for each in bounds)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _Wrong(f"Choose a time of {words}.")
    return timedelta(seconds=value)


def _guests(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("Guests are allowed, or they are not.")
    return value


def _subset(value: object, known: Mapping[str, _T], words: str) -> frozenset[_T] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) and each in known for each in value):
        raise _Wrong(f"Choose among {words}.")
    if not value:
        raise _Wrong(f"Choose at least one of {words}, or nobody could sign in.")
    return frozenset(known[each] for each in value)


def _each(values: Collection[str]) -> Mapping[str, str]:
    return {each: each for each in values}


def _only(form: Mapping[str, Sequence[str]], name: str) -> str | None:
    return next((each.strip() for each in form.get(name, ())), None) or None


def _ticked(form: Mapping[str, Sequence[str]], name: str) -> list[str] | None:
    return list(form.get(name, ())) or None


def _seconds(form: Mapping[str, Sequence[str]], name: str) -> object:
    """Return minutes as seconds; what is no number as it is, for the reader to refuse."""
    text = _only(form, name)
    return int(text) * 60 if text is not None and text.isascii() and text.isdigit() and len(text) <= 6 else text
