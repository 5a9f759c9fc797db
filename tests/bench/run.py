"""Measure the broker and a peer side by side, in one run, as a closed loop of whole operations.

What the numbers mean is in docs/performance.md.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench import machine, report, sides
from tests.bench.measure import Bench, Plan, Stores
from tests.bench.operations import KINDS
from tests.bench.report import Result
from tests.bench.sides import Place

PEOPLE = 100
CONNECTIONS = 8


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what was asked for on the command line. Exits with a sentence where that is not possible."""
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--operations", default=",".join(KINDS), help="which, separated by commas")
    parser.add_argument("--only", choices=("ours", "peer"), help="measure one side alone")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 0.4 seconds, after a warm-up as long")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is measured")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a side is measured in a round")
    parser.add_argument("--count", type=int, help="how many operations a round has, whatever time they take")
    parser.add_argument("--warm-up", type=float, default=2.0, help="seconds of an operation before its first round")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="how many operations go on at a time")
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql", help="the broker's own")
    parser.add_argument("--peer-url", metavar="ISSUER", help="what --peer-command serves")
    parser.add_argument("--peer-command", help="what starts another peer than oidc-provider")
    parser.add_argument("--source", type=Path, default=sides.ROOT, help="the checkout that the broker runs from")
    parser.add_argument("--statements", action="store_true", help="print what was said to the databases, and how often")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="profile the broker; what it costs means nothing")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"), help="where all of it is written")
    parser.add_argument("--into", type=Path, metavar="FILE", help="a document whose tables are replaced, too")
    parsed = parser.parse_args(given)
    unknown = sorted(set(parsed.operations.split(",")) - set(KINDS))
    if unknown:
        parser.error(f"no such operation: {', '.join(unknown)}")
    if (parsed.peer_url is None) != (parsed.peer_command is None):
        parser.error("--peer-url goes with --peer-command")
    if parsed.quick:
        parsed.rounds, parsed.seconds, parsed.warm_up = 2, 0.4, 0.4
    return parsed


@contextmanager
def started(options: argparse.Namespace) -> Iterator[tuple[Bench, Mapping[str, str]]]:
    """Yield the bench with every side running, and what it runs on."""
    environ = {}
    if options.profile is not None:
        folder = Path(__file__).parent / "profiling"
        environ = {"PYTHONPATH": str(folder), "BENCH_PROFILE": str(options.profile.resolve())}
    place = Place(server_core=machine.server_core(), source=options.source, environ=environ)
    plan = Plan(
        rounds=options.rounds,
        seconds=options.seconds,
        warm_up=options.warm_up,
        connections=options.connections,
        count=options.count,
    )
    with ExitStack() as running:
        upstream = running.enter_context(sides.standin())
        found, node, database_url = [], None, None
        if options.only != "peer":
            stores = running.enter_context(Stores.started(postgresql=options.database == "postgresql"))
            database_url = stores.database_url
            side = sides.ours(
                place, upstream=upstream, database_url=database_url, redis_url=stores.redis_url, people=PEOPLE
            )
            found.append((running.enter_context(side), stores))
        if options.only != "ours":
            stores = running.enter_context(Stores.started(postgresql=False))
            node = sides.node() if options.peer_command is None else None
            side = sides.peer(
                place,
                upstream=upstream,
                redis_url=stores.redis_url,
                people=PEOPLE,
                url=options.peer_url,
                command=options.peer_command,
            )
            found.append((running.enter_context(side), stores))
        ran_on = machine.described(redis_url=found[0][1].redis_url, database_url=database_url, node=node)
        yield Bench(found, plan), ran_on


def main(given: Sequence[str] | None = None) -> None:
    options = arguments(given)
    with started(options) as (bench, ran_on):
        bench.enroll()
        for operation in options.operations.split(","):
            sys.stderr.write(f"{KINDS[operation].title} ...\n")
            bench.measure(operation)
            bench.count_statements(operation)
        bench.weigh()
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report.document(bench.results, ran_on), indent=1) + "\n")
    sys.stdout.write(told(bench.results, ran_on, statements=options.statements))
    if options.into is not None:
        report.into(options.into, "bench", told(bench.results, ran_on, table=report.markdown))


def told(
    results: Mapping[str, Result],
    ran_on: Mapping[str, str],
    *,
    table: Callable[[report.Rows], str] = report.plain,
    statements: bool = False,
) -> str:
    """Return the tables of a run: the machine, each side, and both side by side."""
    parts = [machine.line(ran_on)]
    for name, result in results.items():
        parts += [
            f"{name.capitalize()}, with {result.peak_mib:.0f} MiB of memory at most:",
            table(report.details(result)),
        ]
        if statements:
            parts += [_said(result, operation) for operation in result.costs]
    if len(results) > 1:
        parts += ["Side by side:", table(report.comparison(*results.values()))]
    return "\n\n".join(parts) + "\n"


def _said(result: Result, operation: str) -> str:
    said = result.sql.get(operation, Counter()) + result.redis.get(operation, Counter())
    return "\n".join(f"{operation:12}{times / result.counted:7.2f}  {text:.150}" for text, times in said.most_common())


if __name__ == "__main__":
    main()
