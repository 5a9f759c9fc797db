"""What can be read at all: URLs and forms are ASCII, and what they encode is UTF-8 (WHATWG URL, section 5.1)."""

from urllib.parse import unquote_to_bytes

from flask import Flask, abort, request


def is_text(encoded: bytes) -> bool:
    """Return whether a query or a form can be read without changing it."""
    try:
        unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        return False
    return encoded.isascii()


def init(app: Flask) -> None:
    """Refuse every request whose query or path cannot be read: what is replaced is not what was sent."""

    @app.before_request
    def refuse_unreadable() -> None:
        if not is_text(request.query_string):
            abort(400)
        # No address of ours has a NUL in it, and PostgreSQL takes none in a text.
        if "\0" in request.path:
            abort(404)
