"""A circuit for each provider: whoever does not answer is not asked for a while, and never keeps more than its share.

A circuit opens after several failures in a row: no answer, 5xx, a redirect, or what is not JSON; never for what a
provider says of a user, nor for what they can have it say: 4xx, an answer that is too large, a request that cannot be
said. What is left to a stranger is to find a request that a provider answers with 5xx or not at all, five times with
nobody served in between; who that shuts out is told of the other ways.

Open, nothing is asked. After a while it is half open: one call probes, and closes it or opens it once more. Whatever
its state, no more threads than a share of them wait for one provider: while it is quick the others wait for a place,
and as soon as it is not they are told at once.

Each process has circuits of its own. They are a hint that spares threads and users' time, and decide nothing else.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from math import ceil
from threading import Condition, Lock, get_ident
from typing import Protocol

from providers.provider import Fault, ProviderError

FAILURES = 5
"""So many failures in a row open a circuit."""
OPEN_SECONDS = 15.0
CROWDED_SECONDS = 5
"""What whoever comes while the share is used up is told to wait."""
QUICK_SECONDS = 1.0
"""As long as nobody waits longer than this, whoever finds the share used up waits for a place instead."""

log = logging.getLogger(__name__)


class State(StrEnum):
    """How a circuit stands."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class Outcome(StrEnum):
    """What came of asking a provider."""

    ANSWERED = "answered"
    FAILED = "failed"  # with 5xx, or with rubbish
    UNAVAILABLE = "unavailable"  # there was no answer
    OPEN = "open"  # it was not asked: its circuit is open, or its share used up


class Listener(Protocol):
    """Whoever wants to know, such as metrics. Called by the thread that asks; must be quick, and raise nothing."""

    def asked(self, provider_id: str, outcome: Outcome, seconds: float) -> None: ...

    def turned(self, provider_id: str, state: State) -> None: ...


class Asked:
    """One call. Without a word of :meth:`answered` there was no answer."""

    def __init__(self) -> None:
        self.outcome = Outcome.UNAVAILABLE

    def answered(self, *, fine: bool) -> None:
        """Say that an answer came, and whether it was one of a provider that works."""
        self.outcome = Outcome.ANSWERED if fine else Outcome.FAILED


class Circuit:
    """The circuit of one provider; safe to share between threads.

    ``most`` threads may wait for it at a time, none: any number. ``clock`` counts seconds.
    """

    def __init__(
        self,
        provider_id: str,
        *,
        most: int | None = None,
        listener: Listener | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._provider_id = provider_id
        self._most = most
        self._listener = listener
        self._clock = clock
        self._lock = Lock()
        self._left = Condition(self._lock)
        self._inside: dict[int, float] = {}  # since when, by thread, the oldest first
        self._failures = 0
        self._open_until: float | None = None
        self._probing = False

    @property
    def state(self) -> State:
        """Return how it stands now."""
        until = self._open_until
        if until is None:
            return State.CLOSED
        return State.OPEN if self._clock() < until else State.HALF_OPEN

    @property
    def wait(self) -> int:
        """Return the seconds until the provider is asked again, 0 where it may be asked now."""
        until = self._open_until
        return 0 if until is None else max(0, ceil(until - self._clock()))

    @contextmanager
    def passage(self) -> Iterator[None]:
        """Take one of the places of those who wait for the provider, for as long as this lasts.

        Raises :class:`ProviderError`, which says when to come again, where it is open or crowded. Whoever has a place
        needs no second one.
        """
        me = get_ident()
        if me in self._inside:
            yield
            return
        self._enter(me)
        try:
            yield
        finally:
            with self._lock:
                del self._inside[me]
                self._left.notify()

    @contextmanager
    def asking(self) -> Iterator[Asked]:
        """Ask the provider something, from a place of :meth:`passage`. Raises as that does."""
        with self.passage():
            probes = self._begin()
            asked, started = Asked(), self._clock()
            try:
                yield asked
            finally:
                self._end(asked.outcome, probes=probes, seconds=self._clock() - started)

    def _enter(self, me: int) -> None:
        with self._lock:
            until, patience = self._clock() + QUICK_SECONDS, QUICK_SECONDS
            while not (wait := self.wait) and patience > 0:
                now = self._clock()
                if self._most is None or len(self._inside) < self._most:
                    self._inside[me] = now
                    return
                patience = min(until, next(iter(self._inside.values())) + QUICK_SECONDS) - now
                if patience > 0:
                    self._left.wait(patience)
        raise self._not_asked("circuit open" if wait else "too many wait for it", wait or CROWDED_SECONDS)

    def _begin(self) -> bool:
        """Return whether this call is the probe of a circuit that is half open."""
        with self._lock:
            if self._open_until is None:
                return False
            wait = self.wait
            probes = not wait and not self._probing
            if probes:
                self._probing = True
        if not probes:
            raise self._not_asked("circuit open", wait or CROWDED_SECONDS)
        self._tell(State.HALF_OPEN)
        return True

    def _end(self, outcome: Outcome, *, probes: bool, seconds: float) -> None:
        turned: State | None = None
        with self._lock:
            if probes:
                self._probing = False
            if outcome is Outcome.ANSWERED:
                self._failures = 0
                if probes:
                    self._open_until, turned = None, State.CLOSED
            else:
                self._failures += 1
                # Who began before it opened, and fails late, opens it no further.
                if probes or (self._open_until is None and self._failures >= FAILURES):
                    self._open_until, turned = self._clock() + OPEN_SECONDS, State.OPEN
        if self._listener is not None:
            self._listener.asked(self._provider_id, outcome, seconds)
        if turned is not None:
            self._tell(turned)

    def _tell(self, state: State) -> None:
        log.warning("circuit of provider %s: %s", self._provider_id, state.value)
        if self._listener is not None:
            self._listener.turned(self._provider_id, state)

    def _not_asked(self, why: str, wait: int) -> ProviderError:
        if self._listener is not None:
            self._listener.asked(self._provider_id, Outcome.OPEN, 0.0)
        return ProviderError(Fault.UNAVAILABLE, f"not asked: {why}", retry_after=wait)
