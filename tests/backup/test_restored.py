"""A restored broker: from either database into either, of this schema and the one before, and people sign in."""

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from redis import Redis
from sqlalchemy import Connection, delete, func, insert, select, text

from broker.accounts.model import accounts, email_changes, identities
from broker.accounts.organizations.model import changes, organizations
from broker.audit.model import audit_entries
from broker.audit.service import Audit
from broker.backup.document import Head, end_line, head_line, table_lines
from broker.backup.restoring import Contents, NotRestored, check, restore
from broker.backup.sealed import Derivation, NotABackup, Sealed, Sealing
from broker.backup.taking import NoSchema, Progress, as_configured, take
from broker.oidc.model import refresh_families
from broker.settings import Settings
from broker.storage import schema
from broker.storage.database import Database
from broker.storage.redis_store import RedisStore
from migrations.accounts.model import cases, legacy_accounts, links
from providers.standins import Standins
from tests.servers import fresh_database
from tests.world import TIMEOUT, Arrival, World, running

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PASSPHRASE = "correct horse battery staple"
QUICK = Derivation(memory_kib=64, passes=1, lanes=1)


def silent(_table: str, _rows: int) -> None:
    """Tell nobody."""


def taken(database: Database, settings: Settings, progress: Progress = silent) -> BytesIO:
    file = BytesIO()
    take(
        database,
        file,
        PASSPHRASE,
        issuer=settings.issuer,
        secrets=settings.secrets,
        configuration=None,
        audit=Audit(database, settings.secrets.audit_key()),
        progress=progress,
        now=NOW,
        derivation=QUICK,
    )
    return file


def put_back(
    file: BytesIO,
    database: Database,
    settings: Settings,
    *,
    keep_grants: bool = False,
    progress: Progress = silent,
    now: datetime = NOW,
) -> Contents:
    return restore(
        Sealed(file, PASSPHRASE),
        database,
        configured=as_configured(settings.secrets),
        audit_key=settings.secrets.audit_key(),
        keep_grants=keep_grants,
        end_sessions=lambda: None,
        progress=progress,
        now=now,
    )


@contextmanager
def new_database(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'restored.db'}"
        return
    with fresh_database(request.getfixturevalue("postgres_url")) as url:
        yield url


def refreshing(raw: dict[str, Any]) -> None:
    client = raw["clients"]["registry"]
    client["scopes"] = ["openid", "profile", "email", "offline_access"]
    client["grant_types"] = ["authorization_code", "refresh_token"]


def renewed(world: World, token: str) -> int:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    basic = ("registry", world.secrets["registry"])
    return requests.post(f"{world.base}/token", data=form, auth=basic, timeout=TIMEOUT).status_code


def signed_in(world: World) -> tuple[str, str]:
    """Return who it is to the registry, and a refresh token."""
    visitor = world.visitor()
    arrived = visitor.sign_in("2fa-true", "github", scope="openid offline_access")
    assert isinstance(arrived, Arrival)
    tokens = world.registry().redeem(arrived, visitor.last_request)
    return str(tokens.claims["sub"]), str(tokens.response["refresh_token"])


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_known_user_signs_in_to_a_restored_broker_as_who_they_were(
    request: pytest.FixtureRequest, tmp_path: Path, standins: Standins, migrated_sqlite: Path, kind: str
) -> None:
    shutil.copy(migrated_sqlite, tmp_path / "vestibule.db")
    before = tmp_path / "before"
    before.mkdir()
    source = f"sqlite:///{tmp_path / 'vestibule.db'}"
    with running(before, standins=standins, database_url=source, change=refreshing) as world:
        who, token = signed_in(world)
        while world.parts.audit.seal():
            pass
        file, settings, raw = taken(world.parts.database, world.parts.settings), world.parts.settings, world.raw
    with new_database(request, tmp_path, kind) as url:
        fresh = Database(url)
        contents = put_back(file, fresh, settings)
        assert contents.counts["refresh_families"] == 1
        report = Audit(fresh, settings.secrets.audit_key()).verify()
        assert report.ok
        assert report.sealed > 0
        with fresh.read() as connection:
            assert connection.execute(select(func.count()).select_from(refresh_families)).scalar_one() == 0
        fresh.dispose()

        def as_before(fresh_raw: dict[str, Any]) -> None:
            fresh_raw["secrets"], fresh_raw["clients"] = raw["secrets"], raw["clients"]

        after = tmp_path / "after"
        after.mkdir()
        with running(after, standins=standins, database_url=url, change=as_before) as world:
            assert signed_in(world)[0] == who
            assert renewed(world, token) == 400, "grants have ended"
            assert world.parts.audit.verify().ok
            with world.parts.database.read() as connection:
                assert connection.execute(select(func.count()).select_from(accounts)).scalar_one() == 1


