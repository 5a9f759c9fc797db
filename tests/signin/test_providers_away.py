"""A provider that is slow, down or sends rubbish: its users are told, and nobody else is the worse for it (T12)."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from providers.circuit import FAILURES, OPEN_SECONDS, Circuit, State
from providers.standins import Standins
from tests.world import Arrival, Page, Visitor, World, running

SHARE = 3
AWAY = "It is not answering right now."


@pytest.fixture
def world(tmp_path: Path, standins: Standins, migrated_sqlite: Path) -> Iterator[World]:
    """A broker whose providers may have three threads each."""

    def change(raw: dict[str, Any]) -> None:
        raw["listen"] = {"threads": 4}

    shutil.copy(migrated_sqlite, tmp_path / "vestibule.db")
    with running(tmp_path, standins=standins, change=change) as this:
        yield this


def circuit_of(world: World, provider_id: str) -> Circuit:
    return world.parts.gate.circuits[provider_id]


def fails(world: World, toggle: str) -> None:
    """Have the generic provider fail until its circuit opens."""
    world.standins.toggles.set(toggle, "oidc")
    for _ in range(FAILURES):
        ended = world.visitor().sign_in("oidc-mfa", "generic")
        assert isinstance(ended, Page)
        assert (ended.status, ended.meta("reason")) in ((403, "unavailable"), (403, "invalid_response"))
    world.standins.toggles.reset()


def later(world: World) -> None:
    """Let the time pass that the circuit stays open."""
    circuit = circuit_of(world, "generic")
    clock = circuit._clock
    circuit._clock = lambda: clock() + OPEN_SECONDS


@pytest.mark.parametrize("toggle", ["token_500", "token_garbage"])
def test_t12_who_fails_again_and_again_is_not_asked_for_a_while_and_others_go_on(world: World, toggle: str) -> None:
    fails(world, toggle)
    world.standins.forget_requests()
    told = world.visitor().sign_in("oidc-mfa", "generic")
    assert isinstance(told, Page)
    assert (told.status, told.meta("reason")) == (503, "unavailable")
    assert 0 < int(told.headers["Retry-After"]) <= OPEN_SECONDS
    assert any(each.endswith("/github") for each in told.links)
    assert not [each for each in world.standins.requests if "/oidc/" in each.path]
    assert isinstance(world.visitor().sign_in("2fa-true", "github"), Arrival)


def test_the_chooser_says_who_is_not_answering_and_offers_the_others(world: World) -> None:
    visitor = world.visitor()
    chooser = visitor.walk(visitor.get("/signin"))
    assert isinstance(chooser, Page)
    assert AWAY not in chooser.text
    fails(world, "token_500")
    chooser = visitor.page(visitor.get(chooser.url))
    assert chooser.text.count(AWAY) == 1
    assert not [each for each in chooser.links if each.endswith("/generic")]
    assert [each for each in chooser.links if each.endswith("/github")]


def test_as_soon_as_it_answers_again_it_is_as_before(world: World) -> None:
    fails(world, "token_500")
    later(world)
    assert circuit_of(world, "generic").state is State.HALF_OPEN
    assert isinstance(world.visitor().sign_in("oidc-mfa", "generic"), Arrival)
    assert circuit_of(world, "generic").state is State.CLOSED


def test_what_a_provider_says_of_users_opens_nothing(world: World) -> None:
    for _ in range(FAILURES + 1):
        assert isinstance(world.visitor().sign_in("oidc-mfa", "generic", approve=False), Page)
    assert circuit_of(world, "generic").state is State.CLOSED
    assert isinstance(world.visitor().sign_in("oidc-mfa", "generic"), Arrival)


def test_t12_who_hangs_holds_no_more_threads_than_its_share_and_the_next_is_told_at_once(world: World) -> None:
    # Discovery and keys are known by then.
    assert isinstance(world.visitor().sign_in("oidc-mfa", "generic"), Arrival)
    world.standins.forget_requests()
    world.standins.toggles.set("token_slow", "oidc")

    def sign_in(visitor: Visitor) -> Page | Arrival:
        return visitor.sign_in("oidc-mfa", "generic")

    with ThreadPoolExecutor(SHARE) as pool:
        hanging = [pool.submit(sign_in, world.visitor()) for _ in range(SHARE)]
        while len(circuit_of(world, "generic")._inside) < SHARE:
            Event().wait(0.005)
        told = sign_in(world.visitor())
        assert isinstance(told, Page)
        assert told.status == 503
        assert int(told.headers["Retry-After"]) > 0
        assert len(circuit_of(world, "generic")._inside) == SHARE
        assert isinstance(world.visitor().sign_in("2fa-true", "github"), Arrival)
        world.standins.toggles.reset()
        for each in hanging:
            each.result()
    assert not circuit_of(world, "generic")._inside


def test_keys_that_are_known_go_on_verifying_while_the_provider_gives_none(world: World) -> None:
    assert isinstance(world.visitor().sign_in("oidc-mfa", "generic"), Arrival)
    for toggle in ("jwks_500", "discovery_500"):
        world.standins.toggles.set(toggle, "oidc")
    assert isinstance(world.visitor().sign_in("oidc-mfa", "generic"), Arrival)
