"""Logging: one line an event, JSON or readable, and nothing personal in it.

Libraries that print tokens, codes or whole bodies at lower levels are held to warnings, whatever the level. Of an
exception, the types and the places are written, and not the messages: those quote values. Nor are they of one that
nobody caught, in whichever thread, or by which a line could not be written. Nobody can write what looks like a line of
its own: in JSON a line break is escaped, in the readable form what follows it is indented.
"""

import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType

import structlog
from structlog.types import EventDict, Processor

from broker.settings.model import LogSettings

# MSAL, requests-oauthlib and Authlib log tokens, codes and verifiers at DEBUG; urllib3 logs paths.
TALKATIVE = ("authlib", "msal", "oauthlib", "requests_oauthlib", "urllib3")
REQUESTS = "broker.requests"
"""The logger of the line that each request has. What it writes comes from closed sets, and needs no processing."""

# What ends a line for somebody (Unicode, and terminals), and what makes a terminal do something.
_BREAKS = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f]")
_INDENT = "\n    "
_log = logging.getLogger(__name__)
_root = logging.getLogger()
_requests = logging.getLogger(REQUESTS)

# No path and no query: both can carry what opens something. No address: it is somebody's.
_READABLE = "request: endpoint=%s method=%s status=%d ms=%.1f reference=%s"
_JSON = (
    '{"endpoint": "%s", "method": "%s", "status": %d, "ms": %.1f, "reference": "%s", '
    f'"event": "request", "level": "info", "logger": "{REQUESTS}", "timestamp": "%s"}}\n'
)


def begin(settings: LogSettings) -> None:
    """Set up logging of this process, also of exceptions that nobody catches: Python would print their messages."""
    configure(settings)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable


def configure(settings: LogSettings) -> None:
    """Set up logging: our own events and those of the standard library alike."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_messages,
    ]
    rendering: list[Processor] = (
        [structlog.processors.JSONRenderer()]
        if settings.format == "json"
        else [_indented, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _JsonLines() if settings.format == "json" else _Handler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def frames(error: BaseException) -> Iterator[str]:
    """Yield the places and the types of an exception and of those before it, without their messages."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from frames(before)
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__module__}.{type(error).__qualname__}\n"


class _Handler(logging.StreamHandler):  # type: ignore[type-arg]  # generic for type checkers alone
    """Says that a line could not be written, and not what would have been in it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        arguments = (record.name, type(sys.exception()).__name__)
        told = logging.LogRecord(
            __name__, logging.ERROR, __file__, 0, "a line of %s was not written: error=%s", arguments, None
        )
        # Where nothing can be written any more, there is nobody to tell.
        with suppress(OSError, ValueError):
            self.stream.write(self.format(told) + self.terminator)
            self.flush()


class _JsonLines(_Handler):
    """Spares the line of a request the way through records and processors."""

    def told(self, *line: str | float) -> None:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        self.acquire()
        try:
            self.stream.write(_JSON % (*line, now))
            self.flush()
        except (OSError, ValueError):
            self.handleError(_requests.makeRecord(REQUESTS, logging.INFO, __file__, 0, "", (), None))
        finally:
            self.release()


def told_request(endpoint: str, method: str, status: int, milliseconds: float, reference: str) -> None:
    """Write the line of a request. What is in it is of closed sets, so that nothing of it needs to be escaped."""
    if not _requests.isEnabledFor(logging.INFO):
        return
    line = (endpoint, method, status, milliseconds, reference)
    for handler in _root.handlers:
        if isinstance(handler, _JsonLines):
            handler.told(*line)
        else:
            # Not info(), which looks for the line of code that it is called from.
            handler.handle(_requests.makeRecord(REQUESTS, logging.INFO, __file__, 0, _READABLE, line, None))


def _uncaught(_type: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    # Ctrl-C is an end like others, and needs no places.
    if not isinstance(error, KeyboardInterrupt):
        _log.critical("nobody caught an exception", exc_info=error)


def _uncaught_in_thread(told: threading.ExceptHookArgs) -> None:
    if not isinstance(told.exc_value, SystemExit):  # which ends a thread, and is no error
        name = told.thread.name if told.thread is not None else "?"
        _log.critical("a thread ended: name=%s", name, exc_info=told.exc_value)


def _unraisable(told: "sys.UnraisableHookArgs") -> None:
    _log.error("an exception could not be raised", exc_info=told.exc_value)


def _without_messages(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Replace an exception by where it came about."""
    told = event.pop("exc_info", None)
    error = told[1] if isinstance(told, tuple) else sys.exc_info()[1] if told is True else told
    if isinstance(error, BaseException):
        event["exception"] = "".join(frames(error))
    return event


def _indented(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Show that what follows a line break is no line of its own, and keep what steers a terminal from doing so."""
    return {key: _tamed(value) if isinstance(value, str) else value for key, value in event.items()}


def _tamed(text: str) -> str:
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", _BREAKS.sub(_INDENT, text))
