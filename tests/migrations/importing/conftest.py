"""An old world that is empty."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.storage.database import Database
from tests.migrations.importing.exported import bare
from tests.migrations.legacy import Bare


@pytest.fixture
def world(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Bare]:
    """On SQLite."""
    database = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    try:
        yield bare(database)
    finally:
        database.dispose()
