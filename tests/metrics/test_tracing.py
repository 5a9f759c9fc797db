"""Spans, received by OTLP on loopback: names and attributes of closed sets, and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from werkzeug.test import Client

from broker import metrics
from broker.metrics import tracing
from broker.metrics.upstreams import Upstreams
from broker.metrics.watch import Watch
from broker.storage.database import Database
from broker.web.references import ENDPOINT, REFERENCE
from providers.circuit import Outcome, State
from tests.metrics.reading import samples, shown
from tests.providers.loopback import Handler, serve

SECRET = "kanarienvogel"


class Receiver:
    """An OTLP receiver; ``spans`` are their attributes by name, ``raw`` is all that came."""

    def __init__(self) -> None:
        self.raw = b""
        self.spans: list[tuple[str, dict[str, str]]] = []

    def __call__(self, handler: Handler) -> None:
        body = handler.seen[-1].body
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    assert not span.events, "no exception is an event"
                    assert not span.status.message
                    self.spans.append((span.name, {each.key: each.value.string_value for each in span.attributes}))
        handler.reply(b"", content_type="application/x-protobuf")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    with serve(found) as served:
        metrics.know("provider", ("github",))
        metrics.know("endpoint", ("signin.go",))
        tracing.on(f"{served.url}/v1/traces")
        yield found
        tracing.off()


def answering(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    environ[ENDPOINT], environ[REFERENCE] = "signin.go", "K7QF2MXW9D"
    with tracing.span("upstream", provider=SECRET):
        start_response("200 OK", [])
    return []


def test_a_request_is_a_span_with_what_happens_in_it(receiver: Receiver) -> None:
    headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "User-Agent": SECRET}
    Client(Watch(answering, told=False)).get(f"/signin/{SECRET}?code={SECRET}", headers=headers)
    tracing.off()
    assert receiver.spans == [
        ("upstream", {"vestibule.provider": "other"}),
        (
            "request",
            {
                "vestibule.endpoint": "signin.go",
                "vestibule.method": "GET",
                "vestibule.status": "2xx",
                "vestibule.reference": "K7QF2MXW9D",
            },
        ),
    ]
    assert SECRET.encode() not in receiver.raw
    assert bytes.fromhex("0af7651916cd43dd8448eb211c80319c") not in receiver.raw, "no client decides what is traced"


def test_an_exception_says_nothing_in_a_span(receiver: Receiver) -> None:
    with pytest.raises(ValueError, match=SECRET), tracing.span("request"):
        raise ValueError(SECRET)
    tracing.off()
    assert [name for name, _ in receiver.spans] == ["request"]
    assert SECRET.encode() not in receiver.raw


def test_calls_to_providers_are_spans_and_numbers(receiver: Receiver, numbers: Any) -> None:
    upstreams = Upstreams()
    upstreams.asked("github", Outcome.UNAVAILABLE, 1.5)
    upstreams.turned("github", State.OPEN)
    tracing.off()
    assert receiver.spans == [("upstream", {"vestibule.provider": "github", "vestibule.outcome": "unavailable"})]
    found = samples(shown(numbers))
    assert found["vestibule_upstream_seconds_sum", ("unavailable", "github")] == 1.5
    assert found["vestibule_circuits", ("github", "open")] == 1


def test_statements_are_spans_without_what_they_say(receiver: Receiver, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'traced.db'}")
    tracing.watch(database)
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE t (a TEXT)"))
        connection.execute(text("INSERT INTO t VALUES (:a)"), {"a": SECRET})
        with pytest.raises(OperationalError):
            connection.execute(text(f"SELECT {SECRET} FROM t"))
    database.dispose()
    tracing.off()
    names = [name for name, _ in receiver.spans]
    assert names == ["database other", "database other", "database INSERT", "database SELECT"]
    assert SECRET.encode() not in receiver.raw


def test_without_an_endpoint_nothing_is_traced_and_nothing_changed(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'plain.db'}")
    tracing.watch(database)
    tracing.past("upstream", 1.0, provider="github")
    with tracing.span("request", endpoint="signin.go") as span, database.read() as connection:
        span.tell(status="2xx")
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    database.dispose()
    tracing.off()
    assert tracing.span("request") is tracing.span("another"), "it costs nothing"


def test_who_did_not_install_the_extra_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(tracing.NotInstalled, match=r"vestibule\[tracing\]"):
        tracing.on("http://127.0.0.1:1/v1/traces")
