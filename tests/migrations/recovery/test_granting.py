"""A recovery takes two operators who have no part in it, and time; and the old address can stop it throughout."""

import threading
from datetime import timedelta

import pytest

from broker.accounts.organizations.capabilities import Denial, Denied, FreshOperator
from migrations.accounts.cases import Case, CaseState
from migrations.accounts.effects import TooLate
from migrations.accounts.periods import ASKING, RECOVERY, UNDO
from migrations.accounts.records import Alias, State
from migrations.accounts.recovery.service import ApprovedAlready, NotAPersons
from migrations.accounts.recovery.words import STATUS
from providers.provider import Subject
from tests.accounts.organizations.rooms import NOW
from tests.migrations.recovery.rooms import OLD, RecoveryRoom

SECOND = timedelta(seconds=1)


def test_two_operators_and_a_week_later_the_account_is_theirs_and_for_two_more_it_can_be_undone(
    room: RecoveryRoom,
) -> None:
    room.legacy()
    eve = room.sign_in("eve")
    case = room.recovering(eve)
    assert (case.state, case.due_at, room.get().state) == (CaseState.ASKED, NOW + ASKING, State.PENDING)
    room.passes(timedelta(days=1))
    first = room.approve(case, room.deciding("otto"))
    assert (first.state, first.due_at) == (CaseState.ASKED, NOW + ASKING)
    second = room.approve(case, room.deciding("olga"))
    assert (second.state, second.due_at) == (CaseState.WAITING, room.now + RECOVERY)
    assert room.get().state is State.WAITING
    room.passes(RECOVERY - SECOND)
    assert room.carried(eve.account_id) == []
    room.passes(SECOND)
    assert room.carried(eve.account_id) == ["42"]
    done = room.case(case)
    assert (done.state, done.undo_until) == (CaseState.EFFECTIVE, room.now + UNDO)
    assert room.get().state is State.CLAIMED
    assert [kind for kind, *_ in room.events()] == ["account.claimed"]
    room.passes(UNDO)
    assert room.case(case).state is CaseState.SETTLED
    assert room.details(case) == {}


def second_account(room: RecoveryRoom, email: str, *, verified: bool = True) -> FreshOperator:
    again = room.sign_in("again", email=email, verified=verified)
    with room.database.begin() as connection:
        room.operators.add(connection, again.account_id, room.now)
    return FreshOperator(account_id=again.account_id, proven=again, now=room.now, fresh=True)


def test_t4_an_operator_with_two_accounts_is_one_operator(room: RecoveryRoom) -> None:
    room.legacy()
    case = room.recovering(room.sign_in("eve"))
    room.approve(case, room.deciding("otto"))
    with pytest.raises(ApprovedAlready):
        room.approve(case, second_account(room, "OTTO@example.org"))
    assert room.case(case).state is CaseState.ASKED
    assert room.approve(case, room.deciding("olga")).state is CaseState.WAITING


@pytest.mark.parametrize("email", ["otto@example.org", ""])
def test_an_address_that_is_nobodys_for_certain_makes_two_operators_no_one(room: RecoveryRoom, email: str) -> None:
    """Or anybody could keep another operator from deciding, by claiming their address."""
    room.legacy()
    case = room.recovering(room.sign_in("eve"))
    room.approve(case, room.deciding("otto"))
    assert room.approve(case, second_account(room, email, verified=False)).state is CaseState.WAITING


def test_t4_an_operator_who_has_a_part_in_it_by_another_account_does_not_grant_it(room: RecoveryRoom) -> None:
    room.legacy()
    case = room.recovering(room.sign_in("otto-at-home", email="otto@example.org"))
    with pytest.raises(Denied):
        room.approve(case, room.deciding("otto"))


def test_a_recovery_that_is_disputed_says_so_to_whoever_asked(room: RecoveryRoom) -> None:
    room.legacy(email_confirmed=False)
    eve = room.sign_in("eve")
    ticket = room.ask(eve)
    case = room.find(eve, ticket).case
    assert case is not None
    room.approve(case, room.deciding("otto"))
    room.approve(case, room.deciding("olga"))
    room.stop(room.stop_tokens()[0])
    assert room.find(eve, ticket).state is CaseState.STOPPED
    assert not STATUS[CaseState.STOPPED].open


def test_every_state_of_a_recovery_is_told() -> None:
    assert set(STATUS) == set(CaseState)


def test_an_operator_alone_cannot_finish_it_however_often_they_approve(room: RecoveryRoom) -> None:
    room.legacy()
    case, otto = room.recovering(room.sign_in("eve")), room.deciding("otto")
    room.approve(case, otto)
    for _ in range(3):
        with pytest.raises(ApprovedAlready):
            room.approve(case, otto)
    room.passes(ASKING - SECOND)
    assert room.case(case).state is CaseState.ASKED
    room.passes(SECOND)
    assert room.case(case).state is CaseState.LAPSED
    assert room.get().state is State.PENDING
    assert room.events() == []


