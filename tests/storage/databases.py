"""Fixtures: a migrated database of each kind, fresh for each test.

A test that takes ``database`` runs twice, over SQLite and over PostgreSQL.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from broker.storage.database import Database
from broker.storage.schema import upgrade
from tests.servers import fresh_database


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "vestibule.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> Iterator[str]:
    """Return the name of a migrated database, to make copies of."""
    with fresh_database(postgres_url) as url:
        upgrade(url)
        yield url.rpartition("/")[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'vestibule.db'}"
        return
    with fresh_database(request.getfixturevalue("postgres_url")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        path = shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "vestibule.db")
        yield f"sqlite:///{path}"
        return
    template = request.getfixturevalue("migrated_postgres")
    with fresh_database(request.getfixturevalue("postgres_url"), template) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with ExitStack() as stack:
        opened = Database(database_url)
        stack.callback(opened.dispose)
        yield opened
