"""Guesses at old passwords: how many are looked at, by whom and at a time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import BoundedSemaphore

from broker.storage.store import ShortLived
from migrations.accounts.hashes.wrapped import Wrapper


class TooMany(Exception):
    """No more guesses for now: ``retry_after`` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"no more guesses for {retry_after} s")
        self.retry_after = retry_after


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
PER_ACCOUNT_WITH_MAILBOX = (Limit(5, 300), Limit(20, 3600))

_BUSY_SECONDS = 2


class Verifier:
    """Holds passwords against wrapped hashes, within limits that hold for all processes of the broker.

    ``at_once``: how many verifications there are in this process at a time; a further one waits ``patience`` seconds.
    ``clock`` returns seconds since the epoch.
    """

    def __init__(
        self,
        store: ShortLived,
        wrapper: Wrapper,
        *,
        at_once: int = 2,
        patience: float = 0.5,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._wrapper = wrapper
        self._places = BoundedSemaphore(at_once)
        self._patience = patience
        self._clock = clock

    def verify(
        self,
        wrapped: bytes | None,
        password: str,
        *,
        account_key: str,
        browser_key: str,
        mailbox_proven: bool,
        like: bytes | None = None,
    ) -> bool:
        """Return whether it is the password. Raises :class:`TooMany`, :class:`Busy` and ``StoreUnavailable``.

        ``wrapped``: the account's record, unsealed; none where there is no account or no password, which costs as
        much (``like``: the record of any other account, to cost what it costs) and is counted the same.
        ``account_key``: the one id of the account, however it was named; for an account that is not there, a keyed
        hash of the name given. ``browser_key``: the same of where the guess comes from.
        Whoever proved the account's mailbox guesses under limits of their own, so that no stranger locks them out.
        """
        taken = self._counted(account_key, browser_key, mailbox_proven)
        if not self._places.acquire(timeout=self._patience):
            self._store.delete(*taken)
            raise Busy(_BUSY_SECONDS)
        try:
            if wrapped is None:
                self._wrapper.decoy(password, like)
                return False
            return self._wrapper.matches(wrapped, password)
        finally:
            self._places.release()

    def _counted(self, account_key: str, browser_key: str, mailbox_proven: bool) -> list[str]:
        """Return the places that the guess takes: one in every bucket, or none at all."""
        if mailbox_proven:
            buckets = [("mailbox", account_key, limit) for limit in PER_ACCOUNT_WITH_MAILBOX]
        else:
            buckets = [("browser", browser_key, PER_BROWSER)]
            buckets += [("account", account_key, limit) for limit in PER_ACCOUNT]
        taken: list[str] = []
        for kind, key, limit in buckets:
            try:
                taken.append(self._place(f"legacy-password-{kind}-{limit.seconds}:{key}", limit))
            except TooMany:
                # What is not looked at does not count, or refused guesses would fill a day in minutes.
                if taken:
                    self._store.delete(*taken)
                raise
        return taken

    def _place(self, bucket: str, limit: Limit) -> str:
        now = int(self._clock())
        places = [f"{bucket}:{number}" for number in range(limit.guesses)]
        held = self._store.get_many(places)
        until = str(now + limit.seconds).encode()
        for place, value in zip(places, held, strict=True):
            # Of any number of guesses that see it free, one gets it.
            if value is None and self._store.add(place, until, limit.seconds):
                return place
        soonest = min((int(value) for value in held if value is not None), default=now)
        raise TooMany(max(1, soonest - now))
