"""Waves: who gets a mail, how fast, and that nobody gets it twice or is left out, whatever ends the process."""

from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from broker.accounts.organizations.capabilities import Shell
from broker.events.model import outbox
from broker.storage.database import Database
from migrations.accounts.campaign.templates import TemplateName
from migrations.accounts.campaign.waves import AlreadyRunning, Audience, NotSo, WaveState, pace
from migrations.accounts.model import legacy_accounts
from tests.accounts.organizations.rooms import ISSUER, NOW
from tests.migrations.campaign.rooms import DAY, HOUR, MINUTE, SHELL, CampaignRoom, Killed, counted, killed_at, people
from tests.migrations.crash import killed_at_every_statement, state_of


def drain(room: CampaignRoom, now: datetime = NOW) -> list[datetime]:
    """Run a wave to its end, and return when each mail went."""
    went: list[datetime] = []
    while room.wave().state is WaveState.RUNNING:
        now = max(now, room.wave().next_at)
        went += [now] * room.campaign.waves.run(now)
    return went


def test_a_wave_goes_to_everybody_once_with_their_own_links(room: CampaignRoom) -> None:
    addresses = people(room, 5)
    room.start()
    assert len(drain(room)) == 5
    assert room.told() == addresses
    wave = room.wave()
    assert (wave.state, wave.sent, wave.ended_at) == (WaveState.DONE, 5, wave.next_at - MINUTE)
    for mail, registry_id in zip(room.mails(), [address.partition("@")[0] for address in addresses], strict=True):
        link = f"{ISSUER}/unsubscribe/{room.campaign.unsubscribing.token(registry_id)}"
        assert mail["unsubscribe"] == link
        assert link in mail["text"].splitlines()
        assert f"Hello user{registry_id}," in mail["text"]
    assert room.audited("migration.wave_started")[0][1:] == (None, {"kind": "announced"})


def test_a_second_wave_of_a_template_goes_to_those_alone_who_have_not_had_it(room: CampaignRoom) -> None:
    people(room, 3)
    room.start(most=2)
    drain(room)
    room.legacy("new", email="new@old.example")
    room.start(at=NOW + DAY)
    drain(room, NOW + DAY)
    assert room.told() == ["new@old.example", *(f"p{number:03}@old.example" for number in range(3))]
    room.start(TemplateName.LAST_CALL, at=NOW + 2 * DAY)
    drain(room, NOW + 2 * DAY)
    assert len(room.told()) == 8


@pytest.mark.parametrize(
    "values",
    [
        {"email": None},
        {"email_confirmed": False},
        {"lapsed_at": NOW},
        {"unsubscribed_at": NOW},
        {"state": "waiting"},
        {"state": "claimed"},
        {"state": "converted"},
        {"state": "frozen"},
        {"state": "closed"},
        {"alias": "confirmed"},
        {"alias": "proposed"},
    ],
    ids=str,
)
def test_nothing_goes_to_who_has_no_mailbox_wants_none_or_has_moved(
    room: CampaignRoom, values: dict[str, object]
) -> None:
    room.legacy("1", **values)  # type: ignore[arg-type]  # each case names columns of its own
    with room.database.read() as connection:
        assert room.campaign.waves.reach(connection, TemplateName.ANNOUNCED, Audience.PEOPLE) == 0
    room.start()
    assert drain(room) == []
    assert room.told() == []


@pytest.mark.parametrize(
    "audience, expected",
    [
        (Audience.PEOPLE, ["person", "rejected"]),
        (Audience.ALIASES, ["confirmed"]),
        (Audience.EVERYONE, ["confirmed", "person", "proposed", "rejected"]),
    ],
)
def test_the_audience_is_known_before_anything_is_sent(
    room: CampaignRoom, audience: Audience, expected: list[str]
) -> None:
    room.legacy("person", email="person@old.example")
    for alias in ("confirmed", "proposed", "rejected"):
        room.legacy(alias, email=f"{alias}@old.example", alias=alias)
    with room.database.read() as connection, counted(room.database) as seen:
        reach = room.campaign.waves.reach(connection, TemplateName.ALIAS, audience)
    assert (reach, len(seen), room.told()) == (len(expected), 1, [])
    room.start(TemplateName.ALIAS, audience)
    drain(room)
    assert room.told() == [f"{each}@old.example" for each in expected]


