"""Warm-up, rounds and counts: what is done with the sides of a run."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Self

from tests.bench import report
from tests.bench.counters import Counted, Statements, cpu_seconds, peak_mib, postgres_pid, redis_pid
from tests.bench.operations import KINDS, Begin, everybody
from tests.bench.report import Result, Sample
from tests.bench.sides import Side
from tests.bench.wire import Loop
from tests.servers import fresh_database, postgres, redis

WARM = 2  # operations on each connection before those of a sample
MOST = 20_000  # operations in a sample
COUNTED = 40  # operations, while statements are counted
SETTLE_SECONDS = 1.0  # until what the worker does about earlier operations is done


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long is measured: ``count`` operations a round, or as many as take ``seconds``, on these connections."""

    rounds: int
    seconds: float
    warm_up: float
    connections: int
    count: int | None = None

    def most(self, per_second: float) -> int:
        """Return how many operations a round has."""
        return self.count or max(1, min(MOST, int(per_second * self.seconds)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """A PostgreSQL and a Redis of the run's own, with the processes they began with."""

    redis_url: str
    database_url: str | None
    pids: Sequence[int]

    @classmethod
    @contextmanager
    def started(cls, *, postgresql: bool) -> Iterator[Self]:
        """Yield them; without PostgreSQL, Redis alone."""
        with ExitStack() as running:
            redis_url = running.enter_context(redis())
            pids, database_url = [redis_pid(redis_url)], None
            if postgresql:
                database_url = running.enter_context(fresh_database(running.enter_context(postgres())))
                pids.append(postgres_pid(database_url))
            yield cls(redis_url=redis_url, database_url=database_url, pids=pids)

    def seconds(self) -> float:
        """Return the CPU that they have used."""
        return cpu_seconds(self.pids)


class Bench:
    """The sides of a run, each with the stores that it alone uses while it is measured."""

    def __init__(self, sides: Sequence[tuple[Side, Stores]], plan: Plan) -> None:
        self._sides = sides
        self._plan = plan
        self.results = {side.name: Result() for side, _ in sides}

    def enroll(self) -> None:
        """Have everybody sign in once, as those who are measured have been here before."""
        for side, _ in self._sides:
            with closing(Loop(self._plan.connections)) as loop:
                loop.run(everybody(side.site))

    def measure(self, operation: str) -> None:
        """Measure an operation: after a warm-up in rounds, in each of them every side."""
        counts = {side.name: self._plan.most(self._warm_up(side, operation)) for side, _ in self._sides}
        samples: dict[str, list[Sample]] = {name: [] for name in counts}
        for _ in range(self._plan.rounds):
            for side, stores in self._sides:
                samples[side.name].append(self._sample(side, stores, operation, counts[side.name]))
        for name, each in samples.items():
            self.results[name].costs[operation] = report.cost(each)

    def count_statements(self, operation: str) -> None:
        """Count what is said to the databases, apart from what is timed."""
        for side, _ in self._sides:
            with closing(Loop(1)) as loop:
                ready = KINDS[operation].prepare(side.site, loop, COUNTED)
                said = _said(side, loop, ready)
            result = self.results[side.name]
            result.counted = COUNTED
            result.redis[operation] = said.redis
            if side.postgres_url is not None:
                result.sql[operation] = said.sql

    def weigh(self) -> None:
        """Read the peak memory of each side."""
        for side, _ in self._sides:
            self.results[side.name].peak_mib = peak_mib(side.pids)

    def _warm_up(self, side: Side, operation: str) -> float:
        """Perform an operation for as long as the plan says; return how many of it take a second in the end."""
        connections, left, rate = self._plan.connections, self._plan.warm_up, 0.0
        count = connections * WARM
        with closing(Loop(connections)) as loop:
            while left > 0:
                ready = KINDS[operation].prepare(side.site, loop, count)
                began = time.perf_counter()
                loop.run(ready)
                took = time.perf_counter() - began
                left, rate = left - took, count / took
                count = max(connections, min(count * 4, int(rate * left)))
        return rate

    def _sample(self, side: Side, stores: Stores, operation: str, count: int) -> Sample:
        """Perform an operation ``count`` times on fresh connections, and return what it cost."""
        warm = WARM * self._plan.connections
        with closing(Loop(self._plan.connections)) as loop:
            ready = KINDS[operation].prepare(side.site, loop, warm + count)
            loop.run(ready[:warm])
            server, stored, began = cpu_seconds(side.pids), stores.seconds(), time.perf_counter()
            took = loop.run(ready[warm:])
            seconds = time.perf_counter() - began
            return Sample(
                seconds=seconds,
                server=cpu_seconds(side.pids) - server,
                stores=stores.seconds() - stored,
                took=took,
            )


def _said(side: Side, loop: Loop, ready: Sequence[Begin]) -> Counted:
    if side.postgres_url is not None:
        time.sleep(SETTLE_SECONDS)
    statements = Statements(postgres_url=side.postgres_url, redis_url=side.redis_url)
    return statements.during(lambda: loop.run(ready))
