"""Several kinds in one outbox: each with its own handler and its own patience, and one in nobody's way."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from secrets import token_bytes

import pytest
from sqlalchemy import select

from broker.audit.model import audit_entries
from broker.audit.service import Audit
from broker.events import delivery, waiting
from broker.events.delivery import Deliveries
from broker.events.handling import BACK_OFF, Handler, Item, NobodyThere, NotSent
from broker.events.service import Outbox
from broker.keys.cipher import FieldCipher
from broker.storage.database import Database

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
KEY = token_bytes(32)


@dataclass(kw_only=True)
class Receiver:
    """Takes what it is handed, or raises ``error``."""

    error: NotSent | None = None
    back_off: Sequence[timedelta] = (10 * SECOND, MINUTE)
    seen: list[Item] = field(default_factory=list)

    def deliver(self, item: Item, now: datetime) -> None:
        del now
        self.seen.append(item)
        if self.error is not None:
            raise self.error


class House:
    """An outbox with two kinds."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.cipher = FieldCipher({"v1": KEY})
        self.outbox = Outbox(self.cipher)
        self.audit = Audit(database, KEY)
        self.first, self.second = Receiver(), Receiver(back_off=BACK_OFF)
        self.deliver = self.deliveries({"first": self.first, "second": self.second}).deliver

    def deliveries(self, handlers: Mapping[str, Handler]) -> Deliveries:
        return Deliveries(self.database, self.cipher, handlers)

    def enqueue(self, kind: str, subject: str | None = None, at: datetime = NOW, lifetime: timedelta = HOUR) -> None:
        with self.database.begin() as connection:
            payload = {"secret": "canary", "kind": kind}
            self.outbox.enqueue(connection, kind, payload, now=at, expires_at=at + lifetime, subject=subject)

    def waiting(self) -> list[waiting.Waiting]:
        with self.database.read() as connection:
            return waiting.list_waiting(connection)

    def actions(self) -> list[tuple[str, str]]:
        with self.database.read() as connection:
            rows = connection.execute(select(audit_entries.c.action, audit_entries.c.detail))
            return [(row.action, row.detail) for row in rows]


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


def test_each_kind_goes_to_its_own_handler_as_it_was_written(house: House) -> None:
    house.enqueue("first")
    house.enqueue("second", "registry")
    assert house.deliver(NOW + MINUTE) == 2
    assert [dict(each.payload) for each in house.first.seen] == [{"secret": "canary", "kind": "first"}]
    assert [dict(each.payload) for each in house.second.seen] == [{"secret": "canary", "kind": "second"}]
    assert house.first.seen[0].written_at == NOW
    assert house.waiting() == []


def test_a_kind_waits_as_long_as_its_handler_says(house: House) -> None:
    house.first.error = house.second.error = NotSent("http_500")
    house.enqueue("first")
    house.enqueue("second")
    house.deliver(NOW)
    house.deliver(NOW + 10 * SECOND)
    assert (len(house.first.seen), len(house.second.seen)) == (2, 1)
    house.deliver(NOW + MINUTE)
    assert (len(house.first.seen), len(house.second.seen)) == (2, 2)
    house.deliver(NOW + MINUTE + 10 * SECOND)
    assert (len(house.first.seen), len(house.second.seen)) == (3, 2)
    assert len({each.id for each in house.first.seen}) == 1, "the same at every attempt"


def test_a_kind_that_nobody_handles_here_waits_for_who_does(house: House) -> None:
    house.enqueue("third")
    house.enqueue("first")
    assert house.deliver(NOW) == 1
    (left,) = house.waiting()
    assert (left.kind, left.attempts) == ("third", 0)
    third = Receiver()
    assert house.deliveries({"third": third}).deliver(NOW + MINUTE) == 1
    assert len(third.seen) == 1


def test_of_a_receiver_that_is_down_one_item_is_tried_and_the_others_wait_with_it(house: House) -> None:
    house.first.error = NobodyThere("ConnectTimeout")
    for number in range(5):
        house.enqueue("first", "down", NOW + number * SECOND)
    house.enqueue("first", "other", NOW + 5 * SECOND)
    house.enqueue("second", "down", NOW + 6 * SECOND)
    assert house.deliver(NOW + MINUTE) == 1
    assert len(house.first.seen) == 2, "one for each of the two that are down"
    assert len(house.second.seen) == 1, "another kind is another receiver"
    assert [(each.attempts, each.last_error) for each in house.waiting()] == [
        (1, "ConnectTimeout"),
        *[(0, "ConnectTimeout")] * 4,
        (1, "ConnectTimeout"),
    ]
    assert {each.due_at for each in house.waiting()} == {NOW + MINUTE + 10 * SECOND}
    house.first.error = None
    assert house.deliver(NOW + 2 * MINUTE) == 6
    assert house.waiting() == []


