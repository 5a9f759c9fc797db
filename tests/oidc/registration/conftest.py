"""Registration over a real database, and the smallest documents that register."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey
from sqlalchemy import text

from broker.audit.service import Audit
from broker.oidc.clients import Client, Clients, Registered
from broker.oidc.registration.initial import InitialTokens
from broker.oidc.registration.service import Fetch, Registration
from broker.settings import Settings
from broker.storage.database import Database
from providers.guarded import guarded_get
from tests.world import key

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ISSUER = "https://login.example.org"
CALLBACK = "https://registry.example.com/callback"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
EC = ECKey.generate_key("P-256", {"kid": "one"})
JWKS: dict[str, Any] = {"keys": [EC.as_dict(private=False)]}


def asked(**changes: Any) -> dict[str, Any]:
    """Return the smallest request, changed."""
    return {"redirect_uris": [CALLBACK], **changes}


@dataclass(frozen=True, kw_only=True)
class House:
    """Registration, and what it works on."""

    database: Database
    clients: Clients
    audit: Audit
    initial: InitialTokens
    registration: Registration

    def open(self, fetch: Fetch, *, private: bool = False) -> Registration:
        """Return another registration over the same database."""
        return Registration(
            clients=self.clients,
            audit=self.audit,
            database=self.database,
            issuer=ISSUER,
            fetch=fetch,
            insecure_allow_private_addresses=private,
        )

    def register(self, document: Mapping[str, Any]) -> dict[str, Any]:
        return self.registration.register(document, "0123456789abcdef", NOW)

    def client(self, client_id: object) -> Client:
        found = self.clients.get(str(client_id))
        assert found is not None
        return found

    def found(self, answer: Mapping[str, Any]) -> Registered:
        found = self.registration.find(answer["client_id"], answer["registration_access_token"])
        assert found is not None
        return found

    def update(self, answer: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        """Put ``changes`` in place of all metadata."""
        document = {"client_id": answer["client_id"], **asked(**changes)}
        done = self.registration.update(self.found(answer), answer["registration_access_token"], document, NOW)
        assert done is not None
        return done

    def actions(self) -> list[str]:
        with self.database.read() as connection:
            return list(connection.execute(text("SELECT action FROM audit_entries ORDER BY id")).scalars())

    def count(self, table: str) -> int:
        with self.database.read() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def settings() -> Settings:
    return Settings.model_validate(
        {
            "issuer": ISSUER,
            "secrets": {
                "encryption": {"v1": key()},
                "pseudonym": {"v1": key()},
                **{name: key() for name in ("index", "audit", "cookies")},
            },
            "mail": {"url": "directory:mail", "sender": "vestibule@login.example.org"},
        }
    )


def build(database: Database) -> House:
    known = settings()
    clients, audit = Clients(known, database), Audit(database, known.secrets.audit_key())
    registration = Registration(
        clients=clients,
        audit=audit,
        database=database,
        issuer=ISSUER,
        fetch=partial(guarded_get, insecure_allow_private=False),
        insecure_allow_private_addresses=False,
    )
    return House(
        database=database, clients=clients, audit=audit, initial=InitialTokens(audit), registration=registration
    )


@pytest.fixture
def house(tmp_path: Path, migrated_sqlite: Path) -> Iterator[House]:
    """Over SQLite."""
    shutil.copy(migrated_sqlite, tmp_path / "vestibule.db")
    database = Database(f"sqlite:///{tmp_path / 'vestibule.db'}")
    yield build(database)
    database.dispose()


@pytest.fixture
def houses(database: Database) -> House:
    """Over SQLite and over PostgreSQL."""
    return build(database)


@pytest.fixture
def initial_token(house: House) -> Callable[[timedelta], str]:
    """Return a maker of initial access tokens."""

    def make(lifetime: timedelta) -> str:
        with house.database.begin() as connection:
            return house.initial.create(connection, NOW + lifetime, NOW)

    return make
