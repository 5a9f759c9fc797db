"""Whether somebody means to come here, by what their browser says of a request (Fetch Metadata)."""

import pytest
from flask import Flask

from broker.web import navigation
from broker.web.address import come_from
from broker.web.errors import BrokerError

VISIT = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.fixture
def asking(app: Flask) -> Flask:
    @app.get("/begin")
    def begin() -> str:
        navigation.check()
        return "begun"

    return app


@pytest.mark.parametrize("said", [{}, VISIT, VISIT | {"Sec-Fetch-User": "?1"}, {"Sec-Fetch-Mode": "navigate"}])
def test_a_visit_and_whoever_says_nothing_pass(asking: Flask, said: dict[str, str]) -> None:
    assert asking.test_client().get("/begin", headers=said).text == "begun"


@pytest.mark.parametrize(
    "said",
    [
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Mode": "same-origin"},
        {"Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Dest": "object"},
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
    ],
)
def test_t12_a_part_of_another_page_does_not(asking: Flask, said: dict[str, str]) -> None:
    answer = asking.test_client().get("/begin", headers=VISIT | said)
    assert (answer.status_code, "not_a_visit" in answer.text) == (403, True)


def test_t12_it_is_the_same_below_flask_and_outside_requests_there_is_nothing_to_ask() -> None:
    navigation.check()
    come_from({"HTTP_SEC_FETCH_SITE": "cross-site", "HTTP_SEC_FETCH_MODE": "no-cors"})
    try:
        with pytest.raises(BrokerError):
            navigation.check()
    finally:
        come_from(None)


def test_a_program_that_says_cors_of_itself_is_no_page() -> None:
    """Node's fetch sends ``Sec-Fetch-Mode`` alone; a browser sends the site with it."""
    come_from({"HTTP_SEC_FETCH_MODE": "cors"})
    try:
        navigation.check()
    finally:
        come_from(None)
