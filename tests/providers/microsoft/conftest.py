"""Microsoft's stand-in, and a server that lies as told, for the whole session; put back in order after each test."""

from collections.abc import Iterator

import pytest

from providers.standins import Standins, register_all
from tests.providers.microsoft.flows import CALLBACK, WITHOUT_ACRS
from tests.providers.microsoft.scripted import Scripted, serving


@pytest.fixture(scope="session")
def running() -> Iterator[Standins]:
    with Standins.start(registrations=[*register_all([CALLBACK]), WITHOUT_ACRS]) as standins:
        yield standins


@pytest.fixture
def standins(running: Standins) -> Iterator[Standins]:
    running.forget_requests()
    yield running
    running.toggles.reset()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripted]:
    with serving(tmp_path_factory.mktemp("scripted")) as scripted:
        yield scripted


@pytest.fixture
def microsoft(server: Scripted) -> Iterator[Scripted]:
    answers = dict(server.answers)
    server.seen.clear()
    yield server
    server.answers = answers
