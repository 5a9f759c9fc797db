import pytest
from structlog.testing import capture_logs

from broker.storage.store import MemoryStore, StoreFull, StoreUnavailable, Window
from tests.storage.test_shortlived import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    return MemoryStore(max_entries=3, clock=clock)


def test_a_full_store_refuses_and_changes_nothing(store: MemoryStore) -> None:
    store.put("a", b"1", 60)
    store.commit(put=[("b", b"2", 60)], index=[("index", "member", 60)])
    with pytest.raises(StoreFull):
        store.put("c", b"3", 60)
    with pytest.raises(StoreFull):
        store.add("c", b"3", 60)
    with pytest.raises(StoreFull):
        store.commit(take=["a"], delete=["b"], index=[("index", "x", 60), ("index", "y", 60)])
    assert store.get_many(["a", "b", "c"]) == [b"1", b"2", None]
    assert store.members("index") == {"member"}


def test_full_is_a_way_of_being_unavailable() -> None:
    assert issubclass(StoreFull, StoreUnavailable)


def test_a_full_store_still_replaces_what_it_holds(store: MemoryStore) -> None:
    store.put("a", b"1", 60)
    store.commit(put=[("b", b"2", 60)], index=[("index", "member", 60)])
    store.put("a", b"3", 60)
    assert store.commit(put=[("b", b"4", 60)], index=[("index", "member", 60)])
    assert store.get_many(["a", "b"]) == [b"3", b"4"]


def test_what_was_removed_makes_room(store: MemoryStore) -> None:
    for _ in range(10):
        store.commit(put=[("a", b"1", 60)], index=[("one", "m", 60), ("two", "m", 60)])
        store.commit(take=["a"], unindex=[("one", "m"), ("two", "m")])
    store.commit(put=[("a", b"", 60), ("b", b"", 60), ("c", b"", 60)])
    assert store.get_many(["a", "b", "c"]) == [b"", b"", b""]


def test_what_expired_makes_room_when_the_store_is_full(store: MemoryStore, clock: Clock) -> None:
    store.commit(put=[("a", b"1", 5), ("long", b"2", 60)], index=[("index", "member", 5)])
    clock.wait(5)
    store.commit(put=[("b", b"3", 60)], index=[("index", "other", 60)])
    assert store.get_many(["a", "b", "long"]) == [None, b"3", b"2"]
    assert store.members("index") == {"other"}


def test_a_full_store_is_searched_for_expired_entries_once_a_second_at_most(store: MemoryStore, clock: Clock) -> None:
    store.put("a", b"", 60)
    store.put("b", b"", 60)
    store.put("c", b"", 2)
    clock.wait(1)
    with pytest.raises(StoreFull):
        store.put("d", b"", 60)
    clock.seconds += 0.999
    with pytest.raises(StoreFull):
        store.put("d", b"", 60)
    clock.wait(1)
    store.put("d", b"", 60)
    assert store.get("d") == b""


def test_expired_entries_are_dropped_once_a_minute_without_being_asked_for(clock: Clock) -> None:
    store = MemoryStore(max_entries=1000, clock=clock)
    for number in range(100):
        store.commit(put=[(f"key {number}", b"", 1)], index=[(f"index {number}", "member", 1)])
    clock.wait(60)
    store.put("one more", b"", 1)
    assert len(store._values) == 1
    assert len(store._indexes) == store._members == 0


def test_a_closed_store_has_forgotten_everything(store: MemoryStore) -> None:
    store.commit(put=[("a", b"", 60)], index=[("index", "member", 60)])
    store.close()
    assert store.get("a") is None
    assert store.members("index") == set()
    store.commit(put=[("a", b"", 60), ("b", b"", 60), ("c", b"", 60)])


def test_time_is_measured_where_nobody_says_otherwise() -> None:
    store = MemoryStore()
    store.put("a", b"1", 60)
    assert store.get("a") == b"1"


@pytest.fixture
def filled(clock: Clock) -> MemoryStore:
    """A store that strangers have filled as far as they can."""
    store = MemoryStore(max_entries=10, clock=clock)
    for number in range(8):
        store.put(f"transaction:{number}", b"", 60)
    return store


def test_t12_strangers_leave_room_for_sign_outs_marks_and_sessions(filled: MemoryStore) -> None:
    with pytest.raises(StoreFull):
        filled.put("flow:1", b"", 60)
    with pytest.raises(StoreFull):
        filled.step(count=[Window("api_address:300:x", 10, 300)])
    filled.commit(delete=["session:1"], put=[("revoked:1", b"1", 60)])
    filled.commit(take=["transaction:0"], put=[("session:2", b"1", 60)])
    assert filled.get_many(["revoked:1", "session:2", "transaction:0"]) == [b"1", b"1", None]


def test_what_is_kept_for_them_ends_as_well(filled: MemoryStore) -> None:
    filled.commit(put=[("revoked:1", b"1", 60)], index=[("clients:1", "registry", 60)])
    with pytest.raises(StoreFull):
        filled.put("revoked:2", b"1", 60)


def test_a_store_that_is_filled_still_changes_what_it_holds(filled: MemoryStore) -> None:
    filled.put("revoked:1", b"1", 60)
    assert filled.commit(take=["transaction:1"], put=[("transaction:1", b"2", 60)])
    assert filled.get("transaction:1") == b"2"


def test_a_window_that_holds_less_than_it_may_is_not_looked_through(store: MemoryStore) -> None:
    large = Window("large", 1_000_000, 60)
    for _ in range(3):
        assert store.step(count=[large]).waits == [0]
    assert store.step(look=[Window("large", 3, 60)]).looked == [60]


def test_t12_a_full_store_tells_of_it_once_a_minute(store: MemoryStore, clock: Clock) -> None:
    store.commit(put=[(each, b"", 600) for each in ("session:1", "session:2", "session:3")])
    told = []
    for seconds in (0, 59, 1):
        clock.wait(seconds)
        with capture_logs() as logs, pytest.raises(StoreFull):
            store.put("a", b"", 600)
        told.append([each["event"] for each in logs])
    assert told == [["the in-process store is full"], [], ["the in-process store is full"]]
