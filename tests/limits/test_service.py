"""Counting: atomically, by ids that nobody can vary, and telling nobody what others did."""

from collections.abc import Callable, Iterator
from datetime import datetime
from secrets import token_hex

import pytest
from flask import Flask

from broker.limits.errors import TooMany, in_words
from broker.limits.service import Of, subject_of
from broker.limits.table import TABLE, By, Name
from broker.settings.limits import LimitSettings
from broker.storage.store import MemoryStore, RedisStore, ShortLived
from providers.provider import Subject
from tests.limits.counting import NOW, counting, most
from tests.storage.parallel import in_parallel

ADA = Of(Name.MAIL_ACCOUNT, "ada")


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[ShortLived]:
    opened: ShortLived = MemoryStore()
    if request.param == "redis":
        opened = RedisStore(request.getfixturevalue("redis_url"), f"{token_hex(8)}:")
    yield opened
    opened.close()


def passes(count: Callable[[], object]) -> bool:
    try:
        count()
    except TooMany:
        return False
    return True


def test_every_limit_has_a_number_and_every_number_a_limit() -> None:
    assert {name.value for name in Name} == set(LimitSettings.model_fields)
    assert set(TABLE) == set(Name)
    assert all(limit.by for limit in TABLE.values())


def test_t12_of_50_at_the_same_time_as_many_get_through_as_may(store: ShortLived) -> None:
    limits = counting(store)
    through = in_parallel(50, lambda: passes(lambda: limits.count(ADA)))
    assert sum(through) == most(Name.MAIL_ACCOUNT)


def test_t12_of_50_at_the_same_time_at_a_hidden_limit_as_many_get_through_and_nobody_is_told(store: ShortLived) -> None:
    limits = counting(store, mail_account="50 / h")
    hidden = Of(Name.CLAIM_MAIL_ACCOUNT, "address")
    through = in_parallel(50, lambda: limits.count(ADA, hidden=[hidden]).room)
    assert sum(through) == most(Name.CLAIM_MAIL_ACCOUNT)
    assert not passes(lambda: limits.count(ADA)), "each of them counted where it is told"


def test_t12_what_is_counted_survives_a_restart_of_a_process(store: ShortLived) -> None:
    for _ in range(most(Name.MAIL_ACCOUNT)):
        counting(store).count(ADA)
    assert not passes(lambda: counting(store).count(ADA))


def test_in_all_of_them_or_in_none(store: ShortLived) -> None:
    limits = counting(store, mail_account="1 / h", mail_address="2 / h")
    limits.count(ADA)
    for _ in range(5):
        assert not passes(lambda: limits.count(Of(Name.MAIL_ADDRESS, "box"), ADA))
    assert [limits.wait(Of(Name.MAIL_ADDRESS, "box")) for _ in range(2)] == [0, 0], "it was not filled meanwhile"


def test_the_longest_wait_is_told_with_the_limit_that_it_is_of(store: ShortLived) -> None:
    limits = counting(store, mail_account="1 / 5 min, 2 / h", mail_address="1 / 6 h")
    limits.count(ADA, Of(Name.MAIL_ADDRESS, "box"))
    with pytest.raises(TooMany) as refusal:
        limits.count(ADA, Of(Name.MAIL_ADDRESS, "box"))
    assert (refusal.value.limit, refusal.value.status) == (Name.MAIL_ADDRESS, 429)
    assert refusal.value.retry_after == refusal.value.wait == 6 * 3600
    assert "Wait 6 hours, then try again." in refusal.value.next_step
    assert limits.wait(ADA) == 300


def test_what_is_given_back_does_not_count(store: ShortLived) -> None:
    limits = counting(store, mail_account="1 / h", password_account="1 / h")
    hidden = Of(Name.PASSWORD_ACCOUNT, "42")
    for _ in range(3):
        limits.give_back(limits.count(ADA, hidden=[hidden]))
    limits.give_back(limits.count())
    assert limits.count(ADA, hidden=[hidden]).room


def test_subjects_and_what_they_are_counted_at_are_apart(store: ShortLived) -> None:
    limits = counting(store, password_person="1 / h")
    for subject, within in (("a", "bc"), ("ab", "c"), ("abc", ""), ("1:a", ""), ("", "1:a")):
        assert limits.wait(Of(Name.PASSWORD_PERSON, subject, within)) == 0


@pytest.mark.parametrize(
    "one, same",
    [
        ("192.0.2.7", "::ffff:192.0.2.7"),
        ("192.0.2.7", "192.0.2.7:50123"),
        ("192.0.2.7", "[::ffff:c000:207]:443"),
        ("2001:db8:1:2::1", "2001:0db8:1:2:ffff:ffff:ffff:ffff"),
        ("2001:db8:1:2::1", "[2001:DB8:1:2::abcd]:1"),
        ("fe80::1%eth0", "fe80::2%eth1"),
        # Translators and tunnels: RFC 6052, 3056 and 4380.
        ("192.0.2.7", "64:ff9b::192.0.2.7"),
        ("192.0.2.7", "[64:ff9b::c000:207]:443"),
        ("192.0.2.7", "2002:c000:207:1::1"),
        ("192.0.2.7", "2001:0:c633:6401:0:1234:3fff:fdf8"),
        (None, ""),
        ("unix:", "not an address"),
    ],
)
def test_t12_one_address_counts_once_however_it_is_written(one: str | None, same: str) -> None:
    limits = counting(MemoryStore())
    assert limits.of_address(one) == limits.of_address(same)
    assert (one or "unix") not in limits.of_address(one)


