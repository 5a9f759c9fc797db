"""The process above those that serve: it starts them, starts them again when they die, and ends them without a loss.

On SIGTERM ``/readyz`` says at once that no more is to come here, and requests are taken for ``listen.drain`` seconds
more, by when whoever sends them has asked; then nobody listens any more, and what is under way is finished. A second
signal, and Ctrl-C, spare the wait.
"""

import ctypes
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from multiprocessing.sharedctypes import RawValue
from multiprocessing.util import Finalize
from threading import Timer
from typing import Any

import structlog
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer
from sqlalchemy.exc import SQLAlchemyError

from broker import logs
from broker.metrics import exposed
from broker.settings import Settings
from broker.storage.store import MEMORY_URL

# How long what is under way at the end may take; the longest waits for a provider are shorter.
_FINISH_SECONDS = 30
# How long a process that is started again waits for a database that is away, before it looks once more.
_AGAIN_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1
# A composition root, which nothing imports: servers are told its name.
_ROOT = "broker.app"

# What the server has to say goes where everything else is logged, in the same form.
_LOGGING = {"loggers": {"_granian": {"handlers": [], "propagate": True}}}

log = structlog.get_logger(__name__)


class _Server(MPServer):
    """Granian, which knows no pause between being told to stop and not listening any more."""

    def __init__(self, *arguments: Any, drain: int, draining: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._drain = drain
        self._draining = draining

    def signal_handler_interrupt(self, *arguments: Any, **_: Any) -> None:
        told = self._draining.value
        self._draining.value = True
        if told or self._drain == 0 or signal.SIGINT in arguments:
            super().signal_handler_interrupt()  # type: ignore[no-untyped-call]  # has no types
            return
        timer = Timer(self._drain, super().signal_handler_interrupt)
        timer.daemon = True
        timer.start()


def run(settings: Settings, *, current: bool, with_worker: bool) -> None:
    """Serve until a signal ends it. ``current``: the database is not waiting to be upgraded."""
    logs.begin(settings.log)
    for name in [each for each in os.environ if each.startswith("HTTP_")]:
        del os.environ[name]  # Granian puts the environment of the process beside the headers of each request
    listen, working = settings.listen, with_worker or settings.store.url == MEMORY_URL
    if not current:
        log.warning("the database is not of this version: run vestibule db upgrade once every host has it")
    log.info("serving", workers=listen.workers, threads=listen.threads, background="here" if working else "elsewhere")
    if not working:
        log.info("mail, events and sign-outs elsewhere are delivered by `vestibule worker`, on any host")
    _wait_for_their_turn()
    import_module(_ROOT)  # once, for all of them
    draining = RawValue(ctypes.c_bool, False)
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_begin)
    with _numbers(settings) as told:
        server = _Server(
            "vestibule",
            drain=listen.drain,
            draining=draining,
            address=listen.host,
            port=listen.port,
            interface=Interfaces.WSGI,
            workers=listen.workers,
            workers_kill_timeout=_FINISH_SECONDS,
            respawn_failed_workers=True,
            blocking_threads=listen.threads,
            backpressure=listen.backpressure,
            websockets=False,
            log_level=LogLevels.error,
            log_dictconfig=_LOGGING,
            ssl_cert=listen.tls_certificate,
            ssl_key=listen.tls_key,
        )
        server.on_startup(told)
        # What is there by now is shared by all processes as long as none of them looks through it for garbage.
        server.on_startup(gc.freeze)
        server.on_startup(gc.enable)
        server.serve(target_loader=partial(_application, settings, draining, working), wrap_loader=False)


def _wait_for_their_turn() -> None:
    """Have no thread of ours take the core from another of ours when it wakes up (sched(7), ``SCHED_BATCH``).

    One that has an answer hands it to the next within microseconds; taking turns at each of them costs more than that.
    Who was started under a policy of the operator's keeps it, and only Linux has this one.
    """
    if not hasattr(os, "SCHED_BATCH") or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return
    try:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    except OSError as error:  # a container may forbid it
        log.info("threads are scheduled as by default", error=type(error).__name__)


def _application(settings: Settings, draining: Any, working: bool) -> Callable[..., Any]:
    """Return the application of a process that was just started."""
    app = import_module(_ROOT)
    while True:
        try:
            serving: Callable[..., Any] = app.serve(settings, draining=lambda: bool(draining.value), working=working)
            # At its end, once nothing is under way: the chore at hand is finished, connections are given back.
            Finalize(None, app.parts(serving).close, exitpriority=1)
            return serving
        except SQLAlchemyError as error:
            # Started again while the database is away: others of this host still say so to whoever asks.
            log.error("not serving yet", error=type(error).__name__)
            time.sleep(_AGAIN_SECONDS)
        except Exception:
            # Beyond here it would be printed with its message, which may quote values.
            log.exception("cannot serve")
            sys.exit(1)


@contextmanager
def _numbers(settings: Settings) -> Iterator[Callable[[], None]]:
    """Yield what serves the numbers of all processes from this one, where each would otherwise have its own."""
    address = settings.metrics.address
    if address is None or settings.listen.workers == 1:
        yield lambda: None
        return
    directory = exposed.share()
    serving: list[exposed.Exposed] = []
    try:
        yield lambda: serving.append(exposed.expose(address, directory))
    finally:
        for each in serving:
            each.close()


_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def _hold() -> None:
    """Let no signal come between the fork and what the child has to say of it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def _release() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _begin() -> None:
    """End with the one above, however that ends, and at its word alone: Ctrl-C goes to all processes of a terminal."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setpgrp()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    _release()
