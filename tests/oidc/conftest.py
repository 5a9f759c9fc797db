"""One broker with clients of every kind, for the tests of a module."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.standins import Standins
from tests.oidc.kinds import clients_of_every_kind
from tests.world import World, running


@pytest.fixture(scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("busy")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")

    def change(raw: dict[str, Any]) -> None:
        raw["clients"].update(clients_of_every_kind(raw["clients"]["registry"]))

    with running(folder, standins=standins, change=change) as world:
        yield world


@pytest.fixture
def busy(_shared: World) -> Iterator[World]:
    """The broker of this module, with its clock set right again after each test."""
    yield _shared
    _shared.clock.offset = timedelta(0)