def test_t12_another_network_is_another_address() -> None:
    limits = counting(MemoryStore())
    assert limits.of_address("2001:db8:1:2::1") != limits.of_address("2001:db8:1:3::1")
    assert limits.of_address("192.0.2.7") != limits.of_address("192.0.2.8")
    assert limits.of_address("64:ff9b::192.0.2.7") != limits.of_address("64:ff9b::192.0.2.8")
    # RFC 8215: what is where in it, that network alone knows.
    assert limits.of_address("64:ff9b:1::192.0.2.7") != limits.of_address("64:ff9b:1::192.0.2.8")
    assert limits.of_address("192.0.2.7") != limits.of_email("192.0.2.7")


def test_t12_an_address_of_mail_counts_once_however_it_is_written() -> None:
    limits = counting(MemoryStore())
    assert len({limits.of_email(each) for each in ("Ada@Example.org", "ada@example.org", "\uff21da@example.org")}) == 1


def test_the_address_is_that_of_the_request_and_nobodys_outside_one() -> None:
    limits, app = counting(MemoryStore()), Flask("limits")
    assert (limits.here(), limits.begun()) == (None, [])
    with app.test_request_context(environ_base={"REMOTE_ADDR": "192.0.2.7"}):
        assert limits.here() == limits.of_address("192.0.2.7")
        (window,) = limits.begun()
    assert (window.size, window.seconds) == (1000, 600)
    assert "192.0.2.7" not in window.key


def test_t12_a_program_that_fails_is_told_to_wait_by_client_and_address_and_others_are_not() -> None:
    limits = counting(MemoryStore(), client_authentication="2 / 5 min", api_address="4 / 5 min", api_client="1 / h")
    assert [limits.failed("192.0.2.7", "one") for _ in range(3)] == [0, 0, 300]
    assert [limits.failed("192.0.2.7", "two") for _ in range(3)] == [0, 0, 300]
    assert limits.failed("192.0.2.7", "three") == 300, "the address had its share"
    assert limits.failed("192.0.2.8", "one") == 0
    assert [limits.failed("192.0.2.8", None) for _ in range(4)] == [0, 0, 0, 300]
    assert [limits.failed("192.0.2.7", "one", proven=True) for _ in range(2)] == [0, 3600], "a count of its own"


def test_t12_strangers_lock_no_client_out_that_has_what_it_takes() -> None:
    limits = counting(MemoryStore(), api_address="1 / 5 min")
    assert [limits.failed("192.0.2.7", "registry") for _ in range(2)] == [0, 300]
    assert limits.failed("192.0.2.7", "registry", proven=True) == 0


def test_a_client_may_call_itself_anything() -> None:
    limits, store = counting(MemoryStore()), MemoryStore()
    assert limits.failed("192.0.2.7", "\0" * 10_000 + "\ud800".encode("utf-8", "replace").decode()) == 0
    store.close()


def test_somebody_without_an_account_is_counted_by_a_keyed_hash() -> None:
    limits = counting(MemoryStore())
    ada = Subject(issuer="https://id.example", tenant="", id="ada")
    assert limits.of_subject(ada) == limits.of_subject(ada)
    assert "ada" not in limits.of_subject(ada)


class Raised:
    """Somebody may have more."""

    def size(self, limit: str, subject: str, now: datetime) -> int:
        assert now == NOW
        return 3 if (limit, subject) == ("mail_account", "ada") else 0


def test_a_raise_lifts_every_window_that_holds_less_for_whom_it_is_and_for_nobody_else() -> None:
    limits = counting(MemoryStore(), raises=Raised(), mail_account="1 / 5 min, 2 / h, 5 / day")
    assert [each.size for each in limits.windows(ADA)] == [3, 3, 5]
    assert [each.size for each in limits.windows(Of(Name.MAIL_ACCOUNT, "bob"))] == [1, 2, 5]
    assert [each.size for each in limits.windows(Of(Name.MAIL_ADDRESS, "ada"))] == [3]


@pytest.mark.parametrize(
    "limit, given",
    [
        (Name.SIGN_IN_ADDRESS, "example.org"),
        (Name.MAIL_ADDRESS, "example.org"),
        (Name.DEVICE_CODE_ALL, "everybody"),
        (Name.API_CLIENT, "not a client"),
        (Name.MAIL_ACCOUNT, "ada@example.org"),
        (Name.MAIL_ACCOUNT, ""),
    ],
)
def test_a_limit_is_raised_for_what_it_counts_by(limit: Name, given: str) -> None:
    with pytest.raises(ValueError, match=r"^(not|everybody)"):
        subject_of(limit, given, counting(MemoryStore()))


def test_what_an_operator_gives_is_what_is_counted_by() -> None:
    limits = counting(MemoryStore())
    assert subject_of(Name.SIGN_IN_ADDRESS, "::ffff:192.0.2.7", limits) == limits.of_address("192.0.2.7")
    assert subject_of(Name.MAIL_ADDRESS, "Ada@Example.org", limits) == limits.of_email("ada@example.org")
    assert subject_of(Name.DEVICE_CODE_ALL, By.ALL, limits) == "all"
    assert subject_of(Name.API_CLIENT, "my~registry", limits) == "my~registry"


@pytest.mark.parametrize(
    "seconds, words",
    [
        (1, "a minute"),
        (60, "a minute"),
        (61, "2 minutes"),
        (7200, "120 minutes"),
        (7201, "3 hours"),
        (86400, "24 hours"),
    ],
)
def test_a_wait_is_told_in_whole_minutes_or_hours(seconds: int, words: str) -> None:
    assert in_words(seconds) == words
