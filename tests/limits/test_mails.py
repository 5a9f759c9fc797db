"""How many mails somebody causes, and how many somebody gets."""

from concurrent.futures import ThreadPoolExecutor

from broker.accounts.limits import MailLimit
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
        assert post.mails.wait((f"admin {number}", "Tom@Example.org")) == 0
    assert post.mails.wait(("another", "tom@example.org")) == 6 * 3600
    assert post.mails.wait_to_change("tom", "tom@example.org") == 6 * 3600
    post.seconds += 6 * 3600
    assert post.mails.wait(("another", "tom@example.org")) == 0


def test_somebody_sends_so_many_and_what_is_refused_counts_nowhere() -> None:
    post = Post()
    for _ in range(10):
        post.mails.wait(("other", "tom@example.org"))
    for _ in range(10):
        assert post.mails.wait(("ada", "tom@example.org")) > 0, "the address had its share"
    for number in range(most(Name.MAIL_ACCOUNT)):
        assert post.mails.wait(("ada", f"{number}@example.org")) == 0, "so ada has all of hers"
    assert post.mails.wait(("ada", "last@example.org")) == 3600


def test_several_mails_go_all_or_none() -> None:
    post = Post()
    for _ in range(most(Name.MAIL_ADDRESS)):
        post.mails.wait(("other", "tom@example.org"))
    assert post.mails.wait(("a", "olga@example.org"), ("b", "tom@example.org")) > 0
    for _ in range(most(Name.MAIL_ADDRESS)):
        assert post.mails.wait(("a", "olga@example.org")) == 0
    assert post.mails.wait() == 0


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
