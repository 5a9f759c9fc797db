"""One Chromium for all tests here; a broker, a registry and fresh browser profiles for each."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from providers.standins import Standins
from tests.browser.house import House, Person, furnished
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
