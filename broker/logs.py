"""Logging: one line an event, JSON or readable, and nothing personal in it.

Libraries that print tokens, codes or whole bodies at lower levels are held to warnings, whatever the level. Of an
exception, the types and the places are written, and not the messages: those quote values. Nor are they of one that
nobody caught, in whichever thread, or by which a line could not be written. Nobody can write what looks like a line of
its own: in JSON a line break is escaped, in the readable form what follows it is indented.
"""

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import cast

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
_Line = tuple[str, str, int, float, str]  # as broker.metrics.watch writes it


_log = logging.getLogger(__name__)


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
    handler = _Handler()
    formatter = _Json if settings.format == "json" else structlog.stdlib.ProcessorFormatter
    handler.setFormatter(
        formatter(
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


class _Json(structlog.stdlib.ProcessorFormatter):
    """Spares the line of a request the way through the processors."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name != REQUESTS or not isinstance(record.args, tuple) or not record.args:
            return super().format(record)
        endpoint, method, status, milliseconds, reference = cast(_Line, record.args)
        return json.dumps(
            {
                "endpoint": endpoint,
                "method": method,
                "status": status,
                "ms": round(milliseconds, 1),
                "reference": reference,
                "event": "request",
                "level": record.levelname.lower(),
                "logger": record.name,
                "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            }
        )


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
