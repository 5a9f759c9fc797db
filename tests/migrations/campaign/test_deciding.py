"""Operators' words: exceptions with an end, and which accounts are shared."""

from datetime import UTC, date, datetime

import pytest

from migrations.accounts.campaign.aliases import MOST
from migrations.accounts.cases import CaseState
from migrations.accounts.effects import TooLate
from migrations.accounts.records import Alias, State, dump_packages
from tests.accounts.organizations.rooms import NOW
from tests.migrations.campaign.rooms import CLOSED, DAY, SHELL, CampaignRoom, counted

LATEST = date(2027, 4, 15)


def except_until(room: CampaignRoom, until: date | None, registry_id: str = "42") -> None:
    otto = room.operator(f"otto{until}")
    with room.database.begin() as connection:
        if until is None:
            room.campaign.exceptions.end(connection, otto, registry_id)
        else:
            room.campaign.exceptions.give(connection, otto, registry_id, until)


def test_an_exception_has_an_end_and_leaves_a_trace(room: CampaignRoom) -> None:
    room.legacy()
    assert room.campaign.exceptions.latest == LATEST
    for until in (LATEST, LATEST, None, None):
        except_until(room, until)
        expected = datetime(2027, 4, 15, tzinfo=UTC) if until is not None else None
        assert room.get().excepted_until == expected
    assert len(room.audited("migration.excepted")) == 1
    ((_, who, detail),) = room.audited("migration.exception_ended")
    assert who is not None
    assert detail == {"registry_account": "42"}


@pytest.mark.parametrize("until", [date(2026, 11, 22), date(2026, 1, 1), date(2027, 4, 16)])
def test_an_exception_ends_on_a_day_to_come_at_most_ninety_days_after_closing(room: CampaignRoom, until: date) -> None:
    room.legacy()
    with pytest.raises(ValueError, match="not a day"):
        except_until(room, until)
    assert room.get().excepted_until is None


def test_no_exception_outlives_the_name_and_the_address(room: CampaignRoom) -> None:
    short = CampaignRoom(room.database, forget=date(2027, 2, 14))
    assert short.campaign.exceptions.latest == date(2027, 2, 14)


@pytest.mark.parametrize(
    "values", [{"state": "claimed"}, {"state": "converted"}, {"state": "closed", "closed_at": NOW}], ids=str
)
def test_there_is_none_for_an_account_whose_password_is_no_use(room: CampaignRoom, values: dict[str, object]) -> None:
    room.legacy("42", **values)  # type: ignore[arg-type]  # each case names columns of its own
    with pytest.raises(TooLate):
        except_until(room, LATEST)
    with pytest.raises(LookupError):
        except_until(room, LATEST, "nobody")


def test_what_rules_propose_is_shown_with_what_speaks_for_it(room: CampaignRoom) -> None:
    room.legacy("1", email="team@old.example", alias="proposed")
    room.legacy("2", email="ada@old.example", alias="proposed", packages=dump_packages([]), downloads=9)
    room.legacy("3", email="ada@old.example")
    room.legacy("4", email="team@new.example", alias="confirmed")
    room.legacy("5", email="team@new.example", alias="proposed", state="claimed")
    room.legacy("6", email=None, alias="proposed")
    with room.database.read() as connection, counted(room.database) as seen:
        found = room.campaign.aliases.proposed(connection)
    assert [(each.legacy.registry_id, each.is_role, each.sharing) for each in found] == [
        ("1", True, 1),
        ("2", False, 2),
        ("6", False, 1),
    ]
    assert len(seen) == 2


def test_there_is_always_a_next_page_until_the_last(room: CampaignRoom) -> None:
    for number in range(MOST + 1):
        room.legacy(f"{number:03}", email=f"team@{number}.example", alias="proposed")
    with room.database.read() as connection:
        first = room.campaign.aliases.proposed(connection)
        rest = room.campaign.aliases.proposed(connection, first[-1].legacy.registry_id)
    assert [len(first), [each.legacy.registry_id for each in rest]] == [MOST, [f"{MOST:03}"]]


def test_a_person_decides_and_can_change_their_mind_until_somebody_has_the_account(room: CampaignRoom) -> None:
    room.legacy(alias="proposed")
    otto, aliases = room.operator(), room.campaign.aliases
    for shared, alias in ((True, Alias.CONFIRMED), (True, Alias.CONFIRMED), (False, Alias.REJECTED)):
        with room.database.begin() as connection:
            aliases.decide(connection, otto, "42", shared=shared)
        assert room.get().alias is alias
    for verb in ("confirmed", "rejected"):
        ((_, who, detail),) = room.audited(f"migration.alias_{verb}")
        assert (who, detail) == (otto.account_id, {"registry_account": "42"})
    room.claimed(room.sign_in("ada"))
    with pytest.raises(TooLate), room.database.begin() as connection:
        aliases.decide(connection, SHELL, "42", shared=True)
    with pytest.raises(LookupError), room.database.begin() as connection:
        aliases.decide(connection, SHELL, "nobody", shared=True)


def test_what_is_closed_is_decided_on_still_as_it_can_be_recovered(room: CampaignRoom) -> None:
    room.legacy(alias="proposed", state="closed", closed_at=NOW)
    aliases, otto = room.campaign.aliases, room.operator()
    with room.database.read() as connection:
        assert [each.legacy.registry_id for each in aliases.proposed(connection)] == ["42"]
    for shared, alias in ((True, Alias.CONFIRMED), (False, Alias.REJECTED)):
        with room.database.begin() as connection:
            aliases.decide(connection, otto, "42", shared=shared)
        assert (room.get().alias, room.get().state) == (alias, State.CLOSED)


def test_t4_those_behind_an_account_that_was_shared_are_told_when_it_is_one_persons(room: CampaignRoom) -> None:
    room.legacy(alias="proposed")
    otto, aliases = room.operator(), room.campaign.aliases
    for shared, mails in ((False, 0), (True, 0), (False, 1), (False, 1)):
        with room.database.begin() as connection:
            aliases.decide(connection, otto, "42", shared=shared)
        assert len(room.mails_to("old@old.example")) == mails
    (told,) = room.mails_to("old@old.example")
    for part in ("One person alone can claim it", "write to the operators at once", '"user42"', "Example Registry"):
        assert part in " ".join(told.split())


def test_a_claim_that_waits_comes_to_nothing_once_the_account_turns_out_to_be_shared(room: CampaignRoom) -> None:
    room.legacy()
    ada, aliases = room.sign_in("ada"), room.campaign.aliases
    case = room.begin(ada, due_at=NOW + DAY)
    with pytest.raises(TooLate), room.database.begin() as connection:
        aliases.decide(connection, SHELL, "42", shared=False)
    with room.database.begin() as connection:
        aliases.decide(connection, SHELL, "42", shared=True)
    room.due.run(NOW + DAY)
    assert (room.case(case).state, room.get().state, room.carried(ada.account_id)) == (
        CaseState.LAPSED,
        State.PENDING,
        [],
    )


def test_closing_passes_by_what_is_excepted_until_its_day(room: CampaignRoom) -> None:
    room.legacy()
    except_until(room, date(2027, 2, 1))
    assert room.campaign.closing.run(CLOSED) == 0
    assert room.campaign.closing.run(CLOSED + 16 * DAY) == 0
    assert room.campaign.closing.run(CLOSED + 17 * DAY) == 1