def test_slow_receivers_do_not_keep_other_chores_waiting(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "monotonic", lambda: 6.0 * len(house.first.seen))  # seconds for each
    for number in range(5):
        house.enqueue("first", f"registry-{number}")
    assert [house.deliver(NOW), len(house.first.seen)] == [2, 2]
    assert [house.deliver(NOW), len(house.first.seen)] == [2, 4]
    assert [house.deliver(NOW), len(house.first.seen)] == [1, 5]


def test_after_a_refusal_its_receiver_has_a_rest_and_the_next_item_its_turn(house: House) -> None:
    house.first.error = NotSent("http_400")
    for _ in range(3):
        house.enqueue("first", "registry")
    for turn in range(3):
        house.deliver(NOW + turn * 10 * SECOND)
        assert len({each.id for each in house.first.seen}) == turn + 1
    assert [each.last_error for each in house.waiting()] == ["http_400"] * 3


def test_a_slow_receiver_has_a_rest_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "monotonic", lambda: 2.0 * len(house.first.seen))  # seconds for each
    for _ in range(2):
        house.enqueue("first", "slow")
    house.enqueue("first", "other")
    assert house.deliver(NOW) == 2
    assert house.deliver(NOW + 29 * SECOND) == 0
    assert house.deliver(NOW + 30 * SECOND) == 1


def test_what_has_no_subject_never_waits_with_others(house: House) -> None:
    house.first.error = NobodyThere("ConnectTimeout")
    for _ in range(3):
        house.enqueue("first")
    house.deliver(NOW)
    assert len(house.first.seen) == 3


def test_what_expires_is_named_in_the_log_and_nothing_of_its_content(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    house.first.error = NotSent("http_500")
    for subject in ("registry", "registry", None):
        house.enqueue("first", subject)
    house.deliver(NOW)
    house.deliver(NOW + HOUR)
    told = [record.getMessage() for record in caplog.records if "expired" in record.getMessage()]
    assert sorted(told) == [
        "1 of kind first for None expired undelivered",
        "2 of kind first for registry expired undelivered",
    ]
    assert "canary" not in caplog.text


def test_an_operator_sees_what_waits_and_why_and_nothing_else(house: House) -> None:
    house.first.error = NotSent("http_500")
    house.enqueue("first", "registry")
    house.deliver(NOW)
    (seen,) = house.waiting()
    assert seen == waiting.Waiting(
        id=house.first.seen[0].id,
        kind="first",
        subject="registry",
        attempts=1,
        due_at=NOW + 10 * SECOND,
        expires_at=NOW + HOUR,
        last_error="http_500",
    )


def test_an_operator_has_an_item_tried_again_at_once(house: House) -> None:
    house.second.error = NotSent("http_500")
    house.enqueue("second")
    house.deliver(NOW)
    (item,) = house.waiting()
    with house.database.begin() as connection:
        waiting.retry(connection, item.id, house.audit, NOW + SECOND)
    house.second.error = None
    assert house.deliver(NOW + SECOND) == 1
    assert house.actions() == [("outbox.retried", f'{{"kind":"second","reference":"{item.id}"}}')]


def test_an_operator_drops_an_item(house: House) -> None:
    house.enqueue("first")
    (item,) = house.waiting()
    with house.database.begin() as connection:
        waiting.drop(connection, item.id, house.audit, NOW)
    assert house.deliver(NOW) == 0
    assert house.actions() == [("outbox.dropped", f'{{"kind":"first","reference":"{item.id}"}}')]


@pytest.mark.parametrize("change", [waiting.retry, waiting.drop])
def test_what_is_not_there_is_neither_retried_nor_dropped(house: House, change: object) -> None:
    assert callable(change)
    with pytest.raises(LookupError), house.database.begin() as connection:
        change(connection, "no-such-id", house.audit, NOW)
    assert house.actions() == []
