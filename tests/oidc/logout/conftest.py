"""One broker for all tests of a worker here; each test has visitors of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.standins import Standins
from tests.oidc.logout.registries import House, furnished


@pytest.fixture(scope="session")
def furnished_house(
    tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path
) -> Iterator[House]:
    with furnished(tmp_path_factory.mktemp("logout"), standins, migrated_sqlite) as house:
        yield house


@pytest.fixture
def house(furnished_house: House) -> Iterator[House]:
    yield furnished_house
    furnished_house.tidy()
