"""The clock is moved by an hour between any two steps: nothing lives longer for it, and nothing is honoured twice.

What lives short is timed by the store, whose own clock these tests move too: one that is never set back.
"""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from providers.standins import Standins
from tests.accounts.test_account_pages import link_in, mails
from tests.oidc.device.command_line import answered, confirmation, started
from tests.oidc.kinds import refresh, sign_in
from tests.reliability.conftest import with_clients
from tests.world import Arrival, Page, Visitor, World, running

HOUR = timedelta(hours=1)
JUMPS = [HOUR, -HOUR]
PERSON = "oidc-phr", "generic"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("clock")
    (folder / "vestibule.db").write_bytes(migrated_sqlite.read_bytes())
    with running(folder, standins=standins, change=with_clients) as world:
        yield world


@pytest.fixture
def moved(shared: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The broker with its clock right again, whatever the test before did to it."""
    monkeypatch.setattr(shared.clock, "offset", timedelta(0))
    return shared


def pass_by(world: World, monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """Let time pass, by every clock there is."""
    world.clock.move(timedelta(seconds=seconds))
    monkeypatch.setattr(world.parts.store, "_clock", lambda: time.monotonic() + seconds)


def code(world: World, visitor: Visitor) -> Callable[[], requests.Response]:
    arrived = visitor.sign_in(*PERSON)
    assert isinstance(arrived, Arrival)
    verifier = visitor.last_request.verifier
    return lambda: world.registry().token_response(arrived.code, verifier)


def refresh_token(world: World, visitor: Visitor) -> Callable[[], requests.Response]:
    persona, provider = PERSON
    token = sign_in(world, "offline", visitor=visitor, persona=persona, provider=provider).response["refresh_token"]
    return lambda: refresh(world, "offline", token)


def device_code(world: World, visitor: Visitor) -> Callable[[], requests.Response]:
    visitor.open_account(*PERSON)
    device = started(world)
    answered(visitor, confirmation(visitor, device), "allow")
    return device.poll


def link(world: World, visitor: Visitor) -> Callable[[], requests.Response]:
    visitor.open_account(*PERSON)
    folder = Path(world.raw["mail"]["url"].removeprefix("directory:")).parent
    before = {str(each) for each in mails(world, folder)}
    visitor.submit("/account/email", {"email": "ada@elsewhere.example"})
    url = next(link_in(each) for each in mails(world, folder) if str(each) not in before)
    form = {"token": url.partition("token=")[2], "csrf_token": visitor.page(visitor.get(url)).form_token()}
    return lambda: visitor.post("/account/email/confirm", form)


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("thing", [code, refresh_token, device_code, link])
def test_t7_what_was_used_is_not_honoured_again_after_the_clock_was_moved(
    moved: World, thing: Callable[[World, Visitor], Callable[[], requests.Response]], jump: timedelta
) -> None:
    use = thing(moved, moved.visitor())
    assert use().status_code == 200
    moved.clock.move(jump)
    assert use().status_code >= 400
    moved.clock.move(-jump)
    assert use().status_code >= 400


def test_a_code_gets_no_more_than_its_minute_from_a_clock_that_is_set_back(
    moved: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    use = code(moved, moved.visitor())
    moved.clock.move(-HOUR)
    pass_by(moved, monkeypatch, 61)
    assert use().json()["error"] == "invalid_grant"


def test_a_device_code_gets_no_more_than_its_time_from_a_clock_that_is_set_back(
    moved: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    use = device_code(moved, moved.visitor())
    moved.clock.move(-HOUR)
    pass_by(moved, monkeypatch, 901)
    assert use().json()["error"] == "invalid_grant"


@pytest.mark.parametrize("jump", JUMPS)
def test_a_sign_in_under_way_ends_when_the_clock_is_moved(moved: World, jump: timedelta) -> None:
    """Set back, the ten minutes that it has would be an hour and ten; set forward, they are over."""
    visitor = moved.visitor()
    chooser = visitor.walk(visitor.authorize(moved.registry().request()))
    assert isinstance(chooser, Page)
    (way,) = (each for each in chooser.links if each.endswith("/generic"))
    leaving = visitor.get(way)
    moved.clock.move(jump)
    back = visitor.walk(leaving, PERSON[0])
    assert isinstance(back, Page)
    assert back.status == 400
    assert "This sign-in is over" in back.text
    assert visitor.get(chooser.url).status_code == 400

    # Put right, and who begins now gets in.
    moved.clock.move(-jump)
    assert isinstance(moved.visitor().sign_in(*PERSON), Arrival)


@pytest.mark.parametrize("jump", JUMPS)
def test_a_session_lives_no_longer_than_the_store_keeps_it(
    moved: World, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    visitor = moved.visitor()
    visitor.open_account(*PERSON)
    assert visitor.get("/account").status_code == 200
    moved.clock.move(jump)
    pass_by(moved, monkeypatch, moved.parts.settings.session.lifetime + 1)
    assert visitor.get("/account").status_code == 303
