"""Doing one thing many times at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

Result = TypeVar("Result")


def in_parallel(count: int, work: Callable[[], Result]) -> list[Result]:
    """Return the results of ``count`` threads that all set off together."""
    barrier = Barrier(count)

    def run() -> Result:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(run) for _ in range(count)]]
