"""T7: a storage error is not a success. While the store or the database is away, the answer is 503."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from providers.standins import Standins
from tests.security.table import dpop
from tests.security.table.away import NEEDS_DATABASE, NEEDS_STORE, WITHOUT_STORE, Attempt
from tests.security.table.endpoints import ENDPOINTS
from tests.security.table.families import Row
from tests.security.table.house import House, open_house
from tests.security.table.organizations import RESOURCES
from tests.security.table.scenes import Given, given_out
from tests.security.table.t8 import told
from tests.security.table.test_table import TABLE

# Whatever would have been a success.
PRIZES = ("access_token", "device_code", "request_uri", "code=", "registration_access_token", '"sub"', '"active": true')


@pytest.fixture
def shaken(tmp_path: Path, standins: Standins, fresh_postgres_url: str) -> Iterator[House]:
    """A house on PostgreSQL and Redis, which may both be taken away."""
    with open_house(tmp_path, standins, fresh_postgres_url) as this:
        yield this


def test_every_row_needs_the_store_or_says_why_not() -> None:
    assert set(NEEDS_STORE) | set(WITHOUT_STORE) == set(TABLE)
    assert not set(NEEDS_STORE) & set(WITHOUT_STORE)


def test_t7_without_storage_nothing_succeeds_and_the_answer_is_503(shaken: House, fresh_postgres_url: str) -> None:
    given = given_out(shaken, "2fa-true", "github")
    with database_away(fresh_postgres_url):
        refused(NEEDS_DATABASE, given)
    again = given_out(shaken, "2fa-true", "github")
    assertion, proof = shaken.credentials("signer")[0], dpop.proof(shaken, "POST", "/token")
    with Redis.from_url(shaken.world.raw["store"]["url"]) as server:
        server.shutdown(nosave=True)
    refused(NEEDS_STORE, again)
    # What is used once by its name alone is not used at all.
    signed = shaken.send("POST", "/token", data={"grant_type": "client_credentials", **assertion})
    assert told(signed) == (503, "temporarily_unavailable")
    proven = shaken.call("/token", "bound", {"grant_type": "client_credentials"}, {"DPoP": proof})
    assert told(proven) == (503, "temporarily_unavailable")


@contextmanager
def database_away(url: str) -> Iterator[None]:
    """Have the server take no connection to this database, and end those there are."""
    server, _, name = url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            yield
        finally:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())


def refused(attempts: Mapping[Row, Attempt], given: Given) -> None:
    answers = {row: attempt(given) for row, attempt in attempts.items()}
    assert given.house.send("GET", "/livez").status_code == 200
    assert given.house.send("GET", "/readyz").status_code == 503
    assert {str(row): answer.status_code for row, answer in answers.items() if answer.status_code != 503} == {}
    for row, answer in answers.items():
        assert not any(prize in answer.text for prize in PRIZES), row
        assert answer.headers["Cache-Control"] == "no-store"
        assert int(answer.headers["Retry-After"]) > 0, row
        if row in RESOURCES:
            assert answer.json()["code"] == "temporarily_unavailable"
        elif row in ENDPOINTS:
            assert told(answer) == (503, "temporarily_unavailable")
        else:
            assert "We are having trouble right now" in answer.text
