"""The settings of a campaign: its dates have an order, and what is kept outlives what can be undone."""

from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from broker.settings.migration import MigrationSettings

DATES = {
    "registry": "Example Registry",
    "announced": "2027-01-01",
    "encouraged": "2027-02-01",
    "required": "2027-06-01",
    "closed": "2027-09-01",
}


def settings(**changes: Any) -> MigrationSettings:
    return MigrationSettings.model_validate({**DATES, **changes})


def test_names_go_ninety_days_after_closing_unless_another_day_is_said() -> None:
    assert settings().forgets_on == date(2027, 9, 1) + timedelta(days=90)
    assert settings(forget="2027-10-01").forgets_on == date(2027, 10, 1)


def test_phases_may_begin_on_one_day() -> None:
    assert settings(encouraged="2027-01-01", required="2027-01-01").required == date(2027, 1, 1)


@pytest.mark.parametrize(
    "changes, key",
    [
        ({"encouraged": "2026-12-31"}, "encouraged"),
        ({"required": "2027-01-31"}, "required"),
        ({"closed": "2027-05-31"}, "closed"),
        ({"forget": "2027-09-30"}, "forget"),
        ({"announced": "soon"}, "announced"),
        ({"announced": 1_800_000_000}, "announced"),
        ({"registry": ""}, "registry"),
        ({"widely_used": 0}, "widely_used"),
        ({"mails_per_hour": 0}, "mails_per_hour"),
        ({"breached_range_url": "http://stolen.example/range/"}, "breached_range_url"),
        ({"rewrap_memory": 1}, "rewrap_memory"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_key(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(**changes)
    assert key in {str(each["loc"][0]) for each in refused.value.errors()}