def test_grants_go_on_where_the_operator_says_so(tmp_path: Path, standins: Standins, migrated_sqlite: Path) -> None:
    shutil.copy(migrated_sqlite, tmp_path / "vestibule.db")
    with running(tmp_path, standins=standins, change=refreshing) as world:
        signed_in(world)
        file, settings = taken(world.parts.database, world.parts.settings), world.parts.settings
    fresh = Database(f"sqlite:///{tmp_path / 'restored.db'}")
    put_back(file, fresh, settings, keep_grants=True)
    with fresh.read() as connection:
        assert connection.execute(select(func.count()).select_from(refresh_families)).scalar_one() == 1
    fresh.dispose()


def settings_of(tmp_path: Path) -> Settings:
    def key() -> str:
        return secrets.token_urlsafe(32)

    return Settings.model_validate(
        {
            "issuer": "http://localhost:8000",
            "secrets": {
                "encryption": {"v1": key()},
                "pseudonym": {"v1": key()},
                "index": key(),
                "audit": key(),
                "cookies": key(),
            },
            "mail": {"url": f"directory:{tmp_path}", "sender": "vestibule@login.example"},
        }
    )


def fill(database: Database, settings: Settings, count: int = 3) -> None:
    rows = [{"id": f"a{n}", "kind": "person", "status": "active", "created_at": NOW} for n in range(count)]
    audit = Audit(database, settings.secrets.audit_key())
    with database.begin() as connection:
        connection.execute(insert(accounts), rows)
        for n in range(3):
            audit.record(connection, action="account.created", account_id=f"a{n}", now=NOW)
    audit.seal(2)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_every_table_comes_back_from_either_database_into_either(
    request: pytest.FixtureRequest, database: Database, tmp_path: Path, kind: str
) -> None:
    settings = settings_of(tmp_path)
    fill(database, settings, count=2500)
    file = taken(database, settings)
    with new_database(request, tmp_path, kind) as url:
        fresh = Database(url)
        contents = put_back(file, fresh, settings)
        assert contents.counts["accounts"] == 2500
        with fresh.begin() as connection:
            assert connection.execute(select(func.count()).select_from(accounts)).scalar_one() == 2500
            # What counts up by itself goes on after what is there.
            Audit(fresh, settings.secrets.audit_key()).record(connection, action="test.done", now=NOW)
            last = connection.execute(select(func.max(audit_entries.c.id), func.count(audit_entries.c.id))).one()
            assert last[0] == last[1] == 6
        again = check(Sealed(taken(fresh, settings), PASSPHRASE), silent)
        assert again.counts.keys() == contents.counts.keys()
        fresh.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_waited_waits_as_long_again_after_the_restore(
    request: pytest.FixtureRequest, database: Database, tmp_path: Path, kind: str
) -> None:
    settings = settings_of(tmp_path)
    fill(database, settings)
    day, later = timedelta(days=1), NOW + timedelta(days=5)
    with database.begin() as connection:
        connection.execute(insert(organizations).values(id="a0", name="A", name_key="a", rule="{}"))
        change = {"organization_id": "a0", "kind": "rule", "payload": "{}", "requested_by": "a1", "requested_at": NOW}
        waiting = {"id": "w", "target": "w", "state": "pending", "effective_at": NOW + day}
        stopped = {"id": "s", "target": "s", "state": "stopped", "effective_at": NOW + day}
        connection.execute(insert(changes), [change | waiting, change | stopped])
        legacy = {"registry_id": "r", "kind": "person", "state": "waiting", "email_confirmed": True, "packages": "[]"}
        counts = {"downloads": 0, "keys": 0, "imported_at": NOW, "forget_at": NOW + 900 * day, "source_mac": "m"}
        connection.execute(insert(legacy_accounts), [legacy | counts, legacy | counts | {"registry_id": "q"}])
        way = {"account_id": "a1", "identity_id": "i", "provider_id": "github", "tenant": "", "guest": False}
        case = {"kind": "claim", "registry_id": "r", "signed_in_at": NOW, "started_at": NOW - day} | way
        due = {"id": "c", "state": "waiting", "due_at": NOW + 2 * day, "effective_at": None, "undo_until": None}
        done = {"id": "d", "registry_id": "q", "state": "effective", "due_at": NOW, "effective_at": NOW}
        connection.execute(insert(cases), [case | due, case | done | {"undo_until": NOW + 14 * day}])
        ends = {"c": NOW + 2 * day, "d": NOW + 14 * day, "gone": NOW - day}
        links_of = [
            {"token_hash": name, "case_id": "c" if name == "gone" else name, "verb": "stop", "expires_at": end}
            for name, end in ends.items()
        ]
        connection.execute(insert(links), links_of)
        connection.execute(
            insert(email_changes).values(token_hash="t", account_id="a1", email_sealed=b"x", expires_at=NOW + day)
        )
    file = taken(database, settings)
    with new_database(request, tmp_path, kind) as url:
        fresh = Database(url)
        put_back(file, fresh, settings, keep_grants=True, now=later)
        with fresh.read() as connection:
            assert {row[0]: row[1] for row in connection.execute(select(changes.c.id, changes.c.effective_at))} == {
                "w": later + day,
                "s": NOW + day,
            }
            held = connection.execute(select(cases.c.due_at, cases.c.undo_until).order_by(cases.c.id)).all()
            assert held == [(later + 3 * day, None), (NOW, later + 14 * day)]
            assert {row[0]: row[1] for row in connection.execute(select(links.c.token_hash, links.c.expires_at))} == {
                "c": later + 3 * day,
                "d": later + 14 * day,
                "gone": NOW - day,
            }
            assert connection.execute(select(func.count()).select_from(email_changes)).scalar_one() == 0
            entry = select(audit_entries.c.detail).where(audit_entries.c.action == "backup.restored")
            assert json.loads(connection.execute(entry).scalar_one()) == {"count": "3", "state": "kept"}
        fresh.dispose()


