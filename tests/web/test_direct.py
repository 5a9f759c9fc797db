"""What is answered below Flask is answered as Flask would."""

import logging
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
import structlog
from flask import Blueprint, Flask
from werkzeug.test import Client, TestResponse

from broker.storage.store import StoreUnavailable
from broker.web import direct, references
from broker.web.call import Answer, Call, as_response, current, in_flask
from broker.web.caps import MAX_PARAMETERS
from broker.web.csrf import protection
from broker.web.direct import MAX_BODY
from tests.web.conftest import PUBLIC, MakeApp

JSON = ("Content-Type", "application/json")


def echo(call: Call) -> Answer:
    return Answer(body=repr(sorted(call.lists.items())).encode(), headers=(JSON, ("Cache-Control", "private")))


def public(_call: Call) -> Answer:
    return Answer(body=b"{}", headers=(JSON, ("Cache-Control", "public, max-age=300")), public=True)


def unchanged(_call: Call) -> Answer:
    return Answer(body=b"", status=304, headers=(("Cache-Control", "public, max-age=300"),), public=True)


def context(call: Call) -> Answer:
    logging.getLogger("tests").warning("said")
    found = structlog.contextvars.get_contextvars()
    return Answer(body=str(found.get("reference")).encode(), headers=(("X-Reference", references.of(call.environ)),))


def broken(call: Call) -> Answer:
    raise KeyError(call.form["a"])


def away(_call: Call) -> Answer:
    raise StoreUnavailable


HANDLERS = {
    ("POST", "/direct/echo"): echo,
    ("GET", "/direct/public"): public,
    ("GET", "/direct/unchanged"): unchanged,
    ("GET", "/direct/context"): context,
    ("POST", "/direct/broken"): broken,
    ("GET", "/direct/away"): away,
}


def built(make_app: MakeApp) -> Flask:
    app = make_app(PUBLIC)
    room = Blueprint("direct", __name__)
    for (method, path), handler in HANDLERS.items():
        view = partial(in_flask, handler, {})
        room.add_url_rule(path, handler.__name__, view, methods=[method])
    protection(app).exempt(room)
    app.register_blueprint(room)
    return app


@pytest.fixture
def alone(make_app: MakeApp) -> Flask:
    """An application that answers all of it in Flask."""
    return built(make_app)


@pytest.fixture
def below(make_app: MakeApp) -> Flask:
    """One that answers it below Flask, too."""
    app = built(make_app)
    table = direct.of(app)
    assert direct.of(app) is table
    for (method, path), handler in HANDLERS.items():
        table.add(method, path, f"direct.{handler.__name__}", handler, silent=handler is public)
    return app


def told(response: TestResponse) -> Mapping[str, Any]:
    """Return what of an answer does not differ from one request to the next."""
    headers = sorted(
        (name, re.sub("; charset=utf-8", "", value)) for name, value in response.headers if name != "X-Reference"
    )
    return {
        "status": response.status_code,
        "headers": headers,
        "text": re.sub(r"[2-9A-HJ-NP-Z]{10}", "", response.text),
    }


@pytest.mark.parametrize(
    "method, path, sent",
    [
        ("POST", "/direct/echo", {"data": {"a": ["1", "é +&=%"], "b": ""}}),
        ("POST", "/direct/echo", {"data": b"x", "content_type": "text/plain"}),
        (
            "POST",
            "/direct/echo",
            {"data": b"&a&=b&c=%ff", "content_type": "Application/X-www-form-urlencoded; charset=x"},
        ),
        ("POST", "/direct/echo", {"data": b"a" * (MAX_BODY + 1), "content_type": "text/plain"}),
        ("POST", "/direct/echo", {"data": b"a" * 70_000, "content_type": "application/x-www-form-urlencoded"}),
        ("POST", "/direct/echo", {"query_string": "x=%ff"}),
        ("POST", "/direct/echo", {"data": {f"p{n}": "v" for n in range(MAX_PARAMETERS + 1)}}),
        ("POST", "/direct/echo", {"headers": {"Host": ".."}}),
        ("POST", "/direct/echo", {"headers": {"X": "y" * 40_000}}),
        ("GET", "/direct/public", {}),
        ("HEAD", "/direct/public", {}),
        ("GET", "/direct/public", {"query_string": "a=b"}),
        ("GET", "/direct/unchanged", {}),
        ("DELETE", "/direct/public", {}),
        ("OPTIONS", "/direct/public", {}),
        ("POST", "/direct/broken", {"data": {"a": "b"}}),
        ("GET", "/direct/nowhere", {}),
    ],
)
def test_the_answer_is_the_same(alone: Flask, below: Flask, method: str, path: str, sent: dict[str, Any]) -> None:
    answers = [told(Client(app).open(path, method=method, **sent)) for app in (below, alone)]
    assert answers[0] == answers[1]


def test_only_what_is_odd_comes_to_flask(below: Flask) -> None:
    reached: list[str] = []
    below.before_request(lambda: reached.append("flask"))
    client = Client(below)
    for plain in ("/direct/public", "/direct/context", "/direct/unchanged"):
        client.get(plain)
    assert reached == []
    client.get("/direct/public?x=y")
    assert reached == ["flask"]


def test_what_is_logged_carries_the_reference_and_the_next_request_does_not_inherit_it(below: Flask) -> None:
    structlog.contextvars.bind_contextvars(left="over")
    response = Client(below).get("/direct/context")
    assert response.text == response.headers["X-Reference"]
    assert structlog.contextvars.get_contextvars() == {}


def test_a_defect_is_recorded_without_what_went_wrong(below: Flask, caplog: pytest.LogCaptureFixture) -> None:
    response = Client(below).post("/direct/broken", data={"a": "canary-form"})
    assert response.status_code == 500
    assert "in broken" in caplog.text
    assert "builtins.KeyError" in caplog.text
    assert "endpoint=direct.broken" in caplog.text
    assert "canary" not in caplog.text + response.text


def test_a_body_that_breaks_off_is_no_body(below: Flask) -> None:
    response = Client(below).open(
        "/direct/echo",
        method="POST",
        data=b"a=b",
        content_type="application/x-www-form-urlencoded",
        environ_overrides={"CONTENT_LENGTH": "9"},
    )
    assert response.status_code == 400


def test_a_body_without_a_length_is_for_flask(below: Flask) -> None:
    sent = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    form = "application/x-www-form-urlencoded"
    response = Client(below).open("/direct/echo", method="POST", data=b"a=b", content_type=form, environ_overrides=sent)
    assert response.text == "[('a', ['b'])]"


def test_a_call_can_be_made_of_a_request_of_flask(below: Flask) -> None:
    with below.test_request_context("/x", method="POST", data={"a": ["1", "2"]}, headers={"Authorization": "Basic x"}):
        call = current()
        assert (call.form, call.authorization, call.query) == ({"a": "1"}, "Basic x", "")
        assert call.headers["authorization"] == "Basic x"
        answer = Answer(body=b"x", status=201, headers=(("X", "y"),))
        response = as_response(answer)
        assert (response.status_code, response.data, response.headers["X"]) == (201, b"x", "y")
        assert (answer.header("X"), answer.header("Y")) == ("y", "")
