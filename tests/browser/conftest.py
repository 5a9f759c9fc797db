"""One Chromium for all tests here; a broker and its registries for each, or for a module; new browser profiles."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from providers.standins import Standins
from tests.browser.house import OFFLINE, House, Person, furnished
from tests.chromium import launched

expect.set_options(timeout=30_000)  # milliseconds


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def house(tmp_path: Path, standins: Standins, migrated_sqlite: Path) -> Iterator[House]:
    shutil.copy(migrated_sqlite, tmp_path / "vestibule.db")
    with furnished(tmp_path, standins) as house:
        yield house


@pytest.fixture(scope="module")
def guesthouse(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[House]:
    """A house for all tests of a module, with registries that are not ours: a test there has personas of its own."""
    folder = tmp_path_factory.mktemp("guesthouse")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")
    guests: dict[str, dict[str, Any]] = {
        "crates": {**OFFLINE, "name": "Crates of Others", "first_party": False},
        "foreign": {"name": "סיפריית החבילות <b>2", "first_party": False},
        "ours": {**OFFLINE, "name": "Registry of Ours"},
    }
    with furnished(folder, standins, guests) as house:
        yield house


@pytest.fixture
def somebody(chromium: Browser, house: House) -> Iterator[Callable[..., Person]]:
    """Return what makes a person. At the end, no browser may have complained, or asked for anything elsewhere."""
    people: list[Person] = []

    def made(*, scripts: bool = True) -> Person:
        people.append(Person(chromium, house, scripts=scripts))
        return people[-1]

    yield made
    for person in people:
        person.context.close()
    assert [person.heard() for person in people] == [[] for _ in people]
    assert [person.strangers() for person in people] == [set() for _ in people]


@pytest.fixture
def person(somebody: Callable[..., Person]) -> Person:
    return somebody()
