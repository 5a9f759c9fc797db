"""The arithmetic of a benchmark, and what it tells."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.bench import report
from tests.bench.report import Result, Sample
from tests.bench.run import arguments, told


def sample(server: float, *, seconds: float = 2.0) -> Sample:
    """Return a round of four operations."""
    return Sample(seconds=seconds, server=server, stores=0.004, took=(0.001, 0.004, 0.002, 0.003))


def result(server: float, operation: str = "flow") -> Result:
    return Result(costs={operation: report.cost([sample(server)])}, peak_mib=100.0)


@pytest.mark.parametrize(
    "part, expected", [(0.0, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100)], ids=lambda value: str(value)
)
def test_a_quantile_is_the_nearest_rank(part: float, expected: int) -> None:
    assert report.quantile([*range(100, 0, -1)], part) == expected


def test_what_an_operation_costs_is_the_median_of_its_rounds() -> None:
    cost = report.cost([sample(0.8), sample(0.4), sample(40.0, seconds=4.0)])
    assert (cost.operations, cost.per_second, cost.busy) == (12, 2.0, 0.4)
    assert [cost.server_ms, cost.stores_ms, cost.p50_ms, cost.p99_ms] == pytest.approx([200.0, 1.0, 2.0, 4.0])
    assert cost.server_ms_each == [200.0, 100.0, 10_000.0]


@pytest.mark.parametrize("server, expected", [(0.5, "met"), (0.51, "missed")])
def test_a_target_is_met_up_to_its_own_value(server: float, expected: str) -> None:
    heading, row = report.comparison(result(server), result(1.0))
    assert heading[:4] == ["operation", "ours, CPU ms", "peer, CPU ms", "ratio"]
    assert row == ["federated sign-in", f"{server * 250:.3f}", "250.000", f"{server:.2f}", 0.5, expected]


def test_an_operation_without_a_target_has_a_ratio_and_no_verdict() -> None:
    assert report.comparison(result(0.2, "cc"), result(0.1, "cc"))[1][3:] == ["2.00", None, ""]


def test_statements_are_told_by_operation_and_only_where_they_were_counted() -> None:
    ours = result(0.1)
    ours.counted, ours.redis["flow"] = 4, Counter({"GET": 8, "SET": 2})
    assert ours.statements("flow") == (None, 2.5)


def test_the_document_holds_every_number_and_is_json() -> None:
    ran_on = {"cores": "2"}
    told_as_json = json.loads(json.dumps(report.document({"ours": result(0.1), "peer": result(0.4)}, ran_on)))
    assert told_as_json["machine"] == ran_on
    assert told_as_json["ratios"] == {"flow": 0.25}
    flow = told_as_json["sides"]["ours"]["operations"]["flow"]
    assert (flow["server_ms"], flow["operations"], flow["sql"]) == (25.0, 4, None)


def test_a_table_is_the_same_for_a_terminal_and_for_a_document() -> None:
    rows: list[list[report.Cell]] = [["operation", "ratio"], ["JWKS", 0.5], ["refresh", None]]
    assert report.plain(rows) == "operation  ratio\nJWKS         0.5\nrefresh         "
    assert report.markdown(rows) == "| operation | ratio |\n| --- | ---: |\n| JWKS | 0.5 |\n| refresh |  |"


def test_one_side_alone_is_told_without_a_comparison() -> None:
    assert "target" not in told({"ours": result(0.1)}, {"cores": "2"})
    assert "target" in told({"ours": result(0.1), "peer": result(0.4)}, {"cores": "2"}, table=report.markdown)


def test_a_document_gets_new_tables_where_the_old_ones_were_and_keeps_the_rest(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text("before\n<!-- bench -->\nold\n<!-- end of bench -->\nafter\n")
    report.into(document, "bench", "new\n")
    report.into(document, "bench", "newer\n")
    assert document.read_text() == "before\n<!-- bench -->\n\nnewer\n\n<!-- end of bench -->\nafter\n"
    with pytest.raises(ValueError, match="no place for growth"):
        report.into(document, "growth", "new\n")


@pytest.mark.parametrize(
    "given", [["--operations", "flow,nothing"], ["--peer-url", "http://127.0.0.1:1"], ["--peer-command", "true"]]
)
def test_what_cannot_be_measured_is_said_before_anything_starts(given: list[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(given)
