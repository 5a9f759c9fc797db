"""Guesses at old passwords: limited by account, by browser and at a time."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from secrets import token_hex
from threading import Event, Lock, Semaphore
from typing import Any

import pytest

from broker.limits.errors import TooMany
from broker.storage.store import MemoryStore, RedisStore, ShortLived, StoreUnavailable
from migrations.accounts.hashes import wrapped as wrapping
from migrations.accounts.hashes.formats import derive, parse
from migrations.accounts.hashes.verifying import Busy, Guesser, Outcome, Verifier
from migrations.accounts.hashes.wrapped import Wrapper
from tests.limits.counting import counting
from tests.migrations.hashes import vectors
from tests.storage.parallel import in_parallel

WRAPPER = Wrapper(bytes(range(32)), 64)
VECTOR = vectors.of("nuget_sha1")
RECORD = WRAPPER.wrap(parse(VECTOR.text, VECTOR.named))
WRONG = "not the password"


def guesser(account: str, address: str, **rest: Any) -> Guesser:
    """Return a stranger who names the account always the same way, unless told otherwise."""
    return Guesser(account=account, address=address, **{"typed": account, "person": None, "mailbox": False, **rest})


@dataclass
class Desk:
    """A verifier, with a clock that a test turns, and a count of what was looked at."""

    store: ShortLived
    turn: Callable[[float], None]
    derived: list[str]
    addresses: Iterator[int] = field(default_factory=count)

    def guess(self, password: str = WRONG, *, account: str = "1", address: str | None = None, **rest: Any) -> bool:
        """Return whether it is the password; from an address of its own unless told."""
        return self.outcome(password, account=account, address=address, **rest) is Outcome.RIGHT

    def outcome(self, password: str = WRONG, *, account: str = "1", address: str | None = None, **rest: Any) -> Outcome:
        by = guesser(
            account,
            address or f"address {next(self.addresses)}",
            typed=rest.pop("typed", account),
            person=rest.pop("person", None),
            mailbox=rest.pop("mailbox", False),
        )
        return self.verifier().verify(rest.pop("record", RECORD), password, by, **rest)

    def verifier(self, **options: Any) -> Verifier:
        # As another process would have it: nothing is kept in it.
        return Verifier(counting(self.store), WRAPPER, **{"at_once": 50, "share": 50, **options})

    def refused(self, **guess: Any) -> int:
        """Return for how many seconds the next guess is refused, which is not looked at."""
        before = len(self.derived)
        with pytest.raises(TooMany) as refusal:
            self.guess(**guess)
        assert len(self.derived) == before
        return refusal.value.wait


@pytest.fixture
def derived(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []

    def counted(format_code: str, *rest: Any) -> bytes:
        seen.append(format_code)
        return derive(format_code, *rest)

    monkeypatch.setattr(wrapping, "derive", counted)
    return seen


@pytest.fixture
def desk(derived: list[str]) -> Desk:
    now = [1_800_000_000.0]

    def turn(seconds: float) -> None:
        now[0] += seconds

    return Desk(MemoryStore(clock=lambda: now[0]), turn, derived)


@pytest.fixture(params=["memory", "redis"])
def shared(request: pytest.FixtureRequest, derived: list[str]) -> Iterator[Desk]:
    store: ShortLived = MemoryStore()
    if request.param == "redis":
        store = RedisStore(request.getfixturevalue("redis_url"), f"{token_hex(8)}:")
    yield Desk(store, lambda _: None, derived)
    store.close()


def outcome(guess: Callable[[], bool]) -> bool | None:
    try:
        return guess()
    except TooMany:
        return None


def test_the_password_is_known_and_another_is_not(desk: Desk) -> None:
    assert desk.guess(VECTOR.password)
    assert not desk.guess(WRONG)


def test_t12_of_50_parallel_guesses_at_an_account_10_are_looked_at(shared: Desk) -> None:
    outcomes = in_parallel(50, lambda: outcome(lambda: shared.guess()))
    assert sorted(outcomes, key=str) == [False] * 10 + [None] * 40
    assert len(shared.derived) == 10
    assert outcome(lambda: shared.guess(VECTOR.password)) is None


def test_t12_of_50_parallel_guesses_from_an_address_10_are_looked_at(shared: Desk) -> None:
    accounts = count()
    outcomes = in_parallel(50, lambda: outcome(lambda: shared.guess(account=str(next(accounts)), address="one")))
    assert sorted(outcomes, key=str) == [False] * 10 + [None] * 40
    assert len(shared.derived) == 10


def test_t12_of_50_parallel_guesses_with_the_mailbox_5_are_looked_at(shared: Desk) -> None:
    outcomes = in_parallel(50, lambda: outcome(lambda: shared.guess(mailbox=True)))
    assert sorted(outcomes, key=str) == [False] * 5 + [None] * 45
    assert len(shared.derived) == 5


def test_strangers_have_10_guesses_in_5_minutes_and_50_a_day(desk: Desk) -> None:
    for number in range(5):
        for _ in range(10):
            assert not desk.guess()
            desk.turn(1)
        # The longest wait of all counts: that of the day, in the end.
        assert desk.refused() == (290 if number < 4 else 86400 - 4 * 301 - 10)
        desk.turn(290 + 1)
    for _ in range(20):
        # Five times 301 seconds have gone.
        assert desk.refused() == 86400 - 5 * 301
    desk.turn(86400 - 5 * 301 - 1)
    assert desk.refused() == 1
    desk.turn(1)
    assert not desk.guess()


def test_guesses_that_are_refused_fill_nothing(desk: Desk) -> None:
    for _ in range(10):
        desk.guess()
    for _ in range(60):
        desk.refused(address="the same")
    desk.turn(301)
    for _ in range(10):
        assert not desk.guess(address="the same")
    assert desk.refused(address="the same", account="2") == 300
    assert not desk.guess(account="2")


def test_strangers_do_not_lock_out_whoever_has_the_mailbox(desk: Desk) -> None:
    for _ in range(10):
        desk.guess(address="shared address")
    desk.refused()
    desk.refused(address="shared address")
    assert desk.guess(VECTOR.password, mailbox=True, address="shared address")


def test_with_the_mailbox_there_are_5_guesses_in_5_minutes_20_an_hour_and_50_a_day(desk: Desk) -> None:
    for number in range(4):
        for _ in range(5):
            assert not desk.guess(mailbox=True)
        assert desk.refused(mailbox=True) == (300 if number < 3 else 3600 - 3 * 300)
        desk.turn(300)
    assert desk.refused(mailbox=True) == 3600 - 4 * 300
    assert not desk.guess()  # a stranger's guesses are another count
    desk.turn(3600 - 4 * 300)
    for _ in range(6):
        for _ in range(5):
            assert not desk.guess(mailbox=True)
        desk.turn(900)
    assert desk.refused(mailbox=True) == 86400 - 3600 - 6 * 900
    desk.turn(86400 - 3600 - 6 * 900)
    assert not desk.guess(mailbox=True)


def test_t12_what_others_guessed_by_another_name_of_the_account_is_not_told_and_what_is_right_is_not_looked_at(
    desk: Desk,
) -> None:
    for _ in range(10):
        desk.guess(typed="its name")
    for _ in range(10):
        # As much is derived as would be, with the account's own format.
        assert desk.outcome(VECTOR.password, typed="its address") is Outcome.UNSEEN
    assert desk.derived == ["nuget_sha1"] * 20
    assert desk.refused(typed="its address") == 300, "as for what is nobody's"
    desk.turn(300)
    assert desk.outcome(VECTOR.password, typed="its address") is Outcome.RIGHT
    assert desk.outcome(VECTOR.password, typed="x", account="2", record=None) is Outcome.WRONG


def test_t12_strangers_do_not_lock_out_who_signed_in_and_who_signed_in_has_few(desk: Desk) -> None:
    for _ in range(10):
        desk.guess()
    for person in ("ada", "bob"):
        for number in range(2):
            for _ in range(5):
                assert desk.guess(VECTOR.password, person=person)
            assert desk.refused(person=person) == (300 if number == 0 else 86400 - 300)
            desk.turn(300)
    desk.refused(person="ada")
    assert not desk.guess(person="ada", account="2")


@pytest.mark.parametrize("full", [{}, {"typed": "its address"}, {"person": "ada"}], ids=["typed", "hidden", "person"])
def test_t12_the_store_is_asked_as_often_whatever_is_full_but_what_everybody_sees(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, full: dict[str, str]
) -> None:
    asked: list[str] = []

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def ask(*given: Any, **more: Any) -> Any:
            asked.append(name)
            return real(*given, **more)

        return ask

    for name in ("step", "uncount"):
        monkeypatch.setattr(desk.store, name, counted(name, getattr(desk.store, name)))

    def asks(**guess: Any) -> list[str]:
        asked.clear()
        desk.guess(**guess)
        return list(asked)

    first = asks(typed="its name")
    for number in range(9):
        assert asks(typed="its name") == first, number
    assert asks(account="nobody's", record=None) == first
    if full:
        assert asks(**full) == first
    else:
        asked.clear()
        desk.refused(typed="its name")
        assert asked == ["step"]


def test_accounts_and_browsers_are_counted_apart(desk: Desk) -> None:
    for _ in range(10):
        desk.guess(account="1")
        desk.guess(account="1:0", address="one")
    desk.refused(account="1")
    desk.refused(account="3", address="one")
    assert not desk.guess(account="2", address="two")
    assert not desk.guess(account="1:300", address="one:0")


def test_an_account_that_is_not_there_costs_and_counts_the_same(desk: Desk) -> None:
    for _ in range(10):
        assert not desk.guess(VECTOR.password, account="a hash of a name", record=None)
    assert desk.derived == ["aspnet_v3"] * 10
    assert desk.refused(account="a hash of a name", record=None) == 300
    assert not desk.guess(VECTOR.password, account="another", record=None, like=RECORD)
    assert desk.derived[10:] == ["nuget_sha1"]


def test_t12_whether_it_was_right_or_wrong_a_guess_counts(desk: Desk) -> None:
    for _ in range(10):
        assert desk.guess(VECTOR.password)
    assert desk.refused(password=VECTOR.password) == 300


def test_no_more_than_so_many_are_verified_at_a_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    verifier, lock = desk.verifier(at_once=2, share=1), Lock()
    inside, most = 0, 0

    def slow(*rest: Any) -> bytes:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        digest = derive("pbkdf2_django", {"prf": "sha1", "iterations": 20_000, "salt": "", "length": 20}, "")
        with lock:
            inside -= 1
        return digest

    monkeypatch.setattr(wrapping, "derive", slow)
    keys = count()

    def guess() -> bool | None:
        key = str(next(keys))
        try:
            return verifier.verify(RECORD, WRONG, guesser(key, key)) is Outcome.RIGHT
        except Busy:
            return None

    assert set(in_parallel(10, guess)) <= {False, None}
    assert most <= 2
    assert guess() is False, "places are given back"


def test_t12_one_address_keeps_nobody_else_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = desk.verifier(at_once=3, share=2)
    begun, released = Semaphore(0), Event()

    def waits(format_code: str, *rest: Any) -> bytes:
        begun.release()
        assert released.wait(30)
        return derive(format_code, *rest)

    def guess(account: str, address: str, person: str | None = None) -> bool:
        return verifier.verify(RECORD, VECTOR.password, guesser(account, address, person=person)) is Outcome.RIGHT

    monkeypatch.setattr(wrapping, "derive", waits)
    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(guess, str(number), "mallory's") for number in range(2)]
        assert all(begun.acquire(timeout=30) for _ in running)
        with pytest.raises(Busy):
            guess("3", "mallory's")
        running.append(pool.submit(guess, "4", "somebody else's"))
        assert begun.acquire(timeout=30)
        with pytest.raises(Busy):
            guess("5", "a third one's")
        released.set()
        assert all(each.result(30) for each in running)
    assert guess("6", "mallory's", "mallory")


def test_what_finds_no_place_is_told_so_and_not_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = desk.verifier(at_once=1, share=1)
    begun, released = Event(), Event()

    def waits(format_code: str, *rest: Any) -> bytes:
        begun.set()
        assert released.wait(30)
        return derive(format_code, *rest)

    def guess(password: str, account: str) -> bool:
        return verifier.verify(RECORD, password, guesser(account, "one")) is Outcome.RIGHT

    monkeypatch.setattr(wrapping, "derive", waits)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(guess, VECTOR.password, "1")
        assert begun.wait(30)
        for _ in range(60):
            with pytest.raises(Busy) as refusal:
                guess(VECTOR.password, "2")
            assert refusal.value.retry_after == 2
        released.set()
        assert first.result(30)
    assert [guess(WRONG, "2") for _ in range(9)] == [False] * 9
    with pytest.raises(TooMany):  # nine here, and the one that was looked at before
        guess(WRONG, "2")


def test_a_place_is_given_back_when_verifying_fails(desk: Desk) -> None:
    verifier = desk.verifier(at_once=1, share=1)
    for _ in range(2):
        with pytest.raises(ValueError, match="not a wrapped hash"):
            verifier.verify(b"{}", WRONG, guesser("1", "1"))
    assert verifier.verify(RECORD, WRONG, guesser("1", "1")) is Outcome.WRONG


def test_without_the_store_nothing_is_looked_at(desk: Desk) -> None:
    full = Verifier(counting(MemoryStore(max_entries=2)), WRAPPER)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            full.verify(RECORD, VECTOR.password, guesser("1", "1"))
    assert desk.derived == []
