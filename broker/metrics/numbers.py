"""The numbers of this process, in Prometheus' own library. Imported only where they are wanted: it takes its time."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from broker.metrics.labels import OTHER, UnknownLabel, is_known
from broker.metrics.series import ALL, Series

Metric = Counter | Gauge | Histogram


class Numbers:
    """Every series of :mod:`broker.metrics.series`. ``strict`` raises for a label's value that is not known."""

    def __init__(self, *, strict: bool = False) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        self.registry = CollectorRegistry()
        self._strict = strict
        self._metrics = {each.name: _made(each, self.registry) for each in ALL}
        self._found: dict[tuple[str, ...], Metric] = {}

    def add(self, series: Series, *values: str, amount: float = 1) -> None:
        """Count, or move a gauge."""
        self._child(series, values).inc(amount)

    def observe(self, series: Series, seconds: float, *values: str) -> None:
        """Note how long something took."""
        self._child(series, values).observe(seconds)

    def set(self, series: Series, value: float, *values: str) -> None:
        """Say what a gauge stands at."""
        self._child(series, values).set(value)

    def _child(self, series: Series, values: tuple[str, ...]) -> Any:  # of the kind that the series is
        key = (series.name, *values)
        found = self._found.get(key)
        if found is not None:
            return found
        allowed = tuple(self._allowed(label, value) for label, value in zip(series.labels, values, strict=True))
        if allowed != values:
            # What is not known is not remembered either: there is no end of it.
            return self._child(series, allowed)
        metric = self._metrics[series.name]
        self._found[key] = found = metric.labels(*values) if values else metric
        return found

    def _allowed(self, label: str, value: str) -> str:
        if is_known(label, value):
            return value
        if self._strict:
            raise UnknownLabel(f"{label} has no such value")
        return OTHER


def _made(series: Series, registry: CollectorRegistry) -> Metric:
    if series.buckets:
        return Histogram(series.name, series.told, series.labels, buckets=series.buckets, registry=registry)
    if series.mode is not None:
        return Gauge(series.name, series.told, series.labels, multiprocess_mode=series.mode, registry=registry)
    return Counter(series.name, series.told, series.labels, registry=registry)
