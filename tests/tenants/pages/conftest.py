"""One broker for the tests of a module; each begins with no organisation in it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from requests.cookies import RequestsCookieJar

from providers.standins import CONTOSO, Standins
from tests.tenants.pages.office import Office
from tests.world import World, running


@pytest.fixture(scope="module")
def office_building(
    tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("office")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")

    def change(raw: dict[str, Any]) -> None:
        raw["operators"] = {"tenants": [CONTOSO]}

    with running(folder, standins=standins, change=change) as world:
        yield world


@pytest.fixture(scope="module")
def cookies() -> dict[str, RequestsCookieJar]:
    return {}


@pytest.fixture
def office(office_building: World, cookies: dict[str, RequestsCookieJar]) -> Iterator[Office]:
    office = Office(office_building, cookies)
    yield office
    office.close()
