"""What can be read at all: URLs and forms are ASCII, and what they encode is UTF-8 (WHATWG URL, section 5.1)."""

import re
from urllib.parse import quote_plus, unquote_to_bytes

from flask import Flask, abort, g, request

_BEYOND_ASCII = re.compile(rb"%[89A-Fa-f]")
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*")


def is_text(encoded: bytes) -> bool:
    """Return whether a query or a form can be read without changing it."""
    # Nearly all of them encode ASCII alone, and that can be read.
    if _BEYOND_ASCII.search(encoded) is None:
        return encoded.isascii()
    try:
        unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        return False
    return encoded.isascii()


def quoted(text: str) -> str:
    """Return it as the value of a parameter of a query."""
    # Codes and most of what registries send need no quoting, which takes a tenth of the time to see.
    return text if _UNRESERVED.fullmatch(text) else quote_plus(text)


def is_readable(query: bytes) -> bool:
    """Return whether there is nothing about a query that is refused."""
    return is_text(query) and b"\0" not in query and b"%00" not in query


def init(app: Flask) -> None:
    """Refuse every request whose query or path cannot be read: what is replaced is not what was sent.

    Nobody types a NUL, and PostgreSQL takes none in a text: there is none in our addresses, queries and forms.
    """

    @app.before_request
    def refuse_unreadable() -> None:
        if not is_readable(request.query_string):
            abort(400)
        if "\0" in request.path:
            abort(404)


def init_forms(app: Flask) -> None:
    """Refuse the forms of our pages that have a NUL in them. To be called after ``csrf.init``.

    What programs send is for their endpoints to judge.
    """

    @app.before_request
    def refuse_nul() -> None:
        # Set by Flask-WTF on what came from a page of ours.
        if g.get("csrf_valid", False) and any("\0" in name + "".join(said) for name, said in request.form.lists()):
            abort(400)