def test_a_backup_of_the_schema_before_is_brought_to_this_one(tmp_path: Path) -> None:
    settings, old = settings_of(tmp_path), Database(f"sqlite:///{tmp_path / 'old.db'}")
    with old.begin() as connection:
        schema.upgrade_to(connection, "0004")
    fill(old, settings)
    file = taken(old, settings)
    old.dispose()
    fresh = Database(f"sqlite:///{tmp_path / 'new.db'}")
    contents = put_back(file, fresh, settings)
    assert contents.head.schema == "0004"
    assert "switches" not in contents.counts
    assert schema.is_current(fresh)
    fresh.dispose()


def test_a_backup_is_of_one_moment_though_others_write_meanwhile(database: Database, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    fill(database, settings)
    file = BytesIO()

    def write(table: str, _rows: int) -> None:
        row = {"id": f"while-{table}", "kind": "person", "status": "active", "created_at": NOW}
        identity = {"id": table, "account_id": row["id"], "provider_id": "github", "pseudonym": table, "linked_at": NOW}
        with database.begin() as connection:
            connection.execute(insert(accounts).values(row))
            connection.execute(insert(identities).values(identity))

    take(
        database,
        file,
        PASSPHRASE,
        issuer=settings.issuer,
        secrets=settings.secrets,
        configuration=None,
        audit=Audit(database, settings.secrets.audit_key()),
        progress=write,
        now=NOW,
        derivation=QUICK,
    )
    counts = check(Sealed(file, PASSPHRASE), silent).counts
    assert (counts["accounts"], counts["identities"]) == (3, 0)


def test_what_cannot_be_finished_leaves_the_database_as_it_was(tmp_path: Path, migrated_sqlite: Path) -> None:
    shutil.copy(migrated_sqlite, tmp_path / "source.db")
    settings, source = settings_of(tmp_path), Database(f"sqlite:///{tmp_path / 'source.db'}")
    fill(source, settings)
    file = taken(source, settings)
    source.dispose()
    fresh = Database(f"sqlite:///{tmp_path / 'new.db'}")

    def away() -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        restore(
            Sealed(file, PASSPHRASE),
            fresh,
            configured=as_configured(settings.secrets),
            audit_key=settings.secrets.audit_key(),
            keep_grants=False,
            end_sessions=away,
            progress=silent,
            now=NOW,
        )
    with pytest.raises(NotRestored):
        restore(
            Sealed(file, PASSPHRASE),
            fresh,
            configured=as_configured(settings.secrets),
            audit_key=secrets.token_bytes(32),
            keep_grants=False,
            end_sessions=away,
            progress=silent,
            now=NOW,
        )
    with fresh.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM sqlite_master")).scalar_one() == 0
    fresh.dispose()


@pytest.fixture
def source(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Database]:
    shutil.copy(migrated_sqlite, tmp_path / "source.db")
    opened = Database(f"sqlite:///{tmp_path / 'source.db'}")
    yield opened
    opened.dispose()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'new.db'}")
    yield opened
    opened.dispose()


