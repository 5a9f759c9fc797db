"""The operators' page of sign-ins and refusals over time."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from broker.audit.tallies import SIGNED_IN
from broker.metrics.model import sign_in_counts
from broker.operators.bars import HEIGHT, STEP, Bar, draw
from broker.operators.sign_ins import PAGE, PERIODS, charts
from broker.operators.words import reason
from claims.decision import Reason
from tests.organizations import OPERATOR_PERSONA, OPERATOR_PROVIDER, SignedIn, signed_in
from tests.world import World

NOW = datetime(2026, 11, 22, 8, 59, 59, tzinfo=UTC)
DAY, MONTH = PERIODS
HOUR = timedelta(hours=1)


def test_a_bar_is_as_high_as_its_share_and_one_that_is_not_nothing_is_seen() -> None:
    assert draw([0, 1, 500, 1000], 1000) == (
        Bar(x=STEP + 1, y=HEIGHT - 2, width=STEP - 2, height=2),
        Bar(x=2 * STEP + 1, y=HEIGHT // 2, width=STEP - 2, height=HEIGHT // 2),
        Bar(x=3 * STEP + 1, y=0, width=STEP - 2, height=HEIGHT),
    )


def test_a_day_is_24_hours_up_to_this_one_and_a_month_30_days_up_to_today() -> None:
    hours, days = DAY.begins(NOW), MONTH.begins(NOW)
    assert (len(hours), hours[0], hours[-1]) == (
        24,
        NOW.replace(hour=9, day=21, minute=0, second=0),
        NOW.replace(minute=0, second=0),
    )
    assert (len(days), days[-1]) == (30, datetime(2026, 11, 22, tzinfo=UTC))
    assert days[0] == datetime(2026, 10, 24, tzinfo=UTC)


def test_hours_of_one_day_are_one_bar_of_the_month() -> None:
    begins = MONTH.begins(NOW)
    found = {(begins[3] + hour * HOUR, "github", SIGNED_IN): 2 for hour in (0, 5, 23)}
    found[begins[4], "gone", SIGNED_IN] = 1
    sign_ins, refusals = charts(found, MONTH, begins, {"github": "GitHub", "entra": "Contoso"})
    assert [(each["name"], each["total"], each["most"]) for each in sign_ins["series"]] == [
        ("GitHub", 6, 6),
        ("gone", 1, 1),
        ("Contoso", 0, 0),
    ]
    assert sign_ins["series"][0]["counts"][3] == 6
    assert (sign_ins["total"], sign_ins["top"]) == (7, 6)
    assert (refusals["series"], refusals["total"], refusals["top"]) == ([], 0, 0)


@pytest.mark.parametrize("each", list(Reason))
def test_every_reason_has_words(each: Reason) -> None:
    assert reason(each.value) != each.value


def operator(world: World) -> SignedIn:
    """Return an operator who just signed in."""
    deciding = signed_in(world, OPERATOR_PERSONA, OPERATOR_PROVIDER)
    with world.parts.database.begin() as connection:
        world.parts.people.operators.add(connection, deciding.account_id, world.clock())
    return deciding


def rows(text: str) -> list[list[str]]:
    """Return the cells of every row of every table."""
    return [re.findall(r"<t[hd][^>]*>(?:<bdi>)?([^<]*)", row) for row in re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)]


def test_an_operator_sees_who_came_in_and_why_others_did_not(world: World) -> None:
    deciding = operator(world)
    refused = world.visitor()
    refused.sign_in("2fa-false", "github")
    before = deciding.visitor.get(PAGE)
    assert "0 in all" in before.text, "not before the worker has counted"
    world.parts.worker.run_once()
    page = deciding.visitor.get(PAGE)
    assert page.status_code == 200
    assert "<script" not in page.text
    table = rows(page.text)
    heading = next(each for each in table if "Example ID" in each)
    this_hour = table[table.index(heading) + 1]
    assert dict(zip(heading[1:], this_hour[1:], strict=True))["Example ID"] == "1"
    assert sum(int(each) for each in this_hour[1:]) == 1
    refusals = next(each for each in table if each[0] == "Hour" and each != heading)
    assert table[table.index(refusals) + 1][1:] == ["1"]
    assert refusals[1] == reason("too_weak")
    assert "Sign-ins of the last 30 days" in deciding.visitor.get(f"{PAGE}?period=month").text
    assert "Sign-ins of the last 24 hours" in deciding.visitor.get(f"{PAGE}?period=<script>").text


def test_on_the_schema_before_the_page_says_that_nothing_is_counted_yet(world: World) -> None:
    deciding = operator(world)
    with world.parts.database.begin() as connection:
        sign_in_counts.drop(connection)
    assert world.parts.worker.run_once() == []
    page = deciding.visitor.get(PAGE)
    assert page.status_code == 200
    assert "Nothing is counted yet" in page.text


def test_strangers_sign_in_first(world: World) -> None:
    response = world.visitor().get(f"{PAGE}?period=month")
    assert response.status_code == 303
    assert response.headers["Location"] == "/signin?next=%2Foperator%2Fsign-ins%3Fperiod%3Dmonth"
