"""The last answers of a process that is to end: nobody is to send another request on a connection it will close."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class LastAnswers:
    """``below``, with ``Connection: close`` in its answers while ``draining`` says so (RFC 9112 section 9.6).

    A proxy that keeps connections would send its next request on one that ends in that moment, and may not send it
    again: it cannot know how much was done. PEP 3333 leaves this header to the server, and Granian leaves it to us.
    """

    def __init__(self, below: "WSGIApplication", draining: Callable[[], bool]) -> None:
        self._below = below
        self._draining = draining

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not self._draining():
            return self._below(environ, start_response)

        def closing(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [*headers, ("Connection", "close")], *more)

        return self._below(environ, closing)
