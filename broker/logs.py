"""Logging: one line an event, JSON or readable, and nothing personal in it.

Libraries that print tokens, codes or whole bodies at lower levels are held to warnings, whatever the level.
"""

import logging
import sys

import structlog
from structlog.types import Processor

from broker.settings.model import LogSettings

# MSAL, requests-oauthlib and Authlib log tokens, codes and verifiers at DEBUG; urllib3 logs paths.
TALKATIVE = ("authlib", "msal", "oauthlib", "requests_oauthlib", "urllib3")


def configure(settings: LogSettings) -> None:
    """Set up logging of this process: our own events and those of the standard library alike."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
