"""Requests that are good but for who sends them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from broker.tenants.rules import NOTHING_MORE, as_json

Values = Mapping[str, object]
# For the organisation, whose rule takes people of Entra; and for a tenant, whose rule takes no guests.
RULE_FORM: Values = {"strength": "mfa", "providers": "entra", "session_length": "600"}
MORE_STRICT: Values = {**as_json(NOTHING_MORE), "guests": False, "providers": ["entra"], "session_length": 36000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """``values`` go into the query of a GET, the form of a page, the JSON of a resource.

    ``ids`` say which of the town's things the address names, where it is not the usual one.
    """

    values: Callable[[datetime], Values]
    ids: Mapping[str, str] = field(default_factory=dict)


def sample(values: Values | None = None, **ids: str) -> Sample:
    """Return a request with these values, at an address with these ids."""
    return Sample(values=lambda _: values or {}, ids=ids)


def asked(**values: object) -> tuple[Sample, ...]:
    """Return the one request with these values, at the usual address."""
    return (sample(values),)


def _in_a_day(now: datetime) -> datetime:
    return now + timedelta(days=1)


def exception_form(**values: object) -> Sample:
    """Return the form that asks for an exception of a day."""
    return Sample(
        values=lambda now: {"reason": "No telephones.", "last_day": _in_a_day(now).date().isoformat(), **values}
    )


def exception_wish(**values: object) -> Sample:
    """Return the JSON that asks for one."""
    return Sample(values=lambda now: {"reason": "No telephones.", "ends_at": _in_a_day(now).isoformat(), **values})
