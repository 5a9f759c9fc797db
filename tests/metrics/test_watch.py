"""One line and one number for each request, with its reference and nothing that came from outside (T12)."""

import json
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import structlog
from flask import Flask, abort
from flask.testing import FlaskClient
from werkzeug.test import Client

from broker.logs import configure
from broker.metrics.numbers import Numbers
from broker.metrics.watch import Watch
from broker.settings.model import LogSettings
from broker.web import references
from tests.metrics.reading import samples, shown

SECRET = "kanarienvogel"
FORGED = f'{SECRET}\n{{"event": "forged"}}\r\n2026-11-22 [info] forged\x1b[2J\u2028forged\x85forged'


@pytest.fixture
def log(request: pytest.FixtureRequest) -> Iterator[StringIO]:
    """Yield what is written to standard error, in the form that the test asks for."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    configure(LogSettings(format=getattr(request, "param", "json")))
    written = StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    yield written
    root.handlers[:] = before
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()


def lines(log: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def application(*, told: bool = True) -> Flask:
    app = Flask("watched")
    references.init(app)

    @app.get("/known/<name>")
    def known(name: str) -> str:
        structlog.get_logger("test").info("seen")
        return references.current()

    @app.get("/wrong/<name>")
    def wrong(name: str) -> str:
        abort(403)

    @app.get("/broken/<name>")
    def broken(name: str) -> str:
        raise RuntimeError(name)

    app.wsgi_app = Watch(app.wsgi_app, told=told)  # type: ignore[method-assign]  # as Flask documents it
    return app


def test_a_request_has_one_line_with_route_status_time_and_reference_and_not_its_path(log: StringIO) -> None:
    reference = application().test_client().get(f"/known/{SECRET}?{SECRET}={SECRET}").text
    (seen, request) = lines(log)
    assert seen["reference"] == request["reference"] == reference
    assert len(reference) == references.LENGTH
    assert set(reference) <= set(references.ALPHABET)
    assert isinstance(request.pop("ms"), float)
    assert request.pop("timestamp").endswith("Z")
    assert request == {
        "endpoint": "known",
        "method": "GET",
        "status": 200,
        "reference": reference,
        "event": "request",
        "level": "info",
        "logger": "broker.requests",
    }
    assert SECRET not in log.getvalue()
    assert "127.0.0.1" not in log.getvalue()


@pytest.mark.parametrize("log", ["console"], indirect=True)
def test_it_is_readable_where_that_is_wanted(log: StringIO) -> None:
    reference = application().test_client().get("/known/a").text
    line = log.getvalue().splitlines()[-1]
    assert "request: endpoint=known method=GET status=200 ms=" in line
    assert line.count(f"reference={reference}") == 1


def test_lines_of_requests_can_be_left_out(log: StringIO, numbers: Numbers) -> None:
    application(told=False).test_client().get("/nowhere")
    assert log.getvalue() == ""
    assert samples(shown(numbers))["vestibule_request_seconds_count", ("unrouted", "GET", "4xx")] == 1


@pytest.mark.parametrize(
    "method, path, endpoint, status",
    [("GET", "/nowhere", "unrouted", 404), ("GET", "/wrong/a", "wrong", 403), ("POST", "/known/a", "unrouted", 405)],
)
def test_what_is_refused_has_its_line_too(log: StringIO, method: str, path: str, endpoint: str, status: int) -> None:
    application().test_client().open(path, method=method)
    line = lines(log)[-1]
    assert (line["endpoint"], line["method"], line["status"]) == (endpoint, method, status)
    assert len(line["reference"]) == references.LENGTH


def test_t12_a_method_that_somebody_made_up_is_other(log: StringIO, numbers: Numbers) -> None:
    application().test_client().open("/known/a", method=f"X{SECRET.upper()}")
    assert lines(log)[-1]["method"] == "other"
    assert samples(shown(numbers))["vestibule_request_seconds_count", ("unrouted", "other", "4xx")] == 1


def test_an_exception_that_nobody_caught_is_a_500_and_goes_on(log: StringIO) -> None:
    def fail(environ: dict[str, Any], start_response: object) -> list[bytes]:
        raise RuntimeError(SECRET)

    with pytest.raises(RuntimeError, match=SECRET):
        Client(Watch(fail, told=True)).get("/")
    assert lines(log)[-1]["status"] == 500
    assert SECRET not in log.getvalue()


def test_what_a_client_sends_is_no_reference_and_no_route(log: StringIO) -> None:
    headers = {"Vestibule.Reference": "FORGED", "Vestibule-Reference": "FORGED", "X-Request-Id": "FORGED"}
    application().test_client().get("/known/a", headers=headers)
    assert "FORGED" not in log.getvalue()


def _client(app: Flask) -> FlaskClient:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app.test_client()


@pytest.mark.parametrize("log", ["json", "console"], indirect=True)
def test_t12_nobody_writes_a_line_of_their_own_and_no_exception_tells_its_message(log: StringIO) -> None:
    structlog.get_logger("test").info(FORGED, detail=FORGED)
    logging.getLogger("library").warning("got %s", FORGED)
    for number in range(2):
        try:
            try:
                raise KeyError(FORGED)
            except KeyError as error:
                raise ValueError(SECRET) from (error if number else None)
        except ValueError:
            logging.getLogger("library").exception("failed")
            structlog.get_logger("test").error("failed", exc_info=True)
    written = log.getvalue()
    begun = [line for line in written.split("\n") if line and not line.startswith("  ")]
    assert len(begun) == 6, "as many lines as were logged"
    assert not [
        line for line in written.splitlines() if line.startswith(("forged", '{"event": "forged"', "2026-11-22 ["))
    ]
    assert written.count(SECRET) == 3, "what was logged as a value, and no message of an exception"
    for sign in ("\x1b", "\r", "\u2028", "\x85"):
        assert sign not in written
    assert "builtins.KeyError" in written
    assert "builtins.ValueError" in written


def test_without_an_exception_there_is_nothing_to_tell_of_one(log: StringIO) -> None:
    structlog.get_logger("test").error("failed", exc_info=True)
    assert "exception" not in lines(log)[0]


def test_a_line_by_anybody_else_under_that_name_is_written_as_any_other(log: StringIO) -> None:
    logging.getLogger("broker.requests").info("plain")
    assert lines(log)[0]["event"] == "plain"


def test_a_line_that_cannot_be_written_stops_nobody(log: StringIO) -> None:
    client = application().test_client()
    log.close()
    assert client.get("/known/a").status_code == 200


@pytest.mark.parametrize("log", ["json", "console"], indirect=True)
def test_of_what_is_public_there_is_no_line_and_at_a_higher_level_of_nothing(log: StringIO, numbers: Numbers) -> None:
    def public(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ[references.UNTOLD] = True
        start_response("200 OK", [])
        return []

    assert Client(Watch(public, told=True)).get("/").status_code == 200
    logging.getLogger().setLevel("WARNING")
    application().test_client().get("/nowhere")
    assert log.getvalue() == ""
    assert samples(shown(numbers))["vestibule_request_seconds_count", ("unrouted", "GET", "2xx")] == 1