def test_an_operator_decides_on_nothing_that_they_want_themselves(room: RecoveryRoom) -> None:
    room.legacy()
    olga, eve, himself = room.deciding("olga"), room.sign_in("eve"), room.sign_in("otto")
    with room.database.begin() as connection:
        room.operators.add(connection, himself.account_id, NOW)
    otto = FreshOperator(account_id=himself.account_id, proven=himself, now=NOW, fresh=True)
    own = room.recovering(himself)
    room.approve(own, olga)
    case = room.recovering(eve)
    for mine in (own, case):  # their own, and that of whoever wants the same
        for verb in (room.approve, room.refuse):
            with pytest.raises(Denied) as denied:
                verb(mine, otto)
            assert denied.value.denial is Denial.OWN_REQUEST
    assert (room.case(own).state, room.case(case).state) == (CaseState.ASKED, CaseState.ASKED)


def test_t5_the_approval_of_somebody_who_is_no_operator_any_more_does_not_count(room: RecoveryRoom) -> None:
    room.legacy()
    case, gone, disabled = room.recovering(room.sign_in("eve")), room.deciding("otto"), room.deciding("oscar")
    room.approve(case, gone)
    with room.database.begin() as connection:
        room.operators.remove(connection, gone.account_id, NOW)
    assert room.approve(case, disabled).state is CaseState.ASKED
    with room.database.begin() as connection:
        room.accounts.set_status(connection, disabled.account_id, "disabled")
    assert room.approve(case, room.deciding("olga")).state is CaseState.ASKED
    assert room.approve(case, room.deciding("oona")).state is CaseState.WAITING


