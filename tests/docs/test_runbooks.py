"""Alerts, dashboard and runbooks: each alert has its runbook, and whatever is asked of Prometheus is counted."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it ships no types, and comes with schemathesis

from broker import metrics
from broker.metrics import series
from broker.metrics.labels import is_known
from broker.metrics.series import ALL
from broker.settings.metrics import MetricsSettings
from tests.docs.guide import ROOT, name

CONFIG = ROOT / "config"
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
PARTS = (
    "## What it means",
    "## What users see meanwhile",
    "## How to see it",
    "## What to do",
    "## How to know it is over",
)
# Not ours: Prometheus' own, and those of the exporters that two alerts make use of where they are there.
OTHERS = {
    "up",
    "node_filesystem_avail_bytes",
    "node_filesystem_size_bytes",
    "probe_ssl_earliest_cert_expiry",
}


def _read(path: str) -> Any:
    return yaml.safe_load((CONFIG / path).read_text())


ALERTS: list[Any] = [rule for group in _read("prometheus-alerts.yml")["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((CONFIG / "grafana-dashboard.json").read_text())
EXPRESSIONS = [rule["expr"] for rule in ALERTS] + [
    target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])
]


def selected(expression: str) -> Iterator[tuple[str, str]]:
    """Yield the names of what an expression selects, each with its selector."""
    for found in re.finditer(
        r"\b([a-z_]+:?[a-z_]*)\b(\{[^}]*\})?(?=[\s\[{)]|$)", re.sub(r'"[^"]*"', _quiet, expression)
    ):
        if found[1].startswith(("vestibule_", "node_", "probe_")) or found[1] == "up":
            yield found[1], found[2] or ""


def _quiet(text: "re.Match[str]") -> str:
    return text[0].replace(" ", "_")


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_whatever_is_asked_of_prometheus_is_counted(expression: str) -> None:
    found = list(selected(expression))
    assert found
    assert {each for each, _ in found} <= series.names() | OTHERS
    assert set(re.findall(r"vestibule_\w+", expression)) == {each for each, _ in found if each.startswith("vestibule_")}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_label_that_is_asked_for_is_one_and_can_say_that(expression: str) -> None:
    metrics.know("chore", ("audit",))  # as composition.chores calls it
    metrics.know("kind", ("mail", "end_access"))
    metrics.know("endpoint", ("callback.arrived",))
    labels = {label for each in ALL for label in each.labels} | {"le", "job", "instance", "fstype"}
    for each, selector in selected(expression):
        for label, value in re.findall(r'(\w+)!?=~?"([^"]*)"', selector):
            assert label in labels, expression
            if each.startswith("vestibule_"):
                assert is_known(label, value), expression
    for group in re.findall(r"\bby \(([^)]*)\)", expression):
        assert {label.strip() for label in group.split(",")} <= labels, expression


def test_every_series_is_on_the_dashboard() -> None:
    shown = {found for expression in EXPRESSIONS for found, _ in selected(expression)}
    for each in ALL:
        names = {f"{each.name}{part}" for part in ("_bucket", "_sum", "_count")} if each.buckets else {each.name}
        assert shown & names, each.name


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    assert {rule["annotations"]["runbook"] for rule in ALERTS} == {name(path) for path in RUNBOOKS}
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_its_runbook_what_to_do(rule: Any) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    text = (ROOT / rule["annotations"]["runbook"]).read_text()
    assert f"Alert `{rule['alert']}`." in text
    assert [each for each in text.splitlines() if each.startswith("## ")] == list(PARTS)
    labels = re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])
    assert all(f"by ({label})" in rule["expr"] for label in labels)


@pytest.mark.parametrize("path", RUNBOOKS, ids=name)
def test_every_part_of_a_runbook_says_something(path: Path) -> None:
    for part in re.split(r"^## .*$", path.read_text(), flags=re.MULTILINE):
        assert len(part.strip()) > 5


def test_prometheus_asks_where_the_guide_has_the_numbers_served() -> None:
    read = _read("prometheus.yml")
    assert read["rule_files"] == ["prometheus-alerts.yml"]
    targets = [target for job in read["scrape_configs"] for each in job["static_configs"] for target in each["targets"]]
    guide = (ROOT / "docs" / "operator.md").read_text()
    assert all(f'address = "{target}"' in guide for target in targets)
    address, worker_address = targets
    MetricsSettings.model_validate({"address": address, "worker_address": worker_address})


def test_the_panels_of_the_dashboard_have_ids_of_their_own_and_do_not_overlap() -> None:
    places: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & places, panel["title"]
        assert max(x for x, _ in cells) < 24
        places |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
