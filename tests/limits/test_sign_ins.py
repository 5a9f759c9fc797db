"""Sign-ins that came back refused or faulty: who is refused at the next, and who never is."""

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex

import pytest
from flask import Flask

from broker.limits.errors import TooMany
from broker.limits.sign_ins import SignIns
from broker.limits.table import Name
from broker.storage.store import MemoryStore, RedisStore, ShortLived
from tests.limits.counting import counting
from tests.storage.parallel import in_parallel

MINE, THEIRS = "192.0.2.7", "198.51.100.9"


class Entrance:
    """Where people come back to. ``numbers`` as in the settings."""

    def __init__(self, store: ShortLived, **numbers: str) -> None:
        self.app = Flask("sign-ins")
        self.sign_ins = SignIns(limits=counting(store, index=None, raises=None, **numbers), store=store)
        self.store = store

    @contextmanager
    def seen_from(self, address: str) -> Iterator[None]:
        with self.app.test_request_context(environ_base={"REMOTE_ADDR": address}):
            yield

    def fail(self, address: str = MINE, provider: str = "github", account: str | None = None) -> None:
        with self.seen_from(address):
            self.sign_ins.failed(provider, account)

    def refusal(self, address: str = MINE, provider: str = "github") -> Name | None:
        """Return which limit keeps somebody from setting off, or none."""
        with self.seen_from(address):
            looked = self.store.step(look=self.sign_ins.to_look_at(provider)).looked
            try:
                self.sign_ins.check(provider, looked)
            except TooMany as error:
                return error.limit
        return None


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[ShortLived]:
    opened: ShortLived = MemoryStore()
    if request.param == "redis":
        opened = RedisStore(request.getfixturevalue("redis_url"), f"{token_hex(8)}:")
    yield opened
    opened.close()


def test_after_ten_that_came_back_refused_an_address_waits_and_others_do_not(store: ShortLived) -> None:
    entrance = Entrance(store)
    for _ in range(10):
        assert entrance.refusal() is None
        entrance.fail()
    assert entrance.refusal() is Name.SIGN_IN_ADDRESS
    assert entrance.refusal(provider="entra") is Name.SIGN_IN_ADDRESS
    assert entrance.refusal(THEIRS) is None
    entrance.fail()
    assert entrance.refusal() is Name.SIGN_IN_ADDRESS, "and one more changes nothing"


def test_t12_of_50_at_the_same_time_ten_count(store: ShortLived) -> None:
    entrance = Entrance(store, sign_in_address="60 / 5 min", sign_in_provider="40 / 5 min")
    in_parallel(50, entrance.fail)
    assert entrance.refusal() is Name.SIGN_IN_PROVIDER
    in_parallel(10, entrance.fail)
    assert entrance.refusal() is Name.SIGN_IN_ADDRESS, "each counted, though the provider's was full"


def test_t12_strangers_fill_what_a_provider_has_and_shut_out_nobody_who_had_no_part_in_it(store: ShortLived) -> None:
    entrance = Entrance(store, sign_in_provider="3 / 5 min")
    entrance.fail(THEIRS)
    assert entrance.refusal(THEIRS) is None
    for number in range(5):
        entrance.fail(f"203.0.113.{number}")
    assert entrance.refusal(MINE) is None
    assert entrance.refusal(THEIRS) is Name.SIGN_IN_PROVIDER
    assert entrance.refusal("203.0.113.4") is Name.SIGN_IN_PROVIDER, "it counted though the provider's was full"
    assert entrance.refusal(THEIRS, "entra") is None


def test_whose_sign_ins_were_refused_too_often_is_told_so_from_wherever_they_come(store: ShortLived) -> None:
    entrance = Entrance(store, sign_in_account="2 / 5 min")
    for number in range(2):
        entrance.fail(f"192.0.2.{number}", account="ada")
    with pytest.raises(TooMany) as refusal:
        entrance.fail("192.0.2.3", account="ada")
    assert refusal.value.limit is Name.SIGN_IN_ACCOUNT
    entrance.fail("192.0.2.3", account="bob")
    entrance.fail("192.0.2.3")


def test_outside_a_request_nobody_has_an_address() -> None:
    entrance = Entrance(MemoryStore())
    assert entrance.sign_ins.to_look_at("github") == []
    entrance.sign_ins.check("github", [])
    entrance.sign_ins.failed("github")
