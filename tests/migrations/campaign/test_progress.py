"""How far the campaign is, in numbers and as a picture, over both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete

from broker.storage.database import Database
from migrations.accounts.campaign.curve import HEIGHT, WIDTH, draw
from migrations.accounts.campaign.phases import calendar
from migrations.accounts.campaign.progress import MOST_LEFT, Progress, Week, progress
from migrations.accounts.cases import CaseKind
from migrations.accounts.model import legacy_accounts
from migrations.accounts.records import State
from tests.accounts.organizations.rooms import NOW
from tests.migrations.campaign.rooms import CampaignRoom, counted, people

WEEK = timedelta(days=7)
MONDAY = datetime(2026, 11, 16, tzinfo=UTC)  # of NOW, a Sunday


@pytest.fixture
def house(database: Database) -> CampaignRoom:
    return CampaignRoom(database)


def at(room: CampaignRoom, now: datetime = NOW) -> Progress:
    with room.database.read() as connection:
        return progress(connection, room.settings, now)


def test_every_account_is_counted_once_by_what_became_of_it(house: CampaignRoom) -> None:
    house.legacy("pending")
    house.legacy("unconfirmed", email_confirmed=False)
    house.legacy("lapsed", lapsed_at=NOW)
    house.legacy("nowhere", email=None)
    house.legacy("waiting", state="waiting")
    house.legacy("claimed", state="claimed", effective_at=NOW, hash_sealed=None, downloads=600)
    house.legacy("converted", state="converted", effective_at=NOW, alias="confirmed", downloads=150)
    house.legacy("frozen", state="frozen", downloads=250)
    house.legacy("closed", state="closed", closed_at=NOW, hash_sealed=None)
    house.legacy("proposed", alias="proposed")
    found = at(house).everyone
    assert found.by_state == {
        State.PENDING: 5,
        State.WAITING: 1,
        State.CLAIMED: 1,
        State.CONVERTED: 1,
        State.FROZEN: 1,
        State.CLOSED: 1,
    }
    assert (found.total, found.unreachable, found.proposed, found.confirmed) == (10, 3, 1, 1)
    assert (found.with_password, found.without_password, found.covered) == (8, 2, 75)


def test_owners_of_widely_used_packages_are_counted_apart_and_their_downloads_never_overflow(
    house: CampaignRoom,
) -> None:
    house.legacy("1", downloads=2**63 - 1)
    house.legacy("2", downloads=2**63 - 1, state="claimed", effective_at=NOW)
    house.legacy("3", downloads=999_999)
    found = at(house)
    assert (found.everyone.total, found.widely_used.total, found.widely_used.covered) == (3, 2, 50)


def test_without_any_account_nothing_is_divided(house: CampaignRoom) -> None:
    found = at(house)
    assert (found.everyone.total, found.everyone.covered, found.to_decide, found.left) == (0, 0, 0, [])
    assert found.weeks[-1] == Week(begin=MONDAY, claimed=0, converted=0, pending=0)


def test_each_week_is_as_it_stood_at_its_end(house: CampaignRoom) -> None:
    people(house, 3)
    house.legacy("a", state="claimed", effective_at=MONDAY - timedelta(microseconds=1_000_000))
    house.legacy("b", state="claimed", effective_at=MONDAY)
    house.legacy("c", state="converted", effective_at=NOW)
    house.legacy("d", state="closed", closed_at=NOW)
    house.legacy("e", state="frozen", effective_at=NOW)
    *_, before, this = at(house).weeks
    assert before == Week(begin=MONDAY - WEEK, claimed=1, converted=0, pending=7)
    assert this == Week(begin=MONDAY, claimed=2, converted=1, pending=4)


def test_weeks_begin_with_the_announcement_or_with_what_was_before_it(house: CampaignRoom) -> None:
    assert at(house).weeks[0].begin == datetime(2026, 9, 28, tzinfo=UTC)
    assert at(house, datetime(2026, 8, 5, tzinfo=UTC)).weeks[0].begin == datetime(2026, 8, 3, tzinfo=UTC)
    house.legacy("early", state="claimed", effective_at=datetime(2026, 9, 1, tzinfo=UTC))
    house.legacy("late", state="claimed", effective_at=NOW + WEEK)
    weeks = at(house).weeks
    assert (weeks[0].begin, weeks[-1].begin) == (datetime(2026, 8, 31, tzinfo=UTC), MONDAY + WEEK)
    assert [each.claimed for each in weeks] == [1] * 12 + [2]


def test_who_is_left_is_named_by_the_registrys_id_the_most_used_first(house: CampaignRoom) -> None:
    people(house, MOST_LEFT)
    house.legacy("shared", downloads=5, alias="confirmed", email_confirmed=False)
    house.legacy("big", downloads=7)
    house.legacy("gone", downloads=9, state="claimed", effective_at=NOW)
    found = at(house).left
    assert len(found) == MOST_LEFT
    assert [(each.registry_id, each.downloads, each.shared, each.mailable) for each in found[:2]] == [
        ("big", 7, False, True),
        ("shared", 5, True, False),
    ]


def test_what_waits_for_an_operator_is_counted(house: CampaignRoom) -> None:
    house.legacy("1")
    house.legacy("2", email="b@old.example")
    house.legacy("3", email="c@old.example")
    house.begin(house.sign_in("ada"), "1", CaseKind.CLAIM)
    with house.database.begin() as connection:
        (case,) = house.cases.of_registry_account(connection, "1")
        house.effects.stop(connection, case, NOW)
    house.asked(house.sign_in("bea"), "2")
    house.begin(house.sign_in("eve"), "3", CaseKind.CLAIM)
    assert at(house).to_decide == 2


def test_it_takes_the_same_four_statements_for_one_account_and_for_many(room: CampaignRoom) -> None:
    for count in (1, 120):
        people(room, count, state="claimed", effective_at=NOW)
        with counted(room.database) as seen:
            at(room)
        assert len(seen) == 4
        with room.database.begin() as connection:
            connection.execute(delete(legacy_accounts))


def week(number: int, claimed: int, converted: int, pending: int) -> Week:
    return Week(begin=MONDAY + number * WEEK, claimed=claimed, converted=converted, pending=pending)


def test_the_picture_has_a_line_for_each_number_within_its_frame() -> None:
    curve = draw([week(0, 0, 0, 10), week(1, 4, 1, 5)], [MONDAY, MONDAY + WEEK, MONDAY + 3 * WEEK])
    assert {each.name: each.points for each in curve.lines} == {
        "pending": "0,0 300,0 600,120",
        "claimed": "0,240 300,240 600,144",
        "converted": "0,240 300,240 600,216",
    }
    assert (curve.top, curve.begin, curve.end, curve.marks) == (10, MONDAY, MONDAY + 2 * WEEK, ("300",))
    assert (WIDTH, HEIGHT) == (600, 240)


def test_the_picture_of_nothing_lies_flat(room: CampaignRoom) -> None:
    curve = draw([week(0, 0, 0, 0)], [begins for _, begins in calendar(room.settings)])
    assert {each.points for each in curve.lines} == {"0,240 600,240"}
    assert (curve.top, curve.marks) == (1, ())
