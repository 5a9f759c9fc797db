"""Guesses at old passwords: how many are looked at, by whom and at a time."""

from dataclasses import dataclass
from enum import Enum, auto
from threading import BoundedSemaphore

from migrations.accounts.buckets import Bucket, Buckets
from migrations.accounts.hashes.wrapped import Wrapper


class Busy(Exception):
    """Too much is being verified already: ``retry_after`` seconds. The guess was not looked at and does not count."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many verifications at a time")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Limit:
    """So many guesses in so many seconds."""

    guesses: int
    seconds: int


# PyPI's numbers, for its passwords and its second factors (pypi/warehouse, ``config.py``).
PER_BROWSER = Limit(10, 300)
PER_ACCOUNT = (Limit(10, 300), Limit(50, 86400))
# Of somebody who signed in just now, at one account. A stranger needs an MFA-protected account for each of these.
PER_PERSON = (Limit(5, 300), Limit(10, 86400))
PER_ACCOUNT_WITH_MAILBOX = (Limit(5, 300), Limit(20, 3600), Limit(50, 86400))

_BUSY_SECONDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Guesser:
    """Where a guess comes from, and what it is at.

    ``account``: the one id of the account, however it was named; for an account that is not there, a keyed hash of
    what was typed. ``typed``: that hash in either case. ``browser``: a hash of its cookie. ``person``: the account of
    ours that signed in just now with MFA, or none. ``mailbox``: the account's was proven.
    """

    account: str
    typed: str
    browser: str
    person: str | None
    mailbox: bool


class Outcome(Enum):
    """What came of a guess."""

    RIGHT = auto()
    WRONG = auto()
    UNSEEN = auto()  # others had guessed too often at the account by other names of it; it was not looked at


class Verifier:
    """Holds passwords against wrapped hashes, within limits that hold for all processes of the broker.

    ``at_once``: how many verifications there are in this process at a time; a further one waits ``patience`` seconds.
    """

    def __init__(self, buckets: Buckets, wrapper: Wrapper, *, at_once: int = 2, patience: float = 0.5) -> None:
        self._buckets = buckets
        self._wrapper = wrapper
        self._places = BoundedSemaphore(at_once)
        self._patience = patience

    def verify(self, wrapped: bytes | None, password: str, by: Guesser, *, like: bytes | None = None) -> Outcome:
        """Return what comes of it. Raises ``buckets.TooMany``, :class:`Busy` and ``StoreUnavailable``.

        ``wrapped``: the account's record, unsealed; none where there is no account or no password, which costs as
        much (``like``: the record of any other account, to cost what it costs) and is counted the same. What is not
        looked at costs as much, too.
        """
        taken = self._buckets.take(*_buckets(by))
        if not self._places.acquire(timeout=self._patience):
            self._buckets.give_back(taken.keys)
            raise Busy(_BUSY_SECONDS)
        try:
            if not taken.room:
                self._wrapper.decoy(password, wrapped or like)
                return Outcome.UNSEEN
            if wrapped is None:
                self._wrapper.decoy(password, like)
                return Outcome.WRONG
            return Outcome.RIGHT if self._wrapper.matches(wrapped, password) else Outcome.WRONG
        finally:
            self._places.release()


def _buckets(by: Guesser) -> tuple[list[Bucket], list[Bucket]]:
    """Return the buckets of which anybody may know that they are full, and those of which nobody may.

    Of what was typed everybody sees how often it was tried. That a name and an address are of one account, and so of
    one bucket, is known to whoever proved its mailbox (T12).
    """
    if by.mailbox:
        return [_bucket("mailbox", by.account, limit) for limit in PER_ACCOUNT_WITH_MAILBOX], []
    # Strangers fill the buckets of strangers: whoever signed in has some of their own.
    whose, limits = ("account", PER_ACCOUNT) if by.person is None else (f"person-{by.person}", PER_PERSON)
    told = [_bucket("browser", by.browser, PER_BROWSER)]
    told += [_bucket(f"typed-{whose}", by.typed, limit) for limit in limits]
    return told, [_bucket(whose, by.account, limit) for limit in limits]


def _bucket(kind: str, key: str, limit: Limit) -> Bucket:
    return Bucket(f"legacy-password-{kind}-{limit.seconds}:{key}", limit.guesses, limit.seconds)
