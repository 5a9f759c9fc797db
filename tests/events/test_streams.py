"""Security events wait for each client, in order of their subject, until they have arrived; and are told again."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_bytes

import pytest
from sqlalchemy import func, select

from broker.audit.model import audit_entries
from broker.audit.service import Audit
from broker.events import replay, streams
from broker.events.model import security_deliveries, security_events
from broker.events.security import EventKind, SecurityEvents
from broker.events.streams import LEASE, Untold
from broker.storage.database import Database

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
BACK_OFF = (10 * SECOND, MINUTE)


class House:
    """Two clients that listen: ``one`` and ``two``. What happens is named by its subject and a number."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.audit = Audit(database, token_bytes(32))
        self.events = SecurityEvents({"one", "two"})

    def happens(self, *subjects: str, at: datetime = NOW) -> None:
        with self.database.begin() as connection:
            for subject in subjects:
                count = select(func.count()).where(security_events.c.subject == subject)
                data = {"number": connection.execute(count).scalar_one() + 1}
                self.events.write(connection, EventKind.CLAIMED, subject, data, at)

    def take(self, now: datetime = NOW, client_id: str = "one") -> Untold | None:
        with self.database.begin() as connection:
            return streams.take(connection, client_id, now)

    def told(self, untold: Untold | None, now: datetime = NOW, client_id: str = "one") -> None:
        assert untold is not None
        with self.database.begin() as connection:
            streams.told(connection, client_id, untold, now)

    def put_off(self, untold: Untold | None, until: datetime, *, rests: bool = False) -> None:
        assert untold is not None
        with self.database.begin() as connection:
            streams.put_off(connection, "one", untold, "http_500", until, rests=rests)

    def tell_all(self, now: datetime = NOW, client_id: str = "one") -> list[str]:
        """Have all that is due arrive, and return what it was."""
        names = []
        while (untold := self.take(now, client_id)) is not None:
            self.told(untold, now, client_id)
            names.append(name(untold))
        return names

    def offered(self, now: datetime = NOW, limit: int = 100) -> tuple[list[Untold], bool]:
        with self.database.read() as connection:
            found = streams.offered(connection, "one", now, limit)
            return found, streams.has_more(connection, "one", now, found)

    def acknowledge(self, *jtis: str, client_id: str = "one") -> None:
        with self.database.begin() as connection:
            streams.acknowledge(connection, client_id, jtis, NOW)

    def refuse(self, jti: str, now: datetime = NOW, client_id: str = "one") -> None:
        with self.database.begin() as connection:
            streams.refuse(connection, client_id, {jti: "invalid_request"}, now, BACK_OFF)

    def again(self, now: datetime = NOW, client_id: str = "one", **only: object) -> int:
        with self.database.begin() as connection:
            return replay.replay(connection, client_id, self.audit, now, **only)  # type: ignore[arg-type]  # each test names its own

    def expire(self, now: datetime, listeners: Sequence[str] = ("one", "two")) -> int:
        with self.database.begin() as connection:
            return replay.expire(connection, now, listeners)

    def backlogs(self) -> list[replay.Backlog]:
        with self.database.read() as connection:
            return replay.backlogs(connection)

    def jti(self, subject: str, number: int) -> str:
        with self.database.read() as connection:
            wanted = select(security_events.c.jti).where(security_events.c.subject == subject)
            return str(connection.execute(wanted.order_by(security_events.c.id)).scalars().all()[number - 1])

    def count(self) -> tuple[int, int]:
        """Return how many events and deliveries are kept."""
        with self.database.read() as connection:
            return tuple(  # type: ignore[return-value]  # two of them
                connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (security_events, security_deliveries)
            )


def name(untold: Untold | None) -> str:
    assert untold is not None
    return f"{untold.subject}{untold.data['number']}"


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


# In order of each subject, and of no other.


def test_each_client_is_told_of_everything_in_order_of_each_subject(house: House) -> None:
    house.happens("a", "b", "a", "b", "a")
    for client_id in ("one", "two"):
        told = house.tell_all(client_id=client_id)
        assert sorted(told) == ["a1", "a2", "a3", "b1", "b2"]
        assert [each for each in told if each[0] == "a"] == ["a1", "a2", "a3"]
    assert house.take(NOW + DAY) is None


def test_an_event_waits_for_the_one_before_it_and_for_no_other_subject(house: House) -> None:
    house.happens("a", "a", "b")
    first, second = house.take(), house.take()
    assert {name(first), name(second)} == {"a1", "b1"}
    assert house.take() is None, "the first of a is with somebody"
    of_a = first if name(first) == "a1" else second
    house.told(of_a)
    assert name(house.take()) == "a2"


