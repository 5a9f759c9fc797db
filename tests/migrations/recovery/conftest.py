"""A room over SQLite, and one over each database where races or its dialect matter."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.storage.database import Database
from tests.migrations.recovery.rooms import RecoveryRoom


@pytest.fixture
def room(tmp_path: Path, migrated_sqlite: Path) -> Iterator[RecoveryRoom]:
    database = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    yield RecoveryRoom(database)
    database.dispose()


@pytest.fixture
def each_room(database: Database) -> RecoveryRoom:
    return RecoveryRoom(database)
