"""The arithmetic of a run, and its tables."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.operations import KINDS

TARGETS: Mapping[str, float] = {
    "flow": 0.5,
    "sso": 0.5,
    "redeem": 0.7,
    "refresh": 0.7,
    "introspect": 0.8,
    "userinfo": 0.9,
    "jwks": 0.6,
    "discovery": 0.6,
}
"""The most that an operation may cost, as a part of what it costs the peer."""

Cell = str | int | float | None
Rows = Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One operation of one side in one round. ``server`` and ``stores`` are seconds of CPU, ``took`` of wall time."""

    seconds: float
    server: float
    stores: float
    took: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Medians over the rounds, in milliseconds. ``busy`` is the part of one core that the server kept at work."""

    operations: int
    per_second: float
    server_ms: float
    server_ms_each: Sequence[float]
    stores_ms: float
    busy: float
    p50_ms: float
    p99_ms: float


@dataclass(slots=True, kw_only=True)
class Result:
    """What is known of one side: its costs by operation, what it said to the databases, its peak memory in MiB."""

    costs: dict[str, Cost] = field(default_factory=dict)
    sql: dict[str, Counter[str]] = field(default_factory=dict)
    redis: dict[str, Counter[str]] = field(default_factory=dict)
    counted: int = 1
    peak_mib: float = 0.0

    def statements(self, operation: str) -> tuple[float | None, float | None]:
        """Return SQL statements and Redis commands per operation, where they were counted."""
        return tuple(  # type: ignore[return-value]  # two are two
            round(said[operation].total() / self.counted, 1) if operation in said else None
            for said in (self.sql, self.redis)
        )

    def document(self) -> Mapping[str, Any]:
        """Return it as JSON has it."""
        return {
            "peak_mib": round(self.peak_mib, 1),
            "operations": {
                name: asdict(cost) | dict(zip(("sql", "redis"), self.statements(name), strict=True))
                for name, cost in self.costs.items()
            },
        }


def document(results: Mapping[str, Result], ran_on: Mapping[str, str]) -> dict[str, Any]:
    """Return a whole run as JSON has it; with two sides, with the ratios of the first to the second."""
    found: dict[str, Any] = {
        "machine": dict(ran_on),
        "sides": {name: each.document() for name, each in results.items()},
    }
    if len(results) > 1:
        first, second = results.values()
        found["ratios"] = {name: round(ratio(each, second.costs[name]), 4) for name, each in first.costs.items()}
    return found


def quantile(values: Sequence[float], part: float) -> float:
    """Return the nearest-rank quantile: the least of ``values`` that ``part`` of them do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, -int(-part * len(ranked) // 1) - 1)]


def cost(samples: Sequence[Sample]) -> Cost:
    """Return the medians of one operation of one side."""
    each = [1000 * sample.server / len(sample.took) for sample in samples]
    return Cost(
        operations=sum(len(sample.took) for sample in samples),
        per_second=median(len(sample.took) / sample.seconds for sample in samples),
        server_ms=median(each),
        server_ms_each=[round(value, 4) for value in each],
        stores_ms=median(1000 * sample.stores / len(sample.took) for sample in samples),
        busy=median(sample.server / sample.seconds for sample in samples),
        p50_ms=median(1000 * quantile(sample.took, 0.50) for sample in samples),
        p99_ms=median(1000 * quantile(sample.took, 0.99) for sample in samples),
    )


def ratio(ours: Cost, other: Cost) -> float:
    """Return what an operation costs, as a part of what it costs elsewhere."""
    return ours.server_ms / other.server_ms


def comparison(
    ours: Result, other: Result, *, names: tuple[str, str] = ("ours", "peer"), targets: Mapping[str, float] = TARGETS
) -> list[list[Cell]]:
    """Return the table of the ratios, its heading first."""
    rows: list[list[Cell]] = [["operation", *(f"{name}, CPU ms" for name in names), "ratio", "target", ""]]
    for name, each in ours.costs.items():
        found, target = ratio(each, other.costs[name]), targets.get(name)
        verdict = "" if target is None else "met" if found <= target else "missed"
        costs = (f"{cost.server_ms:.3f}" for cost in (each, other.costs[name]))
        rows.append([KINDS[name].title, *costs, f"{found:.2f}", target, verdict])
    return rows


def details(result: Result) -> list[list[Cell]]:
    """Return the table of everything about one side, its heading first."""
    heading = ["operation", "ops/s", "CPU ms", "busy", "stores, CPU ms", "p50 ms", "p99 ms", "SQL", "Redis"]
    rows: list[list[Cell]] = [[*heading]]
    for name, each in result.costs.items():
        rows.append(
            [
                KINDS[name].title,
                f"{each.per_second:.0f}",
                f"{each.server_ms:.3f}",
                f"{each.busy:.0%}",
                f"{each.stores_ms:.3f}",
                f"{each.p50_ms:.2f}",
                f"{each.p99_ms:.2f}",
                *result.statements(name),
            ]
        )
    return rows


def plain(rows: Rows) -> str:
    """Return a table for a terminal: the first column to the left, the others to the right."""
    texts = _texts(rows)
    widths = [max(len(row[column]) for row in texts) for column in range(len(texts[0]))]
    return "\n".join(
        "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(pairs))
        for pairs in ([*zip(row, widths, strict=True)] for row in texts)
    )


def markdown(rows: Rows) -> str:
    """Return a table for a document."""
    heading, *others = _texts(rows)
    ruler = ["---", *["---:"] * (len(heading) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (heading, ruler, *others))


def into(path: Path, name: str, text: str) -> None:
    """Put a text into a document, between the two comments that carry its name. Raises ``ValueError`` without them."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    _, found_too, after = rest.partition(end)
    if not (found and found_too):
        raise ValueError(f"{path} has no place for {name}")
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def _texts(rows: Rows) -> list[list[str]]:
    return [["" if cell is None else str(cell) for cell in row] for row in rows]
