"""Measure what a sign-in costs a broker with many people and sessions, beside one with few, in one run.

What the numbers mean is in docs/performance.md.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
from redis import Redis

from tests.bench import machine, report, sides
from tests.bench.fill import fill
from tests.bench.measure import Bench, Plan, Stores
from tests.bench.operations import KINDS
from tests.bench.sides import Place, Side

FEW = 1000
TARGET = 1.2
OPERATIONS = ("flow", "sso")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser(
        prog="make bench-growth", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is measured")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long a side is measured in a round")
    parser.add_argument("--count", type=int, help="how many operations a round has, whatever time they take")
    parser.add_argument("--warm-up", type=float, default=2.0, help="seconds of an operation before its first round")
    parser.add_argument("--json", type=Path, default=Path("build/bench-growth.json"), help="where all of it is written")
    parser.add_argument("--into", type=Path, metavar="FILE", help="a document whose table is replaced, too")
    return parser.parse_args(given)


@contextmanager
def _filled(place: Place, upstream: str, name: str, accounts: int, sessions: int) -> Iterator[tuple[Side, Stores]]:
    with ExitStack() as running:
        stores = running.enter_context(Stores.started(postgresql=True))
        side = running.enter_context(
            sides.ours(
                place,
                upstream=upstream,
                database_url=stores.database_url,
                redis_url=stores.redis_url,
                people=accounts,
            )
        )
        assert side.config is not None
        fill(side.config, issuer=upstream, accounts=accounts, sessions=sessions)
        yield replace(side, name=name), stores


def main(given: Sequence[str] | None = None) -> None:
    options = arguments(given)
    plan = Plan(
        rounds=options.rounds, seconds=options.seconds, warm_up=options.warm_up, connections=8, count=options.count
    )
    place = Place(server_core=machine.server_core())
    with ExitStack() as running:
        upstream = running.enter_context(sides.standin())
        many = running.enter_context(_filled(place, upstream, "many", options.accounts, options.sessions))
        few = running.enter_context(_filled(place, upstream, "few", FEW, FEW))
        ran_on = machine.described(redis_url=few[1].redis_url, database_url=few[1].database_url, node=None)
        bench = Bench([many, few], plan)
        for operation in OPERATIONS:
            sys.stderr.write(f"{KINDS[operation].title} ...\n")
            bench.measure(operation)
        bench.weigh()
        sizes = {side.name: _sizes(stores) for side, stores in (many, few)}
        for (side, stores), accounts in ((many, options.accounts), (few, FEW)):
            _nobody_is_new(side, stores, accounts)
    found = report.document(bench.results, ran_on) | {"sizes": sizes}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(found, indent=1) + "\n")
    rows = report.comparison(
        bench.results["many"],
        bench.results["few"],
        names=("many", "few"),
        targets=dict.fromkeys(OPERATIONS, TARGET),
    )
    sys.stdout.write("\n\n".join([*_told(ran_on, sizes), report.plain(rows), ""]))
    if options.into is not None:
        report.into(options.into, "growth", "\n\n".join([*_told(ran_on, sizes), report.markdown(rows), ""]))


def _told(ran_on: Mapping[str, str], sizes: Mapping[str, Mapping[str, str]]) -> list[str]:
    return [
        machine.line(ran_on),
        *(
            f"{name.capitalize()}: {', '.join(f'{size} {what}' for what, size in each.items())}."
            for name, each in sizes.items()
        ),
    ]


def _sizes(stores: Stores) -> dict[str, str]:
    """Return what PostgreSQL and Redis hold."""
    assert stores.database_url is not None
    with psycopg.connect(stores.database_url) as connection, Redis.from_url(stores.redis_url) as client:
        row = connection.execute(
            "SELECT pg_database_size(current_database()), (SELECT count(*) FROM accounts)"
        ).fetchone()
        assert row is not None
        return {
            "accounts": f"{row[1]:,}",
            "keys in Redis": f"{client.dbsize():,}",
            "MiB of database": f"{row[0] / 2**20:,.0f}",
            "MiB of Redis": f"{client.info('memory')['used_memory'] / 2**20:,.0f}",
        }


def _nobody_is_new(side: Side, stores: Stores, accounts: int) -> None:
    """Raise unless the accounts are those that were filled in: whoever is measured has one of them."""
    assert stores.database_url is not None
    with psycopg.connect(stores.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM accounts").fetchone()
    if row != (accounts,):
        raise RuntimeError(f"{side.name}: {row} accounts where {accounts} were filled in")


if __name__ == "__main__":
    main()
