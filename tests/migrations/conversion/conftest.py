"""A room on SQLite, and a house for all tests of pages."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.storage.database import Database
from providers.standins import Standins
from tests.migrations.conversion.house import House
from tests.migrations.conversion.rooms import ConversionRoom
from tests.migrations.legacy import with_campaign
from tests.world import running


@pytest.fixture
def room(tmp_path: Path, migrated_sqlite: Path) -> Iterator[ConversionRoom]:
    database = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    yield ConversionRoom(database)
    database.dispose()


@pytest.fixture(scope="package")
def town(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")
    with running(folder, standins=standins, change=with_campaign) as world:
        yield House(world, folder)


@pytest.fixture
def house(town: House) -> Iterator[House]:
    yield town
    store: Any = town.world.parts.store
    # No mail was sent this hour.
    for key, marks in list(store._windows.items()):
        if key.startswith("mail_"):
            for mark in list(marks):
                store.uncount([key], mark)
