"""How often something may be tried: a rate for each limit of :mod:`broker.limits`, written as ``"10 / 5 min"``."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field

from broker.settings.section import Section

_UNITS = {"s": 1, "min": 60, "h": 3600, "day": 86_400}
_RATE = re.compile(rf"([1-9][0-9]{{0,6}}) / (?:([1-9][0-9]{{0,2}}) )?({'|'.join(_UNITS)})", re.ASCII)
_LONGEST = 7 * 86_400  # seconds


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``size`` of something in any ``seconds``."""

    size: int
    seconds: int


def rates(value: object) -> tuple[Rate, ...]:
    """Return the rates that a text such as ``"5 / 5 min, 20 / h"`` stands for. Raises ``ValueError`` for any other."""
    found = [_RATE.fullmatch(part) for part in value.split(", ")] if isinstance(value, str) else [None]
    read = tuple(Rate(int(each[1]), int(each[2] or 1) * _UNITS[each[3]]) for each in found if each is not None)
    if len(read) < len(found):
        raise ValueError("is not a rate")
    if any(each.seconds > _LONGEST for each in read):
        raise ValueError("is over more than a week")
    # A longer window that holds no more makes the shorter one pointless: a slip of the pen.
    sizes, spans = [each.size for each in read], [each.seconds for each in read]
    if sizes != sorted(set(sizes)) or spans != sorted(set(spans)):
        raise ValueError("does not go from short to long and from few to many")
    return read


def in_text(of: tuple[Rate, ...]) -> str:
    """Return how these rates are written."""
    return ", ".join(f"{each.size} / {_span(each.seconds)}" for each in of)


def _span(seconds: int) -> str:
    unit = max((name for name, length in _UNITS.items() if seconds % length == 0), key=_UNITS.__getitem__)
    number = seconds // _UNITS[unit]
    return unit if number == 1 else f"{number} {unit}"


Rates = Annotated[
    tuple[Rate, ...],
    BeforeValidator(rates),
    Field(description='a rate such as "10 / 5 min", or several such as "5 / 5 min, 20 / h, 50 / day"'),
]


class LimitSettings(Section):
    """PyPI's numbers where it has some (pypi/warehouse, ``config.py``). What is counted: ``broker.limits.table``."""

    sign_in_address: Rates = rates("10 / 5 min")
    sign_in_account: Rates = rates("10 / 5 min")
    sign_in_provider: Rates = rates("1000 / 5 min")
    begun_address: Rates = rates("1000 / 10 min")
    consent_account: Rates = rates("30 / 10 min")
    work_address: Rates = rates("100 / 10 min")
    client_authentication: Rates = rates("10 / 5 min")
    api_address: Rates = rates("100 / 5 min")
    api_client: Rates = rates("1000 / 5 min")
    registration_address: Rates = rates("100 / day")
    management_account: Rates = rates("600 / 5 min")
    management_client: Rates = rates("6000 / 5 min")
    device_code_address: Rates = rates("10 / 5 min, 50 / h")
    device_code_account: Rates = rates("5 / 5 min, 20 / h, 50 / day")
    device_code_all: Rates = rates("1000 / 5 min")
    email_add: Rates = rates("2 / day")
    email_change: Rates = rates("5 / 5 min")
    email_link: Rates = rates("3 / 6 h")
    mail_account: Rates = rates("5 / h")
    mail_address: Rates = rates("3 / 6 h")
    password_address: Rates = rates("10 / 5 min, 50 / h")
    password_account: Rates = rates("10 / 5 min, 50 / day")
    password_person: Rates = rates("5 / 5 min, 10 / day")
    password_mailbox: Rates = rates("5 / 5 min, 20 / h, 50 / day")
    claim_mail_address: Rates = rates("10 / 5 min, 50 / h")
    claim_mail_account: Rates = rates("5 / h")
    claim_mail_person: Rates = rates("3 / h")
    claim_mail_known: Rates = rates("5 / h")
    recovery_account: Rates = rates("5 / day")
    recovery_look: Rates = rates("10 / h")
