"""A process that is killed at any moment leaves all of what it acknowledged, and of what it did not, all or nothing."""

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from broker.signin.ending import EndedBy
from broker.storage.store import RedisStore
from providers.standins import Standins
from tests.migrations.crash import State, killed_at_every_statement, state_of
from tests.oidc.kinds import sign_in
from tests.reliability.conftest import with_clients
from tests.world import World, running

PERSON = {"persona": "oidc-phr", "provider": "generic"}
LOGOUT = "http://127.0.0.1:1/backchannel-logout"


@pytest.fixture
def world(tmp_path: Path, standins: Standins, migrated_sqlite: Path, redis_url: str) -> Iterator[World]:
    """Its short-lived store is a process that outlives the one that is killed."""
    (tmp_path / "vestibule.db").write_bytes(migrated_sqlite.read_bytes())

    def change(raw: dict[str, object]) -> None:
        with_clients(raw)
        for client in raw["clients"].values():  # type: ignore[attr-defined]  # a table
            if client.get("secret"):
                client["backchannel_logout_uri"] = LOGOUT

    with running(tmp_path, standins=standins, store_url=redis_url, change=change) as this:
        yield this


def new(before: State, after: State) -> Mapping[str, int]:
    """Return how many rows there are that were not there before, by table."""
    counts = {table: len(rows - before.get(table, frozenset())) for table, rows in after.items()}
    return {table: count for table, count in counts.items() if count}


def test_a_killed_sign_out_is_recorded_and_told_or_has_not_happened(world: World) -> None:
    visitor = world.visitor()
    sign_in(world, "offline", visitor=visitor, **PERSON)
    sign_in(world, "registry", visitor=visitor, **PERSON)
    with world.parts.database.read() as connection:
        (account_id,) = connection.exec_driver_sql("SELECT id FROM accounts").scalars()
    store = world.parts.store
    assert isinstance(store, RedisStore)
    sessions, now = world.parts.sessions, world.clock()
    before = state_of(world.parts.database)

    def sign_out() -> None:
        store.close()  # the parent's connections stay the parent's
        world.parts.people.ending.end_of_account(account_id, now, EndedBy.OWNER)

    deaths = killed_at_every_statement(world.parts.database, sign_out)

    assert len(deaths) > 3
    for death in deaths[:-1]:
        assert not new(before, death.state), death.at
    # Acknowledged: the end of the session, and that both registries are to be told of it.
    assert new(before, deaths[-1].state) == {"audit_entries": 1, "outbox": 2}
    assert not sessions.of_account(account_id, now)


def test_a_killed_worker_tells_once_more_rather_than_not_at_all(world: World, tmp_path: Path) -> None:
    """What it had taken is another's once its lease is over; what it told of and did not cross off is told again."""
    visitor = world.visitor()
    visitor.open_account("oidc-phr", "generic")
    visitor.submit("/account/email", {"email": "ada@elsewhere.example"})
    deliver = world.parts.worker._chores["outbox: mail"]
    now = world.clock()

    def after_the_leases() -> None:
        with sqlite3.connect(tmp_path / "vestibule.db") as reading:
            (attempts,) = reading.execute("SELECT coalesce(max(attempts), 0) FROM outbox").fetchone()
        deliver(now + attempts * timedelta(minutes=11))

    deaths = killed_at_every_statement(world.parts.database, after_the_leases)

    crossing_off = [
        number for number, each in enumerate(deaths) if each.at.startswith("DELETE FROM outbox WHERE outbox.id")
    ]
    assert len(crossing_off) == 1
    # Until that is committed, which is the next statement, the item is there.
    assert all(len(each.state["outbox"]) == 1 for each in deaths[: crossing_off[0] + 2])
    assert "outbox" not in deaths[-1].state
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 1, "told twice, by one name"
