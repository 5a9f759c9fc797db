import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from broker.audit.service import Audit
from broker.keys.cipher import FieldCipher
from broker.keys.rotation import Rotation
from broker.keys.signing import SigningKeys
from broker.settings.model import KeySettings
from broker.storage.database import Database

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
ROTATE_AFTER = 90 * DAY

Plan = Callable[..., Rotation]


@pytest.fixture(scope="session")
def cipher() -> FieldCipher:
    return FieldCipher({"v1": os.urandom(32)})


@pytest.fixture
def audit(database: Database) -> Audit:
    return Audit(database, os.urandom(32))


@pytest.fixture
def es256(database: Database, cipher: FieldCipher) -> SigningKeys:
    """Keys of an algorithm that is quick to make keys for."""
    keys = SigningKeys(database, cipher, ("ES256",))
    keys.ensure(NOW)
    return keys


@pytest.fixture
def plan(es256: SigningKeys, database: Database, cipher: FieldCipher, audit: Audit) -> Plan:
    """Make a rotation of ``es256`` by these settings, in seconds."""

    def make(keys: SigningKeys = es256, **settings: int) -> Rotation:
        return Rotation(database, cipher, keys, audit, KeySettings(**settings))

    return make


@pytest.fixture
def rotation(plan: Plan) -> Rotation:
    """Publish for a day, keep for two more."""
    return plan(publish_for=86_400, overlap=2 * 86_400)


@pytest.fixture
def statements(database: Database) -> list[str]:
    """Every statement that the database gets from here on."""
    seen: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *told: seen.append(told[2]))
    return seen


class Outage:
    """The database does not answer, while this is on. It is asked all the same, which ``asked`` counts."""

    def __init__(self, database: Database) -> None:
        self.on = False
        self.asked = 0
        event.listen(database.engine, "before_cursor_execute", self._fail)

    def _fail(self, *_: object) -> None:
        if self.on:
            self.asked += 1
            raise OperationalError("SELECT", {}, Exception("canary: the server closed the connection"))


@pytest.fixture
def outage(database: Database) -> Outage:
    return Outage(database)


def actions(database: Database) -> list[tuple[str, str]]:
    """Return action and detail of every audit entry."""
    with database.read() as connection:
        rows = connection.execute(text("SELECT action, detail FROM audit_entries ORDER BY id")).all()
    return [(row.action, row.detail) for row in rows]
