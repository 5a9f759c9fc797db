"""Kill switches: true in the database, copied to the store, kept by no process, and in the audit record."""

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, insert, select, text

from broker.audit.model import audit_entries
from broker.audit.service import Audit
from broker.storage.database import Database
from broker.storage.memory import MemoryStore
from broker.storage.redis_store import RedisStore
from broker.storage.store import StoreUnavailable
from broker.switches.model import switches
from broker.switches.service import COMMAND_LINE, KEY, Kind, NoSwitches, Switch, Switches, Thrown

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def store(fresh_redis_url: str) -> Iterator[RedisStore]:
    """The store that two hosts share."""
    made = RedisStore(fresh_redis_url)
    yield made
    made.close()


def host(database: Database, store: RedisStore | MemoryStore) -> Switches:
    return Switches(database, store, Audit(database, secrets.token_bytes(32)))


def forget_copy(store: RedisStore) -> None:
    store.delete(KEY)


def test_what_one_host_throws_is_thrown_on_all_at_once(database: Database, store: RedisStore) -> None:
    one, other = host(database, store), host(database, store)
    assert other.thrown(NOW) == Thrown()
    assert one.throw(Kind.PROVIDER, "github", NOW)
    assert one.throw(Kind.TENANT, "t1", NOW)
    assert one.throw(Kind.CLIENT, "registry", NOW)
    assert one.throw(Kind.READ_ONLY, "", NOW, by=lambda _: "an-operator")
    assert one.throw(Kind.SIGN_UP, "", NOW)
    everything = Thrown(
        providers=frozenset({"github"}),
        tenants=frozenset({"t1"}),
        clients=frozenset({"registry"}),
        read_only=True,
        sign_up_closed=True,
    )
    assert other.thrown(NOW) == everything
    forget_copy(store)
    assert other.thrown(NOW) == everything, "the truth is in the database"
    assert store.get(KEY) is not None
    for kind, target in ((Kind.PROVIDER, "github"), (Kind.TENANT, "t1"), (Kind.CLIENT, "registry")):
        assert other.restore(kind, target, LATER)
    assert other.restore(Kind.READ_ONLY, "", LATER)
    assert other.restore(Kind.SIGN_UP, "", LATER)
    assert one.thrown(LATER) == Thrown()