def is_bare(database: Database) -> bool:
    with database.read() as connection:
        return not connection.execute(text("SELECT name FROM sqlite_master")).all()


def test_who_waits_is_told_how_far_it_is(
    source: Database, fresh: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("taking", "restoring"):
        monkeypatch.setattr(f"broker.backup.{module}.STEP", 1000)
    settings = settings_of(tmp_path)
    fill(source, settings, count=2500)
    told: list[tuple[str, int]] = []
    file = taken(source, settings, lambda *said: told.append(said))
    assert [rows for table, rows in told if table == "accounts"] == [1000, 2000, 2500]
    told.clear()
    put_back(file, fresh, settings, progress=lambda *said: told.append(said))
    assert told == [("accounts", 1000), ("accounts", 2000)]


def test_where_a_row_is_missing_in_the_end_nothing_is_kept(
    source: Database, fresh: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(connection: Connection, wanted: str) -> None:
        schema.upgrade_to(connection, wanted)
        if wanted == "head":
            connection.execute(delete(accounts).where(accounts.c.id == "a0"))

    settings = settings_of(tmp_path)
    fill(source, settings)
    file = taken(source, settings)
    monkeypatch.setattr("broker.backup.restoring.upgrade_to", lose)
    with pytest.raises(NotRestored, match=r"The table accounts has 2 rows, and should have 3\."):
        put_back(file, fresh, settings)
    assert is_bare(fresh)


@pytest.mark.parametrize("table, columns", [("accounts", ["id"]), ("planets", ["id"])])
def test_tables_that_the_version_did_not_have_are_no_backup_of_it(
    fresh: Database, tmp_path: Path, table: str, columns: list[str]
) -> None:
    settings, file = settings_of(tmp_path), BytesIO()
    head = Head(made_at=NOW, schema="0005", issuer="i", secrets=as_configured(settings.secrets), configuration=None)
    sealing = Sealing(file, PASSPHRASE, QUICK)
    for line in (head_line(head), *table_lines(table, columns, [("a",)]), end_line(1)):
        sealing.write(line)
    sealing.close()
    with pytest.raises(NotABackup, match=f"The table {table} is not as"):
        put_back(file, fresh, settings)
    assert is_bare(fresh)


def test_nothing_is_taken_where_the_tables_go_away_meanwhile(
    source: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(tmp_path)
    record = Audit.record

    def last(audit: Audit, connection: Connection, **said: Any) -> None:
        record(audit, connection, **said)
        connection.execute(text("DELETE FROM alembic_version"))

    monkeypatch.setattr(Audit, "record", last)
    with pytest.raises(NoSchema):
        taken(source, settings)


def test_sessions_of_before_end_in_a_store_that_outlived_the_database(fresh_redis_url: str) -> None:
    store = RedisStore(fresh_redis_url)
    for key in ("session:one", "session:two", "code:three", "revoked:four", "sessions-not:five"):
        store.put(key, b"x", 60)
    store.forget("session")
    with Redis.from_url(fresh_redis_url) as client:
        assert client.dbsize() == 3
    assert store.get("revoked:four") == b"x"
    store.close()
