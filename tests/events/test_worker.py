"""The worker: every chore on its own, again and again, until it is stopped."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from sqlalchemy import event

from broker.events.glance import Waiting
from broker.events.mail import MAIL, enqueue_mail
from broker.events.security import EventKind, SecurityEvents
from broker.events.service import Outbox
from broker.events.worker import Worker
from broker.keys.cipher import FieldCipher
from broker.storage.database import Database

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


class Seen:
    """A glance that a test decides on."""

    names = frozenset({"mail", "events"})

    def __init__(self) -> None:
        self.waiting: list[str] = []

    def look(self, now: datetime) -> list[str]:
        if "away" in self.waiting:
            raise RuntimeError("somebody@personal.example")
        return self.waiting


def test_a_turn_does_what_waits_and_what_has_not_been_done_for_a_while() -> None:
    done: list[str] = []
    glance = Seen()

    def chore(name: str, came: object = None) -> Callable[[datetime], object]:
        def do(_: datetime) -> object:
            done.append(name)
            return came

        return do

    chores = {"mail": chore("mail", 3), "events": chore("events", 0), "now": chore("now", 1), "seldom": chore("seldom")}
    worker = Worker(chores, lambda: NOW, every={"seldom": 3600.0}, glance=glance)
    assert not worker.turn()
    assert done == ["now", "seldom"]
    done.clear()
    glance.waiting = ["events"]
    assert not worker.turn()  # nothing came of it: its receiver rests
    assert done == ["events", "now"]
    done.clear()
    glance.waiting = ["mail", "events"]
    assert worker.turn()
    assert done == ["mail", "events", "now"]
    done.clear()
    assert worker.run_once() == []
    assert done == ["mail", "events", "now", "seldom"]


def test_a_glance_that_fails_is_told_and_keeps_nothing_from_happening(caplog: pytest.LogCaptureFixture) -> None:
    done: list[datetime] = []
    glance = Seen()
    glance.waiting = ["away"]
    Worker({"mail": done.append, "other": done.append}, lambda: NOW, glance=glance).turn()
    assert done == [NOW, NOW]
    assert "RuntimeError" in caplog.text
    assert "personal.example" not in caplog.text


def test_it_stops_between_two_chores() -> None:
    done: list[str] = []
    worker = Worker({"first": lambda _: worker.stop(), "second": lambda _: done.append("second")}, lambda: NOW)
    worker.turn()
    assert done == []


def test_whether_anything_waits_is_one_statement(database: Database) -> None:
    cipher = FieldCipher({"v1": bytes(32)})
    waiting = Waiting(database=database, kinds={MAIL: "mail", "other": "other"}, clients={"registry": "events"})
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *each: statements.append(each[2]))
    assert list(waiting.look(NOW)) == []
    assert len(statements) == 1
    with database.begin() as connection:
        expires_at = NOW + timedelta(hours=1)
        enqueue_mail(Outbox(cipher), connection, to="a@b.example", subject="", text="", now=NOW, expires_at=expires_at)
        SecurityEvents(["registry"]).write(connection, EventKind.CLAIMED, "account", {}, NOW)
    assert list(waiting.look(NOW - timedelta(seconds=1))) == []
    assert list(waiting.look(NOW)) == ["mail", "events"]
    assert set(waiting.names) == {"mail", "other", "events"}
    assert list(Waiting(database=database, kinds={}, clients={}).look(NOW)) == []