def test_two_operators_at_once_make_it_wait_once(each_room: RecoveryRoom) -> None:
    room = each_room
    room.legacy()
    case, otto, olga = room.recovering(room.sign_in("eve")), room.deciding("otto"), room.deciding("olga")
    together, outcomes = threading.Barrier(2), list[Case]()

    def approve(operator: object) -> None:
        together.wait(10)
        outcomes.append(room.approve(case, operator))  # type: ignore[arg-type]  # one of the two

    threads = [threading.Thread(target=approve, args=(each,)) for each in (otto, olga)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(each.state.value for each in outcomes) == ["asked", "waiting"]
    assert len(room.audited("migration.recovery_waits")) == 1
    assert len(room.audited("migration.recovery_approved")) == 2
    assert [each["subject"] for each in room.mails()].count("Your account is about to move") == 1


@pytest.mark.parametrize("stage", ["asked", "approved once", "granted", "a second before"])
def test_the_old_address_can_stop_it_at_each_stage_with_any_link_it_was_sent(room: RecoveryRoom, stage: str) -> None:
    room.legacy()
    eve = room.sign_in("eve")
    case = room.recovering(eve)
    if stage != "asked":
        room.approve(case, room.deciding("otto"))
    if stage in ("granted", "a second before"):
        room.approve(case, room.deciding("olga"))
    if stage == "a second before":
        room.passes(RECOVERY - SECOND)
    tokens = room.stop_tokens()
    assert len(tokens) == (2 if stage in ("granted", "a second before") else 1)
    assert room.stop(tokens[0]).state is CaseState.REFUSED
    room.passes(timedelta(days=60))
    assert room.get().state is State.PENDING
    assert room.carried(eve.account_id) == []
    with pytest.raises(AssertionError):
        room.stop(tokens[-1])  # all are used up


def test_the_first_link_still_works_when_it_was_granted_on_the_last_day(room: RecoveryRoom) -> None:
    room.legacy()
    case = room.recovering(room.sign_in("eve"))
    (first,) = room.stop_tokens()
    room.passes(ASKING - SECOND)
    room.approve(case, room.deciding("otto"))
    room.approve(case, room.deciding("olga"))
    room.passes(RECOVERY - SECOND)
    assert room.stop(first).state is CaseState.REFUSED


def test_one_operator_refuses_it_also_when_it_waits_and_whoever_asked_is_told(room: RecoveryRoom) -> None:
    room.legacy()
    eve = room.sign_in("eve")
    case = room.granted_to(eve)
    refused = room.refuse(case, room.deciding("oona"))
    assert (refused.state, room.get().state) == (CaseState.REFUSED, State.PENDING)
    assert any("not granted" in text for text in room.mails_to("eve@example.org"))
    assert room.details(case) == {}
    for verb in (room.approve, room.refuse):
        with pytest.raises(TooLate):
            verb(case, room.deciding("oleg"))


def test_the_true_owner_claims_meanwhile_and_the_recovery_lapses(room: RecoveryRoom) -> None:
    room.legacy()
    eve, ada = room.sign_in("eve"), room.sign_in("ada")
    case = room.recovering(eve)
    room.approve(case, room.deciding("otto"))
    room.claimed(ada)
    assert room.case(case).state is CaseState.LAPSED
    with pytest.raises(TooLate):
        room.approve(case, room.deciding("olga"))
    assert room.carried(ada.account_id) == ["42"]
    assert room.find(eve, room.ask(eve)).case is None


def test_an_account_that_somebody_has_proven_is_granted_to_nobody_else(room: RecoveryRoom) -> None:
    room.legacy()
    case = room.recovering(room.sign_in("eve"))
    room.begin(room.sign_in("ada"), due_at=NOW + timedelta(hours=72))
    with pytest.raises(TooLate):
        room.approve(case, room.deciding("otto"))


def test_of_two_who_ask_one_gets_it(room: RecoveryRoom) -> None:
    room.legacy()
    eve, ada = room.sign_in("eve"), room.sign_in("ada")
    other = room.recovering(ada)
    case = room.granted_to(eve)
    with pytest.raises(TooLate):
        room.approve(other, room.deciding("oona"))
    room.passes(RECOVERY)
    assert (room.case(case).state, room.case(other).state) == (CaseState.EFFECTIVE, CaseState.LAPSED)


@pytest.mark.parametrize("how", ["disabled", "unlinked", "erased", "provider off"])
def test_t5_between_approval_and_effect_whoever_cannot_sign_in_any_more_gets_nothing(
    room: RecoveryRoom, how: str
) -> None:
    room.legacy()
    eve = room.sign_in("eve")
    case = room.granted_to(eve)
    with room.database.begin() as connection:
        if how == "disabled":
            room.accounts.set_status(connection, eve.account_id, "disabled")
        elif how == "unlinked":
            other = Subject(issuer="https://issuer.example", tenant="", id="another")
            room.accounts.link(connection, eve.account_id, other, "github", NOW)
            room.accounts.unlink(connection, eve.account_id, eve.identity_id, NOW)
        elif how == "erased":
            room.accounts.erase(connection, eve.account_id, NOW)
        else:
            object.__setattr__(room.standing, "providers", frozenset())
    room.passes(RECOVERY)
    assert (room.case(case).state, room.get().state) == (CaseState.LAPSED, State.PENDING)
    assert room.carried(eve.account_id) == []


def test_after_the_campaign_has_closed_an_account_can_be_recovered_still(room: RecoveryRoom) -> None:
    room.legacy()
    with room.database.begin() as connection:
        assert room.effects.close(connection, "42", NOW)
    eve = room.sign_in("eve")
    case = room.granted_to(eve)
    room.refuse(case, room.deciding("oona"))
    assert room.get().state is State.CLOSED
    again = room.recovering(eve)
    for name in ("otto2", "olga2"):
        room.approve(again, room.deciding(name))
    room.passes(RECOVERY)
    assert room.carried(eve.account_id) == ["42"]


@pytest.mark.parametrize("alias", [Alias.PROPOSED, Alias.CONFIRMED])
def test_an_account_that_turns_out_to_be_shared_is_granted_to_nobody_alone(room: RecoveryRoom, alias: Alias) -> None:
    room.legacy()
    case = room.recovering(room.sign_in("eve"))
    with room.database.begin() as connection:
        room.ledger.write(connection, "42", alias=alias.value)
    with pytest.raises(NotAPersons):
        room.approve(case, room.deciding("otto"))
    assert room.audited("migration.recovery_approved") == []


def test_when_its_time_is_over_nobody_grants_it_though_no_worker_has_come_by(room: RecoveryRoom) -> None:
    room.legacy()
    case = room.recovering(room.sign_in("eve"))
    room.now += ASKING
    with pytest.raises(TooLate):
        room.approve(case, room.deciding("otto"))


def test_what_is_no_recovery_is_not_decided_here(room: RecoveryRoom) -> None:
    room.legacy()
    claim, otto = room.claimed(room.sign_in("ada")), room.deciding("otto")
    for verb in (room.approve, room.refuse):
        with pytest.raises(LookupError):
            verb(claim, otto)


def test_the_grant_is_told_to_the_old_address_and_to_whoever_asked(room: RecoveryRoom) -> None:
    room.legacy()
    room.granted_to(room.sign_in("eve"))
    (told,) = [text for text in room.mails_to(OLD) if "granted" in text]
    assert "user42" in told
    assert "2026-11-29 12:00 UTC" in told
    assert any("2026-11-29 12:00 UTC" in text for text in room.mails_to("eve@example.org"))
    assert all("I wrote it." not in each["text"] for each in room.mails())
