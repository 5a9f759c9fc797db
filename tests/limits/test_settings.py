"""Rates as they are written."""

import pytest
from pydantic import ValidationError

from broker.settings.limits import LimitSettings, Rate, in_text, rates


@pytest.mark.parametrize(
    "text, read",
    [
        ("10 / 5 min", (Rate(10, 300),)),
        ("5 / 5 min, 20 / h, 50 / day", (Rate(5, 300), Rate(20, 3600), Rate(50, 86400))),
        ("1 / s", (Rate(1, 1),)),
        ("3 / 6 h", (Rate(3, 21600),)),
        ("9999999 / 7 day", (Rate(9_999_999, 604_800),)),
    ],
)
def test_a_rate_is_read_and_written_the_same(text: str, read: tuple[Rate, ...]) -> None:
    assert rates(text) == read
    assert in_text(read) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10",
        "10/5min",
        "0 / h",
        "-1 / h",
        "10 / 0 min",
        "10 / week",
        "10 / 8 day",
        "10 / h, 5 / day",
        "5 / h, 10 / min",
        "5 / h, 5 / day",
        "5 / h,10 / day",
        "\u0661 / h",
        None,
        10,
        [10, 300],
    ],
)
def test_what_is_no_rate_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        LimitSettings.model_validate({"email_add": text})


def test_the_numbers_are_pypis_where_it_has_some() -> None:
    assert {name: in_text(getattr(LimitSettings(), name)) for name in _PYPI} == _PYPI


# Facts of pypi/warehouse, ``config.py``.
_PYPI = {
    "sign_in_account": "10 / 5 min",
    "sign_in_address": "10 / 5 min",
    "sign_in_provider": "1000 / 5 min",
    "device_code_account": "5 / 5 min, 20 / h, 50 / day",
    "device_code_address": "10 / 5 min, 50 / h",
    "password_mailbox": "5 / 5 min, 20 / h, 50 / day",
    "password_address": "10 / 5 min, 50 / h",
    "email_add": "2 / day",
    "email_change": "5 / 5 min",
    "mail_address": "3 / 6 h",
    "recovery_account": "5 / day",
    "registration_address": "100 / day",
}
