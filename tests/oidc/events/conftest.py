"""A registry that listens, and what tells it; and a whole broker, with clients that ask."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import pytest
from sqlalchemy import delete

from broker.events.model import security_deliveries, security_events
from broker.storage.database import Database
from providers.standins import Standins
from tests.oidc.events.transmitter import Receiver, Transmitter, transmitter
from tests.oidc.kinds import CODE_AND_REFRESH
from tests.providers.loopback import serve
from tests.world import World, running

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    this = Receiver()
    with serve(this) as server:
        this.server = server
        yield this


@pytest.fixture
def sqlite(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    yield opened
    opened.dispose()


@pytest.fixture
def house(sqlite: Database) -> Transmitter:
    return transmitter(sqlite, NOW)


def _clients(one: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return clients for people, each with the scopes of its name, and clients that ask for events."""

    def like_it(**changes: Any) -> dict[str, Any]:
        return {**one, "secret": token_urlsafe(32), **changes}

    asking = {"grant_types": ["client_credentials"], "redirect_uris": [], "scopes": ["events", "introspection"]}
    whole = ["openid", "offline_access", "organizations", "registry_accounts"]
    return {
        "both": like_it(scopes=whole, grant_types=CODE_AND_REFRESH),
        "accounts-alone": like_it(scopes=["openid", "registry_accounts"]),
        "organizations-alone": like_it(scopes=["openid", "organizations"]),
        "third-party": like_it(scopes=["openid", "registry_accounts"], first_party=False, name="Third Party"),
        **{name: like_it(**asking) for name in ("poller", "other", "pushed", "streamless")},
        "bound": like_it(**asking, dpop_bound_access_tokens=True),
        "listening-for-others": like_it(**{**asking, "scopes": ["introspection"]}),
        "with-an-api": like_it(**asking, resources=["https://api.registry.example/"]),
    }


POLLED = ("poller", "other", "bound", "listening-for-others", "with-an-api", "registry", "database")


@pytest.fixture(scope="package")
def _told(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("told")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")

    def change(raw: dict[str, Any]) -> None:
        raw["clients"].update(_clients(raw["clients"]["registry"]))
        raw["clients"]["registry"]["scopes"] = ["openid"]
        raw["streams"] = {**{name: {} for name in POLLED}, "pushed": {"url": "https://registry.example/events"}}

    with running(folder, standins=standins, change=change) as world:
        yield world


@pytest.fixture
def told(_told: World) -> Iterator[World]:
    """A broker with its clock set right again after each test, in which nothing has happened."""
    yield _told
    _told.clock.offset = timedelta(0)
    with _told.parts.database.begin() as connection:
        for table in (security_deliveries, security_events):
            connection.execute(delete(table))
