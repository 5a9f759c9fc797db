"""What load balancers and supervisors ask: ``/livez``, whether a process answers, and ``/readyz``, whether it can work.

Neither tells more than the names of what is looked at and whether it is in order. A look takes a bounded time, even
where what is looked at never answers, and it is remembered for a second, so that asking often costs nothing.
"""

import json
from collections.abc import Callable, Mapping
from threading import Event, Lock, Thread
from time import monotonic

from flask import Response

from broker.web.call import Answer, Call, in_flask

Check = Callable[[], bool]

_REMEMBERED_SECONDS = 1.0
_PATIENCE_SECONDS = 2.0
_JSON = (("Content-Type", "application/json"),)


class Readiness:
    """``checks`` and ``notes`` return whether something is in order; one that raises says no.

    A check that says no, and ``draining``, mean that no more is to come here. Notes are told, and mean nothing.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        notes: Mapping[str, Check],
        draining: Check,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        self._checks = {name: _Look(check, patience) for name, check in checks.items()}
        self._notes = {name: _Look(check, patience) for name, check in notes.items()}
        self._draining = draining

    def look(self) -> tuple[Mapping[str, bool], Mapping[str, bool]]:
        """Return what is in order, checks and notes by name, within ``patience`` seconds or a little more."""
        for each in (*self._checks.values(), *self._notes.values()):
            each.begin()
        # All of them are under way by now, so whoever waits for one waits for the others, too.
        checks = {name: each.result() for name, each in self._checks.items()}
        notes = {name: each.result() for name, each in self._notes.items()}
        return {**checks, "not_draining": not self._draining()}, notes


class _Look:
    """One check, in a thread of its own, and never twice at a time."""

    def __init__(self, check: Check, patience: float) -> None:
        self._check = check
        self._patience = patience
        self._lock = Lock()
        self._done = Event()
        self._began: float | None = None
        self._ended = float("-inf")
        self._in_order = False

    def begin(self) -> None:
        with self._lock:
            if self._began is None and monotonic() - self._ended > _REMEMBERED_SECONDS:
                self._began = monotonic()
                self._done.clear()
                Thread(target=self._look, name="vestibule-readiness", daemon=True).start()

    def result(self) -> bool:
        with self._lock:
            began = self._began
        if began is None:
            return self._in_order
        # What has been silent for so long already is not waited for again by each who asks.
        return self._done.wait(max(0.0, began + self._patience - monotonic())) and self._in_order

    def _look(self) -> None:
        try:
            in_order = self._check()
        except Exception:
            in_order = False  # whatever it is, it is not in order; whoever uses it logs why
        with self._lock:
            self._in_order, self._ended, self._began = in_order, monotonic(), None
            self._done.set()


def answer_live(call: Call) -> Answer:
    """GET /livez: this process answers."""
    del call
    return Answer(body=b'{"status":"live"}', headers=_JSON)


def answer_ready(readiness: Readiness, call: Call) -> Answer:
    """GET /readyz: 200 if everything is in order, else 503."""
    del call
    checks, notes = readiness.look()
    ready = all(checks.values())
    body = {"status": "ready" if ready else "not ready", "checks": checks, "notes": notes}
    headers = _JSON if ready else (*_JSON, ("Retry-After", "5"))
    return Answer(body=json.dumps(body, sort_keys=True).encode(), status=200 if ready else 503, headers=headers)


def livez(readiness: Readiness) -> Response:
    """GET /livez, where Flask answers it."""
    del readiness
    return in_flask(answer_live, {})


def readyz(readiness: Readiness) -> Response:
    """GET /readyz, where Flask answers it."""
    return in_flask(lambda call: answer_ready(readiness, call), {})
