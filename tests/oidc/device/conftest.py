"""Device codes over every short-lived store, with a clock that is moved by hand."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_bytes, token_hex
from typing import Any

import pytest

from broker.audit.service import Audit
from broker.keys.cipher import FieldCipher
from broker.keys.pseudonyms import BlindIndex
from broker.oidc.clients import Client, from_metadata
from broker.oidc.device.confirmations import Confirmations
from broker.oidc.device.service import DeviceRequest, Devices
from broker.settings import ClientMetadata
from broker.settings.clients import DEVICE_CODE
from broker.signin.sessions import Session, Sessions
from broker.storage.database import Database
from broker.storage.sealed import digest
from broker.storage.store import MemoryStore, RedisStore, ShortLived
from broker.switches.service import Switches
from claims.evidence import Authentication, Binding, Evidence, Kind, Strength
from providers.standins import Standins
from tests.oidc.device.command_line import add_client, change_client, set_status
from tests.world import World, running

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LIFETIME = 600
BROWSER = "b" * 43


def client_of(client_id: str) -> Client:
    metadata = ClientMetadata.model_validate(
        {"name": "Example CLI", "grant_types": [DEVICE_CODE], "auth_method": "none", "scopes": ["openid", "profile"]}
    )
    return from_metadata(client_id, metadata, secret_sha256=None, enabled=True)


@dataclass
class Time:
    """One time for the broker and for the store in this process; Redis keeps its own."""

    past: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return NOW + self.past

    def seconds(self) -> float:
        return self.past.total_seconds()

    def move(self, seconds: float) -> None:
        self.past += timedelta(seconds=seconds)


@dataclass
class Bench:
    """Devices, their client, and somebody who is signed in."""

    time: Time
    store: ShortLived
    devices: Devices
    sessions: Sessions
    confirmations: Confirmations
    client: Client
    cookie: str
    session: Session

    def begin(self, **changes: Any) -> DeviceRequest:
        asked: dict[str, Any] = {"scope": ("openid", "profile"), "resources": (), "requested_acr": (), **changes}
        return self.devices.begin(self.client, **asked, now=self.time.now())

    def question(self, request: DeviceRequest) -> str:
        """Put the question to the person, and return its store key."""
        handle = self.confirmations.begin(request.user_code, session=self.session.key, browser=digest(BROWSER))
        found = self.confirmations.find(handle, BROWSER)
        assert found is not None
        assert (found.user_code, found.session) == (request.user_code, self.session.key)
        return found.key

    def approve(self, request: DeviceRequest, confirmation: str | None = None) -> bool:
        return self.devices.approve(
            request,
            self.session,
            unchanged=self.sessions.unchanged(self.cookie, self.session, self.time.now()),
            confirmation=confirmation or self.question(request),
            sector=None,
            now=self.time.now(),
        )


def furnished(store: ShortLived, time: Time) -> Bench:
    cipher = FieldCipher({"v1": token_bytes(32)})
    database = Database("sqlite:////nowhere/vestibule.db")  # never asked
    switches = Switches(database, store, Audit(database, token_bytes(32)))
    sessions = Sessions(store, cipher, timedelta(hours=12), switches)
    proof = Evidence(
        kind=Kind.AMR,
        values=("mfa",),
        strength=Strength.MFA,
        binding=Binding.SESSION,
        observed_at=NOW,
        source="test:amr",
    )
    cookie, session = sessions.new(
        account_id="account",
        identity_id="identity",
        provider_id="generic",
        tenant="",
        guest=False,
        authentication=Authentication(evidence=(proof,), auth_time=NOW),
        offer=None,
        now=NOW,
    )
    entry, index = sessions.entries(cookie, session, NOW)
    store.commit(put=[entry], index=[index])
    return Bench(
        time=time,
        store=store,
        devices=Devices(
            store=store, sealer=cipher, index=BlindIndex(token_bytes(32)), lifetime=LIFETIME, clock=time.now
        ),
        sessions=sessions,
        confirmations=Confirmations(store, cipher),
        client=client_of("cli"),
        cookie=cookie,
        session=session,
    )


@pytest.fixture
def here() -> Bench:
    """A bench whose store keeps the time of the test."""
    time = Time()
    return furnished(MemoryStore(clock=time.seconds), time)


@pytest.fixture(params=["memory", "redis"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A bench on each store; in Redis no time passes."""
    if request.param == "memory":
        yield request.getfixturevalue("here")
        return
    store = RedisStore(request.getfixturevalue("redis_url"), f"{token_hex(8)}:")
    yield furnished(store, Time())
    store.close()


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[World]:
    """One broker for all tests here, which leave its clock and its clients as they were."""
    folder = tmp_path_factory.mktemp("device")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")
    with running(folder, standins=standins) as broker:
        add_client(broker)
        yield broker


@pytest.fixture
def world(shared: World) -> Iterator[World]:
    """The shared broker, in place of one of the test's own."""
    yield shared
    shared.clock.offset = timedelta(0)
    change_client(shared)
    set_status(shared, "active")
