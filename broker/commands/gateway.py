"""From Granian to WSGI, with the names of headers as they were sent.

In WSGI (PEP 3333) ``X_Forwarded_For`` and ``X-Forwarded-For`` are one variable, and Granian's own environment has the
last of them: whoever adds the one to a request would be believed in place of the proxy, which sets the other. Nothing
that means well has an underscore in its name, so such headers are dropped, as nginx does by default. Granian tells the
names apart in RSGI alone; so that is what its threads are given here, one request after another, without an event loop.

The environment has nothing of ``os.environ``, either: a variable ``HTTP_X_FORWARDED_FOR`` of the process is no header.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable
from io import BytesIO
from threading import Event
from typing import TYPE_CHECKING, Any

from granian import _granian, _signals
from granian.server.common import WORKERS_METHODS
from granian.server.mp import WorkerProcess

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

# What the library says of their types is of an older version.
_core: Any = _granian
_told: Any = _signals
_of_a_process: Any = WorkerProcess

_BASE: dict[str, Any] = {
    "SCRIPT_NAME": "",
    "SERVER_SOFTWARE": "Granian",
    "wsgi.errors": sys.stderr,
    "wsgi.input_terminated": True,
    "wsgi.multiprocess": False,
    "wsgi.multithread": True,
    "wsgi.run_once": False,
    "wsgi.version": (1, 0),
}
MAX_BODY = 64 * 1024
"""As much of a body is taken in, in bytes, and a little more, which the application refuses by its length."""
_PLAIN = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


def environment(scope: Any) -> "WSGIEnvironment":
    """Return the WSGI environment of a request. Headers whose names have an underscore are not in it."""
    server, _, port = scope.server.rpartition(":")
    environ = _BASE | {
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.url_scheme": scope.scheme,
        "HTTP_HOST": scope.authority or "",
    }
    seen: set[str] = set()
    for name, value in scope.headers.items():
        if "_" in name:
            continue
        variable = _PLAIN.get(name) or "HTTP_" + name.upper().replace("-", "_")
        if name in seen:
            environ[variable] += ("; " if name == "cookie" else ",") + value
        else:
            seen.add(name)
            environ[variable] = value
    return environ


class _Request:
    """Takes in the body of a request as it comes, which keeps no thread waiting, and then has it answered."""

    def __init__(self, application: "WSGIApplication", watcher: Any) -> None:
        self._application = application
        self._watcher = watcher
        self._environ = environment(watcher.scope)
        self._chunks: Any = None
        self._body = b""

    def begin(self) -> None:
        environ = self._environ
        if "HTTP_TRANSFER_ENCODING" in environ or environ.get("CONTENT_LENGTH", "0") != "0":
            self._chunks = self._watcher.proto.__aiter__()
            self._go_on()
        else:
            self._answer()

    def _go_on(self) -> None:
        self._chunks.__anext__().add_done_callback(guarded(self._watcher, self._take), context=None)

    def _take(self, chunk: Any) -> None:
        more = _result(chunk)
        self._body += more
        length = self._environ.get("CONTENT_LENGTH")
        whole = not more if length is None else str(len(self._body)) == length
        if whole or len(self._body) > MAX_BODY:
            self._answer()
        elif not more:
            self._watcher.done()  # it was cut off: nobody is there who would read an answer
        else:
            self._go_on()

    def _answer(self) -> None:
        status, headers = 500, list[tuple[str, str]]()

        def start_response(said: str, wanted: list[tuple[str, str]], _: object = None) -> Callable[[bytes], object]:
            nonlocal status, headers
            status, headers = int(said[:3]), wanted
            return _no_write

        self._environ["wsgi.input"] = BytesIO(self._body)
        answered: Iterable[bytes] = self._application(self._environ, start_response)
        try:
            body = b"".join(answered)
        finally:
            close = getattr(answered, "close", None)
            if close is not None:
                close()
        self._watcher.proto.response_bytes(status, headers, body)
        self._watcher.done()


def _result(chunk: Any) -> bytes:
    """Return what an awaitable came to that is through. Raises what it failed with."""
    try:
        next(chunk.__await__())
    except StopIteration as done:
        return bytes(done.value)
    raise RuntimeError("not through yet")


def _no_write(_: bytes) -> object:
    raise NotImplementedError("nobody here writes past what is returned (PEP 3333 has it for old code)")


def guarded(watcher: Any, step: Callable[..., None]) -> Callable[..., None]:
    """Return a step of answering a request. Where it fails there is an answer all the same, with status 500."""

    def take(*arguments: object) -> None:
        try:
            step(*arguments)
        except BaseException as error:
            watcher.err(error)

    return take


class _AtOnce:
    """Stands where an event loop would: what comes next is done at once, by the thread that has what it waited for."""

    def call_soon_threadsafe(self, told: Callable[..., object], *arguments: object, context: object = None) -> None:
        del context
        told(*arguments)


class _Scheduler(_granian.CallbackScheduler):
    """Has requests answered by the threads that Granian hands them to."""

    __slots__ = ()

    def __init__(self, _loop: object, answer: Callable[[Any], None], *_: object) -> None:
        self._schedule_fn = answer


def answering(application: "WSGIApplication") -> Callable[[Any], None]:
    """Return what has a request that Granian hands over answered by ``application``."""

    def answer(watcher: Any) -> None:
        guarded(watcher, lambda: _Request(application, watcher).begin())()

    return answer


@_of_a_process.wrap_target  # type: ignore[untyped-decorator]  # has no types
def spawn(  # as MPServer._spawn_wsgi_worker, whose place it takes
    worker_id: int,
    callback: "WSGIApplication",
    sock: Any,
    ipc: Any,
    loop: Any,
    runtime_mode: Any,
    runtime_threads: int,
    runtime_blocking_threads: int | None,
    blocking_threads: int,
    blocking_threads_idle_timeout: int,
    backpressure: int,
    task_impl: Any,
    http_mode: Any,
    http1_settings: Any,
    http2_settings: Any,
    websockets: bool,
    static_path: Any,
    log_access_fmt: str | None,
    ssl_ctx: Any,
    scope_opts: Any,
    metrics: Any,
) -> None:
    """Serve in a process of its own, until a signal ends it."""
    del loop, task_impl, websockets, log_access_fmt, scope_opts
    told, ended = _told.set_sync_signals(), Event()
    told.add_cb(ended.set)
    worker = _core.RSGIWorker(
        worker_id,
        sock,
        ipc,
        runtime_threads,
        runtime_blocking_threads,
        blocking_threads,
        blocking_threads_idle_timeout,
        backpressure,
        http_mode,
        http1_settings,
        http2_settings,
        False,
        static_path,
        *ssl_ctx,
        metrics,
    )
    serve = getattr(worker, WORKERS_METHODS[runtime_mode][(sock[0] or sock[1]).is_uds()])
    serve(_Scheduler(asyncio.new_event_loop(), answering(callback), None, None, None), _AtOnce(), told)
    ended.wait()
