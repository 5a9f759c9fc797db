"""T12: what is counted, under labels of closed sets only; nothing while nobody wants numbers."""

import subprocess
import sys

import pytest

from broker import metrics
from broker.metrics import counting, series
from broker.metrics.numbers import Numbers
from tests.metrics.reading import samples, shown


def happen() -> None:
    """Let everything happen once."""
    metrics.answered("unrouted", "GET", 404, 0.02)
    metrics.signed_in("github", "satisfied")
    metrics.refused("github", "too_weak")
    metrics.faulty("github", "cancelled")
    metrics.upstream("github", "answered", 0.3)
    metrics.circuit("github", "open")
    metrics.storage_away("store")
    metrics.connections(2)
    metrics.connections(-1)
    metrics.know("chore", ("audit",))
    metrics.chore_done("audit", 1234.5)
    metrics.chore_failed("audit")
    metrics.know("limit", ("sign_in_address",))
    metrics.limit_hit("sign_in_address")


def test_each_thing_that_happens_is_one_more(numbers: Numbers) -> None:
    happen()
    found = samples(shown(numbers))
    assert found["vestibule_request_seconds_count", ("unrouted", "GET", "4xx")] == 1
    assert found["vestibule_request_seconds_bucket", ("unrouted", "0.01", "GET", "4xx")] == 0
    assert found["vestibule_request_seconds_bucket", ("unrouted", "0.025", "GET", "4xx")] == 1
    assert found["vestibule_sign_ins_total", ("github", "satisfied")] == 1
    assert found["vestibule_refusals_total", ("github", "too_weak")] == 1
    assert found["vestibule_provider_faults_total", ("cancelled", "github")] == 1
    assert found["vestibule_upstream_seconds_sum", ("answered", "github")] == 0.3
    assert [found["vestibule_circuits", ("github", each)] for each in ("closed", "half_open", "open")] == [0, 0, 1]
    assert found["vestibule_storage_errors_total", ("store",)] == 1
    assert found["vestibule_database_connections", ()] == 1
    assert found["vestibule_chore_last_success_timestamp_seconds", ("audit",)] == 1234.5
    assert found["vestibule_chore_failures_total", ("audit",)] == 1
    assert found["vestibule_limits_hit_total", ("sign_in_address",)] == 1


def test_nothing_is_counted_and_nothing_raised_while_nobody_wants_numbers() -> None:
    assert counting.current() is None
    happen()
    assert counting.current() is None


# The client of Redis loads a part of OpenTelemetry wherever that is installed.
LIBRARIES = ("prometheus_client", "opentelemetry.sdk.trace", "opentelemetry.exporter")


def test_who_wants_no_numbers_and_no_traces_does_not_load_their_libraries() -> None:
    program = f"import sys, broker.app; print([x for x in sys.modules if x.startswith({LIBRARIES})])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


HOSTILE = ("zz-nobody", "kanarienvogel@personas.example", 'x"\n# HELP forged\nforged 1', "e" * 100_000)


@pytest.mark.parametrize("value", HOSTILE)
def test_t12_what_is_in_no_closed_set_is_other_and_is_not_remembered(lenient: Numbers, value: str) -> None:
    for _ in range(2):
        metrics.answered(value, value, 99_999, 0.1)
        metrics.signed_in(value, value)
        metrics.faulty("github", value)
        metrics.limit_hit(value)
    text = shown(lenient)
    assert value[:20] not in text
    found = samples(text)
    assert found["vestibule_request_seconds_count", ("other", "other", "other")] == 2
    assert found["vestibule_sign_ins_total", ("other", "other")] == 2
    assert found["vestibule_provider_faults_total", ("other", "github")] == 2
    assert all(value not in key for key in lenient._found)


def test_t12_in_tests_what_is_in_no_closed_set_raises(numbers: Numbers) -> None:
    with pytest.raises(metrics.UnknownLabel) as caught:
        metrics.refused("zz-nobody", "too_weak")
    assert "zz-nobody" not in str(caught.value)


def test_every_series_has_its_name_once_and_says_what_it_is(numbers: Numbers) -> None:
    assert len({each.name for each in series.ALL}) == len(series.ALL)
    text = shown(numbers)
    for each in series.ALL:
        assert f"# HELP {each.name} {each.told}" in text
        assert each.name.startswith("vestibule_")


def test_to_ask_for_numbers_twice_is_to_ask_once(numbers: Numbers) -> None:
    assert metrics.on() is numbers