def test_a_subject_that_fails_holds_up_itself_alone(house: House) -> None:
    house.happens("a", "a", "b")
    first = house.take()
    house.put_off(first, NOW + MINUTE)
    other = "b1" if name(first) == "a1" else "a1"
    assert house.tell_all()[0] == other
    assert house.take(NOW + MINUTE - SECOND) is None
    assert name(first) in house.tell_all(NOW + MINUTE)


def test_while_a_receiver_is_down_one_event_is_tried_at_a_time_and_the_rest_waits(house: House) -> None:
    house.happens("a", "b", "c")
    house.put_off(house.take(), NOW + MINUTE, rests=True)
    assert house.take(NOW + 59 * SECOND) is None
    assert house.backlogs()[0].last_error == "resting: http_500"
    # The next to be tried, whichever it is, finds out.
    probe = house.take(NOW + MINUTE)
    house.put_off(probe, NOW + 10 * MINUTE, rests=True)
    assert house.take(NOW + 9 * MINUTE) is None
    assert len(house.tell_all(NOW + 10 * MINUTE)) == 3
    assert house.take(client_id="two") is not None, "another client's stream is another stream"


def test_a_try_of_what_found_nobody_keeps_the_others_resting_until_it_is_over(house: House) -> None:
    house.happens("a", "b")
    first = house.take()
    house.put_off(first, NOW + MINUTE, rests=True)
    later = NOW + MINUTE
    tried = [house.take(later), house.take(later)]
    again = next(each for each in tried if each is not None and each.attempt == 2)
    assert name(again) == name(first)
    house.told(again, later)
    house.happens("c", at=later)
    assert name(house.take(later)) == "c1"


def test_what_a_worker_that_died_had_taken_is_taken_by_another(house: House) -> None:
    house.happens("a")
    dead = house.take()
    assert house.take(NOW + LEASE - SECOND) is None
    again = house.take(NOW + LEASE)
    assert (name(again), name(dead)) == ("a1", "a1")
    house.put_off(dead, NOW + DAY)
    house.told(again)
    assert house.backlogs()[0].client_id == "two", "the late word of the first changes nothing"


