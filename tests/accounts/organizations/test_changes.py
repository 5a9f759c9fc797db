"""Changes that wait: told to all admins, stopped by any, applied once, and what they meet when they are."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, select, update

from broker.accounts.organizations import notices
from broker.accounts.organizations.capabilities import Denied, FreshAdmin
from broker.accounts.organizations.changes import KEPT, MOST_IN_A_DAY, WAIT, Change, ChangeKind, Obsolete
from broker.accounts.organizations.model import changes, organizations
from broker.accounts.organizations.records import Share, TooOften
from tests.accounts.organizations.rooms import ISSUER, NOW, Room, fresh_admin, stopper

DUE = NOW + WAIT
MOMENT = timedelta(microseconds=1)


def propose(room: Room, by: FreshAdmin, kind: ChangeKind = ChangeKind.RULE, target: str = "", **payload: str) -> Change:
    with room.database.begin() as connection:
        return room.changes.propose(connection, by, kind, target, payload)


def take(connection: Connection, change: Change, now: datetime) -> None:
    """Have a change of a rule take effect: its payload becomes the name, which is easy to see."""
    name = organizations.c.name + change.payload.get("name", "")
    connection.execute(update(organizations).where(organizations.c.id == change.organization_id).values(name=name))


def fail(connection: Connection, change: Change, now: datetime) -> None:
    take(connection, change, now)
    raise Obsolete("moved_on")


def break_down(connection: Connection, change: Change, now: datetime) -> None:
    take(connection, change, now)
    raise ZeroDivisionError("canary@example.org")


def names(room: Room) -> list[str]:
    with room.database.read() as connection:
        return list(connection.execute(select(organizations.c.name).order_by(organizations.c.name)).scalars())


def states(room: Room) -> dict[str, str]:
    with room.database.read() as connection:
        return {row.id: row.state for row in connection.execute(select(changes.c.id, changes.c.state))}


def waiting(room: Room, organization_id: str) -> list[Change]:
    with room.database.read() as connection:
        return room.changes.waiting(connection, organization_id)


def test_a_change_waits_a_day_and_every_admin_is_told_when_it_is_asked_for_and_when_it_takes_effect(room: Room) -> None:
    organization_id, (ada, _) = room.admins("ada", "bob")
    room.join(organization_id, room.person("carl").account_id)
    change = propose(room, ada, name="!")
    assert waiting(room, organization_id) == [change]
    assert change.effective_at == NOW + timedelta(hours=24)
    asked = room.mails()
    assert [mail["to"] for mail in asked] == ["ada@example.org", "bob@example.org"]
    assert {mail["subject"] for mail in asked} == {"Asked for: looser rules for the organisation"}
    for part in ('"Example"', f"{ISSUER}/organizations/{organization_id}", "2026-11-23 12:00 UTC"):
        assert part in asked[0]["text"]
    assert room.changes.apply_due(room.database, DUE - MOMENT, {ChangeKind.RULE: take}) == 0
    assert names(room) == ["Example"]
    assert room.changes.apply_due(room.database, DUE, {ChangeKind.RULE: take}) == 1
    assert names(room) == ["Example!"]
    assert [mail["subject"] for mail in room.mails()] == [
        "Asked for: looser rules for the organisation",
        "In effect: looser rules for the organisation",
    ] * 2
    assert waiting(room, organization_id) == []
    detail = {"organization": organization_id, "change": change.id, "kind": "rule"}
    assert room.audited("change.proposed", "change.applied") == [
        ("change.proposed", ada.account_id, detail),
        ("change.applied", ada.account_id, detail),
    ]


def test_every_admin_can_stop_what_another_asked_for_without_a_fresh_proof(room: Room) -> None:
    organization_id, (ada, bob) = room.admins("ada", "bob")
    change = propose(room, ada)
    with room.database.begin() as connection:
        assert room.changes.stop(connection, stopper(bob, organization_id), change.id) == change
    assert room.changes.apply_due(room.database, DUE, {ChangeKind.RULE: take}) == 0
    assert states(room) == {change.id: "stopped"}
    assert [mail["subject"].partition(":")[0] for mail in room.mails()] == ["Asked for", "Stopped"] * 2
    ((_, who, _),) = room.audited("change.stopped")
    assert who == bob.account_id
    with pytest.raises(LookupError), room.database.begin() as connection:
        room.changes.stop(connection, stopper(bob, organization_id), change.id)


def test_t12_an_admin_of_another_organisation_stops_nothing(room: Room) -> None:
    _, (ada,) = room.admins("ada")
    eve = room.person("eve")
    other = room.organization(eve, "Other")
    change = propose(room, ada)
    with pytest.raises(LookupError), room.database.begin() as connection:
        room.changes.stop(connection, stopper(eve, other), change.id)
    with pytest.raises(Denied), room.database.begin() as connection:
        room.changes.stop(connection, stopper(eve, ada.organization_id), change.id)
    with pytest.raises(Denied), room.database.begin() as connection:
        room.changes.propose(connection, fresh_admin(eve, ada.organization_id), ChangeKind.RULE)
    assert states(room) == {change.id: "pending"}


def test_a_newer_change_of_the_same_thing_replaces_the_one_that_waits_and_the_day_begins_anew(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    first = propose(room, ada, name="first")
    beside = propose(room, ada, ChangeKind.ATTEST, "mapping:c1")
    later = fresh_admin(ada, organization_id, now=NOW + timedelta(hours=23))
    second = propose(room, later, name="second")
    assert waiting(room, organization_id) == [beside, second]
    assert room.changes.apply_due(room.database, DUE, {ChangeKind.RULE: take}) == 0
    assert room.changes.apply_due(room.database, second.effective_at, {ChangeKind.RULE: take}) == 1
    assert names(room) == ["Examplesecond"]
    assert states(room) == {first.id: "replaced", beside.id: "pending", second.id: "done"}


def test_what_waits_is_ended_by_a_wish_that_needs_no_wait(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    change = propose(room, ada)
    with room.database.begin() as connection:
        ended = [
            room.changes.end(connection, organization_id, ChangeKind.RULE, "", by=ada.account_id, now=NOW)
            for _ in range(2)
        ]
    assert ended == [True, False]
    assert states(room) == {change.id: "replaced"}
    assert len(room.audited("change.replaced")) == 1


def test_a_change_that_is_obsolete_leaves_nothing_behind_and_the_admins_are_told_so(
    room: Room,
) -> None:
    _, (ada,) = room.admins("ada")
    change = propose(room, ada, name="!")
    assert room.changes.apply_due(room.database, DUE, {ChangeKind.RULE: fail}) == 0
    assert names(room) == ["Example"]
    assert states(room) == {change.id: "failed"}
    assert [mail["subject"] for mail in room.mails()] == [
        "Asked for: looser rules for the organisation",
        "Did not take effect: looser rules for the organisation",
    ]
    ((_, _, detail),) = room.audited("change.failed")
    assert detail["reason"] == "moved_on"


def test_one_change_that_breaks_down_waits_on_and_keeps_no_other_from_taking_effect(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    _, (ada,) = room.admins("ada")
    broken = propose(room, ada, name="!")
    good = propose(room, ada, ChangeKind.TENANT_RULE, "t", name="?")
    appliers = {ChangeKind.RULE: break_down, ChangeKind.TENANT_RULE: take}
    with pytest.raises(ExceptionGroup) as failed:
        room.changes.apply_due(room.database, DUE, appliers)
    assert [type(each) for each in failed.value.exceptions] == [ZeroDivisionError]
    assert names(room) == ["Example?"]
    assert states(room) == {broken.id: "pending", good.id: "done"}
    assert broken.id in caplog.text
    assert "canary" not in caplog.text


def test_of_a_kind_that_nobody_applies_nothing_is_touched(room: Room) -> None:
    _, (ada,) = room.admins("ada")
    change = propose(room, ada)
    assert room.changes.apply_due(room.database, DUE, {}) == 0
    assert states(room) == {change.id: "pending"}


def test_a_payload_comes_back_as_it_was(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    payload = {"guests": True, "tenants": ["a", "b"], "max_age": None}
    with room.database.begin() as connection:
        room.changes.propose(connection, ada, ChangeKind.RULE, payload=payload)
    (found,) = waiting(room, organization_id)
    assert json.loads(json.dumps(found.payload)) == payload


def test_several_workers_have_each_change_take_effect_once(each_room: Room) -> None:
    room = each_room
    _, (ada,) = room.admins("ada")
    for target in ("a", "b", "c"):
        propose(room, ada, ChangeKind.TENANT_RULE, target, name=target)

    def work(_: int) -> int:
        return room.changes.apply_due(room.database, DUE, {ChangeKind.TENANT_RULE: take})

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 3
    (name,) = names(room)
    assert sorted(name.removeprefix("Example")) == ["a", "b", "c"]
    assert len(room.mails()) == 6, "three asked for, three in effect"


def test_every_kind_of_change_has_words(room: Room) -> None:
    assert notices.WHAT.keys() == {each.value for each in ChangeKind}


def test_who_has_no_verified_address_is_not_told_and_a_shared_address_is_told_once(room: Room) -> None:
    organization_id, (ada, bob) = room.admins("ada", "bob")
    erased = room.person("carl").account_id
    with room.database.begin() as connection:
        room.accounts.set_email(connection, bob.account_id, "ADA@example.org", verified=True, now=NOW)
        room.accounts.erase(connection, erased, NOW)
    dora = room.person("dora", email="")
    eve = room.person("eve", email="victim@elsewhere.example", verified=False)
    before = len(room.mails())
    with room.database.begin() as connection:
        also = (ada.account_id, erased, dora.account_id, eve.account_id)
        room.notices.tell_admins(connection, organization_id, "Subject", "Text.", NOW, also)
    told = [mail for mail in room.mails() if mail["subject"] == "Subject"]
    assert [mail["to"].casefold() for mail in told] == ["ada@example.org"]
    assert len(room.mails()) == before + 1


def test_what_waits_already_is_returned_and_nobody_is_told_again(room: Room) -> None:
    organization_id, (ada, bob) = room.admins("ada", "bob")
    first = propose(room, ada, name="!")
    told = len(room.mails())
    later = fresh_admin(bob, organization_id, now=NOW + timedelta(hours=1))
    assert propose(room, later, name="!") == first
    assert len(room.mails()) == told
    assert states(room) == {first.id: "pending"}


def test_what_somebody_asked_for_who_is_no_admin_any_more_is_asked_for_anew(room: Room) -> None:
    _, (ada, bob) = room.admins("ada", "bob")
    first = propose(room, ada, name="!")
    with room.database.begin() as connection:
        room.organizations.remove_member(connection, ada, ada.account_id)
    second = propose(room, bob, name="!")
    assert states(room) == {first.id: "replaced", second.id: "pending"}


def test_an_admin_asks_for_twenty_changes_in_a_day_and_another_admin_for_their_own(room: Room) -> None:
    organization_id, (ada, bob) = room.admins("ada", "bob")
    asked = [propose(room, bob, name=str(n)) for n in range(MOST_IN_A_DAY)]
    with room.database.begin() as connection:
        room.changes.stop(connection, stopper(bob, organization_id), asked[-1].id)
    with pytest.raises(TooOften) as refused:
        propose(room, bob, name="!")
    assert refused.value.share is Share.CHANGES
    propose(room, ada, name="what undoes it")
    eve = room.person("eve")
    propose(room, fresh_admin(eve, room.organization(eve, "Other")))
    propose(room, fresh_admin(bob, organization_id, now=NOW + timedelta(days=1)), name="!")


def test_what_has_ended_is_forgotten_after_400_days_and_what_waits_is_not(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    change = propose(room, ada)
    with room.database.begin() as connection:
        room.changes.stop(connection, stopper(ada, organization_id), change.id)
        room.organizations.disable(connection, organization_id, NOW)
    eve = room.person("eve")
    waits = propose(room, fresh_admin(eve, room.organization(eve, "Other")), ChangeKind.ATTEST)
    assert room.changes.apply_due(room.database, NOW + KEPT, {}) == 0
    assert states(room) == {change.id: "stopped", waits.id: "pending"}
    assert room.changes.apply_due(room.database, NOW + KEPT + MOMENT, {}) == 0
    assert states(room) == {waits.id: "pending"}
    assert len(room.audited("change.stopped")) == 1


def test_the_mail_about_a_looser_rule_says_what_it_would_ask_for_and_who_wants_it(room: Room) -> None:
    _, (ada,) = room.admins("ada")
    rule = {"guests": True, "providers": ["entra", "github"], "max_age": None}
    with room.database.begin() as connection:
        room.changes.propose(connection, ada, ChangeKind.RULE, "", rule)
    (mail,) = room.mails()
    for line in ("- Age of the proof: no limit of its own", "- Guests: let in", "- Providers: only entra, github"):
        assert f"{line}\n" in mail["text"]
    assert '\nAsked for by:\n"ada"\n' in mail["text"]
    assert '\n"Example"\n' in mail["text"]