def test_an_address_that_no_mail_can_have_is_passed_over(room: CampaignRoom) -> None:
    room.legacy("1", email="a\nb@old.example")
    room.legacy("2", email="b@old.example")
    room.start()
    drain(room)
    assert (room.told(), room.marks()) == (["b@old.example"], 1)


@pytest.mark.parametrize("per_hour", [1, 7, 59, 60, 61, 119, 120, 1000, 100_000])
def test_no_hour_has_more_mails_than_it_may(per_hour: int) -> None:
    batch, pause = pace(per_hour)
    batches = -(-HOUR // pause)  # in an hour that begins with one
    assert batch * batches <= per_hour
    assert batch * batches > per_hour // 2


def test_the_rate_is_kept_over_restarts_stops_and_other_waves(room: CampaignRoom) -> None:
    people(room, 10)
    room.start(per_hour=60)
    assert [room.campaign.waves.run(NOW), room.campaign.waves.run(NOW)] == [1, 0]
    assert room.campaign.waves.run(NOW + MINUTE - timedelta(seconds=1)) == 0
    assert replace(room.campaign.waves).run(NOW + MINUTE) == 1
    later = Shell(now=NOW + MINUTE)
    with room.database.begin() as connection:
        room.campaign.waves.stop(connection, later, room.wave().id)
    assert room.campaign.waves.run(NOW + HOUR) == 0
    with room.database.begin() as connection:
        room.campaign.waves.resume(connection, later, room.wave().id)
    assert room.campaign.waves.run(NOW + MINUTE) == 0
    with room.database.begin() as connection:
        room.campaign.waves.stop(connection, later, room.wave().id)
    room.start(TemplateName.LAST_CALL, at=NOW + MINUTE)
    assert room.campaign.waves.run(NOW + MINUTE) == 0
    # After an outage nothing is caught up with.
    assert room.campaign.waves.run(NOW + DAY) == 2
    assert room.campaign.waves.run(NOW + DAY) == 0


def test_a_wave_keeps_to_a_limit_that_was_lowered_since(room: CampaignRoom) -> None:
    people(room, 5)
    room.start()
    slower = room.settings.model_copy(update={"mails_per_hour": 1})
    assert replace(room.campaign.waves, settings=slower).run(NOW) == 1
    assert room.wave().next_at == NOW + HOUR


def test_one_wave_runs_at_a_time(room: CampaignRoom) -> None:
    people(room, 3)
    first = room.start()
    with pytest.raises(AlreadyRunning):
        room.start(TemplateName.LAST_CALL)
    with room.database.begin() as connection:
        room.campaign.waves.stop(connection, SHELL, first.id)
    room.start(TemplateName.LAST_CALL)
    with pytest.raises(AlreadyRunning), room.database.begin() as connection:
        room.campaign.waves.resume(connection, SHELL, first.id)


def test_a_wave_is_stopped_while_it_runs_and_resumed_while_it_is_stopped(room: CampaignRoom) -> None:
    people(room, 1)
    waves, wave = room.campaign.waves, room.start()
    for verb, error in ((waves.resume, NotSo), (waves.stop, None), (waves.stop, NotSo), (waves.resume, None)):
        if error is None:
            with room.database.begin() as connection:
                verb(connection, SHELL, wave.id)
        else:
            with pytest.raises(error), room.database.begin() as connection:
                verb(connection, SHELL, wave.id)
    drain(room)
    for verb in (waves.stop, waves.resume):
        with pytest.raises(NotSo), room.database.begin() as connection:
            verb(connection, SHELL, wave.id)
        with pytest.raises(LookupError), room.database.begin() as connection:
            verb(connection, SHELL, "nobody")
    assert [len(room.audited(f"migration.wave_{verb}")) for verb in ("started", "stopped", "resumed")] == [1, 1, 1]


@pytest.mark.parametrize("limits", [{"per_hour": 0}, {"per_hour": 121}, {"most": 0}], ids=str)
def test_a_wave_is_not_faster_than_the_settings_allow(room: CampaignRoom, limits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a number of mails"):
        room.start(**limits)


def test_who_unsubscribes_or_claims_meanwhile_is_passed_over_and_nobody_behind_them_is(room: CampaignRoom) -> None:
    people(room, 4)
    room.start(per_hour=60)
    room.campaign.waves.run(NOW)
    with room.database.begin() as connection:
        change = update(legacy_accounts).where(legacy_accounts.c.registry_id == "p001")
        connection.execute(change.values(unsubscribed_at=NOW))
        connection.execute(delete(legacy_accounts).where(legacy_accounts.c.registry_id == "p002"))
    drain(room)
    assert room.told() == ["p000@old.example", "p003@old.example"]


def test_killed_at_any_statement_nobody_gets_it_twice_and_nobody_is_left_out(room: CampaignRoom) -> None:
    addresses, kills = people(room, 5), 0
    room.start(per_hour=120)
    now, statement = NOW, 1
    while room.wave().state is WaveState.RUNNING:
        now = max(now, room.wave().next_at)
        before = (len(room.told()), room.marks(), room.wave())
        try:
            with killed_at(room.database, statement):
                room.campaign.waves.run(now)
        except Killed:
            assert (len(room.told()), room.marks(), room.wave()) == before
            statement, kills = statement + 1, kills + 1
        else:
            # The batch went through before it came to that statement: the next one is killed from its first on.
            statement = 1
    assert room.told() == addresses
    assert room.marks() == 5
    assert kills > 20


def test_a_batch_takes_the_same_statements_however_many_accounts_there_are(room: CampaignRoom) -> None:
    counts = []
    for size in (30, 300):
        for number in range(size):
            room.legacy(f"{size}-{number}", email=f"{size}-{number}@old.example")
        room.start(at=NOW + size * DAY)
        with counted(room.database) as seen:
            assert room.campaign.waves.run(NOW + size * DAY) == 2
        counts.append(len(seen))
        with room.database.begin() as connection:
            room.campaign.waves.stop(connection, SHELL, room.wave().id)
    # The wave that runs, itself, its accounts, its text, two mails, their marks, its place; and a BEGIN.
    assert counts == [9, 9]


def test_of_several_workers_each_mail_is_sent_by_one(database: Database) -> None:
    room = CampaignRoom(database)
    addresses = people(room, 8)
    room.start(per_hour=120)
    now, workers = NOW, 3
    while room.wave().state is WaveState.RUNNING:
        now = max(now, room.wave().next_at)
        together, at = Barrier(workers), now

        def work() -> None:
            together.wait()  # noqa: B023 - of this round
            room.campaign.waves.run(at)  # noqa: B023

        threads = [Thread(target=work) for _ in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert room.told() == addresses
    with database.read() as connection:
        assert len(connection.execute(select(outbox.c.id)).all()) == 8


def test_of_two_who_start_a_wave_at_once_one_does(database: Database) -> None:
    room = CampaignRoom(database)
    people(room, 1)
    together, ends = Barrier(2), []

    def begin(template: TemplateName) -> None:
        together.wait()
        try:
            room.start(template)
            ends.append("started")
        except AlreadyRunning:
            ends.append("refused")

    threads = [Thread(target=begin, args=(each,)) for each in (TemplateName.ANNOUNCED, TemplateName.REQUIRED)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["refused", "started"]


def test_killed_for_good_at_any_statement_of_a_batch_all_of_it_is_there_or_nothing(room: CampaignRoom) -> None:
    addresses = people(room, 2)
    room.start(per_hour=120)
    before = state_of(room.database)

    def send() -> None:
        room.campaign.waves.run(NOW)

    *deaths, life = killed_at_every_statement(room.database, send)
    assert len(deaths) > 5
    assert [death.at for death in deaths if death.state != before] == []
    assert life.state != before
    assert room.told() == addresses
    assert room.marks() == 2
