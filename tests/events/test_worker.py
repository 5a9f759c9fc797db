"""The worker: every chore on its own, again and again, until it is stopped."""

from datetime import UTC, datetime
from threading import Event

import pytest

from broker.events.worker import Worker

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_a_chore_that_fails_keeps_none_of_the_others_from_happening(caplog: pytest.LogCaptureFixture) -> None:
    done: list[datetime] = []

    def fail(_: datetime) -> None:
        raise RuntimeError("somebody@personal.example")

    worker = Worker({"first": done.append, "bad": fail, "last": done.append}, lambda: NOW)
    assert worker.run_once() == ["bad"]
    assert done == [NOW, NOW]
    assert "bad" in caplog.text
    assert "personal.example" not in caplog.text


def test_it_works_in_its_own_thread_until_it_is_stopped() -> None:
    seen = Event()
    worker = Worker({"chore": lambda _: seen.set()}, lambda: NOW)
    worker.start()
    assert seen.wait(10)
    worker.stop()
    seen.clear()
    Worker({}, lambda: NOW).stop()
    assert not seen.is_set()
