"""The addresses that programs call most, answered below Flask by the handlers that Flask has for them, too.

Flask stays the one that decides on everything that is odd (a query, a host, a body without a length) and answers
whatever goes wrong, so that there is one way to refuse. What comes here is a plain request to an address of the table.
"""

import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from io import BytesIO
from typing import Any

import structlog
from flask import Flask

from broker.web import address, caps, headers, references, text
from broker.web.call import RAISED, Answer, Call, Handler

MAX_BODY = 16 * 1024
"""Bytes of a body that is read here."""

_DIGITS = 5
MayAnswer = Callable[[Call], Answer | None]
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_HOST = re.compile(r"(?:[a-zA-Z0-9-]{1,63}\.)*[a-zA-Z0-9-]{1,63}(?::[0-9]{1,5})?")
_STATUS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


class Direct:
    """The table, as a WSGI application in front of another."""

    def __init__(self, below: Wsgi, *, secure: bool) -> None:
        self._below = below
        self._table: dict[tuple[str, str], tuple[str, MayAnswer, bool, bool]] = {}
        self._private = headers.of_programs(secure=secure, public=False)
        self._public = headers.of_programs(secure=secure, public=True)
        self._around: Callable[[], AbstractContextManager[object]] = nullcontext

    def add(self, method: str, path: str, endpoint: str, handler: Handler, *, silent: bool = False) -> None:
        """Answer these requests here. ``endpoint`` is Flask's name for the same; ``silent``: it logs nothing."""
        self._put(method, path, (endpoint, handler, silent, False))

    def add_page(self, path: str, endpoint: str, handler: "MayAnswer") -> None:
        """Answer GET here, also with a query, where ``handler`` does; what it leaves is for Flask."""
        self._put("GET", path, (endpoint, handler, False, True))

    def put_around(self, around: Callable[[], AbstractContextManager[object]]) -> None:
        """Have what this returns be around every handler that is not silent."""
        self._around = around

    def _put(self, method: str, path: str, entry: tuple[str, "MayAnswer", bool, bool]) -> None:
        self._table[method, path] = entry
        if method == "GET":
            self._table["HEAD", path] = entry

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        found = self._table.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if found is None or not _is_plain(environ, query=found[3]):
            return self._below(environ, start_response)
        endpoint, handler, silent, _ = found
        environ[references.ENDPOINT] = endpoint
        call = Call(environ)
        if silent:
            environ[references.UNTOLD] = True
        try:
            answer = handler(call) if silent else self._in_context(handler, call)
        except Exception as error:
            environ[RAISED] = error
            # Its body was read, and is there to be read again.
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(), "0"
            return self._below(environ, start_response)
        return self._below(environ, start_response) if answer is None else self._send(call, answer, start_response)

    def _in_context(self, handler: MayAnswer, call: Call) -> Answer | None:
        """Have every line that is logged meanwhile carry the reference of the request."""
        context = structlog.contextvars
        context.clear_contextvars()
        bound = context.bind_contextvars(reference=references.of(call.environ))
        address.come_from(call.environ)
        try:
            with self._around():
                return handler(call)
        finally:
            address.come_from(None)
            context.reset_contextvars(**bound)

    def _send(self, call: Call, answer: Answer, start_response: Callable[..., Any]) -> Iterable[bytes]:
        # Whatever is not public is kept by nobody, whatever it says itself.
        own = answer.headers if answer.public else [each for each in answer.headers if each[0] != "Cache-Control"]
        sent = [*own, *(self._public if answer.public else self._private)]
        if answer.status != HTTPStatus.NOT_MODIFIED:
            sent.append(("Content-Length", str(len(answer.body))))
        start_response(_STATUS[answer.status], sent)
        return () if call.method == "HEAD" else (answer.body,)


def of(app: Flask) -> Direct:
    """Return the table of an application, in front of which it is put with the first call."""
    found = app.extensions.get("direct")
    if not isinstance(found, Direct):
        found = app.extensions["direct"] = Direct(app.wsgi_app, secure=bool(app.config.get(headers.SECURE)))
        app.wsgi_app = found  # type: ignore[method-assign]  # as Flask documents it
    return found


def _is_plain(environ: dict[str, Any], *, query: bool) -> bool:
    """Return whether nothing about the request is for Flask to judge."""
    asked = environ.get("QUERY_STRING")
    if asked and not (query and text.is_readable(asked.encode("latin-1"))):
        return False
    if environ.get("SCRIPT_NAME") or not _HOST.fullmatch(environ.get("HTTP_HOST", "")):
        return False
    length = environ.get("CONTENT_LENGTH") or "0"
    if len(length) > _DIGITS or not length.isdecimal() or "HTTP_TRANSFER_ENCODING" in environ:
        return False
    return int(length) <= MAX_BODY and caps.refusal(environ) is None
