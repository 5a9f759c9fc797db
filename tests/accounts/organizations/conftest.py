"""Fixtures: a room over SQLite, and one over each database where races or its dialect matter."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.storage.database import Database
from tests.accounts.organizations.rooms import Room


@pytest.fixture
def sqlite(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    yield opened
    opened.dispose()


@pytest.fixture
def room(sqlite: Database) -> Room:
    return Room(sqlite)


@pytest.fixture
def each_room(database: Database) -> Room:
    return Room(database)
