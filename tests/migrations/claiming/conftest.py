"""A room for claims, on SQLite."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.storage.database import Database
from tests.migrations.claiming.rooms import ClaimRoom


@pytest.fixture
def room(tmp_path: Path, migrated_sqlite: Path) -> Iterator[ClaimRoom]:
    database = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    yield ClaimRoom(database)
    database.dispose()
