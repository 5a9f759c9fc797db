"""What only the database knows, read by the worker and never by who asks for numbers."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_bytes

import pytest
import trustme
from sqlalchemy import Engine, event, update

from broker import metrics
from broker.audit.service import Audit
from broker.events.security import EventKind, SecurityEvents
from broker.events.service import Outbox
from broker.keys.cipher import FieldCipher
from broker.keys.model import signing_keys
from broker.keys.rotation import Rotation
from broker.keys.signing import SigningKeys
from broker.metrics import pool
from broker.metrics.numbers import Numbers
from broker.metrics.state import EVERY, Survey, Watched
from broker.settings.model import KeySettings
from broker.storage.database import Database
from broker.storage.memory import MemoryStore
from broker.switches.service import Switches
from tests.metrics.reading import samples, shown

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


class House:
    """Everything that is looked at."""

    def __init__(self, database: Database, *, certificate: Path | None = None, rotate_after: int = 86_400 * 90) -> None:
        metrics.know("kind", ("mail", "end_access"))
        metrics.know("client", ("one",))
        cipher = FieldCipher({"v1": token_bytes(32)})
        self.database = database
        self.audit = Audit(database, token_bytes(32))
        self.outbox = Outbox(cipher)
        self.keys = SigningKeys(database, cipher, ("ES256",))
        rotation = Rotation(database, cipher, self.keys, self.audit, KeySettings(rotate_after=rotate_after))
        self.survey = Survey(
            Watched(
                database=database,
                keys=self.keys,
                rotation=rotation,
                audit=self.audit,
                switches=Switches(database, MemoryStore(), self.audit),
                kinds=("mail", "end_access"),
                clients=("one",),
                certificate=certificate,
            )
        )
        self.rotation = rotation


@contextmanager
def asked(engine: Engine) -> Iterator[list[str]]:
    """Yield a list of the statements that are executed meanwhile."""
    statements: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def test_queues_keys_and_the_record_are_told_with_their_ages(database: Database, numbers: Numbers) -> None:
    house = House(database)
    house.keys.ensure(NOW - 10 * DAY)
    with database.begin() as connection:
        for minutes in (50, 5):
            at = NOW - minutes * MINUTE
            house.outbox.enqueue(connection, "mail", {"text": "secret"}, now=at, expires_at=NOW + DAY)
            SecurityEvents({"one"}).write(connection, EventKind.CLAIMED, "subject", {}, at)
        house.audit.record(connection, action="account.created", now=NOW - MINUTE)
    house.survey.look(NOW)
    found = samples(shown(numbers))
    assert found["vestibule_outbox_waiting", ("mail",)] == 2
    assert found["vestibule_outbox_oldest_age_seconds", ("mail",)] == 3000
    assert found["vestibule_outbox_waiting", ("end_access",)] == 0
    assert found["vestibule_outbox_oldest_age_seconds", ("end_access",)] == 0
    assert found["vestibule_events_waiting", ("one",)] == 2
    assert found["vestibule_events_oldest_age_seconds", ("one",)] == 3000
    assert found["vestibule_signing_key_age_seconds", ("ES256",)] == 864_000
    assert found["vestibule_signing_key_rotation_seconds", ("ES256",)] == 80 * 86_400
    assert found["vestibule_audit_unsealed", ()] == 1
    assert found["vestibule_audit_unsealed_oldest_age_seconds", ()] == 60
    assert found["vestibule_audit_chain_cut", ()] == 0
    assert found["vestibule_switches_thrown", ("provider",)] == 0
    assert found["vestibule_state_read_timestamp_seconds", ()] == NOW.timestamp()
    house.audit.seal()
    house.survey.look(NOW + EVERY)
    assert samples(shown(numbers))["vestibule_audit_unsealed", ()] == 0
    if database.engine.dialect.name == "postgresql":
        assert abs(found["vestibule_clock_skew_seconds", ()] - (NOW - datetime.now(UTC)).total_seconds()) < 60
    else:
        assert 0 < found["vestibule_disk_free_ratio", ()] <= 1


@pytest.fixture
def lite(tmp_path: Path, migrated_sqlite: Path) -> Database:
    (tmp_path / "vestibule.db").write_bytes(migrated_sqlite.read_bytes())
    return Database(f"sqlite:///{tmp_path / 'vestibule.db'}")


def test_the_database_is_asked_every_quarter_of_a_minute_and_never_by_who_wants_the_numbers(
    lite: Database, numbers: Numbers
) -> None:
    house = House(lite)
    house.keys.ensure(NOW)
    with asked(lite.engine) as statements:
        house.survey.look(NOW)
        first = len(statements)
        house.survey.look(NOW + EVERY / 2)
        shown(numbers)
        assert len(statements) == first
        house.survey.look(NOW + EVERY)
        assert len(statements) > first


def test_while_nobody_wants_numbers_nothing_is_looked_at(lite: Database) -> None:
    with asked(lite.engine) as statements:
        House(lite).survey.look(NOW)
    assert statements == []


def test_a_key_that_should_have_been_replaced_is_overdue_until_the_next_is_published(
    lite: Database, numbers: Numbers
) -> None:
    house = House(lite)
    house.keys.ensure(NOW - 91 * DAY)

    def to_the_next(at: datetime) -> float:
        house.survey.look(at)
        return samples(shown(numbers))["vestibule_signing_key_rotation_seconds", ("ES256",)]

    assert to_the_next(NOW) == -86_400
    house.rotation.rotate("ES256", NOW)
    assert to_the_next(NOW + EVERY) == 86_400 - EVERY.total_seconds(), "it signs after a day"


def test_without_a_plan_no_key_is_ever_overdue_and_without_a_key_none_has_an_age(
    lite: Database, numbers: Numbers
) -> None:
    house = House(lite, rotate_after=0)
    house.survey.look(NOW)
    found = samples(shown(numbers))
    assert found["vestibule_signing_key_rotation_seconds", ("ES256",)] == float("inf")
    assert ("vestibule_signing_key_age_seconds", ("ES256",)) not in found


def test_a_chain_that_became_shorter_is_told(lite: Database, numbers: Numbers) -> None:
    house = House(lite)
    with lite.begin() as connection:
        house.audit.record(connection, action="account.created", now=NOW)
    house.audit.seal()
    with lite.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_seals_no_delete")
        connection.exec_driver_sql("DELETE FROM audit_seals")
    house.audit.seal()
    house.survey.look(NOW)
    assert samples(shown(numbers))["vestibule_audit_chain_cut", ()] == 1


def test_the_end_of_the_certificate_is_told(lite: Database, numbers: Numbers, tmp_path: Path) -> None:
    ends_at = datetime(2030, 1, 2, tzinfo=UTC)
    path = tmp_path / "certificate.pem"
    trustme.CA().issue_cert("login.example.org", not_after=ends_at).cert_chain_pems[0].write_to_path(str(path))
    House(lite, certificate=path).survey.look(NOW)
    assert samples(shown(numbers))["vestibule_tls_certificate_expiry_timestamp_seconds", ()] == ends_at.timestamp()


def test_on_the_schema_before_there_are_no_switches_to_tell(lite: Database, numbers: Numbers) -> None:
    with lite.begin() as connection:
        connection.exec_driver_sql("DROP TABLE switches")
    House(lite).survey.look(NOW)
    assert samples(shown(numbers))["vestibule_switches_thrown", ("read_only",)] == 0


def test_connections_are_counted_as_they_are_taken_and_given_back(lite: Database, numbers: Numbers) -> None:
    pool.watch(lite)
    with lite.read(), lite.read():
        assert samples(shown(numbers))["vestibule_database_connections", ()] == 2
    assert samples(shown(numbers))["vestibule_database_connections", ()] == 0


def test_without_numbers_the_pool_is_left_alone(lite: Database) -> None:
    pool.watch(lite)
    assert not event.contains(lite.engine.pool, "checkout", pool.watch)
    with lite.begin() as connection:
        assert connection.execute(update(signing_keys).values(alg="ES256")).rowcount == 0
