"""Guesses at old passwords: how many are looked at, by whom and at a time."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from threading import Lock

from broker.limits.service import Limits, Of
from broker.limits.table import Name
from migrations.accounts.hashes.wrapped import Wrapper


class Busy(Exception):
    """Too much is being verified already: ``retry_after`` seconds. The guess was not looked at and does not count."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many verifications at a time")
        self.retry_after = retry_after


_BUSY_SECONDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Guesser:
    """Where a guess comes from, and what it is at.

    ``account``: the one id of the account, however it was named; for an account that is not there, a keyed hash of
    what was typed. ``typed``: that hash in either case. ``address``: a keyed hash of the client's, which takes more to
    change than a cookie. ``person``: the account of ours that signed in just now with MFA, or none. ``mailbox``: the
    account's was proven.
    """

    account: str
    typed: str
    address: str
    person: str | None
    mailbox: bool


class Outcome(Enum):
    """What came of a guess."""

    RIGHT = auto()
    WRONG = auto()
    UNSEEN = auto()  # others had guessed too often at the account by other names of it; it was not looked at


class Verifier:
    """Holds passwords against wrapped hashes, within limits that hold for all processes of the broker.

    ``at_once``: how many verifications there are in this process at a time; nobody waits for one to end. ``share``: how
    many of them one address has, or one person, so that a single one cannot keep everybody else out.
    """

    def __init__(self, limits: Limits, wrapper: Wrapper, *, at_once: int = 4, share: int = 2) -> None:
        self._limits = limits
        self._wrapper = wrapper
        self._places = _Places(at_once, share)

    def verify(self, wrapped: bytes | None, password: str, by: Guesser, *, like: bytes | None = None) -> Outcome:
        """Return what comes of it. Raises ``limits.TooMany``, :class:`Busy` and ``StoreUnavailable``.

        ``wrapped``: the account's record, unsealed; none where there is no account or no password, which costs as
        much (``like``: the record of any other account, to cost what it costs) and is counted the same. What is not
        looked at costs as much, too.
        """
        told, hidden = _counts(by)
        counted = self._limits.count(*told, hidden=hidden)
        try:
            with self._places.one_of(by.person or by.address):
                if not counted.room:
                    self._wrapper.decoy(password, wrapped or like)
                    return Outcome.UNSEEN
                if wrapped is None:
                    self._wrapper.decoy(password, like)
                    return Outcome.WRONG
                return Outcome.RIGHT if self._wrapper.matches(wrapped, password) else Outcome.WRONG
        except Busy:
            self._limits.give_back(counted)
            raise


class _Places:
    """So many at a time, and so many of them for each."""

    def __init__(self, at_once: int, share: int) -> None:
        self._at_once = at_once
        self._share = share
        self._lock = Lock()
        self._held: Counter[str] = Counter()

    @contextmanager
    def one_of(self, whose: str) -> Iterator[None]:
        """Hold a place. Raises :class:`Busy` at once where there is none."""
        with self._lock:
            if self._held.total() >= self._at_once or self._held[whose] >= self._share:
                raise Busy(_BUSY_SECONDS)
            self._held[whose] += 1
        try:
            yield
        finally:
            with self._lock:
                self._held[whose] -= 1
                self._held += Counter()  # forgets whoever holds none


def _counts(by: Guesser) -> tuple[Sequence[Of], Sequence[Of]]:
    """Return the limits of which anybody may know that they are full, and those of which nobody may.

    Of what was typed everybody sees how often it was tried. That a name and an address are of one account, and so of
    one count, is known to whoever proved its mailbox (T12).
    """
    if by.mailbox:
        return [Of(Name.PASSWORD_MAILBOX, by.account)], []
    # Strangers fill what is strangers': whoever signed in has some of their own.
    if by.person is None:
        whence = Of(Name.PASSWORD_ADDRESS, by.address)
        typed = Of(Name.PASSWORD_ACCOUNT, by.account, f"typed:{by.typed}")
        account = Of(Name.PASSWORD_ACCOUNT, by.account)
    else:
        whence = Of(Name.PASSWORD_ADDRESS, f"person:{by.person}")
        typed = Of(Name.PASSWORD_PERSON, by.person, f"typed:{by.typed}:{by.account}")
        account = Of(Name.PASSWORD_PERSON, by.person, by.account)
    return [whence, typed], [account]
