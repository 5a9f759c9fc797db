"""A running broker of a registry with an old world."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.standins import Standins
from tests.migrations.legacy import with_campaign
from tests.world import World, running


@pytest.fixture
def old_world(tmp_path: Path, standins: Standins, migrated_sqlite: Path) -> Iterator[World]:
    """A broker of this test's own, on SQLite and the in-process store, in the second phase of its campaign."""
    shutil.copy(migrated_sqlite, tmp_path / "vestibule.db")
    with running(tmp_path, standins=standins, change=with_campaign) as this:
        yield this