def test_throwing_twice_is_throwing_once(database: Database) -> None:
    here = host(database, MemoryStore())
    assert [here.throw(Kind.PROVIDER, "github", at) for at in (NOW, LATER)] == [True, False]
    with database.read() as connection:
        assert here.all(connection) == [Switch(kind=Kind.PROVIDER, target="github", at=NOW, by=COMMAND_LINE)]
    assert [here.restore(Kind.PROVIDER, "github", LATER) for _ in range(2)] == [True, False]
    with database.read() as connection:
        assert here.all(connection) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_change_is_in_the_record_with_what_was_before(database: Database) -> None:
    here = host(database, MemoryStore())
    here.throw(Kind.PROVIDER, "github", NOW)
    here.throw(Kind.PROVIDER, "github", NOW)
    here.throw(Kind.TENANT, "t1", NOW, by=lambda _: "account-of-an-operator")
    here.throw(Kind.SIGN_UP, "", NOW)
    here.restore(Kind.SIGN_UP, "", NOW)
    with database.read() as connection:
        entries = connection.execute(select(audit_entries).order_by(audit_entries.c.id)).all()
    assert [each.action for each in entries] == ["switch.turned"] * 4
    assert [each.provider_id for each in entries] == ["github", None, None, None]
    assert [each.account_id for each in entries] == [None, "account-of-an-operator", None, None]
    assert [json.loads(each.detail) for each in entries] == [
        {"kind": "provider", "before": "on", "state": "off"},
        {"kind": "tenant", "before": "on", "state": "off", "tenant": "t1"},
        {"kind": "sign_up", "before": "open", "state": "closed"},
        {"kind": "sign_up", "before": "closed", "state": "open"},
    ]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_a_shared_store_the_database_is_asked_each_time(database: Database) -> None:
    serving, command = host(database, MemoryStore()), host(database, MemoryStore())
    assert serving.thrown(NOW) == Thrown()
    command.throw(Kind.READ_ONLY, "", NOW)
    assert serving.thrown(NOW).read_only
    with database.read() as connection:
        assert serving.thrown(NOW, connection).read_only
    serving.mend(NOW)
    command.restore(Kind.READ_ONLY, "", NOW)
    assert not serving.thrown(NOW).read_only


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "copy",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b'{"at": "2026-11-22T12:00:00+00:00"}',
        b'{"at": "yesterday", "thrown": []}',
        b'{"at": "2026-11-22T12:00:00", "thrown": []}',
        b'{"at": "2026-11-22T11:50:00+00:00", "thrown": []}',
        b'{"at": "2026-11-22T12:01:01+00:00", "thrown": []}',
        b'{"at": "2026-11-22T12:00:00+00:00", "thrown": [["planet", "mars"]]}',
        b'{"at": "2026-11-22T12:00:00+00:00", "thrown": [["provider", ""]]}',
        b'{"at": "2026-11-22T12:00:00+00:00", "thrown": [["read_only", "x"]]}',
        b'{"at": "2026-11-22T12:00:00+00:00", "thrown": [["provider", 1]]}',
        b'{"at": "2026-11-22T12:00:00+00:00", "thrown": ["provider"]}',
    ],
)
def test_a_copy_that_cannot_be_trusted_is_not_believed(database: Database, copy: bytes) -> None:
    here = host(database, MemoryStore())
    here.throw(Kind.PROVIDER, "github", NOW)
    assert here.of(copy, NOW).providers == {"github"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_copy_is_believed_for_ten_minutes_and_mended_where_it_is_wrong(database: Database, store: RedisStore) -> None:
    here = host(database, store)
    assert here.thrown(NOW) == Thrown()
    lost = store.get(KEY)
    assert lost is not None
    here.throw(Kind.PROVIDER, "github", NOW)
    store.put(KEY, lost, 600)  # as a replica has it that took over too early
    assert here.thrown(NOW) == Thrown()
    assert here.thrown(NOW + timedelta(minutes=10)).providers == {"github"}
    here.mend(NOW)
    assert here.thrown(NOW).providers == {"github"}
    right = store.get(KEY)
    here.mend(NOW)
    assert store.get(KEY) == right
    forget_copy(store)
    here.mend(NOW)
    assert store.get(KEY) is not None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_reader_that_was_slow_takes_no_newer_copys_place(database: Database, store: RedisStore) -> None:
    slow, quick = host(database, store), host(database, store)
    read = store.get(KEY)  # there is none, so the database is to be asked
    with database.read() as connection:
        assert connection.execute(select(switches)).all() == []
    quick.throw(Kind.CLIENT, "registry", NOW)
    slow.of(read, NOW)
    assert quick.thrown(NOW).clients == {"registry"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_the_store_nothing_is_thrown_and_nothing_half(database: Database, fresh_redis_url: str) -> None:
    gone = RedisStore("redis://127.0.0.1:1/0")
    here = host(database, gone)
    with pytest.raises(StoreUnavailable):
        here.throw(Kind.PROVIDER, "github", NOW)
    with pytest.raises(StoreUnavailable):
        here.thrown(NOW)
    gone.close()
    with database.read() as connection:
        assert connection.execute(select(switches)).all() == []
        assert connection.execute(select(audit_entries)).all() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_was_not_committed_leaves_no_copy(
    database: Database, store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = host(database, store)
    put = store.put

    def put_and_fail(key: str, value: bytes, ttl: int) -> None:
        put(key, value, ttl)
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "put", put_and_fail)
    with pytest.raises(KeyboardInterrupt):
        here.throw(Kind.PROVIDER, "github", NOW)
    assert store.get(KEY) is None
    assert here.thrown(NOW) == Thrown()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_switch_of_a_newer_version_is_passed_over(database: Database) -> None:
    with database.begin() as connection:
        row = {"kind": "planet", "target": "mars", "turned_at": NOW, "turned_by": COMMAND_LINE}
        connection.execute(insert(switches).values(row))
    here = host(database, MemoryStore())
    assert here.thrown(NOW) == Thrown()
    with database.read() as connection:
        assert here.all(connection) == []


@pytest.mark.parametrize("kind, target", [(Kind.PROVIDER, ""), (Kind.READ_ONLY, "x")])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_switch_without_what_it_is_about_is_a_mistake(database: Database, kind: Kind, target: str) -> None:
    with pytest.raises(ValueError, match="target"):
        host(database, MemoryStore()).throw(kind, target, NOW)


def test_over_a_database_of_the_version_before_nothing_is_thrown(database: Database, store: RedisStore) -> None:
    with database.begin() as connection:
        connection.execute(text("DROP TABLE switches"))
    here = host(database, store)
    assert here.thrown(NOW) == Thrown()
    with pytest.raises(NoSwitches), database.read() as connection:
        here.all(connection)
    for turn in (here.throw, here.restore):
        with pytest.raises(NoSwitches):
            turn(Kind.READ_ONLY, "", NOW)
    with database.begin() as connection:
        switches.create(connection)
    assert here.throw(Kind.READ_ONLY, "", NOW)
    assert here.thrown(NOW).read_only


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_copy_needs_one_command_and_no_statement(database: Database, store: RedisStore) -> None:
    here = host(database, store)
    here.throw(Kind.PROVIDER, "github", NOW)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: statements.append(str(given[2])))
    assert here.thrown(NOW).shuts("github")
    assert statements == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_request_reads_once_and_the_next_one_anew(database: Database, store: RedisStore) -> None:
    here, other = host(database, store), host(database, store)
    with here.request():
        assert here.also() == (KEY,)
        here.saw([store.get(KEY)], NOW)
        assert here.also() == ()
        other.throw(Kind.READ_ONLY, "", NOW)
        assert not here.thrown(NOW).read_only
    assert here.also() == ()
    with here.request():
        assert here.thrown(NOW).read_only
        other.restore(Kind.READ_ONLY, "", NOW)
        assert here.thrown(NOW).read_only
    assert not here.thrown(NOW).read_only
    assert host(database, MemoryStore()).also() == ()
