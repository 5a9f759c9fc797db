"""Places in buckets: taken by one each, in all of them or in none."""

from collections.abc import Sequence

import pytest

from broker.storage.memory import MemoryStore
from migrations.accounts.buckets import Bucket, Buckets, TooMany

SMALL, LARGE = Bucket("small", 1, 60), Bucket("large", 3, 600)


class Behind(MemoryStore):
    """A store in which somebody else takes these places between the look at them and the next step."""

    late: Sequence[str] = ()

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        seen = super().get_many(keys)
        for key in self.late:
            self.add(key, b"1060", 60)
        return seen


@pytest.fixture
def store() -> Behind:
    return Behind()


@pytest.fixture
def buckets(store: Behind) -> Buckets:
    return Buckets(store, clock=lambda: 1000.9)


def taken(store: Behind, *keys: str) -> list[bool]:
    return [store.get(key) is not None for key in keys]


def test_a_place_is_taken_in_each_and_given_back(store: Behind, buckets: Buckets) -> None:
    first = buckets.take([LARGE], [SMALL])
    assert (first.keys, first.room) == (("large:0", "small:0"), True)
    buckets.give_back(first.keys)
    buckets.give_back(())
    assert buckets.take([LARGE], [SMALL]) == first


def test_what_is_full_says_for_how_long_and_takes_no_place_in_the_others(store: Behind, buckets: Buckets) -> None:
    buckets.take([SMALL])
    with pytest.raises(TooMany) as refusal:
        buckets.take([LARGE, SMALL])
    assert refusal.value.retry_after == 60
    assert taken(store, "large:0") == [False]


def test_t12_what_is_full_and_hidden_is_not_told_and_only_what_is_told_counts(store: Behind, buckets: Buckets) -> None:
    buckets.take([SMALL])
    found = buckets.take([LARGE], [SMALL, Bucket("other", 1, 60)])
    assert (found.room, found.keys[0], len(found.keys)) == (False, "large:0", 3)
    assert taken(store, "large:0", "other:0", *found.keys[1:]) == [True, False, True, True]


def test_t7_of_two_who_want_the_last_place_one_gets_it(store: Behind, buckets: Buckets) -> None:
    store.late = ["small:0", "large:0"]
    with pytest.raises(TooMany) as refusal:
        buckets.take([LARGE, SMALL])
    assert refusal.value.retry_after == 1
    assert taken(store, "large:1") == [False]
    hidden = buckets.take([LARGE], [SMALL])
    assert (hidden.keys[0], hidden.room) == ("large:1", False)


def test_t7_a_place_in_a_hidden_one_is_given_back_where_another_is_full_by_then(
    store: Behind, buckets: Buckets
) -> None:
    store.late = ["small:0"]
    found = buckets.take([], [LARGE, SMALL])
    assert (found.keys, found.room, taken(store, "large:0")) == ((), False, [False])
