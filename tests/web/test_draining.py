"""Answers while a process drains; over a real server in tests/reliability."""

from werkzeug.test import Client
from werkzeug.wrappers import Response

from broker.web.draining import LastAnswers


def test_answers_are_the_last_of_their_connection_only_while_it_drains() -> None:
    draining = False
    client = Client(LastAnswers(Response("ok"), lambda: draining))
    assert "Connection" not in client.get("/").headers
    draining = True
    answered = client.get("/")
    assert (answered.headers["Connection"], answered.text) == ("close", "ok")
