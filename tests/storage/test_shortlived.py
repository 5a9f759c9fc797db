"""One suite over every short-lived store."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from secrets import token_hex

import pytest

from broker.storage.shortlived import Window
from broker.storage.store import MemoryStore, RedisStore, ShortLived
from tests.storage.parallel import in_parallel

ODD_KEYS = ["", " ", "a b", "a:b", "{a}", "a\nb", "a\x00b", "*", "clé", "鍵", "k" * 5000]


@dataclass
class Bench:
    """A store, and a way to let time pass for it."""

    store: ShortLived
    wait: Callable[[int], None]


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def wait(self, seconds: int) -> None:
        self.seconds += seconds


@pytest.fixture(params=["memory", "redis"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    store: ShortLived
    if request.param == "memory":
        clock = Clock()
        store, wait = MemoryStore(clock=clock), clock.wait
    else:
        store, wait = RedisStore(request.getfixturevalue("redis_url"), f"{token_hex(8)}:"), _sleep
    yield Bench(store, wait)
    store.close()


def _sleep(seconds: int) -> None:
    # The server's clock and this one start their seconds apart.
    time.sleep(seconds + 0.1)


@pytest.fixture
def store(bench: Bench) -> ShortLived:
    return bench.store


def test_what_was_put_is_got_until_it_is_replaced(store: ShortLived) -> None:
    assert store.get("key") is None
    store.put("key", b"one", 60)
    assert store.get("key") == b"one"
    assert store.get("key") == b"one"
    store.put("key", b"two", 60)
    assert store.get("key") == b"two"


def test_several_values_come_in_the_order_of_their_keys(store: ShortLived) -> None:
    store.put("a", b"1", 60)
    store.put("b", b"2", 60)
    assert store.get_many(["b", "missing", "a", "b"]) == [b"2", None, b"1", b"2"]
    assert store.get_many([]) == []


def test_what_was_taken_is_gone(store: ShortLived) -> None:
    store.put("code", b"grant", 60)
    assert store.take("code") == b"grant"
    assert store.take("code") is None
    assert store.get("code") is None


def test_t7_of_50_parallel_takes_of_one_key_one_gets_the_value(store: ShortLived) -> None:
    store.put("code", b"grant", 60)
    taken = in_parallel(50, lambda: store.take("code"))
    assert taken.count(b"grant") == 1
    assert taken.count(None) == 49


def test_t7_of_50_parallel_commits_that_take_one_key_one_succeeds(store: ShortLived) -> None:
    store.put("code", b"grant", 60)
    done = in_parallel(
        50, lambda: store.commit(take=["code"], put=[(token_hex(8), b"token", 60)], index=[("tokens", "t", 60)])
    )
    assert done.count(True) == 1
    assert done.count(False) == 49


def test_of_50_parallel_adds_of_one_key_one_is_kept(store: ShortLived) -> None:
    assert in_parallel(50, lambda: store.add("jti", b"seen", 60)).count(True) == 1


def test_an_added_key_is_not_replaced_by_another(store: ShortLived) -> None:
    assert store.add("jti", b"first", 60)
    assert not store.add("jti", b"second", 60)
    assert store.get("jti") == b"first"


def test_deleted_keys_are_gone_and_missing_ones_do_not_matter(store: ShortLived) -> None:
    store.put("a", b"1", 60)
    store.put("b", b"2", 60)
    store.delete("a", "b", "missing")
    store.delete()
    assert store.get_many(["a", "b"]) == [None, None]


def test_a_commit_does_everything_at_once(store: ShortLived) -> None:
    store.put("transaction", b"t", 60)
    store.put("old session", b"s", 60)
    store.commit(index=[("sessions", "old", 60), ("sessions", "other", 60)])
    assert store.commit(
        take=["transaction"],
        put=[("session", b"s2", 60), ("code", b"c", 60)],
        delete=["old session", "missing"],
        index=[("sessions", "new", 60), ("grants", "g", 60)],
        unindex=[("sessions", "old"), ("sessions", "missing"), ("no index", "missing")],
    )
    assert store.get_many(["transaction", "old session", "session", "code"]) == [None, None, b"s2", b"c"]
    assert store.members("sessions") == {"other", "new"}
    assert store.members("grants") == {"g"}


def test_a_commit_whose_take_is_missing_does_nothing(store: ShortLived) -> None:
    store.put("here", b"1", 60)
    store.put("kept", b"2", 60)
    store.commit(index=[("index", "member", 60)])
    assert not store.commit(
        take=["here", "missing"],
        put=[("new", b"3", 60)],
        delete=["kept"],
        index=[("index", "another", 60)],
        unindex=[("index", "member")],
    )
    assert store.get_many(["here", "kept", "new"]) == [b"1", b"2", None]
    assert store.members("index") == {"member"}


def test_an_empty_commit_is_done(store: ShortLived) -> None:
    assert store.commit()


def test_a_key_named_twice_is_taken_once(store: ShortLived) -> None:
    store.put("key", b"1", 60)
    assert store.commit(take=["key", "key"])
    assert store.get("key") is None


def test_removals_come_before_additions(store: ShortLived) -> None:
    store.put("key", b"old", 60)
    store.commit(index=[("index", "member", 60)])
    assert store.commit(
        take=["key"],
        put=[("key", b"new", 60)],
        delete=["key"],
        index=[("index", "member", 60)],
        unindex=[("index", "member")],
    )
    assert store.get("key") == b"new"
    assert store.members("index") == {"member"}


def test_a_key_and_an_index_of_one_name_do_not_touch(store: ShortLived) -> None:
    store.put("name", b"value", 60)
    store.commit(index=[("name", "member", 60)])
    assert store.get("name") == b"value"
    assert store.members("name") == {"member"}
    store.delete("name")
    assert store.members("name") == {"member"}


def test_an_unknown_index_has_no_members(store: ShortLived) -> None:
    assert store.members("unknown") == set()


def test_values_and_members_go_when_their_time_is_up(bench: Bench) -> None:
    store = bench.store
    store.put("short", b"1", 1)
    store.put("long", b"2", 60)
    store.add("seen", b"1", 1)
    store.commit(put=[("also short", b"3", 1)], index=[("index", "short", 1), ("index", "long", 60)])
    store.commit(index=[("passing", "short", 1)])
    assert store.members("index") == {"short", "long"}
    bench.wait(1)
    assert store.get_many(["short", "also short", "long"]) == [None, None, b"2"]
    assert store.take("short") is None
    assert not store.commit(take=["also short"])
    assert store.add("seen", b"2", 60)
    assert store.members("index") == {"long"}
    assert store.members("passing") == set()


def test_a_member_added_again_stays_as_long_as_it_was_last_told_to(bench: Bench) -> None:
    store = bench.store
    store.commit(index=[("index", "member", 60)])
    store.commit(index=[("index", "member", 1), ("index", "other", 1)])
    store.commit(index=[("index", "other", 60)])
    bench.wait(1)
    assert store.members("index") == {"other"}


@pytest.mark.parametrize("key", ODD_KEYS, ids=ascii)
def test_any_text_is_a_key(store: ShortLived, key: str) -> None:
    store.put(key, b"value", 60)
    assert store.commit(index=[(key, key, 60)])
    assert store.members(key) == {key}
    assert not store.add(key, b"other", 60)
    assert store.take(key) == b"value"


@pytest.mark.parametrize("value", [b"", b"\x00\xff\r\n", bytes(5_000_000)], ids=["empty", "binary", "5 MB"])
def test_any_bytes_are_a_value(store: ShortLived, value: bytes) -> None:
    store.put("put", value, 60)
    store.add("added", value, 60)
    store.commit(put=[("committed", value, 60)])
    assert store.get_many(["put", "added", "committed"]) == [value] * 3


@pytest.mark.parametrize("ttl", [0, -1])
def test_a_time_to_live_is_above_zero(store: ShortLived, ttl: int) -> None:
    with pytest.raises(ValueError, match="above zero"):
        store.put("key", b"", ttl)
    with pytest.raises(ValueError, match="above zero"):
        store.add("key", b"", ttl)
    with pytest.raises(ValueError, match="above zero"):
        store.commit(put=[("key", b"", ttl)])
    with pytest.raises(ValueError, match="above zero"):
        store.commit(index=[("index", "member", ttl)])
    assert store.get("key") is None


def test_a_step_reads_takes_and_writes_at_once(store: ShortLived) -> None:
    store.put("code", b"one", 60)
    store.put("mark", b"two", 60)
    first = store.step(take=["code"], get=["mark", "none"], put=[("next", b"three", 60)])
    assert (first.done, first.taken, first.values) == (True, [b"one"], [b"two", None])
    assert store.get("code") is None
    assert store.get("next") == b"three"


def test_a_step_that_lacks_a_key_reads_and_changes_nothing(store: ShortLived) -> None:
    store.put("mark", b"two", 60)
    again = store.step(take=["code"], get=["mark"], put=[("next", b"three", 60)], count=[Window("w", 1, 60)])
    assert (again.done, again.taken, again.values) == (False, [None], [b"two"])
    assert store.get("next") is None
    assert store.step(count=[Window("w", 1, 60)]).done


def test_a_window_lets_in_its_size_and_tells_how_long_to_wait(store: ShortLived) -> None:
    window = Window("w", 3, 60)
    assert [store.step(count=[window]).done for _ in range(4)] == [True, True, True, False]
    full = store.step(count=[window, Window("other", 1, 60)], put=[("next", b"three", 60)])
    assert not full.done
    assert 55 <= full.waits[0] <= 60
    assert full.waits[1] == 0
    assert store.get("next") is None
    # What was refused counted nowhere.
    assert store.step(count=[Window("other", 1, 60)]).done


def test_a_window_slides(bench: Bench) -> None:
    store, window = bench.store, Window("w", 2, 2)
    assert store.step(count=[window]).done
    bench.wait(1)
    assert store.step(count=[window]).done
    assert not store.step(count=[window]).done
    bench.wait(1)
    assert store.step(count=[window]).done
    assert not store.step(count=[window]).done


def test_looking_at_a_window_counts_nothing_and_hinders_nothing(store: ShortLived) -> None:
    window = Window("w", 1, 60)
    assert store.step(look=[window]).looked == [0]
    assert store.step(count=[window]).done
    looked = store.step(look=[window], put=[("next", b"three", 60)])
    assert looked.done
    assert 55 <= looked.looked[0] <= 60
    assert store.get("next") == b"three"


def test_what_was_counted_is_given_back(store: ShortLived) -> None:
    windows = [Window("a", 1, 60), Window("b", 1, 60)]
    counted = store.step(count=windows)
    assert not store.step(count=windows).done
    store.uncount(["a", "b"], counted.mark)
    store.uncount([], counted.mark)
    assert store.step(count=windows).done


def test_a_window_of_no_size_lets_nothing_in(store: ShortLived) -> None:
    refused = store.step(count=[Window("w", 0, 60)])
    assert (refused.done, list(refused.waits)) == (False, [60])


def test_of_parallel_counts_as_many_pass_as_there_is_room(store: ShortLived) -> None:
    window = Window("w", 5, 60)
    assert sum(in_parallel(20, lambda: store.step(count=[window]).done)) == 5
