"""One broker for all tests here, and the people in it; each test begins with no organisation."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.standins import Standins
from tests.accounts.organizations.pages.hall import Hall
from tests.world import running


@pytest.fixture(scope="package")
def town(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[Hall]:
    folder = tmp_path_factory.mktemp("hall")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")
    with running(folder, standins=standins) as world:
        yield Hall(world, folder)


@pytest.fixture
def hall(town: Hall) -> Iterator[Hall]:
    yield town
    town.clear()
