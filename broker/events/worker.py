"""What has to be done a little later: mail sent, audit entries sealed, what is overdue forgotten."""

import logging
from collections.abc import Callable
from datetime import datetime
from threading import Event, Thread

_log = logging.getLogger(__name__)

PAUSE = 2.0  # seconds

Chore = Callable[[datetime], object]


class Worker:
    """Does its chores again and again, each on its own: one that fails keeps none of the others from happening."""

    def __init__(self, chores: dict[str, Chore], clock: Callable[[], datetime]) -> None:
        self._chores = chores
        self._clock = clock
        self._stop = Event()
        self._thread: Thread | None = None

    def run_once(self) -> list[str]:
        """Do every chore once, and return the names of those that failed."""
        failed = []
        for name, chore in self._chores.items():
            try:
                chore(self._clock())
            except Exception as error:
                # A database that is away comes back; the chore is done then. The message may quote values: not logged.
                _log.error("chore failed: name=%s error=%s", name, type(error).__name__)
                failed.append(name)
        return failed

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
            self.run_once()
            self._stop.wait(PAUSE)
