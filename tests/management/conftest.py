"""One broker, with two organisations and everybody around them, for all the tests here."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.standins import Standins
from tests.management.estate import Estate, clients, estate
from tests.world import running


@pytest.fixture(scope="package")
def _shared(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[Estate]:
    folder = tmp_path_factory.mktemp("managed")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")

    def change(raw: dict[str, Any]) -> None:
        raw["clients"].update(clients())
        raw["tokens"] = {"access": 3600}

    with running(folder, standins=standins, change=change) as world:
        yield estate(world)


@pytest.fixture
def managed(_shared: Estate) -> Iterator[Estate]:
    """The estate, with the clock set right again after each test."""
    yield _shared
    _shared.world.clock.offset = timedelta(0)
