"""The reference number of a request: on the page the person sees, and on every log line the request wrote.

It stands in the WSGI environment, so that what answers below or above Flask has the same; beside it the name of the
route, once it is found.
"""

import secrets
from typing import Any

import structlog
from flask import Flask, request

# 32 signs, none of which is read as another over the telephone. Ten of them are 50 bits.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
LENGTH = 10
_SIGNS = (ALPHABET * 8).encode()

REFERENCE = "vestibule.reference"
ENDPOINT = "vestibule.endpoint"
"""The key of the route's name, such as ``signin.choose``."""
UNTOLD = "vestibule.untold"
"""The key of a request that has no line in the log: of what is public and the same for everybody."""


def of(environ: dict[str, Any]) -> str:
    """Return the reference of the request with this WSGI environment. It is ours: none is taken from the client."""
    found = environ.get(REFERENCE)
    if found is None:
        # One call for all of them; 256 is a multiple of 32, so that each sign is as likely.
        found = environ[REFERENCE] = secrets.token_bytes(LENGTH).translate(_SIGNS).decode()
    return str(found)


def current() -> str:
    """Return the reference of the request being served."""
    return of(request.environ)


def init(app: Flask) -> None:
    """Put the reference into the logging context of each request, as ``reference``."""

    @app.before_request
    def begin() -> None:
        if request.endpoint is not None:
            request.environ[ENDPOINT] = request.endpoint
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(reference=current())

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        structlog.contextvars.clear_contextvars()
