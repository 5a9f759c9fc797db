"""A campaign over SQLite; what races or speaks a dialect takes ``database`` instead."""

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from broker.storage.database import Database
from providers.standins import Standins
from tests.migrations.campaign.office import Office, opened
from tests.migrations.campaign.rooms import CampaignRoom
from tests.migrations.legacy import legacy, package

_numbers = count(1)


@pytest.fixture
def room(tmp_path: Path, migrated_sqlite: Path) -> Iterator[CampaignRoom]:
    database = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    yield CampaignRoom(database)
    database.dispose()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")
    with opened(folder, standins) as office:
        yield office


@pytest.fixture
def account(office: Office) -> str:
    """An account of this test's own, by its id."""
    registry_id = f"r-{next(_numbers)}"
    legacy(office.world, registry_id, packages=[package("example", downloads=1234)], keys=2)
    return registry_id
