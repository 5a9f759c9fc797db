"""Claims: what is told to whom, what stands in the way, and what happens to those who are too many or too late."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from broker.accounts import carried
from broker.accounts.model import registry_accounts
from broker.accounts.service import AccountClosed
from broker.events.delivery import Deliveries
from broker.events.model import outbox, security_events
from broker.limits.errors import TooMany
from broker.limits.table import Name
from broker.storage.database import Database
from migrations.accounts import links
from migrations.accounts.cases import Case, CaseKind, CaseState
from migrations.accounts.claiming.service import AttemptOver, NotAlone, NotProven, Obstacle, Progress
from migrations.accounts.effects import TooLate
from migrations.accounts.hashes.breached import Unavailable
from migrations.accounts.links import Verb
from migrations.accounts.model import cases, legacy_accounts
from migrations.accounts.periods import HOLD, OBJECTION, UNDO
from migrations.accounts.proofs import Attempt, Given, PasswordNote, Proof
from migrations.accounts.records import State
from tests.accounts.organizations.rooms import NOW, SignIn
from tests.limits.counting import most
from tests.migrations.claiming.rooms import BREACHED, OLD, WIDELY_USED, ClaimRoom
from tests.migrations.legacy import PASSWORD
from tests.storage.parallel import in_parallel

DAY = timedelta(days=1)


def progress(room: ClaimRoom, attempt: Attempt) -> Progress:
    with room.database.read() as connection:
        return room.claiming.progress(connection, attempt)


def set_columns(room: ClaimRoom, **values: object) -> None:
    with room.database.begin() as connection:
        connection.execute(update(legacy_accounts).values(**values))


def hash_of(room: ClaimRoom) -> bytes | None:
    return room.get().hash_sealed


def test_a_claim_attaches_the_account_and_the_old_address_is_told_with_a_link_to_undo_it(room: ClaimRoom) -> None:
    room.password_account()
    case = room.claim()
    assert (case.kind, case.state, case.undo_until) == (CaseKind.CLAIM, CaseState.EFFECTIVE, NOW + UNDO)
    assert room.carried(case.account_id) == ["42"]
    assert [kind for kind, _, _ in room.events()] == ["account.claimed"]
    assert room.link(Verb.UNDO)
    ((_, _, waits),) = room.audited("migration.claim_waits")
    assert waits == {"case": case.id, "registry_account": "42"}


def test_a_claim_of_what_many_use_waits_72_hours_and_its_old_address_can_stop_it(room: ClaimRoom) -> None:
    room.password_account(downloads=WIDELY_USED)
    case = room.claim()
    assert (case.state, case.due_at) == (CaseState.WAITING, NOW + HOLD)
    assert (room.get().state, room.carried(case.account_id), room.events()) == (State.WAITING, [], [])
    assert "2026-11-25 12:00 UTC" in room.mails_to("ada@example.org")[0]
    room.link(Verb.STOP)
    assert room.due.run(NOW + HOLD - timedelta(seconds=1)) == 0
    assert room.due.run(NOW + HOLD) == 1
    assert room.case(case).state is CaseState.EFFECTIVE
    assert room.carried(case.account_id) == ["42"]
    with room.database.read() as connection:
        assert links.find(connection, room.link(Verb.STOP), NOW + HOLD) is None


def test_one_download_less_and_it_does_not_wait(room: ClaimRoom) -> None:
    room.password_account(downloads=WIDELY_USED - 1)
    assert room.claim().state is CaseState.EFFECTIVE


def test_a_stopped_claim_freezes_the_account_for_an_operator(room: ClaimRoom) -> None:
    room.password_account(downloads=WIDELY_USED)
    room.operator("otto")
    case = room.claim()
    with room.database.begin() as connection:
        room.effects.stop(connection, case, NOW)
    assert room.due.run(NOW + HOLD) == 0
    assert (room.get().state, room.carried(case.account_id)) == (State.FROZEN, [])
    assert room.mails_to("otto@example.org")


def _disable_account(room: ClaimRoom, who: SignIn) -> None:
    with room.database.begin() as connection:
        room.accounts.set_status(connection, who.account_id, "disabled")


def _unlink(room: ClaimRoom, who: SignIn) -> None:
    with room.database.begin() as connection:
        room.accounts.erase(connection, who.account_id, NOW)


@pytest.mark.parametrize("off", [_disable_account, _unlink], ids=["account disabled", "account erased"])
def test_t5_what_is_off_when_the_hold_ends_gets_nothing_and_the_account_is_free_again(
    room: ClaimRoom, off: Callable[[ClaimRoom, SignIn], None]
) -> None:
    room.password_account(downloads=WIDELY_USED)
    ada = room.somebody()
    case = room.finish(room.proven(), ada)
    off(room, ada)
    assert room.due.run(NOW + HOLD) == 1
    assert (room.case(case).state, room.get().state) == (CaseState.LAPSED, State.PENDING)
    assert (room.carried(ada.account_id), room.events()) == ([], [])


def test_t5_a_provider_that_is_off_when_the_hold_ends_attaches_nothing(room: ClaimRoom) -> None:
    room.password_account(downloads=WIDELY_USED)
    case = room.claim()
    due = replace(room.due, effects=replace(room.effects, standing=replace(room.standing, providers=frozenset())))
    assert due.run(NOW + HOLD) == 1
    assert (room.case(case).state, room.get().state, room.events()) == (CaseState.LAPSED, State.PENDING, [])


def test_t5_an_account_that_is_closed_while_it_claims_claims_nothing(room: ClaimRoom) -> None:
    room.password_account()
    attempt, ada = room.proven(), room.somebody()
    with room.database.read() as connection:
        person = room.fresh(connection, ada)
    _disable_account(room, ada)
    with pytest.raises(AccountClosed), room.database.begin() as connection:
        room.claiming.finish(connection, person, attempt)
    # And so does one whose way in is closed, which is looked at once more.
    eve = room.somebody("eve")
    off = replace(room.effects, standing=replace(room.standing, providers=frozenset()))
    with pytest.raises(TooLate), room.database.begin() as connection:
        replace(room.claiming, effects=off).finish(connection, room.fresh(connection, eve), attempt)
    assert (room.get().state, room.events()) == (State.PENDING, [])


def test_undoing_within_14_days_freezes_it_and_afterwards_the_link_is_dead_and_the_hash_destroyed(
    room: ClaimRoom,
) -> None:
    room.password_account()
    case, token = room.claim(), room.link(Verb.UNDO)
    assert hash_of(room) is not None, "an undo gives it back"
    last = NOW + UNDO - timedelta(seconds=1)
    assert room.due.run(last) == 0
    with room.database.read() as connection:
        assert links.find(connection, token, last) is not None
        assert links.find(connection, token, NOW + UNDO) is None
    assert room.due.run(NOW + UNDO) == 1
    legacy = room.get()
    assert (room.case(case).state, legacy.hash_sealed, legacy.name, legacy.email) == (
        CaseState.SETTLED,
        None,
        None,
        None,
    )
    assert [kind for kind, _, _ in room.events()] == ["account.claimed", "password.closed"]
    with pytest.raises(TooLate), room.database.begin() as connection:
        room.effects.undo(connection, case, NOW + UNDO)
    assert room.carried(case.account_id) == ["42"]


def test_what_came_of_a_password_and_what_the_account_is_are_told_once_the_mailbox_is_proven(room: ClaimRoom) -> None:
    room.password_account(downloads=WIDELY_USED)
    for password in (PASSWORD, "wrong", BREACHED):
        attempt = room.attempt()
        nothing = progress(room, attempt)
        room.password(attempt, password)
        told = progress(room, attempt)
        assert (nothing.tried, told.tried) == (False, True)
        assert replace(told, tried=False) == nothing
        assert (told.mailbox, told.password, told.note, told.legacy, told.obstacle) == (False, False, None, None, None)
    attempt = room.attempt()
    room.password(attempt, "wrong")
    assert room.follow(room.mail(attempt)) is not None
    told = progress(room, attempt)
    assert (told.mailbox, told.note, told.password) == (True, PasswordNote.WRONG, False)
    assert told.legacy is not None
    room.password(attempt)
    told = progress(room, attempt)
    assert (told.note, told.complete) == (PasswordNote.RIGHT, True)


def test_an_attempt_on_no_account_looks_the_same_and_writes_as_much(room: ClaimRoom) -> None:
    room.password_account("1", name="there")
    room.password_account("2", name="unconfirmed", email="un@old.example", email_confirmed=False)
    room.password_account("3", name="lapsed", email="lapsed@old.example", lapsed_at=NOW)
    room.legacy("4", name="no-address", email=None, hash_sealed=None)

    def outside(typed: str) -> tuple[object, int]:
        attempt = room.attempt(typed, f"a-browser-for-{typed:.20}-and-nobody-else")
        with room.database.read() as connection:
            before = connection.execute(select(func.count()).select_from(outbox)).scalar_one()
        room.send(attempt)
        room.password(attempt, "not the password")
        with room.database.read() as connection:
            after = connection.execute(select(func.count()).select_from(outbox)).scalar_one()
        return progress(room, attempt), after - before

    results = [outside(typed) for typed in ("there", "unconfirmed", "lapsed", "no-address", "nobody", "x" * 300)]
    assert all(each == results[0] for each in results)
    assert results[0][1] == 1
    # Of all these mails one has somebody to go to; the others are dropped before anybody would send them.
    sent = {each["to"] for each in room.mails()}
    assert sent == {OLD, "nobody@decoy.invalid"}
    deliveries = Deliveries(room.database, room.cipher, {})
    deliveries.deliver(NOW)
    assert [each["to"] for each in room.mails()] == [OLD]


@pytest.mark.parametrize(
    "values",
    [{"email": None}, {"email_confirmed": False}, {"lapsed_at": NOW}],
    ids=["no address", "an unconfirmed address", "a domain that lapsed"],
)
def test_no_link_is_sent_to_an_address_that_proves_nothing(room: ClaimRoom, values: dict[str, Any]) -> None:
    room.password_account(**values)
    room.send(room.attempt())
    assert room.mails_to(OLD) == []


@pytest.mark.parametrize(
    "values",
    [{"lapsed_at": NOW}, {"email_confirmed": False}, {"email": "new@old.example"}],
    ids=["lapsed", "not confirmed any more", "another address"],
)
def test_a_mailbox_that_is_not_the_accounts_any_more_proves_nothing(room: ClaimRoom, values: dict[str, Any]) -> None:
    room.password_account()
    attempt, early = room.proven(), room.attempt()
    token = room.mail(early)
    email = values.pop("email", None)
    if email is not None:
        sealed = room.cipher.seal(email.encode(), "legacy_accounts.email:42")
        values = {"email_sealed": sealed, "email_index": room.index.of(email)}
    set_columns(room, **values)
    assert not progress(room, attempt).mailbox
    with pytest.raises(NotProven):
        room.finish(attempt, room.somebody())
    # Nor does a link that was sent before and is followed now, also where the new address gets another one.
    room.send(early)
    assert room.follow(token) is not None
    assert not progress(room, early).mailbox
    assert room.get().state is State.PENDING


@pytest.mark.parametrize(
    "values, obstacle, refusal",
    [
        ({"alias": "confirmed"}, Obstacle.SHARED, NotAlone),
        ({"alias": "proposed"}, Obstacle.UNDECIDED, NotAlone),
        ({"state": "waiting"}, Obstacle.TAKEN, TooLate),
        ({"state": "claimed"}, Obstacle.TAKEN, TooLate),
        ({"state": "converted", "alias": "confirmed"}, Obstacle.TAKEN, TooLate),
        ({"state": "frozen"}, Obstacle.DISPUTED, TooLate),
        ({"state": "closed"}, Obstacle.CLOSED, TooLate),
        ({"alias": "rejected"}, None, None),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_one_person_cannot_have_is_refused_and_its_owner_told_why(
    room: ClaimRoom, values: dict[str, Any], obstacle: Obstacle | None, refusal: type[Exception] | None
) -> None:
    room.password_account()
    attempt, hidden = room.proven(), room.attempt()
    set_columns(room, **values)
    told = progress(room, attempt)
    assert (told.obstacle, told.complete) == (obstacle, obstacle is None)
    assert progress(room, hidden).obstacle is None
    if refusal is None:
        room.finish(attempt, room.somebody())
        return
    with pytest.raises(refusal):
        room.finish(attempt, room.somebody())
    assert (room.events(), room.get().state) == ([], State(values.get("state", "pending")))


@pytest.mark.parametrize("state", [each for each in State if each is not State.PENDING])
def test_t5_a_password_of_an_account_that_is_claimed_or_closed_proves_nothing(room: ClaimRoom, state: State) -> None:
    room.password_account(state=state.value)
    attempt = room.attempt()
    room.password(attempt)
    assert room.attempts.given(attempt) == Given(note=PasswordNote.WRONG, hash_digest=None, address=None)


def test_a_right_password_that_thieves_know_proves_nothing(room: ClaimRoom) -> None:
    room.password_account(password=BREACHED)
    attempt = room.attempt()
    assert room.follow(room.mail(attempt)) is not None
    room.password(attempt, BREACHED)
    assert progress(room, attempt).note is PasswordNote.BREACHED
    with pytest.raises(NotProven):
        room.finish(attempt, room.somebody())


class _Down:
    def contains(self, password: str) -> bool:
        raise Unavailable("down")


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_a_list_of_stolen_passwords_that_is_away_lets_none_through_right_or_wrong(
    room: ClaimRoom, password: str
) -> None:
    room.password_account()
    attempt = room.attempt()
    with pytest.raises(Unavailable):
        replace(room.claiming, breaches=_Down()).try_password(attempt, password, NOW)
    assert room.attempts.given(attempt) == Given(note=None, hash_digest=None, address=None)
    replace(room.claiming, breaches=None).try_password(attempt, PASSWORD, NOW)
    assert room.mailboxes.proven(attempt, room.get()) == {Proof.PASSWORD}


@pytest.mark.parametrize("typed", ["user42", "nobody"])
def test_t12_guesses_are_limited_for_each_account_whether_or_not_it_is_there(room: ClaimRoom, typed: str) -> None:
    room.password_account()
    for number in range(most(Name.PASSWORD_ACCOUNT)):
        room.password(room.attempt(typed, f"browser-number-{number:02}" * 2), "wrong")
    with pytest.raises(TooMany):
        room.password(room.attempt(typed, "a-browser-that-never-was-here-0003"), "wrong")
    # By its address it is the same account, which is told to nobody who does not read the mail there.
    if typed == "user42":
        by_address = room.attempt(OLD, "a-browser-that-never-was-here-0004")
        room.password(by_address)
        assert progress(room, by_address) == Progress(mailbox=False, tried=True)
        assert room.follow(room.mail(by_address), "a-browser-that-never-was-here-0004") is not None
        told = progress(room, by_address)
        assert (told.note, told.password) == (PasswordNote.UNSEEN, False), "right as it was"
        mine = room.attempt()
        assert room.follow(room.mail(mine)) is not None
        room.password(mine)
        assert progress(room, mine).complete, "whoever has the mailbox is not locked out by strangers"


def test_t12_no_more_than_five_links_an_hour_go_to_an_address_and_a_stranger_cannot_use_up_the_owners(
    room: ClaimRoom,
) -> None:
    room.password_account()
    strangers, known = most(Name.CLAIM_MAIL_ACCOUNT), most(Name.CLAIM_MAIL_KNOWN)
    for number in range(strangers + 3):
        room.send(room.attempt(browser=f"browser-number-{number:02}" * 2))
    assert len(room.tokens()) == strangers
    owner = room.attempt()
    room.password(owner)
    for _ in range(known + 3):
        room.send(owner)
    assert len(room.tokens()) == strangers + known


def test_t12_a_stranger_with_one_account_of_ours_has_few_guesses_and_mails_and_each_has_their_own(
    room: ClaimRoom,
) -> None:
    room.password_account()
    room.password_account("43", email="other@old.example")
    for number in range(most(Name.PASSWORD_PERSON)):
        room.password(room.attempt(browser=f"browser-number-{number:02}" * 2), "wrong", person="mallory")
    with pytest.raises(TooMany):
        room.password(room.attempt(browser=room.other_browser), person="mallory")
    by_address = room.attempt(OLD, room.other_browser)
    room.password(by_address, person="mallory")
    assert room.mailboxes.proven(by_address, room.get()) == frozenset(), "it is the same account"
    for number in range(most(Name.CLAIM_MAIL_PERSON) + 3):
        room.send(room.attempt(browser=f"browser-number-{number:02}" * 2), person="mallory")
    assert len(room.tokens()) == most(Name.CLAIM_MAIL_PERSON)
    # Somebody else's, and another account's, are other counts.
    for typed, person in (("user42", "ada"), ("user43", "mallory")):
        attempt = room.attempt(typed)
        room.password(attempt, person=person)
        assert room.mailboxes.proven(attempt, room.get(attempt.registry_id)) == {Proof.PASSWORD}
        before = len(room.mails())
        room.send(attempt, person=person)
        assert len(room.mails()) == before + 1


def test_t12_a_browser_that_had_its_mails_of_the_hour_causes_nothing_more(room: ClaimRoom) -> None:
    room.password_account()
    for typed in ("user42", "nobody"):
        attempt = room.attempt(typed, f"a-browser-for-{typed}-and-nobody-else")
        before = len(room.mails())
        for _ in range(most(Name.CLAIM_MAIL_ADDRESS) + 3):
            room.send(attempt)
        assert len(room.mails()) == before + most(Name.CLAIM_MAIL_ADDRESS)


def test_what_was_right_stays_so_when_something_else_is_typed_after_it(room: ClaimRoom) -> None:
    room.password_account()
    attempt = room.proven()
    room.password(attempt, "wrong")
    assert progress(room, attempt).password
    assert room.finish(attempt, room.somebody()).state is CaseState.EFFECTIVE


def test_t1_nobody_is_told_that_a_password_was_right_which_is_the_accounts_no_more(room: ClaimRoom) -> None:
    room.password_account()
    attempt = room.proven()
    set_columns(room, hash_sealed=b"another")
    told = progress(room, attempt)
    assert (told.tried, told.password, told.note, told.complete) == (True, False, None, False)


def test_a_name_is_told_from_an_address_and_shared_addresses_name_nobody(room: ClaimRoom) -> None:
    room.password_account("1", name="ada", email="team@old.example")
    room.password_account("2", name="bob", email="team@old.example")
    assert [room.attempt(typed).registry_id for typed in ("ada", " BOB ", "team@old.example", "")] == ["1", "2", "", ""]


def make(database: Database) -> ClaimRoom:
    room = ClaimRoom(database)
    room.password_account()
    return room


def test_t7_of_ten_finishers_at_once_one_claims_and_once(database: Database) -> None:
    room = make(database)
    attempt, ada = room.proven(), room.somebody()

    def work() -> Case | Exception:
        try:
            return room.finish(attempt, ada)
        except (TooLate, AttemptOver, NotProven) as error:
            return error

    results = in_parallel(10, work)
    assert sum(isinstance(each, Case) for each in results) == 1
    assert [kind for kind, _, _ in room.events()] == ["account.claimed"]
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(cases)).scalar_one() == 1
        assert connection.execute(select(func.count()).select_from(security_events)).scalar_one() == 1


def test_t7_of_two_people_with_all_proofs_one_gets_it_and_the_other_nothing(database: Database) -> None:
    room = make(database)
    tries = [(room.proven(), room.somebody("ada")), (room.proven(browser=room.other_browser), room.somebody("bob"))]

    def work() -> str | None:
        attempt, session = tries.pop()
        try:
            return room.finish(attempt, session).account_id
        except TooLate:
            return None

    results = in_parallel(2, work)
    (winner,) = [each for each in results if each is not None]
    with database.read() as connection:
        rows = connection.execute(select(registry_accounts.c.registry_id, registry_accounts.c.account_id)).all()
    assert [tuple(row) for row in rows] == [("42", winner)]
    assert (room.get().account_id, len(room.events())) == (winner, 1)


def test_t7_what_somebody_else_holds_or_carries_in_spite_of_its_state_is_not_taken_from_them(room: ClaimRoom) -> None:
    room.password_account()
    first = room.claim("ada")
    set_columns(room, state="pending")
    room.now += timedelta(minutes=1)
    attempt, bob = room.proven(), room.somebody("bob")
    with pytest.raises(TooLate):
        room.finish(attempt, bob)
    with room.database.begin() as connection:
        connection.execute(update(cases).values(state="returned"))
    with pytest.raises(TooLate):
        room.finish(attempt, bob)
    with room.database.read() as connection:
        assert carried.carried_by(connection, first.account_id) == ["42"]


@pytest.mark.parametrize(
    "downloads, until", [(0, OBJECTION - DAY), (WIDELY_USED, OBJECTION - DAY)], ids=["little_used", "widely_used"]
)
def test_t4_what_was_held_to_be_shared_until_lately_waits_for_those_behind_it_to_object(
    room: ClaimRoom, downloads: int, until: timedelta
) -> None:
    room.password_account(downloads=downloads, alias="rejected", parted_at=NOW - DAY)
    case = room.claim()
    assert (case.state, case.due_at) == (CaseState.WAITING, NOW + until)
    assert room.link(Verb.STOP)


def test_long_after_it_was_found_to_be_one_persons_it_is_claimed_at_once(room: ClaimRoom) -> None:
    room.password_account(alias="rejected", parted_at=NOW - OBJECTION)
    assert room.claim().state is CaseState.EFFECTIVE
