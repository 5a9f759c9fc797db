"""Fixtures of a whole running broker."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from providers.standins import Standins, register_all
from tests.servers import fresh_database
from tests.world import World, running


@pytest.fixture(scope="session")
def standins() -> Iterator[Standins]:
    """One set of stand-ins for all tests of a worker; each broker adds its own callbacks."""
    with Standins.start(registrations=register_all([])) as running_standins:
        yield running_standins


@pytest.fixture
def world(tmp_path: Path, standins: Standins, migrated_sqlite: Path) -> Iterator[World]:
    """A broker of this test's own, on SQLite and the in-process store."""
    shutil.copy(migrated_sqlite, tmp_path / "vestibule.db")
    with running(tmp_path, standins=standins) as this:
        yield this


@pytest.fixture
def fresh_postgres_url(postgres_url: str, migrated_postgres: str) -> Iterator[str]:
    """A migrated database of this test's own."""
    with fresh_database(postgres_url, migrated_postgres) as url:
        yield url


@pytest.fixture
def fresh_redis_url(redis_url: str) -> str:
    """An empty Redis, which no other test of this worker uses meanwhile."""
    with Redis.from_url(redis_url) as client:
        client.flushall()
    return redis_url
