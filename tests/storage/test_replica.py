"""A real streaming replica, which is behind, away, and refuses writes."""

import time
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from broker.storage import replica
from broker.storage.database import Database
from tests import servers
from tests.servers import free_port, fresh_database

_IN_RECOVERY = select(func.pg_is_in_recovery())
_COUNT = text("SELECT count(*) FROM read_from")


@pytest.fixture(scope="module")
def urls(postgres_url: str) -> Iterator[tuple[str, str]]:
    """A database on a primary, and the same on its replica."""
    with fresh_database(postgres_url) as primary, servers.standby(postgres_url) as standby:
        with psycopg.connect(primary) as connection:
            connection.execute("CREATE TABLE read_from (id int)")
        name = primary.rpartition("/")[2]
        yield primary, f"{standby.rpartition('/')[0]}/{name}"


def test_what_may_be_old_is_read_from_the_replica_and_nothing_else_is(urls: tuple[str, str]) -> None:
    database = Database(urls[0], hurried=True, replica_url=urls[1])
    with database.begin() as connection:
        connection.execute(text("INSERT INTO read_from VALUES (1)"))
        assert not connection.execute(_IN_RECOVERY).scalar_one()
    with database.read() as connection:
        assert not connection.execute(_IN_RECOVERY).scalar_one()
        assert connection.execute(_COUNT).scalar_one() == 1
    with database.read_stale() as connection:
        assert connection.execute(_IN_RECOVERY).scalar_one()
        # It comes a little later.
        while connection.execute(text("SELECT to_regclass('read_from')")).scalar_one() is None:
            time.sleep(0.01)
        while connection.execute(_COUNT).scalar_one() != 1:
            time.sleep(0.01)
    database.dispose()


def test_a_replica_that_refuses_is_left_alone(urls: tuple[str, str]) -> None:
    database = Database(urls[0], hurried=True, replica_url=urls[1])
    with pytest.raises(DBAPIError), database.read_stale() as connection:
        connection.execute(text("INSERT INTO read_from VALUES (2)"))
    with database.read_stale() as connection:
        assert not connection.execute(_IN_RECOVERY).scalar_one()
    database.dispose()


def test_a_replica_that_is_away_costs_nobody_anything_but_the_first(
    urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    away = f"postgresql://vestibule:canary-password@127.0.0.1:{free_port()}/vestibule"
    database = Database(urls[0], hurried=True, replica_url=away)
    for _ in range(3):
        with database.read_stale() as connection:
            assert not connection.execute(_IN_RECOVERY).scalar_one()
    assert len(caplog.records) == 1
    database.dispose()
    monkeypatch.setattr(replica, "_LEFT_ALONE_SECONDS", -1.0)
    database = Database(urls[0], hurried=True, replica_url=away)
    for _ in range(2):
        with database.read_stale() as connection:
            assert not connection.execute(_IN_RECOVERY).scalar_one()
    assert len(caplog.records) == 3
    assert "canary-password" not in caplog.text
    database.dispose()


def test_without_a_replica_the_primary_is_read(urls: tuple[str, str]) -> None:
    database = Database(urls[0])
    with database.read_stale() as connection:
        assert not connection.execute(_IN_RECOVERY).scalar_one()
    database.dispose()
