"""Spans for OpenTelemetry: of requests, of calls to providers, of statements. An extra, and off by default.

Nothing of the library is imported until :func:`on`. What always holds: names and attributes come from the closed sets
of :mod:`broker.metrics.labels`, but for the reference number, which we made; no span carries an address, a URL, the
text of an error or of a statement; nothing that a client sends decides what is traced.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import event

from broker.metrics.labels import OTHER, is_known
from broker.storage.database import Database
from providers.http import outbound

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

SERVICE = "vestibule"
_STATEMENTS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"})


class Span(Protocol):
    """What is going on."""

    def tell(self, **attributes: str) -> None:
        """Add attributes: labels, or the reference number."""
        ...


class _Unseen:
    def tell(self, **attributes: str) -> None:
        del attributes


_UNSEEN: AbstractContextManager[Span] = nullcontext(_Unseen())
_spans: "_Spans | None" = None


class NotInstalled(Exception):
    """The extra is not there."""


def is_on() -> bool:
    """Return whether spans are made."""
    return _spans is not None


def span(name: str, **attributes: str) -> AbstractContextManager[Span]:
    """Return a span around what is done in it; without :func:`on` nothing comes of it."""
    return _UNSEEN if _spans is None else _spans.around(name, attributes)


def past(name: str, seconds: float, **attributes: str) -> None:
    """Make a span of what took so long and is over."""
    if _spans is not None:
        _spans.past(name, seconds, attributes)


def on(endpoint: str, ca_bundle: Path | None = None) -> None:
    """Begin to make spans, and send them to an OTLP receiver, in the background and in batches.

    How many requests are traced is set as OpenTelemetry has it, by ``OTEL_TRACES_SAMPLER``. Raises
    :class:`NotInstalled`.
    """
    global _spans  # noqa: PLW0603 - one of a process, as its log is
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise NotInstalled("pip install vestibule[tracing]") from error
    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
    certificates = str(ca_bundle) if ca_bundle is not None else None
    session = outbound(ca_bundle, timeout=(2.0, 5.0), total=10.0)
    exporter = OTLPSpanExporter(endpoint=endpoint, certificate_file=certificates, session=session)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    off()
    _spans = _Spans(provider)


def off() -> None:
    """Send what is left, and make no more."""
    global _spans  # noqa: PLW0603 - as above
    if _spans is not None:
        _spans.close()
    _spans = None


def watch(database: Database) -> None:
    """Have every statement be a span. Without :func:`on` before, nothing is changed, so that nothing is spent."""
    if _spans is not None:
        _spans.watch(database)


class _Span:
    def __init__(self, span: Any) -> None:
        self._span = span

    def tell(self, **attributes: str) -> None:
        for name, value in attributes.items():
            known = name == "reference" or is_known(name, value)
            self._span.set_attribute(f"{SERVICE}.{name}", value if known else OTHER)


class _Spans:
    def __init__(self, provider: "TracerProvider") -> None:
        self._provider = provider
        self._tracer = provider.get_tracer(SERVICE)

    @contextmanager
    def around(self, name: str, attributes: dict[str, str]) -> Iterator[_Span]:
        # An exception's message quotes values: neither it nor the traceback is for a span.
        with self._tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as made:
            found = _Span(made)
            found.tell(**attributes)
            yield found

    def past(self, name: str, seconds: float, attributes: dict[str, str]) -> None:
        ended = time.time_ns()
        made = self._tracer.start_span(name, start_time=ended - int(seconds * 1e9))
        _Span(made).tell(**attributes)
        made.end(ended)

    def watch(self, database: Database) -> None:
        # A thread has one statement under way, at most.
        under_way = local()

        def over(*_: object) -> None:
            begun = getattr(under_way, "span", None)
            under_way.span = None
            if begun is not None:
                begun.end()

        def begin(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            over()
            word = statement.lstrip()[:6].rstrip().upper()
            under_way.span = self._tracer.start_span(f"database {word if word in _STATEMENTS else OTHER}")

        event.listen(database.engine, "before_cursor_execute", begin)
        event.listen(database.engine, "after_cursor_execute", over)
        event.listen(database.engine, "handle_error", over)

    def close(self) -> None:
        self._provider.shutdown()
