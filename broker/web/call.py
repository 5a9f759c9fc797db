"""What a program sent us and what it is answered, as plain values: the same below the framework and in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote_plus

from flask import Response, request
from werkzeug.datastructures import EnvironHeaders
from werkzeug.exceptions import BadRequest, ClientDisconnected
from werkzeug.http import parse_options_header

from broker.web.caps import too_many

FORM = "application/x-www-form-urlencoded"


class Call:
    """One request of a program, over its WSGI environment. The body is read once, and its form parsed once."""

    def __init__(self, environ: dict[str, Any], read: Callable[[], bytes] | None = None) -> None:
        """``read`` returns the body where somebody else holds its stream."""
        self.environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.query: str = environ.get("QUERY_STRING", "")
        self._read = read or self._whole

    @cached_property
    def headers(self) -> EnvironHeaders:
        """The headers, by any spelling of their names."""
        return EnvironHeaders(self.environ)

    @property
    def authorization(self) -> str | None:
        """The ``Authorization`` header, if there is one."""
        found: str | None = self.environ.get("HTTP_AUTHORIZATION")
        return found

    @property
    def length(self) -> int | None:
        """How many bytes the body is said to have, if that is said."""
        said = self.environ.get("CONTENT_LENGTH") or ""
        return int(said) if said.isascii() and said.isdigit() else None

    @cached_property
    def mimetype(self) -> str:
        """The media type of the body, in lower case and without its parameters."""
        said: str = self.environ.get("CONTENT_TYPE", "")
        return FORM if said == FORM else parse_options_header(said)[0].lower()

    @cached_property
    def body(self) -> bytes:
        """The body. Raises werkzeug's ``HTTPException`` where it is too large, or did not come whole."""
        return self._read()

    @cached_property
    def lists(self) -> Mapping[str, list[str]]:
        """The parameters of the form, each with all its values (WHATWG URL, section 5.1); empty without a form.

        Raises ``BadRequest`` for a form with more of them than anything we answer, as Flask's requests do.
        """
        if self.mimetype != FORM:
            return {}
        if too_many(self.body):
            raise BadRequest
        return parameters(self.body.decode("utf-8", "replace"))

    @cached_property
    def form(self) -> dict[str, str]:
        """The first value of each parameter of the form."""
        return {name: values[0] for name, values in self.lists.items()}

    def _whole(self) -> bytes:
        length = self.length or 0
        body: bytes = self.environ["wsgi.input"].read(length) if length else b""
        if len(body) != length:
            raise ClientDisconnected
        return body


def parameters(encoded: str) -> dict[str, list[str]]:
    """Return the parameters of a query or a form, each with all its values (WHATWG URL, section 5.1)."""
    found: dict[str, list[str]] = {}
    for part in encoded.split("&"):
        if part:
            name, _, value = part.partition("=")
            if "%" in part or "+" in part:
                name, value = unquote_plus(name), unquote_plus(value)
            found.setdefault(name, []).append(value)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered. ``public``: anybody may keep it for a while, and ``headers`` say for how long."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    public: bool = False

    def header(self, name: str) -> str:
        """Return the value of a header, empty where it is not set."""
        return next((value for each, value in self.headers if each == name), "")


Handler = Callable[[Call], Answer]


def current() -> Call:
    """Return the current request of Flask."""
    return Call(request.environ, request.get_data)


def as_response(answer: Answer) -> Response:
    """Return the answer as Flask sends it."""
    return Response(answer.body, status=answer.status, headers=list(answer.headers))


def in_flask(answering: Callable[..., Answer], arguments: Mapping[str, str]) -> Response:
    """Return the answer to the current request of Flask, or raise what was raised over it below."""
    if (raised := request.environ.get(RAISED)) is not None:
        raise raised
    return as_response(answering(current(), **arguments))


RAISED = "vestibule.raised"
"""The key of what went wrong below Flask, for Flask to answer as it answers everything that goes wrong."""
