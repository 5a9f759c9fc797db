"""Around every request: how long it took, one line in the log, one span. Outermost but for the proxies' headers."""

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import TYPE_CHECKING

from broker.logs import told_request
from broker.metrics import counting, tracing
from broker.metrics.labels import OTHER, UNROUTED, is_known
from broker.web.references import ENDPOINT, UNTOLD, of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# A probe comes every few seconds from every load balancer, and says nothing of anybody.
_UNTOLD = "probes."


class Watch:
    """A WSGI application around another. Whoever finds the route puts its name into the environment.

    ``told``: each request has a line in the log. The time is that until the answer is ready to be sent.
    """

    def __init__(self, application: "WSGIApplication", *, told: bool) -> None:
        self._application = application
        self._told = told

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        began = perf_counter()
        status = 500  # what a server makes of an exception that nobody caught

        def answer(line: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[[bytes], object]:
            nonlocal status
            status = int(line[:3])
            return start_response(line, headers, exc_info)  # type: ignore[arg-type]  # handed on as it came

        with tracing.span("request") as span:
            try:
                return self._application(environ, answer)
            finally:
                seconds = perf_counter() - began
                endpoint, method = str(environ.get(ENDPOINT, UNROUTED)), str(environ["REQUEST_METHOD"])
                method = method if is_known("method", method) else OTHER
                counting.answered(endpoint, method, status, seconds)
                if tracing.is_on():
                    span.tell(endpoint=endpoint, method=method, status=f"{status // 100}xx", reference=of(environ))
                if self._told and UNTOLD not in environ and not endpoint.startswith(_UNTOLD):
                    told_request(endpoint, method, status, seconds * 1000, of(environ))
