"""A disk that is full: who asks for something to be written is told to come back, and nothing that was said is lost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select

from broker.audit.model import audit_entries
from providers.standins import Standins
from tests.reliability.conftest import with_clients
from tests.world import Arrival, Page, World, running

PERSON = "oidc-phr", "generic"


@pytest.fixture
def world(tmp_path: Path, standins: Standins, migrated_sqlite: Path) -> Iterator[World]:
    (tmp_path / "vestibule.db").write_bytes(migrated_sqlite.read_bytes())
    with running(tmp_path, standins=standins, change=with_clients) as this:
        yield this


def sign_ins(world: World) -> int:
    with world.parts.database.read() as connection:
        told = select(func.count()).where(audit_entries.c.action == "signin.satisfied")
        return connection.execute(told).scalar_one()


def test_a_full_disk_is_told_and_passes_once_there_is_room(world: World) -> None:
    engine = world.parts.database.engine
    assert isinstance(world.visitor().sign_in(*PERSON), Arrival)

    # What SQLite says when it gets no more room is the same, whoever does not give it.
    def no_more_room(connection: Any, _: object, __: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(engine, "checkout", no_more_room)
    told, acknowledged = 0, sign_ins(world)
    for _ in range(200):
        visitor = world.visitor()
        landed = visitor.sign_in("oidc-mfa", "generic")
        if isinstance(landed, Arrival):
            acknowledged += 1
            continue
        assert isinstance(landed, Page)
        assert landed.status == 503, landed.text
        assert landed.headers["Retry-After"].isdigit()
        told += 1
        if told == 3:
            break
    assert told == 3
    assert sign_ins(world) == acknowledged

    event.remove(engine, "checkout", no_more_room)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1073741823")
    engine.dispose()
    assert isinstance(world.visitor().sign_in("oidc-mfa", "generic"), Arrival)
    assert sign_ins(world) == acknowledged + 1
    world.parts.audit.seal()
    report = world.parts.audit.verify()
    assert (report.ok, report.pending) == (True, 0)
