"""Guesses at old passwords: limited by account, by browser and at a time."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from secrets import token_hex
from threading import Event, Lock
from typing import Any

import pytest

from broker.storage.store import MemoryStore, RedisStore, ShortLived, StoreUnavailable
from migrations.accounts.hashes import wrapped as wrapping
from migrations.accounts.hashes.formats import derive, parse
from migrations.accounts.hashes.verifying import Busy, TooMany, Verifier
from migrations.accounts.hashes.wrapped import Wrapper
from tests.migrations.hashes import vectors
from tests.storage.parallel import in_parallel

WRAPPER = Wrapper(bytes(range(32)), 64)
VECTOR = vectors.of("nuget_sha1")
RECORD = WRAPPER.wrap(parse(VECTOR.text, VECTOR.named))
WRONG = "not the password"


@dataclass
class Desk:
    """A verifier, with a clock that a test turns, and a count of what was looked at."""

    store: ShortLived
    turn: Callable[[float], None]
    seconds: Callable[[], float]
    derived: list[str]
    browsers: Iterator[int] = field(default_factory=count)

    def guess(self, password: str = WRONG, *, account: str = "1", browser: str | None = None, **rest: Any) -> bool:
        """Return whether it is the password; from a browser of its own unless told."""
        return self.verifier().verify(
            rest.pop("record", RECORD),
            password,
            account_key=account,
            browser_key=browser or f"browser {next(self.browsers)}",
            mailbox_proven=rest.pop("mailbox", False),
            **rest,
        )

    def verifier(self, **options: Any) -> Verifier:
        # As another process would have it: nothing is kept in it.
        return Verifier(self.store, WRAPPER, patience=30, clock=self.seconds, **options)

    def refused(self, **guess: Any) -> int:
        """Return for how many seconds the next guess is refused, which is not looked at."""
        before = len(self.derived)
        with pytest.raises(TooMany) as refusal:
            self.guess(**guess)
        assert len(self.derived) == before
        return refusal.value.retry_after


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

    return Desk(MemoryStore(clock=lambda: now[0]), turn, lambda: now[0], derived)


@pytest.fixture(params=["memory", "redis"])
def shared(request: pytest.FixtureRequest, derived: list[str]) -> Iterator[Desk]:
    store: ShortLived = MemoryStore()
    if request.param == "redis":
        store = RedisStore(request.getfixturevalue("redis_url"), f"{token_hex(8)}:")
    yield Desk(store, lambda _: None, lambda: 1_800_000_000.0, derived)
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


def test_t12_of_50_parallel_guesses_from_a_browser_10_are_looked_at(shared: Desk) -> None:
    accounts = count()
    outcomes = in_parallel(50, lambda: outcome(lambda: shared.guess(account=str(next(accounts)), browser="one")))
    assert sorted(outcomes, key=str) == [False] * 10 + [None] * 40
    assert len(shared.derived) == 10


def test_t12_of_50_parallel_guesses_with_the_mailbox_5_are_looked_at(shared: Desk) -> None:
    outcomes = in_parallel(50, lambda: outcome(lambda: shared.guess(mailbox=True)))
    assert sorted(outcomes, key=str) == [False] * 5 + [None] * 45
    assert len(shared.derived) == 5


def test_strangers_have_10_guesses_in_5_minutes_and_50_a_day(desk: Desk) -> None:
    for _ in range(5):
        for _ in range(10):
            assert not desk.guess()
            desk.turn(1)
        assert desk.refused() == 290
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
        desk.refused(browser="the same")
    desk.turn(301)
    for _ in range(10):
        assert not desk.guess(browser="the same")
    assert desk.refused(browser="the same", account="2") == 300
    assert not desk.guess(account="2")


def test_strangers_do_not_lock_out_whoever_has_the_mailbox(desk: Desk) -> None:
    for _ in range(10):
        desk.guess(browser="shared address")
    desk.refused()
    desk.refused(browser="shared address")
    assert desk.guess(VECTOR.password, mailbox=True, browser="shared address")


def test_with_the_mailbox_there_are_5_guesses_in_5_minutes_and_20_an_hour(desk: Desk) -> None:
    for _ in range(4):
        for _ in range(5):
            assert not desk.guess(mailbox=True)
        assert desk.refused(mailbox=True) == 300
        desk.turn(300)
    assert desk.refused(mailbox=True) == 3600 - 4 * 300
    assert not desk.guess()  # a stranger's guesses are another count
    desk.turn(3600 - 4 * 300)
    assert not desk.guess(mailbox=True)


def test_accounts_and_browsers_are_counted_apart(desk: Desk) -> None:
    for _ in range(10):
        desk.guess(account="1")
        desk.guess(account="1:0", browser="one")
    desk.refused(account="1")
    desk.refused(account="3", browser="one")
    assert not desk.guess(account="2", browser="two")
    assert not desk.guess(account="1:300", browser="one:0")


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
    verifier, lock = desk.verifier(at_once=2), Lock()
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

    def guess() -> bool:
        key = str(next(keys))
        return verifier.verify(RECORD, WRONG, account_key=key, browser_key=key, mailbox_proven=False)

    assert in_parallel(10, guess) == [False] * 10
    assert most == 2


def test_what_finds_no_place_is_told_so_and_not_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = Verifier(desk.store, WRAPPER, at_once=1, patience=0, clock=desk.seconds)
    begun, released = Event(), Event()

    def waits(format_code: str, *rest: Any) -> bytes:
        begun.set()
        assert released.wait(30)
        return derive(format_code, *rest)

    def guess(password: str, account: str) -> bool:
        return verifier.verify(RECORD, password, account_key=account, browser_key="one", mailbox_proven=False)

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
    verifier = Verifier(desk.store, WRAPPER, at_once=1, patience=0)
    for _ in range(2):
        with pytest.raises(ValueError, match="not a wrapped hash"):
            verifier.verify(b"{}", WRONG, account_key="1", browser_key="1", mailbox_proven=False)
    assert not verifier.verify(RECORD, WRONG, account_key="1", browser_key="1", mailbox_proven=False)


def test_without_the_store_nothing_is_looked_at(desk: Desk) -> None:
    full = Verifier(MemoryStore(max_entries=2), WRAPPER)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            full.verify(RECORD, VECTOR.password, account_key="1", browser_key="1", mailbox_proven=False)
    assert desk.derived == []
