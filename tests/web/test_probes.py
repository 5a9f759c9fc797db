"""/livez and /readyz: cheap, bounded, and no more told than what is in order."""

import time
from collections.abc import Callable
from threading import Barrier, Event

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, text

from broker.keys.model import signing_keys
from broker.storage.store import StoreUnavailable
from broker.web import probes
from broker.web.call import Answer, Call
from broker.web.probes import Check, Readiness, answer_ready
from tests.storage.parallel import in_parallel
from tests.world import World

Hanging = Callable[[], tuple[Check, Event, list[int]]]


def never() -> bool:
    return False


def ready(readiness: Readiness) -> Answer:
    return answer_ready(readiness, Call({"REQUEST_METHOD": "GET"}))


def raising() -> bool:
    raise StoreUnavailable("redis://:canary-password@redis.example.org")


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
@pytest.mark.parametrize("query", ["", "?x=1"], ids=["below Flask", "in Flask"])
def test_probes_are_answered_to_whoever_asks_by_whatever_name(world: World, path: str, query: str) -> None:
    client: FlaskClient = world.app.test_client()
    answer = client.get(path + query, headers={"Host": "10.0.0.7:8000"})
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.head(path + query).status_code == 200
    assert client.post(path + query).status_code in (400, 405)


def test_ready_names_what_is_looked_at_and_live_looks_at_nothing(world: World) -> None:
    client = world.app.test_client()
    assert client.get("/readyz").json == {
        "status": "ready",
        "checks": {"database": True, "store": True, "signing_keys": True, "not_draining": True},
        "notes": {},
    }
    assert client.get("/livez").json == {"status": "live"}


def test_without_keys_or_a_schema_it_is_not_ready(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_REMEMBERED_SECONDS", -1.0)
    client = world.app.test_client()
    with world.parts.database.begin() as connection:
        connection.execute(delete(signing_keys))
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    world.parts.keys.reread()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.json == {
        "status": "not ready",
        "checks": {"database": False, "store": True, "signing_keys": False, "not_draining": True},
        "notes": {},
    }
    assert client.get("/livez").status_code == 200


def test_what_went_wrong_is_not_told() -> None:
    answer = ready(Readiness({"store": raising}, {}, never))
    assert answer.status == 503
    assert b"canary" not in answer.body


def test_a_note_turns_nobody_away_and_draining_does() -> None:
    assert ready(Readiness({"store": lambda: True}, {"worker": raising}, never)).status == 200
    drained = ready(Readiness({"store": lambda: True}, {}, lambda: True))
    assert drained.status == 503
    assert b'"not_draining": false' in drained.body


def test_it_looks_once_a_second_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    def check() -> bool:
        looked.append(1)
        return True

    readiness = Readiness({"store": check}, {}, never)
    assert all(each.status == 200 for each in in_parallel(8, lambda: ready(readiness)))
    assert len(looked) == 1
    monkeypatch.setattr(probes, "_REMEMBERED_SECONDS", -1.0)
    assert ready(readiness).status == 200
    assert len(looked) == 2


@pytest.fixture
def hanging() -> Hanging:
    def make() -> tuple[Check, Event, list[int]]:
        released, began = Event(), []

        def check() -> bool:
            began.append(1)
            return released.wait(60)

        return check, released, began

    return make


def test_what_hangs_is_waited_for_once_and_counts_as_away(hanging: Hanging, monkeypatch: pytest.MonkeyPatch) -> None:
    check, released, began = hanging()
    readiness = Readiness({"database": check, "store": lambda: True}, {}, never, patience=0.05)
    for _ in range(20):
        assert ready(readiness).status == 503
    assert len(began) == 1
    released.set()
    monkeypatch.setattr(probes, "_REMEMBERED_SECONDS", 3600.0)
    while ready(readiness).status != 200:  # by when the look that hung has ended
        time.sleep(0.01)
    assert len(began) == 1


def test_those_who_ask_meanwhile_share_one_look() -> None:
    barrier, looked = Barrier(4), []

    def check() -> bool:
        looked.append(1)
        return True

    readiness = Readiness({"database": check}, {}, never)

    def ask() -> int:
        barrier.wait()
        return ready(readiness).status

    assert in_parallel(4, ask) == [200] * 4
    assert len(looked) == 1
