"""The reference number of a request: on the page the person sees, and on every log line the request wrote."""

import secrets

import structlog
from flask import Flask, g

# 32 signs, none of which is read as another over the telephone. Ten of them are 50 bits.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
LENGTH = 10


def current() -> str:
    """Return the reference of the request being served. It is ours: none is taken from the client."""
    if "reference" not in g:
        g.reference = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return str(g.reference)


def init(app: Flask) -> None:
    """Put the reference into the logging context of each request, as ``reference``."""

    @app.before_request
    def begin() -> None:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(reference=current())

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        structlog.contextvars.clear_contextvars()
