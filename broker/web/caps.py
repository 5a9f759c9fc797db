"""How large a request may be, part by part. What is larger is refused before anything reads it.

The server in front has caps of its own, which differ from one to the next: these hold behind any.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask, abort, request

MAX_BODY = 64 * 1024  # bytes; a provider's form post is the largest we take
MAX_QUERY = 48 * 1024  # bytes; a form that is sent round (relay) is sealed and in base64
MAX_PATH = 4 * 1024  # bytes
MAX_HEADERS = 32 * 1024  # bytes, names and values of all of them
MAX_COOKIES = 100
MAX_PARAMETERS = 200  # of a query, and of a form

_FORM = "application/x-www-form-urlencoded"


def refusal(environ: Mapping[str, Any]) -> HTTPStatus | None:
    """Return the status of what is wrong with the size of a request, but for its body; none where nothing is.

    414: RFC 9110 section 15.5.15; 431: RFC 6585 section 5.
    """
    query = str(environ.get("QUERY_STRING", ""))
    if len(query) > MAX_QUERY or len(str(environ.get("PATH_INFO", ""))) > MAX_PATH:
        return HTTPStatus.REQUEST_URI_TOO_LONG
    sent = sum(len(name) + len(str(value)) for name, value in environ.items() if name.startswith("HTTP_"))
    if sent > MAX_HEADERS or str(environ.get("HTTP_COOKIE", "")).count(";") >= MAX_COOKIES:
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    return HTTPStatus.BAD_REQUEST if too_many(query) else None


def too_many(encoded: str | bytes) -> bool:
    """Return whether a query or a form has more parameters than anything we answer."""
    separator: Any = "&" if isinstance(encoded, str) else b"&"
    return encoded.count(separator) >= MAX_PARAMETERS


def init(app: Flask) -> None:
    """Refuse what is too large. To be called first: whatever comes later reads."""
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_BODY
    app.config["MAX_FORM_PARTS"] = MAX_PARAMETERS

    @app.before_request
    def refuse_too_large() -> None:
        refused = refusal(request.environ)
        if refused is not None:
            abort(refused)
        # The body is read here, and parsed later from what was read.
        if request.mimetype == _FORM and too_many(request.get_data()):
            abort(HTTPStatus.BAD_REQUEST)
