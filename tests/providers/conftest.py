"""Stand-ins for the tests of this folder, put back in order before each."""

from collections.abc import Iterator

import pytest

from providers.standins import Standins, register_all
from tests.providers.flows import CALLBACK


@pytest.fixture(scope="session")
def running_upstream() -> Iterator[Standins]:
    with Standins.start(registrations=register_all([CALLBACK])) as standins:
        yield standins


@pytest.fixture
def upstream(running_upstream: Standins) -> Iterator[Standins]:
    running_upstream.toggles.reset()
    running_upstream.forget_requests()
    yield running_upstream
    running_upstream.toggles.reset()
