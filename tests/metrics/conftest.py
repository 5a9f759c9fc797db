"""Counting, in this process, for one test."""

from collections.abc import Iterator

import pytest

from broker import metrics
from broker.metrics.numbers import Numbers


@pytest.fixture
def numbers() -> Iterator[Numbers]:
    metrics.know("provider", ("github",))
    yield metrics.on(strict=True)
    metrics.off()


@pytest.fixture
def lenient() -> Iterator[Numbers]:
    """Count as in production."""
    metrics.know("provider", ("github",))
    yield metrics.on()
    metrics.off()
