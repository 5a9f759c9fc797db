"""What a case does to an account of the old world: each verb, in each state, and nothing outside."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, update

from broker.accounts.carried import AlreadyCarried, attach, carried_by_each
from broker.accounts.end_access import END_ACCESS
from broker.accounts.model import registry_accounts
from broker.accounts.organizations.capabilities import Denial, Denied
from broker.accounts.organizations.contact import contact_of
from broker.events.model import outbox
from broker.storage.database import Database
from broker.tenants import domains
from broker.tenants.rules import Rule
from migrations.accounts import links
from migrations.accounts.cases import AlreadyHeld, Case, CaseKind, CaseState
from migrations.accounts.due import Due
from migrations.accounts.effects import TooLate
from migrations.accounts.links import Verb
from migrations.accounts.model import case_admins, cases, legacy_accounts, legacy_identities
from migrations.accounts.periods import GATHERING, UNDO
from migrations.accounts.records import State
from tests.accounts.organizations.rooms import NOW, TID
from tests.migrations.rooms import WEEK, OldRoom

OLD = "old@old.example"


@pytest.fixture
def room(tmp_path: Path, migrated_sqlite: Path) -> Iterator[OldRoom]:
    database = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    yield OldRoom(database)
    database.dispose()


def hash_of(room: OldRoom, registry_id: str = "42") -> bytes | None:
    with room.database.read() as connection:
        found: bytes | None = connection.execute(
            select(legacy_accounts.c.hash_sealed).where(legacy_accounts.c.registry_id == registry_id)
        ).scalar_one()
    return found


def test_a_claim_has_its_person_carry_the_account_and_everybody_told(room: OldRoom) -> None:
    room.legacy()
    ada = room.sign_in("ada")
    case = room.claimed(ada)
    assert (case.state, case.effective_at, case.undo_until) == (CaseState.EFFECTIVE, NOW, NOW + UNDO)
    legacy = room.get()
    assert (legacy.state, legacy.account_id, legacy.effective_at) == (State.CLAIMED, ada.account_id, NOW)
    assert room.carried(ada.account_id) == ["42"]
    assert hash_of(room) is not None, "it can be undone"
    ((kind, subject, data),) = room.events()
    assert (kind, subject) == ("account.claimed", "42")
    assert data == {
        "account": ada.account_id,
        "by": "claim",
        "case": case.id,
        "undo_until": int((NOW + UNDO).timestamp()),
    }
    assert "user42" in room.mails_to(OLD)[0]
    assert room.mails_to("ada@example.org")
    ((_, who, detail),) = room.audited("migration.claim_effective")
    assert (who, detail) == (ada.account_id, {"case": case.id, "registry_account": "42"})


def test_undoing_freezes_the_account_takes_it_from_its_person_and_ends_their_sessions(room: OldRoom) -> None:
    room.legacy()
    ada = room.sign_in("ada")
    room.operator("otto")
    case = room.claimed(ada)
    with room.database.begin() as connection:
        link = links.use(connection, room.link(Verb.UNDO), NOW)
        assert link is not None
        assert (link.case_id, link.verb) == (case.id, Verb.UNDO)
        room.effects.undo(connection, case, NOW)
    assert room.case(case).state is CaseState.UNDONE
    assert room.get().state is State.FROZEN
    assert room.carried(ada.account_id) == []
    assert [kind for kind, *_ in room.events()] == ["account.claimed", "account.claim_undone"]
    with room.database.read() as connection:
        ended = connection.execute(select(outbox.c.subject).where(outbox.c.kind == END_ACCESS)).scalars().all()
    assert ended == [ada.account_id]
    assert len(room.mails_to("otto@example.org")) == 1
    with pytest.raises(TooLate):
        room.begin(room.sign_in("eve"))


def test_after_its_fourteen_days_nothing_is_undone_and_hash_name_and_address_are_gone(room: OldRoom) -> None:
    room.legacy()
    case = room.claimed(room.sign_in("ada"))
    token = room.link(Verb.UNDO)
    assert room.due.run(NOW + UNDO - timedelta(seconds=1)) == 0
    with pytest.raises(TooLate), room.database.begin() as connection:
        room.effects.settle(connection, case, NOW)
    with pytest.raises(TooLate), room.database.begin() as connection:
        room.effects.undo(connection, case, NOW + UNDO)
    assert room.due.run(NOW + UNDO) == 1
    assert room.case(case).state is CaseState.SETTLED
    legacy = room.get()
    assert (legacy.state, legacy.name, legacy.email, hash_of(room)) == (State.CLAIMED, None, None, None)
    assert room.events()[-1] == ("password.closed", "42", {"case": case.id, "reason": "claim"})
    with room.database.begin() as connection:
        assert links.use(connection, token, NOW) is None
    with pytest.raises(TooLate), room.database.begin() as connection:
        room.effects.undo(connection, case, NOW)


def test_a_claim_that_waits_takes_effect_when_it_is_due_and_not_before(room: OldRoom) -> None:
    room.legacy()
    ada = room.sign_in("ada")
    case = room.begin(ada, due_at=NOW + timedelta(hours=72))
    assert room.get().state is State.WAITING
    assert room.due.run(NOW + timedelta(hours=71)) == 0
    assert room.carried(ada.account_id) == []
    assert room.due.run(NOW + timedelta(hours=72)) == 1
    assert room.carried(ada.account_id) == ["42"]
    assert room.case(case).state is CaseState.EFFECTIVE


def test_a_tenant_that_limits_its_sessions_does_not_keep_its_people_from_waiting(room: OldRoom) -> None:
    organization_id, _ = room.admins("owner")
    room.map(organization_id, TID, Rule(session_length=timedelta(hours=8)))
    room.legacy()
    ada = room.sign_in("ada").by_tenant(TID)
    room.begin(ada, due_at=NOW + timedelta(hours=72))
    room.due.run(NOW + timedelta(hours=72))
    assert room.carried(ada.account_id) == ["42"]


def test_what_turned_out_to_be_shared_while_it_waited_goes_to_nobody_alone(room: OldRoom) -> None:
    room.legacy()
    ada = room.sign_in("ada")
    case = room.begin(ada, due_at=NOW + timedelta(hours=72))
    with room.database.begin() as connection:
        room.ledger.write(connection, "42", alias="confirmed")
    room.due.run(NOW + timedelta(hours=72))
    assert (room.case(case).state, room.get().state) == (CaseState.LAPSED, State.PENDING)
    assert (room.carried(ada.account_id), room.events()) == ([], [])


@pytest.mark.parametrize("how", ["disabled", "unlinked", "erased"])
def test_t5_who_cannot_sign_in_any_more_when_it_is_due_gets_nothing(room: OldRoom, how: str) -> None:
    room.legacy()
    ada = room.sign_in("ada")
    case = room.begin(ada, due_at=NOW + timedelta(hours=72))
    with room.database.begin() as connection:
        if how == "disabled":
            room.accounts.set_status(connection, ada.account_id, "disabled")
        elif how == "erased":
            room.accounts.erase(connection, ada.account_id, NOW)
        else:
            # A tenant that nobody admits any more looks the same: the way is closed.
            object.__setattr__(room.standing, "providers", frozenset())
    room.due.run(NOW + timedelta(hours=72))
    assert room.case(case).state is CaseState.LAPSED
    assert room.get().state is State.PENDING
    assert (room.carried(ada.account_id), room.events()) == ([], [])


def test_one_case_at_a_time_holds_an_account(room: OldRoom) -> None:
    room.legacy()
    ada, eve = room.sign_in("ada"), room.sign_in("eve")
    case = room.begin(ada)
    with pytest.raises(TooLate):
        room.begin(eve)
    with pytest.raises(AlreadyHeld), room.database.begin() as connection:
        room.cases.open(connection, CaseKind.CLAIM, "42", eve, CaseState.WAITING, NOW)
    with room.database.begin() as connection:
        room.effects.withdraw(connection, case, NOW)
    assert room.case(case).state is CaseState.WITHDRAWN
    assert room.claimed(eve).state is CaseState.EFFECTIVE


def test_a_claim_that_takes_effect_ends_the_recoveries_of_others(room: OldRoom) -> None:
    room.legacy()
    recovery = room.asked(room.sign_in("eve"))
    room.claimed(room.sign_in("ada"))
    assert (room.case(recovery).state, room.case(recovery).details) == (CaseState.LAPSED, {})
    with pytest.raises(TooLate), room.database.begin() as connection:
        room.effects.wait(connection, recovery, NOW, due_at=NOW + WEEK)


def test_a_recovery_waits_takes_effect_and_is_stopped_by_the_old_address(room: OldRoom) -> None:
    room.legacy()
    ada = room.sign_in("ada")
    stopped = room.asked(ada)
    with room.database.begin() as connection:
        room.effects.stop(connection, stopped, NOW)
    assert (room.case(stopped).state, room.get().state) == (CaseState.REFUSED, State.PENDING)
    assert room.case(stopped).details == {}, "what was told as evidence is not kept"
    again = room.asked(ada)
    with room.database.begin() as connection:
        assert room.effects.wait(connection, again, NOW, due_at=NOW + WEEK).state is CaseState.WAITING
    with room.database.begin() as connection:
        room.effects.stop(connection, again, NOW)
    assert (room.case(again).state, room.get().state) == (CaseState.REFUSED, State.PENDING)
    third = room.granted(room.asked(ada))
    assert third.state is CaseState.WAITING
    room.due.run(NOW + WEEK)
    assert room.carried(ada.account_id) == ["42"]
    assert room.events()[0][2]["by"] == "recovery"


def test_a_recovery_that_fewer_than_two_operators_stand_by_has_to_be_granted_anew(room: OldRoom) -> None:
    room.legacy()
    ada = room.sign_in("ada")
    case = room.granted(room.asked(ada))
    with room.database.begin() as connection:
        room.operators.remove(connection, room.account("olga"), NOW)
    room.due.run(NOW + WEEK)
    assert (room.case(case).state, room.get().state, room.carried(ada.account_id)) == (
        CaseState.ASKED,
        State.PENDING,
        [],
    )
    assert len(room.mails_to("oscar@example.org")) == 1, "operators are called again"


def test_where_the_address_was_never_confirmed_stopping_a_recovery_calls_operators(room: OldRoom) -> None:
    room.legacy(email_confirmed=False)
    otto, ada = room.operator(), room.sign_in("ada")
    case = room.granted(room.asked(ada))
    with room.database.begin() as connection:
        stopped = room.effects.stop(connection, case, NOW)
    assert (stopped.state, room.get().state) == (CaseState.STOPPED, State.FROZEN)
    with room.database.begin() as connection:
        room.effects.uphold(connection, stopped, otto)
    room.due.run(NOW + WEEK)
    assert room.carried(ada.account_id) == ["42"]


def test_a_recovery_that_is_only_asked_for_goes_on_though_an_unconfirmed_address_objects(room: OldRoom) -> None:
    room.legacy(email_confirmed=False)
    room.operator()
    case = room.asked(room.sign_in("ada"))
    with room.database.begin() as connection:
        assert room.effects.stop(connection, case, NOW).state is CaseState.ASKED
    assert room.get().state is State.PENDING
    assert len(room.mails_to("otto@example.org")) == 1
    assert room.audited("migration.recovery_objected")


def test_a_recovery_is_not_granted_while_another_case_holds_the_account(room: OldRoom) -> None:
    room.legacy()
    recovery = room.asked(room.sign_in("eve"))
    room.begin(room.sign_in("ada"), due_at=NOW + WEEK)
    with pytest.raises(TooLate), room.database.begin() as connection:
        room.effects.wait(connection, recovery, NOW, due_at=NOW + WEEK)


class Slow(Database):
    """A database whose reader is overtaken: what it has read is over by the time that anything is written."""

    def __init__(self, database: Database, meanwhile: Callable[[], object]) -> None:
        vars(self).update(vars(database))
        self._inner, self._meanwhile = database, meanwhile

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._inner.read() as connection:
            yield connection
        self._meanwhile()


def test_of_two_workers_that_see_the_same_one_brings_it_about(room: OldRoom) -> None:
    room.legacy()
    ada = room.sign_in("ada")
    room.begin(ada)
    behind = Due(database=Slow(room.database, lambda: room.due.run(NOW)), effects=room.effects)
    assert behind.run(NOW) == 1
    assert room.carried(ada.account_id) == ["42"]
    assert [kind for kind, *_ in room.events()] == ["account.claimed"]


def test_what_nobody_decides_in_time_lapses(room: OldRoom) -> None:
    room.legacy()
    case = room.asked(room.sign_in("ada"))
    room.due.run(NOW + timedelta(days=30))
    assert (room.case(case).state, room.case(case).details) == (CaseState.LAPSED, {})
    assert room.get().state is State.PENDING


def test_a_recovery_is_refused_by_an_operator_who_has_no_part_in_it(room: OldRoom) -> None:
    room.legacy()
    otto = room.operator()
    claim, recovery = room.begin(room.sign_in("ada")), room.asked(room.sign_in("eve"))
    own = room.asked(room.sign_in("otto2"))
    with pytest.raises(TooLate), room.database.begin() as connection:
        room.effects.refuse(connection, claim, otto)
    with room.database.begin() as connection:
        assert room.effects.refuse(connection, recovery, otto).decided_by == otto.account_id
    assert len(room.mails_to("eve@example.org")) == 1
    with pytest.raises(Denied) as denied, room.database.begin() as connection:
        room.effects.refuse(connection, room.cases.get(connection, own.id), replace(otto, account_id=own.account_id))
    assert denied.value.denial is Denial.OWN_REQUEST


def test_a_claim_that_is_stopped_is_frozen_and_an_operator_gives_it_back_or_upholds_it(room: OldRoom) -> None:
    otto = room.operator()
    for registry_id, uphold in (("1", True), ("2", False)):
        room.legacy(registry_id, name=f"user{registry_id}")
        ada = room.sign_in("ada")
        case = room.begin(ada, registry_id, due_at=NOW + timedelta(hours=72))
        with room.database.begin() as connection:
            room.effects.stop(connection, case, NOW)
        assert (room.case(case).state, room.get(registry_id).state) == (CaseState.STOPPED, State.FROZEN)
        assert room.due.run(NOW + WEEK) == 0, "nothing happens by itself"
        with room.database.begin() as connection:
            decided = (room.effects.uphold if uphold else room.effects.give_back)(connection, case, otto)
        if uphold:
            assert (decided.state, room.carried(ada.account_id)) == (CaseState.WAITING, [])
            assert room.due.run(NOW + timedelta(hours=71)) == 0, "nobody's word makes its days shorter"
            assert room.due.run(NOW + timedelta(hours=72)) == 1
            assert room.carried(ada.account_id) == [registry_id]
            assert room.case(case).undo_until == NOW + timedelta(hours=72) + UNDO
        else:
            assert (decided.state, room.carried(ada.account_id)) == (CaseState.RETURNED, [])
            assert room.get(registry_id).state is State.PENDING
            assert hash_of(room, registry_id) is not None
        for verb in (room.effects.uphold, room.effects.give_back):
            with pytest.raises(TooLate), room.database.begin() as connection:
                verb(connection, case, otto)


def test_an_undone_claim_is_upheld_for_good_or_given_back(room: OldRoom) -> None:
    otto = room.operator()
    for registry_id, uphold in (("1", True), ("2", False)):
        room.legacy(registry_id, name=f"user{registry_id}")
        ada = room.sign_in("ada")
        case = room.claimed(ada, registry_id)
        with room.database.begin() as connection:
            undone = room.effects.undo(connection, case, NOW)
        with pytest.raises(Denied), room.database.begin() as connection:
            room.effects.uphold(connection, undone, replace(otto, account_id=ada.account_id))
        with room.database.begin() as connection:
            (room.effects.uphold if uphold else room.effects.give_back)(connection, undone, otto)
        assert room.carried(ada.account_id) == ([registry_id] if uphold else [])
        assert room.get(registry_id).state is (State.CLAIMED if uphold else State.PENDING)
        told = [
            (kind, data.get("state"), "undo_until" in data) for kind, of, data in room.events() if of == registry_id
        ]
        assert told[:2] == [("account.claimed", None, True), ("account.claim_undone", "frozen", False)]
        assert told[2:] == (
            [("account.claimed", None, False), ("password.closed", None, False)]
            if uphold
            else [("account.claim_undone", "returned", False)]
        )
    assert room.claimed(room.sign_in("bob"), "2").state is CaseState.EFFECTIVE


def test_an_operator_stops_what_waits_and_has_no_part_in(room: OldRoom) -> None:
    otto = room.operator()
    room.legacy()
    ada = room.sign_in("ada")
    case = room.begin(ada, due_at=NOW + WEEK)
    with pytest.raises(Denied), room.database.begin() as connection:
        room.effects.halt(connection, case, replace(otto, account_id=ada.account_id))
    with room.database.begin() as connection:
        halted = room.effects.halt(connection, case, otto)
    assert (halted.state, room.get().state) == (CaseState.STOPPED, State.FROZEN)
    ((_, who, _),) = room.audited("migration.claim_stopped")
    assert who == otto.account_id
    for verb in (room.effects.uphold, room.effects.give_back):
        with pytest.raises(Denied), room.database.begin() as connection:
            verb(connection, halted, otto)  # it is for somebody else to decide
    room.legacy("2", name="other")
    recovery = room.asked(ada, "2")
    with pytest.raises(TooLate), room.database.begin() as connection:
        room.effects.halt(connection, recovery, otto)


def test_a_case_that_cannot_be_read_keeps_no_other_from_its_effect(room: OldRoom) -> None:
    ada = room.sign_in("ada")
    for registry_id in "12":
        room.legacy(registry_id, name=f"user{registry_id}")
        room.begin(ada, registry_id, due_at=NOW + WEEK, details={})
    with room.database.begin() as connection:
        connection.execute(update(cases).where(cases.c.registry_id == "1").values(details_sealed=b"nobody's"))
    assert room.due.run(NOW + WEEK) == 2
    assert room.carried(ada.account_id) == ["2"]
    assert room.due.run(NOW + WEEK) == 0, "it is looked at again after a while"
    assert room.due.run(NOW + WEEK + timedelta(minutes=10)) == 1


def test_nobody_is_upheld_whose_account_is_gone(room: OldRoom) -> None:
    otto, ada = room.operator(), room.sign_in("ada")
    room.legacy()
    case = room.claimed(ada)
    with room.database.begin() as connection:
        undone = room.effects.undo(connection, case, NOW)
        room.accounts.set_status(connection, ada.account_id, "disabled")
    with pytest.raises(TooLate), room.database.begin() as connection:
        room.effects.uphold(connection, undone, otto)
    room.legacy("2", name="other")
    waiting = room.begin(room.sign_in("bob"), "2", due_at=NOW + WEEK)
    with room.database.begin() as connection:
        stopped = room.effects.stop(connection, waiting, NOW)
        room.accounts.set_status(connection, stopped.account_id, "disabled")
    with room.database.begin() as connection:
        room.effects.uphold(connection, stopped, otto)
    room.due.run(NOW + WEEK)
    assert (room.case(stopped).state, room.get("2").state) == (CaseState.LAPSED, State.PENDING)


def test_no_organisation_is_upheld_whose_admins_are_gone(room: OldRoom) -> None:
    otto = room.operator()
    room.legacy()
    people = [room.sign_in("ada"), room.sign_in("bob")]
    case = room.converting(people[0], people)
    room.due.run(NOW + WEEK)
    with room.database.begin() as connection:
        undone = room.effects.undo(connection, room.cases.get(connection, case.id), NOW + WEEK)
        for each in people:
            room.accounts.set_status(connection, each.account_id, "disabled")
    with pytest.raises(TooLate), room.database.begin() as connection:
        room.effects.uphold(connection, undone, otto)
    assert room.get().state is State.FROZEN


def test_a_shared_account_becomes_an_organisation_with_all_who_accepted_as_admins(room: OldRoom) -> None:
    room.legacy(kind="alias", alias="confirmed")
    ada, bob = room.sign_in("ada"), room.sign_in("bob")
    case = room.converting(ada, [ada, bob])
    assert room.due.run(NOW + WEEK - timedelta(seconds=1)) == 0
    room.due.run(NOW + WEEK)
    done = room.case(case)
    assert (done.state, room.get().state) == (CaseState.EFFECTIVE, State.CONVERTED)
    assert done.organization_id is not None
    assert [room.role(done.organization_id, each.account_id) for each in (ada, bob)] == ["admin", "admin"]
    assert room.carried(done.organization_id) == ["42"]
    assert room.carried(ada.account_id) == []
    with room.database.read() as connection:
        assert contact_of(connection, room.cipher, done.organization_id) == OLD
    ((kind, _, data),) = room.events()
    assert (kind, data["organization"], data["keys"]) == ("alias.converted", done.organization_id, "suspend")


def test_undoing_a_conversion_switches_the_organisation_off_and_restores_the_keys(room: OldRoom) -> None:
    otto = room.operator()
    for registry_id, uphold in (("1", True), ("2", False)):
        room.legacy(registry_id, name=f"user{registry_id}", email=OLD if uphold else "other@old.example")
        ada, bob = room.sign_in("ada"), room.sign_in("bob")
        case = room.converting(ada, [ada, bob], registry_id)
        room.due.run(NOW + WEEK)
        case = room.case(case)
        assert case.organization_id is not None
        with room.database.begin() as connection:
            undone = room.effects.undo(connection, case, NOW + WEEK)
            assert room.organizations.get(connection, case.organization_id).status == "disabled"
        kind, _, data = room.events()[-1]
        assert (kind, data["keys"]) == ("alias.conversion_undone", "restore")
        with room.database.begin() as connection:
            (room.effects.uphold if uphold else room.effects.give_back)(connection, undone, otto)
            status = room.organizations.get(connection, case.organization_id).status
        assert status == ("active" if uphold else "disabled")
        assert room.carried(case.organization_id) == ([registry_id] if uphold else [])
        with room.database.read() as connection:
            assert (contact_of(connection, room.cipher, case.organization_id) is not None) is uphold
        assert room.count(case_admins) == 0


def test_one_alone_never_gets_what_several_shared_and_the_conversion_lapses(room: OldRoom) -> None:
    room.legacy()
    ada, bob = room.sign_in("ada"), room.sign_in("bob")
    case = room.converting(ada, [ada, ada, bob])
    with room.database.begin() as connection:
        room.accounts.set_status(connection, bob.account_id, "disabled")
    room.due.run(NOW + WEEK)
    assert room.case(case).state is CaseState.WAITING
    assert room.due.run(NOW + WEEK + timedelta(minutes=9)) == 0, "it is looked at again after a while"
    room.due.run(NOW + GATHERING)
    assert (room.case(case).state, room.get().state, room.events()) == (CaseState.LAPSED, State.PENDING, [])


def test_t5_a_conversion_lapses_whose_starter_was_shut_out(room: OldRoom) -> None:
    room.legacy()
    eve, ada, bob = room.sign_in("eve"), room.sign_in("ada"), room.sign_in("bob")
    case = room.converting(eve, [ada, bob])
    with room.database.begin() as connection:
        room.accounts.set_status(connection, eve.account_id, "disabled")
    room.due.run(NOW + WEEK)
    assert (room.case(case).state, room.get().state, room.events()) == (CaseState.LAPSED, State.PENDING, [])
    assert len(room.mails_to("bob@example.org")) == 1


def test_where_the_domain_is_of_a_mapped_tenant_only_its_people_become_admins(room: OldRoom) -> None:
    organization_id, _ = room.admins("owner")
    mapping_id = room.map(organization_id, TID)
    with room.database.begin() as connection:
        domains.put(connection, mapping_id, ("old.example",))
    room.legacy()
    ada, bob, guest = room.sign_in("ada"), room.sign_in("bob"), room.sign_in("guest")
    case = room.converting(bob.by_tenant(TID), [ada, bob.by_tenant(TID), guest.by_tenant(TID, guest=True)])
    room.due.run(NOW + WEEK)
    assert room.case(case).state is CaseState.WAITING
    room.legacy("2", name="other")
    from_elsewhere = room.converting(ada, [ada.by_tenant(TID), bob.by_tenant(TID)], "2")
    room.due.run(NOW + WEEK)
    assert room.case(from_elsewhere).state is CaseState.LAPSED


def test_a_name_that_was_taken_meanwhile_is_made_another(room: OldRoom) -> None:
    room.legacy()
    ada, bob = room.sign_in("ada"), room.sign_in("bob")
    room.converting(ada, [ada, bob])
    room.admins("carol")  # of "Example"
    room.due.run(NOW + WEEK)
    with room.database.read() as connection:
        names = [each.name for each in room.organizations.all(connection)]
    assert names[0] == "Example"
    assert re.fullmatch(r"Example [0-9a-f]{8}", names[1])


def test_closing_destroys_the_hash_of_what_nobody_came_for(room: OldRoom) -> None:
    states = {"pending": True, "frozen": True, "waiting": False, "claimed": False, "converted": False, "closed": False}
    for state, closes in states.items():
        room.legacy(state, name=state, state=state)
        with room.database.begin() as connection:
            assert room.effects.close(connection, state, NOW) is closes
            assert room.effects.close(connection, state, NOW) is False
        assert (hash_of(room, state) is None) is closes
    assert room.get("pending").state is State.CLOSED
    assert room.get("frozen").state is State.FROZEN
    room.legacy("later", name="later", excepted_until=NOW + WEEK)
    with room.database.begin() as connection:
        assert room.effects.close(connection, "later", NOW) is False
        assert room.effects.close(connection, "later", NOW + WEEK) is True
        with pytest.raises(LookupError):
            room.effects.close(connection, "nobody", NOW)
    assert {(kind, str(data)) for kind, _, data in room.events()} == {
        ("password.closed", "{'reason': 'campaign_closed'}")
    }
    with pytest.raises(TooLate):
        room.begin(room.sign_in("ada"), "pending")
    recovery = room.asked(room.sign_in("bob"), "pending")
    with room.database.begin() as connection:
        waiting = room.effects.wait(connection, recovery, NOW, due_at=NOW + WEEK)
    with room.database.begin() as connection:
        room.effects.stop(connection, waiting, NOW)
    assert room.get("pending").state is State.CLOSED, "closed it stays"


def test_what_was_linked_is_forgotten_once_it_serves_nothing_any_more(room: OldRoom) -> None:
    for registry_id in "12":
        room.legacy(registry_id, name=f"user{registry_id}")
        with room.database.begin() as connection:
            connection.execute(insert(legacy_identities).values(pseudonym=f"v1:{registry_id}", registry_id=registry_id))
    room.claimed(room.sign_in("ada"), "1")
    assert room.count(legacy_identities) == 2, "it can be undone"
    room.due.run(NOW + UNDO)
    assert room.count(legacy_identities) == 1
    with room.database.begin() as connection:
        room.effects.close(connection, "2", NOW)
    assert room.count(legacy_identities) == 0


def test_a_registry_account_is_carried_by_one(room: OldRoom) -> None:
    ada, bob = room.sign_in("ada").account_id, room.sign_in("bob").account_id
    with room.database.begin() as connection:
        attach(connection, "1", ada, NOW)
        attach(connection, "2", ada, NOW + WEEK)
        with pytest.raises(AlreadyCarried):
            attach(connection, "1", bob, NOW)
        assert carried_by_each(connection, [ada, bob]) == {ada: ["1", "2"]}
        room.accounts.erase(connection, ada, NOW)
        assert [row.account_id for row in connection.execute(select(registry_accounts))] == [ada, ada]


@pytest.mark.parametrize(
    "verb",
    [
        lambda room: room.effects.take_effect,
        lambda room: room.effects.lapse,
        lambda room: room.effects.withdraw,
        lambda room: room.effects.stop,
        lambda room: room.effects.undo,
        lambda room: room.effects.settle,
    ],
)
def test_what_is_over_stays_as_it_is(
    room: OldRoom, verb: Callable[[OldRoom], Callable[[Connection, Case, datetime], Case]]
) -> None:
    room.legacy()
    case = room.begin(room.sign_in("ada"))
    with room.database.begin() as connection:
        over = room.effects.withdraw(connection, case, NOW)
    with pytest.raises(TooLate), room.database.begin() as connection:
        verb(room)(connection, over, NOW + timedelta(days=100))
    with pytest.raises(TooLate), room.database.begin() as connection:
        room.effects.wait(connection, over, NOW, due_at=NOW)
