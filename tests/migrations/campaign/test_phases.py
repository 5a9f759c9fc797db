"""Dates, and what they mean for one account."""

from datetime import UTC, datetime, timedelta

import pytest

from broker.settings.migration import MigrationSettings
from migrations.accounts.campaign.letters import sample
from migrations.accounts.campaign.outlook import Outlook, ends_at, keys_of, outlook, packages_of
from migrations.accounts.campaign.phases import Phase, next_phase, phase, told
from migrations.accounts.periods import UNDO
from migrations.accounts.records import Alias, LegacyAccount, Package, State, dump_packages
from tests.accounts.organizations.rooms import NOW
from tests.migrations.campaign.rooms import CLOSED, DATES, CampaignRoom

SETTINGS = MigrationSettings.model_validate(DATES)
SECOND = timedelta(seconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "now, expected, coming",
    [
        (at("2026-09-30T23:59:59"), Phase.BEFORE, (Phase.ANNOUNCED, at("2026-10-01"))),
        (at("2026-10-01"), Phase.ANNOUNCED, (Phase.ENCOURAGED, at("2026-11-01"))),
        (at("2026-11-01"), Phase.ENCOURAGED, (Phase.REQUIRED, at("2026-12-15"))),
        (at("2026-12-15"), Phase.REQUIRED, (Phase.CLOSED, at("2027-01-15"))),
        (at("2027-01-15"), Phase.CLOSED, None),
    ],
)
def test_a_phase_begins_at_midnight_of_its_day(
    now: datetime, expected: Phase, coming: tuple[Phase, datetime] | None
) -> None:
    assert phase(SETTINGS, now) is expected
    assert next_phase(SETTINGS, now) == coming
    assert "15 January 2027" in told(SETTINGS, now)


def test_a_phase_that_lasts_no_day_is_none() -> None:
    short = SETTINGS.model_copy(update={"encouraged": SETTINGS.announced})
    assert phase(short, at("2026-10-01")) is Phase.ENCOURAGED
    assert next_phase(short, at("2026-09-01")) == (Phase.ENCOURAGED, at("2026-10-01"))


def test_the_campaign_says_the_same(room: CampaignRoom) -> None:
    assert room.campaign.phase(NOW) is Phase.ENCOURAGED
    assert room.campaign.next_phase(NOW) == (Phase.REQUIRED, at("2026-12-15"))
    assert room.campaign.told(NOW) == told(SETTINGS, NOW)


def having(**changes: object) -> LegacyAccount:
    values = {name: getattr(sample(), name) for name in LegacyAccount.__slots__}
    return LegacyAccount(**{**values, **changes})


def lines(**changes: object) -> list[Outlook]:
    return outlook(having(**changes), SETTINGS, NOW)


def test_what_stops_for_a_pending_account_are_its_password_its_packages_and_its_keys() -> None:
    password, packages, keys = lines()
    assert {password.when, packages.when, keys.when} == {CLOSED}
    assert password.todo == "Claim the account before."
    assert packages.what.startswith("2 packages can be changed by nobody")
    assert keys.what.startswith("2 keys")
    assert password.line() == "- 15 January 2027: The password opens nothing any more. Claim the account before."
    assert [each.what for each in lines(kept_packages="[]", keys=0)] == [password.what]


def test_an_exception_moves_the_end_and_an_earlier_one_does_not() -> None:
    later = at("2027-03-01")
    assert ends_at(having(excepted_until=later), SETTINGS) == later
    assert ends_at(having(excepted_until=at("2026-12-01")), SETTINGS) == CLOSED
    (password, *_) = outlook(having(excepted_until=later), SETTINGS, CLOSED)
    assert (password.when, password.todo) == (later, "Claim the account before.")
    (password, *_) = outlook(having(), SETTINGS, CLOSED)
    assert "recovery" in password.todo


def test_a_shared_account_is_told_of_an_organisation() -> None:
    (password, *_) = lines(alias=Alias.CONFIRMED)
    assert "share" in password.what
    assert "organisation" in password.todo


def test_a_claimed_account_keeps_its_packages_and_a_converted_one_has_its_keys_suspended_meanwhile() -> None:
    password, packages = lines(state=State.CLAIMED, effective_at=NOW)
    assert (password.when, packages.when) == (NOW, None)
    assert packages.what == "2 packages as before."
    *_, keys = lines(state=State.CONVERTED, effective_at=NOW)
    assert (keys.what, keys.when) == ("2 keys suspended until then.", NOW + UNDO)
    assert len(lines(state=State.CONVERTED, effective_at=NOW - UNDO)) == 2
    assert len(lines(state=State.CONVERTED, effective_at=NOW, kept_packages="[]", keys=0)) == 1
    assert len(lines(state=State.CONVERTED)) == 2


@pytest.mark.parametrize("state", [State.WAITING, State.FROZEN])
def test_what_is_under_way_has_no_date_of_its_own(state: State) -> None:
    (only,) = lines(state=state)
    assert only.when is None
    assert only.line().startswith("- ")


def test_a_closed_account_can_be_recovered() -> None:
    password, packages = lines(state=State.CLOSED, closed_at=CLOSED)
    assert (password.when, packages.when) == (CLOSED, CLOSED)
    assert "recovery" in password.todo
    assert len(lines(state=State.CLOSED, closed_at=CLOSED, kept_packages="[]")) == 1


def test_packages_and_keys_are_counted_in_words_with_a_few_names() -> None:
    def of(count: int) -> LegacyAccount:
        return having(
            kept_packages=dump_packages([Package(name=f"p{n}", role="owner", downloads=n) for n in range(count)]),
            keys=count,
        )

    assert [packages_of(of(0)), keys_of(of(0))] == ["no packages", "no keys"]
    assert [packages_of(of(1)), keys_of(of(1))] == ["1 package: p0", "1 key"]
    assert packages_of(of(5)) == "5 packages: p4, p3, p2, p1, p0"
    assert packages_of(of(7)) == "7 packages, among them p6, p5, p4, p3, p2"
