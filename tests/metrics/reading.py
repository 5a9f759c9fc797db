"""Reading what Prometheus reads."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from broker.metrics.numbers import Numbers

Samples = Mapping[tuple[str, tuple[str, ...]], float]


def samples(text: str) -> Samples:
    """Return values by name and by the values of the labels, in the labels' order."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def shown(numbers: Numbers) -> str:
    """Return what is served."""
    from prometheus_client import generate_latest

    return generate_latest(numbers.registry).decode()
