"""Closing: every hash goes, the record stays, and nothing of it is done twice or half."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from broker.storage.database import Database
from migrations.accounts import links
from migrations.accounts.campaign import closing
from migrations.accounts.cases import CaseState
from migrations.accounts.links import Verb
from migrations.accounts.model import legacy_accounts as table
from migrations.accounts.model import legacy_identities
from migrations.accounts.periods import UNDO
from migrations.accounts.records import State
from tests.accounts.organizations.rooms import NOW
from tests.migrations.campaign.rooms import CLOSED, DAY, CampaignRoom, Killed, counted, killed_at, people

FORGET = CLOSED + timedelta(days=90)


def hashes(room: CampaignRoom) -> int:
    with room.database.read() as connection:
        return connection.execute(select(func.count(table.c.hash_sealed))).scalar_one()


def row(room: CampaignRoom, registry_id: str) -> Any:
    with room.database.read() as connection:
        return connection.execute(select(table).where(table.c.registry_id == registry_id)).one()


def test_nothing_is_closed_before_the_day(room: CampaignRoom) -> None:
    people(room, 3)
    assert room.campaign.closing.run(CLOSED - timedelta(seconds=1)) == 0
    assert (hashes(room), room.events()) == (3, [])


def test_closing_destroys_what_nobody_claimed_tells_the_registry_and_keeps_its_record(room: CampaignRoom) -> None:
    room.legacy("1", downloads=7, keys=2)
    with room.database.begin() as connection:
        connection.execute(insert(legacy_identities).values(pseudonym="v1:x", registry_id="1"))
    assert room.campaign.closing.run(CLOSED) == 1
    assert room.campaign.closing.run(CLOSED + DAY) == 0
    found = row(room, "1")
    assert (found.state, found.hash_sealed, found.hash_format, found.closed_at) == ("closed", None, None, CLOSED)
    assert (found.downloads, found.keys, found.name_sealed is not None) == (7, 2, True)
    assert room.events() == [("password.closed", "1", {"reason": "campaign_closed"})]
    ((_, who, detail),) = room.audited("migration.closed")
    assert (who, detail) == (None, {"count": 1})


def test_afterwards_no_hash_is_left_whatever_the_account_was_in(room: CampaignRoom) -> None:
    for registry_id in ("pending", "claimed", "waiting", "frozen"):
        room.legacy(registry_id, email=f"{registry_id}@old.example")
    room.claimed(room.sign_in("ada"), "claimed")
    room.begin(room.sign_in("bea"), "waiting", due_at=CLOSED + DAY)
    disputed = room.begin(room.sign_in("eve"), "frozen", due_at=CLOSED)
    with room.database.begin() as connection:
        room.effects.stop(connection, disputed, NOW)
    for now in (CLOSED, CLOSED + DAY, CLOSED + DAY + UNDO):
        room.due.run(now)
        room.campaign.closing.run(now)
    assert hashes(room) == 0
    assert [room.get(each).state for each in ("pending", "claimed", "waiting", "frozen")] == [
        State.CLOSED,
        State.CLAIMED,
        State.CLAIMED,
        State.FROZEN,
    ]
    closed = [subject for kind, subject, _ in room.events() if kind == "password.closed"]
    assert sorted(closed) == ["claimed", "frozen", "pending", "waiting"]


def test_a_dispute_that_is_given_back_after_closing_is_closed(room: CampaignRoom) -> None:
    room.legacy()
    case = room.begin(room.sign_in("ada"), due_at=CLOSED + DAY)
    with room.database.begin() as connection:
        room.effects.stop(connection, case, NOW)
    room.campaign.closing.run(CLOSED)
    otto = room.operator(now=CLOSED)
    with room.database.begin() as connection:
        room.effects.give_back(connection, case, otto)
    assert (room.case(case).state, room.get().state) == (CaseState.RETURNED, State.CLOSED)


def test_several_batches_go_in_a_turn_and_the_rest_in_the_next(
    room: CampaignRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "BATCH", 2)
    people(room, 13)
    assert [room.campaign.closing.run(CLOSED) for _ in range(3)] == [10, 3, 0]
    assert len(room.audited("migration.closed")) == 7


def test_killed_at_any_statement_closing_goes_on_and_tells_of_each_account_once(
    room: CampaignRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "BATCH", 2)
    people(room, 5)
    statement, kills = 1, 0
    while True:
        try:
            with killed_at(room.database, statement):
                room.campaign.closing.run(CLOSED)
            break
        except Killed:
            statement, kills = statement + 1, kills + 1
            told = [subject for _, subject, _ in room.events()]
            assert hashes(room) == 5 - len(told)
            assert len(told) == len(set(told))
    assert hashes(room) == 0
    assert sorted(subject for _, subject, _ in room.events()) == [f"p{number:03}" for number in range(5)]
    assert kills > 10


def test_one_that_is_claimed_just_then_is_passed_over(room: CampaignRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    people(room, 1)
    ada = room.sign_in("ada")
    due = room.campaign.closing._due

    def just_then(*arguments: Any) -> list[str]:
        ids = due(*arguments)
        if "p000" in ids:
            room.claimed(ada, "p000")
        return ids

    monkeypatch.setattr(room.campaign.closing, "_due", just_then)
    assert room.campaign.closing.run(CLOSED) == 0
    assert room.get("p000").state is State.CLAIMED
    assert room.audited("migration.closed") == []


def test_closing_and_forgetting_speak_both_dialects(database: Database) -> None:
    room = CampaignRoom(database)
    people(room, 2, forget_at=FORGET)
    assert room.campaign.closing.run(CLOSED) == 2
    assert room.campaign.forgetting.run(FORGET) == 2


def test_names_and_addresses_go_on_their_day_whatever_has_become_of_the_account(
    room: CampaignRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "_FORGOTTEN", 2)
    for number, state in enumerate(("pending", "frozen", "closed")):
        room.legacy(str(number), state=state, email=f"{number}@old.example", forget_at=FORGET)
    room.legacy("3", email=None, forget_at=FORGET + DAY)
    forgetting = room.campaign.forgetting
    assert forgetting.run(FORGET - timedelta(seconds=1)) == 0
    assert forgetting.run(FORGET) == 0, "it looks once an hour"
    now = FORGET + timedelta(hours=1)
    assert [forgetting.run(now), forgetting.run(now), forgetting.run(now)] == [2, 1, 0]
    for number in range(3):
        found = row(room, str(number))
        assert [found.name_sealed, found.name_index, found.email_sealed, found.email_index] == [None] * 4
        assert room.get(str(number)).mailbox is None
    assert row(room, "3").name_sealed is not None


def test_a_campaign_that_was_put_off_since_the_import_forgets_later(room: CampaignRoom) -> None:
    room.legacy(forget_at=CLOSED)
    assert room.campaign.forgetting.run(FORGET - DAY) == 0
    assert room.campaign.forgetting.run(FORGET) == 1


def test_looking_for_what_to_forget_costs_nothing_while_there_is_none(room: CampaignRoom) -> None:
    room.campaign.forgetting.run(NOW)
    with counted(room.database) as seen:
        room.campaign.forgetting.run(NOW + timedelta(minutes=59))
    assert seen == []


def test_links_whose_time_is_over_are_forgotten_too(room: CampaignRoom) -> None:
    room.legacy()
    case = room.begin(room.sign_in("ada"))
    with room.database.begin() as connection:
        token = links.make(connection, case.id, Verb.STOP, NOW + DAY)
    room.campaign.forgetting.run(NOW + DAY)
    with room.database.begin() as connection:
        assert links.find(connection, token, NOW) is None
