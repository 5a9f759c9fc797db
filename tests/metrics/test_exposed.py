"""The numbers at their own address: of one process, and of several that share them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from broker import metrics
from broker.metrics import exposed
from broker.metrics.numbers import Numbers
from tests.metrics.reading import Samples, samples


def asked(port: int) -> Samples:
    return samples(requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text)


def test_one_process_serves_its_own_numbers_until_it_is_closed(numbers: Numbers) -> None:
    shown = exposed.expose(("127.0.0.1", 0))
    metrics.signed_in("github", "exempt")
    try:
        assert asked(shown.port)["vestibule_sign_ins_total", ("github", "exempt")] == 1
        with pytest.raises(exposed.AddressTaken):
            exposed.expose(("127.0.0.1", shown.port))
    finally:
        shown.close()
    with pytest.raises(requests.ConnectionError):
        asked(shown.port)


def test_without_an_address_nothing_is_counted() -> None:
    assert exposed.begin(None) is None
    metrics.signed_in("github", "exempt")
    assert metrics.counting.current() is None


def test_with_an_address_a_process_counts_and_serves_unless_its_parent_does(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        shown = exposed.begin(("127.0.0.1", 0))
        assert shown is not None
        shown.close()
        monkeypatch.setattr(exposed, "_shared", Path("/somewhere"))
        assert exposed.begin(("127.0.0.1", 0)) is None
    finally:
        metrics.off()


def test_a_directory_that_something_else_named_does_not_silence_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
        monkeypatch.setenv(variable, "/of/another/program")
    try:
        shown = exposed.begin(("127.0.0.1", 0))
        assert shown is not None
        shown.close()
        assert not {"PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"} & set(os.environ)
    finally:
        metrics.off()


WORKER = """
import sys
from broker import metrics
from broker.metrics import counting, series
metrics.know("provider", ("github",))
metrics.know("kind", ("mail",))
numbers = metrics.on(strict=True)
metrics.signed_in("github", "satisfied")
metrics.answered("unrouted", "GET", 200, 0.02)
metrics.connections(3)
metrics.circuit("github", "open")
numbers.set(series.OUTBOX_WAITING, int(sys.argv[1]), "mail")
print("ready", flush=True)
sys.stdin.read()
"""


def _worker(directory: Path, waiting: int) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(waiting)],
        env={**os.environ, exposed.DIRECTORY_VARIABLE: str(directory)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_processes_that_share_a_directory_are_added_up_and_the_dead_are_not_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(exposed.DIRECTORY_VARIABLE, "")  # so that it is as before afterwards
    monkeypatch.setattr(exposed, "_shared", None)
    directory = exposed.share()
    assert os.environ[exposed.DIRECTORY_VARIABLE] == str(directory)
    assert directory.stat().st_mode & 0o077 == 0
    shown = exposed.expose(("127.0.0.1", 0), directory)
    first, second = _worker(directory, 7), _worker(directory, 5)
    try:
        both = asked(shown.port)
        assert both["vestibule_sign_ins_total", ("github", "satisfied")] == 2
        assert both["vestibule_database_connections", ()] == 6
        assert both["vestibule_circuits", ("github", "open")] == 2
        assert both["vestibule_outbox_waiting", ("mail",)] == 5
        one_less = both
        for process in (first, second):
            process.communicate()
            one_less = asked(shown.port)
            assert one_less["vestibule_sign_ins_total", ("github", "satisfied")] == 2, "no counter ever goes back"
            assert one_less["vestibule_request_seconds_count", ("unrouted", "GET", "2xx")] == 2
            assert one_less["vestibule_request_seconds_bucket", ("unrouted", "+Inf", "GET", "2xx")] == 2
            assert one_less["vestibule_outbox_waiting", ("mail",)] == 5, "what was set last stays"
        assert ("vestibule_database_connections", ()) not in one_less
        assert {path.stem for path in directory.iterdir()} == {"counter_0", "histogram_0", "gauge_mostrecent_0"}
        third = _worker(directory, 9)
        third.communicate()
        assert asked(shown.port)["vestibule_sign_ins_total", ("github", "satisfied")] == 3
        assert asked(shown.port)["vestibule_outbox_waiting", ("mail",)] == 9
    finally:
        for process in (first, second):
            process.kill()
        shown.close()
    assert not directory.exists()


def test_the_files_of_another_users_process_are_those_of_one_that_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    (tmp_path / "counter_1.db").write_bytes(b"")
    exposed.bury(tmp_path)
    assert (tmp_path / "counter_1.db").exists()
