"""Where numbers and spans go: every mistake in the operator's words."""

from pathlib import Path

import pytest

from broker.settings import load
from tests.settings.test_settings import minimal, problems, write


def test_by_default_nothing_is_served_or_sent_and_each_request_has_a_line(tmp_path: Path) -> None:
    settings = load(write(tmp_path, minimal()), {})
    assert (settings.metrics.address, settings.metrics.worker_address) == (None, None)
    assert settings.tracing.endpoint is None
    assert settings.log.requests


def test_an_address_is_a_host_and_a_port(tmp_path: Path) -> None:
    text = '[metrics]\naddress = "127.0.0.1:9464"\nworker_address = "[::1]:9465"\n[tracing]\nendpoint = "http://127.0.0.1:4318/v1/traces"\n'
    settings = load(write(tmp_path, minimal(), text), {})
    assert settings.metrics.address == ("127.0.0.1", 9464)
    assert settings.metrics.worker_address == ("::1", 9465)
    assert settings.tracing.endpoint == "http://127.0.0.1:4318/v1/traces"


@pytest.mark.parametrize(
    "address", ['"9464"', '"127.0.0.1"', '"127.0.0.1:0"', '"127.0.0.1:65536"', '":9464"', '"a b:1"', "9464"]
)
def test_what_is_no_address_is_named(tmp_path: Path, address: str) -> None:
    assert set(problems(write(tmp_path, minimal(), f"[metrics]\naddress = {address}\n"))) == {"metrics.address"}


def test_the_worker_has_an_address_of_its_own(tmp_path: Path) -> None:
    text = '[metrics]\naddress = "127.0.0.1:9464"\nworker_address = "127.0.0.1:9464"\n'
    assert set(problems(write(tmp_path, minimal(), text))) == {"metrics.worker_address"}


@pytest.mark.parametrize("key", ["address", "worker_address"])
def test_numbers_are_never_served_where_strangers_come(tmp_path: Path, key: str) -> None:
    text = f'[metrics]\n{key} = "0.0.0.0:8000"\n'
    assert set(problems(write(tmp_path, minimal(), text))) == {"metrics"}


@pytest.mark.parametrize(
    "url", ["http://collector.example.org/v1/traces", "collector:4318", "https://user:must-not-show@c.example/"]
)
def test_spans_go_nowhere_in_the_clear(tmp_path: Path, url: str) -> None:
    found = problems(write(tmp_path, minimal(), f'[tracing]\nendpoint = "{url}"\n'))
    assert set(found) == {"tracing.endpoint"}
    assert "must-not" not in str(found)
