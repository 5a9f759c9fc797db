"""The demo's children, when they do not do as they should."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.demo import processes
from broker.demo.processes import Child, ChildFailed
from tests.servers import free_port

WAIT_SECONDS = 60


def log_of(child: Child) -> str:
    end = time.monotonic() + WAIT_SECONDS
    while not (said := child.log.read_text()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return said


@pytest.fixture
def stubborn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Child]:
    monkeypatch.setattr(processes, "_STOP_SECONDS", 0.1)
    child = Child("The mule", "tests.demo.stubborn", [], {}, tmp_path / "mule.log")
    yield child
    child.stop()


def test_one_that_does_not_end_when_it_is_told_to_is_ended(stubborn: Child) -> None:
    assert log_of(stubborn) == "here\n"
    stubborn.must_run()
    stubborn.stop()
    with pytest.raises(ChildFailed, match=r"The mule stopped by itself\. Its last words, in .*: here"):
        stubborn.must_run()


def test_one_that_does_not_answer_in_time_is_named_with_its_log(
    stubborn: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_START_SECONDS", 0.2)
    with pytest.raises(ChildFailed, match=r"The mule does not answer at .*See .*mule\.log"):
        stubborn.wait_until_it_answers(f"http://127.0.0.1:{free_port()}")


def test_one_that_answers_with_an_error_only_has_not_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    folder = tmp_path / "empty"
    folder.mkdir()
    child = Child("The server", "http.server", [str(port), f"--directory={folder}"], {}, tmp_path / "server.log")
    try:
        child.wait_until_it_answers(f"http://127.0.0.1:{port}/")
        monkeypatch.setattr(processes, "_START_SECONDS", 0.2)
        with pytest.raises(ChildFailed, match="does not answer"):
            child.wait_until_it_answers(f"http://127.0.0.1:{port}/missing")
    finally:
        child.stop()


def test_one_that_ends_without_a_word_is_told(tmp_path: Path) -> None:
    child = Child("The ghost", "tests.demo", [], {}, tmp_path / "ghost.log")
    with pytest.raises(ChildFailed, match="The ghost stopped by itself"):
        child.wait_until_it_answers(f"http://127.0.0.1:{free_port()}")
    child.stop()
    child.log.write_text("")
    with pytest.raises(ChildFailed, match="It said nothing in"):
        child.must_run()


def test_what_a_proxy_or_a_bundle_of_this_machine_would_change_is_kept_from_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    child = Child("The teller", "tests.demo.environment", [], {"GIVEN": "yes"}, tmp_path / "teller.log")
    try:
        said = log_of(child)
    finally:
        child.stop()
    assert "GIVEN=yes" in said
    assert "HTTPS_PROXY" not in said
    assert "REQUESTS_CA_BUNDLE" not in said
