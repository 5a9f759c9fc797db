"""How many mails somebody causes, and how many somebody gets."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from broker.accounts.limits import MailLimit
from broker.limits.errors import TooMany
from broker.limits.table import Name
from broker.storage.store import MemoryStore
from tests.limits.counting import counting, most


class Post:
    """A post office, with a clock that a test turns."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.store = MemoryStore(clock=lambda: self.seconds)
        self.mails = MailLimit(counting(self.store), self.store)


def test_an_address_gets_so_many_whoever_sends_them_and_however_it_is_written() -> None:
    post = Post()
    for number in range(most(Name.MAIL_ADDRESS)):
        assert post.mails.room((f"admin {number}", "Tom@Example.org")) == [True]
    assert post.mails.room(("another", "tom@example.org")) == [False]
    post.seconds += 6 * 3600
    assert post.mails.room(("another", "tom@example.org")) == [True]


def test_t12_strangers_keep_nobody_from_the_address_that_is_theirs() -> None:
    post = Post()
    for number in range(most(Name.MAIL_ADDRESS) + 1):
        post.mails.room((f"admin {number}", "tom@example.org"))
        post.mails.wait_to_change(f"stranger {number}", "tom@example.org")
    assert post.mails.wait_to_change("tom", "tom@example.org") == 0


def test_t12_somebody_sends_so_many_wherever_they_go_and_what_is_refused_counts_nowhere() -> None:
    post = Post()
    for number in range(most(Name.MAIL_ADDRESS)):
        post.mails.room((f"admin {number}", "tom@example.org"))
    for _ in range(most(Name.MAIL_ACCOUNT)):
        assert post.mails.room(("ada", "tom@example.org")) == [False], "and she is not told"
    with pytest.raises(TooMany) as refusal:
        post.mails.room(("ada", "last@example.org"))
    assert (refusal.value.limit, refusal.value.wait) == (Name.MAIL_ACCOUNT, 3600)
    for _ in range(most(Name.MAIL_ADDRESS)):
        assert post.mails.room(("bob", "last@example.org")) == [True], "hers did not count"


def test_of_several_mails_each_goes_where_there_is_room_or_none_does() -> None:
    post = Post()
    for _ in range(most(Name.MAIL_ADDRESS)):
        post.mails.room(("other", "tom@example.org"))
    assert post.mails.room(("a", "olga@example.org"), ("b", "tom@example.org")) == [True, False]
    for _ in range(most(Name.MAIL_ACCOUNT) - 1):
        assert len(post.mails.room(("a", "eve@example.org"))) == 1
    with pytest.raises(TooMany):
        post.mails.room(("a", "olga@example.org"), ("b", "olga@example.org"))
    assert post.mails.room(("b", "olga@example.org")) == [True]


def test_somebody_wants_two_new_addresses_a_day_and_may_ask_again_for_each() -> None:
    post = Post()
    assert [post.mails.wait_to_change("ada", f"{number}@example.org") for number in (1, 2, 1, 2)] == [0, 0, 0, 0]
    assert post.mails.wait_to_change("ada", "3@example.org") == 86_400
    assert post.mails.wait_to_change("bob", "3@example.org") == 0
    assert post.mails.wait_to_change("ada", "1@example.org") == 0
    assert post.mails.wait_to_change("ada", "1@example.org") == 6 * 3600, "three to one address"
    assert post.mails.wait_to_change("ada", "2@example.org") == 300, "five in all"
    post.seconds += 86_400
    assert post.mails.wait_to_change("ada", "3@example.org") == 0


def test_t12_of_50_new_addresses_at_the_same_time_two_are_taken() -> None:
    post = Post()
    with ThreadPoolExecutor(50) as pool:
        waits = list(pool.map(lambda number: post.mails.wait_to_change("ada", f"{number}@example.org"), range(50)))
    assert waits.count(0) == most(Name.EMAIL_ADD)