def test_an_event_that_goes_back_with_its_cause_is_told_to_nobody(house: House) -> None:
    def fail() -> None:
        with house.database.begin() as connection:
            house.events.write(connection, EventKind.CLAIMED, "a", {}, NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (house.take(), house.count()) == (None, (0, 0))


# For clients that ask.


def test_a_client_that_asks_is_offered_the_next_of_each_subject_until_it_says_that_it_has_it(house: House) -> None:
    house.happens("a", "b", "a")
    found, more = house.offered()
    assert ([name(each) for each in found], more) == (["a1", "b1"], True)
    assert house.offered() == (found, True)
    house.acknowledge(*(each.jti for each in found))
    found, more = house.offered()
    assert ([name(each) for each in found], more) == (["a2"], False)
    house.acknowledge(found[0].jti)
    assert house.offered() == ([], False)


def test_no_more_is_offered_than_was_asked_for(house: House) -> None:
    house.happens("a", "b")
    found, more = house.offered(limit=1)
    assert (len(found), more) == (1, True)
    assert house.offered(limit=0) == ([], True)


def test_what_was_not_offered_is_not_acknowledged(house: House) -> None:
    """Neither what comes later, nor what is not there, nor what is another client's."""
    house.happens("a", "a")
    house.acknowledge(house.jti("a", 2), "nobody")
    house.refuse(house.jti("a", 2))
    house.acknowledge(house.jti("a", 1), client_id="three")
    found, more = house.offered()
    assert ([name(each) for each in found], more) == (["a1"], True)
    house.acknowledge(house.jti("a", 1), house.jti("a", 2))
    assert [name(each) for each in house.offered()[0]] == ["a2"], (
        "the second counts once the first is known to be there"
    )


def test_what_a_client_refuses_is_offered_again_after_a_while_and_what_is_behind_it_waits(house: House) -> None:
    house.happens("a", "a", "b")
    house.refuse(house.jti("a", 1))
    found, more = house.offered()
    assert ([name(each) for each in found], more) == (["b1"], False)
    assert house.backlogs()[0].last_error == "invalid_request"
    house.refuse(house.jti("a", 1), NOW + 10 * SECOND)
    house.refuse(house.jti("a", 1), NOW + 20 * SECOND)
    assert [name(each) for each in house.offered(NOW + 79 * SECOND)[0]] == ["b1"]
    assert [name(each) for each in house.offered(NOW + 80 * SECOND)[0]] == ["a1", "b1"]


# Told again.


def test_a_replay_tells_everything_again_in_order_under_the_same_ids(house: House) -> None:
    house.happens("a", "b", "a")
    before = [house.jti("a", 1), house.jti("a", 2)]
    house.tell_all()
    assert house.again() == 3
    assert [house.jti("a", 1), house.jti("a", 2)] == before
    again = house.tell_all()
    assert sorted(again) == ["a1", "a2", "b1"]
    assert again.index("a1") < again.index("a2")
    assert house.take(client_id="two") is not None, "and of the other client's nothing changed"


def test_a_replay_can_be_of_one_account_and_from_a_day_on(house: House) -> None:
    house.happens("a", "b", at=NOW - 2 * DAY)
    house.happens("a", "b", at=NOW)
    house.tell_all()
    assert house.again(subject="a") == 2
    assert house.tell_all() == ["a1", "a2"]
    assert house.again(since=NOW - DAY) == 2
    assert sorted(house.tell_all()) == ["a2", "b2"]
    assert house.again(subject="a", since=NOW - DAY) == 1
    assert house.tell_all() == ["a2"]
    assert house.again(subject="nobody") == 0


def test_a_replay_tells_a_client_that_began_to_listen_later_what_it_has_missed(house: House) -> None:
    house.happens("a", "a")
    late = SecurityEvents({"late"})
    with house.database.begin() as connection:
        late.write(connection, EventKind.CLAIM_UNDONE, "a", {"number": 3}, NOW)
    assert house.tell_all(client_id="late") == ["a3"]
    assert house.again(client_id="late") == 3
    assert house.tell_all(client_id="late") == ["a1", "a2", "a3"]


def test_who_is_telling_the_last_event_during_a_replay_does_not_tell_it_for_this_time(house: House) -> None:
    """Otherwise the receiver would end with the one before it."""
    house.happens("a", "a")
    house.told(house.take())
    second = house.take()
    assert house.again() == 2
    house.told(second)
    assert house.tell_all() == ["a1", "a2"]


def test_a_replay_ends_the_rest_of_a_stream(house: House) -> None:
    house.happens("a", "b")
    house.put_off(house.take(), NOW + DAY, rests=True)
    assert house.take(NOW + MINUTE) is None
    house.again(NOW + MINUTE)
    assert len(house.tell_all(NOW + MINUTE)) == 2


def test_a_replay_is_in_the_record_with_how_many_it_was(house: House) -> None:
    house.happens("a")
    house.again(subject="a")
    house.again()
    with house.database.read() as connection:
        rows = connection.execute(select(audit_entries).order_by(audit_entries.c.id)).all()
    assert [(row.action, row.client_id, row.detail) for row in rows] == [
        ("security_events.replayed", "one", '{"count":1,"registry_account":"a"}'),
        ("security_events.replayed", "one", '{"count":1}'),
    ]


# Counted and forgotten.


def test_what_waits_is_counted_by_client_with_its_age_and_the_last_failure(house: House) -> None:
    assert house.backlogs() == []
    house.happens("a", at=NOW - DAY)
    house.happens("a", "b")
    house.put_off(house.take(), NOW + MINUTE)
    assert house.backlogs() == [
        replay.Backlog(client_id="one", count=3, since=NOW - DAY, last_error="http_500"),
        replay.Backlog(client_id="two", count=3, since=NOW - DAY, last_error=None),
    ]
    house.tell_all(client_id="two")
    assert [each.client_id for each in house.backlogs()] == ["one"]


def test_an_event_is_forgotten_after_400_days_and_never_before_everybody_was_told(house: House) -> None:
    house.happens("a", "a")
    house.tell_all()
    late = NOW + 400 * DAY
    assert house.expire(late) == 0, "the other client has not been told"
    house.told(house.take(client_id="two"), client_id="two")
    assert house.expire(late - SECOND) == 0
    assert house.expire(late) == 1
    assert house.count() == (1, 2)
    assert house.expire(late, ["one"]) == 1, "nobody waits for a stream that is configured no more"
    assert house.count() == (0, 0)


def test_what_nobody_listens_to_is_kept_for_400_days_all_the_same(house: House) -> None:
    with house.database.begin() as connection:
        SecurityEvents(()).write(connection, EventKind.CLAIMED, "a", {"number": 1}, NOW)
    assert house.count() == (1, 0)
    assert house.expire(NOW + 399 * DAY, ()) == 0
    assert house.again(NOW + 399 * DAY) == 1
    assert house.expire(NOW + 400 * DAY, ()) == 1
    assert house.count() == (0, 0)


def test_what_is_as_good_as_forgotten_is_not_told_again(house: House) -> None:
    house.happens("a")
    assert house.again(NOW + 400 * DAY) == 0
