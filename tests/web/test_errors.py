"""Every error becomes our own page, or JSON for programs, with a reference that the log has too."""

import logging
import re

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient

from broker.web import references
from broker.web.errors import BrokerError
from broker.web.problems import Problem
from tests.web.conftest import broker_error

CANARY = "canary-5f1b"


def reference_of(page: str) -> str:
    found = re.search(r"Reference</dt><dd class=\"code\">([2-9A-HJ-NP-Z]{10})</dd>", page)
    assert found is not None
    return found[1]


def test_a_broker_error_shows_its_sentence_and_the_next_step(client: FlaskClient) -> None:
    response = client.get("/refuse")
    assert response.status_code == 403
    assert response.mimetype == "text/html"
    assert "This way to sign in is switched off." in response.text
    assert "Choose another one." in response.text
    assert "provider_disabled" in response.text
    assert '<a class="button primary" href="/signin">Choose another</a>' in response.text


def test_the_detail_of_an_error_is_for_the_log_alone(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "broker.web")
    page = client.get("/refuse").text
    assert "provider=github" not in page
    assert "provider=github" in caplog.text
    assert f"reference={reference_of(page)}" in caplog.text
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_an_error_of_ours_is_logged_as_one(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    response = client.get("/refuse-broken")
    assert response.status_code == 503
    assert "We are having trouble right now" in response.text
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_an_error_reads_as_its_code_and_its_detail() -> None:
    assert str(broker_error()) == "provider_disabled: provider=github"
    assert str(BrokerError(status=400, code="odd", sentence="s", next_step="n")) == "odd"


@pytest.mark.parametrize(
    "status, title",
    [
        (400, "This request does not add up"),
        (403, "This is not open to you"),
        (404, "There is nothing here"),
        (413, "That was too much"),
        (418, "This request does not add up"),
        (429, "Slow down a little"),
        (500, "Something went wrong on our side"),
        (502, "Something went wrong on our side"),
        (503, "We are having trouble right now"),
    ],
)
def test_an_http_error_has_our_words(client: FlaskClient, status: int, title: str) -> None:
    response = client.get(f"/abort/{status}")
    assert response.status_code == status
    assert f"<h1>{title}</h1>" in response.text
    assert reference_of(response.text)


def test_an_unknown_address_is_a_page(client: FlaskClient) -> None:
    response = client.get("/nowhere")
    assert response.status_code == 404
    assert "There is nothing here" in response.text


def test_a_wrong_method_says_which_ones_are_allowed(client: FlaskClient) -> None:
    response = client.delete("/refuse")
    assert response.status_code == 405
    assert {"GET", "HEAD", "OPTIONS"} == set(response.headers["Allow"].split(", "))


def test_an_error_says_when_to_come_back(client: FlaskClient) -> None:
    assert client.get("/later").headers["Retry-After"] == "120"


def test_a_response_made_on_purpose_stays_as_it_is(client: FlaskClient) -> None:
    response = client.get("/own-response")
    assert (response.status_code, response.text) == (418, "my own")


def test_a_redirect_of_the_router_stays_a_redirect(client: FlaskClient) -> None:
    response = client.get("/folder")
    assert response.status_code == 308
    assert response.headers["Location"].endswith("/folder/")


def test_an_answer_that_a_library_composed_stays_as_it_is(client: FlaskClient) -> None:
    response = client.get("/own-body")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.text == '{"error": "invalid_token"}'


@pytest.mark.parametrize("path", ["/defect-while-handling", "/defect-alone"])
def test_a_defect_is_a_page_without_what_went_wrong(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    response = client.get(path)
    assert response.status_code == 500
    assert "Something went wrong on our side" in response.text
    assert "RuntimeError" not in response.text
    assert "builtins.RuntimeError" in caplog.text
    assert ("builtins.KeyError" in caplog.text) == (path == "/defect-while-handling")


def test_the_log_of_a_defect_has_the_traceback_and_no_value_of_the_request(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = client.get(f"/defect/{CANARY}?email={CANARY}@example.org", headers={"Cookie": f"a={CANARY}"})
    assert CANARY not in response.text
    assert CANARY not in caplog.text
    assert "in defect" in caplog.text
    assert caplog.text.index("builtins.KeyError") < caplog.text.index("builtins.RuntimeError")
    assert f"reference={reference_of(response.text)}" in caplog.text
    assert "endpoint=defect" in caplog.text


def test_an_api_endpoint_answers_in_json(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "broker.web")
    response = client.post("/token")
    assert response.status_code == 403
    assert response.mimetype == "application/json"
    body = response.get_json()
    assert f"reference={body.pop('reference')}" in caplog.text
    assert body == {"error": "provider_disabled", "error_description": "Said ?so? by Zo??"}


def test_a_defect_of_an_api_endpoint_is_json(client: FlaskClient) -> None:
    response = client.get("/api-defect")
    assert response.status_code == 500
    assert response.get_json()["error"] == "server_error"
    assert "canary" not in response.text


@pytest.mark.parametrize(
    "accept, mimetype",
    [
        (None, "text/html"),
        ("*/*", "text/html"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("application/json", "application/json"),
        ("application/json, text/html;q=0.5", "application/json"),
        ("text/html, application/json", "text/html"),
    ],
)
def test_a_program_gets_json_where_it_prefers_it(client: FlaskClient, accept: str | None, mimetype: str) -> None:
    response = client.get("/nowhere", headers={"Accept": accept} if accept else {})
    assert response.mimetype == mimetype


def test_every_request_has_a_reference_of_its_own_and_none_of_the_clients(client: FlaskClient) -> None:
    headers = {"X-Request-ID": "AAAAAAAAAA"}
    seen = {reference_of(client.get("/refuse", headers=headers).text) for _ in range(20)}
    assert len(seen) == 20
    assert "AAAAAAAAAA" not in seen


def test_every_log_line_of_a_request_can_carry_its_reference(app: Flask) -> None:
    seen = {}

    @app.get("/context")
    def context() -> str:
        seen.update(structlog.contextvars.get_contextvars())
        return references.current()

    structlog.contextvars.bind_contextvars(left="over")
    response = app.test_client().get("/context")
    assert seen == {"reference": response.text}
    assert structlog.contextvars.get_contextvars() == {}


def test_what_somebody_else_tells_of_is_no_error_each_time(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    @app.get("/quiet")
    def quiet() -> str:
        raise BrokerError(status=503, code="x", sentence="S.", next_step="N.", quiet=True)

    caplog.set_level(logging.INFO, "broker.web")
    assert app.test_client().get("/quiet").headers["Retry-After"] == "10"
    assert [record.levelname for record in caplog.records] == ["INFO"]


@pytest.mark.parametrize("said, found", [({}, "10"), ({"Retry-After": "60"}, "60")])
@pytest.mark.parametrize("status", [429, 503])
def test_a_problem_that_says_later_says_when(app: Flask, status: int, said: dict[str, str], found: str) -> None:
    @app.get("/says-later")
    def says_later() -> str:
        raise Problem(status=status, code="later", title="T", detail="D", headers=said)

    assert app.test_client().get("/says-later").headers["Retry-After"] == found
