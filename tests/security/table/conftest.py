"""The house that all checks of the table attack."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

# The checks are no test modules, and are to say as much when they fail.
pytest.register_assert_rewrite(
    *(f"tests.security.table.{path.stem}" for path in Path(__file__).parent.glob("t[0-9]*.py"))
)

from providers.standins import Standins  # noqa: E402 - after that
from tests.security.table.house import House, open_house  # noqa: E402 - after that


@pytest.fixture(scope="package")
def _open_house(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    database = shutil.copy(migrated_sqlite, folder / "vestibule.db")
    with open_house(folder, standins, f"sqlite:///{database}") as this:
        yield this


@pytest.fixture
def house(_open_house: House) -> Iterator[House]:
    """The house, with its clock set right again after each check."""
    yield _open_house
    _open_house.world.clock.offset = timedelta(0)
