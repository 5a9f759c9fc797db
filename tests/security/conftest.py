"""The town that the matrix of admins, the thief of a cookie and the other organisation's admin walk through."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from providers.standins import Standins
from tests.migrations.conftest import old_world
from tests.security.admins.founding import open_town
from tests.security.admins.town import Town

__all__ = ["old_world"]


@pytest.fixture(scope="package")
def _open_town(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[Town]:
    with open_town(tmp_path_factory.mktemp("town"), standins, migrated_sqlite) as this:
        yield this


@pytest.fixture
def town(_open_town: Town) -> Iterator[Town]:
    """The town, as it was founded."""
    yield _open_town
    _open_town.world.clock.offset = timedelta(0)
    _open_town.put_back()
