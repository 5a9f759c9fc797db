"""What has to be done a little later: mail sent, audit entries sealed, what is overdue forgotten."""

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from threading import Event, Thread
from time import monotonic
from typing import Protocol

from broker import metrics

_log = logging.getLogger(__name__)

PAUSE = 2.0  # seconds

Chore = Callable[[datetime], object]


class Glance(Protocol):
    """Tells, in one look, which of some chores have anything to do."""

    @property
    def names(self) -> Collection[str]:
        """The chores it can tell of."""
        ...

    def look(self, now: datetime) -> Collection[str]:
        """Return those that have something to do."""
        ...


class Worker:
    """Does its chores again and again, each on its own: one that fails keeps none of the others from happening.

    ``every``: the seconds from one time to the next of chores that can wait longer than for the next turn, which comes
    after two seconds, or at once after one that had something to do. What ``glance`` tells of is done when it says so,
    and at every turn where it cannot tell.
    """

    def __init__(
        self,
        chores: Mapping[str, Chore],
        clock: Callable[[], datetime],
        *,
        every: Mapping[str, float] | None = None,
        glance: Glance | None = None,
    ) -> None:
        self._chores = chores
        metrics.know("chore", chores)
        self._clock = clock
        self._every = every or {}
        self._next: dict[str, float] = {}
        self._glance = glance
        self._stop = Event()
        self._thread: Thread | None = None

    def run_once(self) -> list[str]:
        """Do every chore once, and return the names of those that failed."""
        return [name for name in self._chores if self._do(name) is None]

    def turn(self) -> bool:
        """Do the chores whose turn it is, and return whether more of what somebody waits for may be there already."""
        seen = self._glance.names if self._glance is not None else ()
        waiting, more = self._waiting(), False
        for name in self._chores:
            if self._stop.is_set():
                break
            if name in seen and name not in waiting:
                metrics.chore_done(name, self._clock().timestamp())  # there is nothing of it
            elif self._next.get(name, 0.0) <= monotonic():
                self._next[name] = monotonic() + self._every.get(name, 0.0)
                came = self._do(name)
                more = more or (bool(came) and name in waiting)
        return more

    def start(self) -> None:
        """Work in a thread of its own until :meth:`stop`."""
        self._thread = Thread(target=self._work, name="vestibule-worker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the chore at hand and stop."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while not self._stop.is_set():
            if not self.turn():
                self._stop.wait(PAUSE)

    def _waiting(self) -> Collection[str]:
        if self._glance is None:
            return ()
        try:
            return self._glance.look(self._clock())
        except Exception as error:
            # So it is looked for: what waits may be that somebody's access ends.
            _log.error("nobody knows what waits: error=%s", type(error).__name__)
            return self._glance.names

    def _do(self, name: str) -> object:
        """Return what came of a chore, ``False`` where nothing did, and none if it failed."""
        try:
            came = self._chores[name](self._clock())
        except Exception as error:
            # A database that is away comes back; the chore is done then. The message may quote values: not logged.
            _log.error("chore failed: name=%s error=%s", name, type(error).__name__)
            metrics.chore_failed(name)
            return None
        metrics.chore_done(name, self._clock().timestamp())
        return came or False
