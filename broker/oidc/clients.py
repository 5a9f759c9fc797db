"""The registries: OpenID relying parties, from configuration and from the database.

A client in configuration costs no look-up and cannot be changed at run time; one added by ``vestibule clients
add`` is read from the database each time, so that disabling it holds at once, everywhere.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row, insert, select, update

from broker.audit.service import Audit
from broker.oidc.model import clients
from broker.settings import ClientSettings, Settings
from broker.signin.policy import ClientRule
from broker.storage.database import Database
from claims.evidence import Binding, Strength

# RFC 6749 appendix A.1, without the space; and no database is asked for what cannot be one.
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A registered client (RFC 7591 section 2 names). ``providers`` none: any; ``rule``: what it asks beyond ours."""

    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    secret_sha256: str | None
    auth_method: str
    scopes: tuple[str, ...]
    id_token_signed_response_alg: str
    providers: frozenset[str] | None
    rule: ClientRule
    id_token_claims: tuple[str, ...]
    enabled: bool

    # The interface that Authlib's grants ask of a client (authlib.oauth2.rfc6749.ClientMixin).

    def get_client_id(self) -> str:
        return self.client_id

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Compare as strings, nothing normalised (RFC 9700 section 2.1)."""
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        """Compare hashes in constant time; a secret of any bytes is just wrong, not an error."""
        given = hashlib.sha256(client_secret.encode("utf-8", "surrogatepass")).hexdigest()
        return self.secret_sha256 is not None and secrets.compare_digest(given, self.secret_sha256)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """A client is held to its registered method at every endpoint."""
        del endpoint
        return method == self.auth_method

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"

    def allows(self, provider_id: str) -> bool:
        """Return whether users may come to this client by that provider."""
        return self.providers is None or provider_id in self.providers

    @property
    def home(self) -> str:
        """Where the client lives: the origin of its first redirect URI."""
        parts = urlsplit(self.redirect_uris[0])
        return f"{parts.scheme}://{parts.netloc}"


class Clients:
    """Clients by id."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._configured = {key: from_settings(key, value) for key, value in settings.clients.items()}
        self._database = database

    def get(self, client_id: str) -> Client | None:
        """Return the client if it exists and is enabled: at most one statement."""
        if not _CLIENT_ID.fullmatch(client_id):
            return None
        client = self._configured.get(client_id)
        if client is None:
            with self._database.read() as connection:
                row = connection.execute(select(clients).where(clients.c.client_id == client_id)).one_or_none()
            client = _from_row(row) if row is not None else None
        return client if client is not None and client.enabled else None

    def all(self) -> list[tuple[Client, str]]:
        """Return every client, disabled ones too, with where it is defined: ``configuration`` or ``database``."""
        with self._database.read() as connection:
            rows = connection.execute(select(clients).order_by(clients.c.client_id)).all()
        configured = [(client, "configuration") for client in self._configured.values()]
        return configured + [(_from_row(row), "database") for row in rows]

    def add(
        self, connection: Connection, client_id: str, settings: ClientSettings, audit: Audit, now: datetime
    ) -> None:
        """Add a client to the database. Raises ``ValueError`` when the id is taken."""
        taken = connection.execute(select(clients.c.client_id).where(clients.c.client_id == client_id)).one_or_none()
        if taken is not None or client_id in self._configured:
            raise ValueError(f"there is a client {client_id!r} already")
        client = from_settings(client_id, settings)
        connection.execute(
            insert(clients).values(
                client_id=client_id,
                name=client.name,
                secret_sha256=client.secret_sha256,
                auth_method=client.auth_method,
                redirect_uris=json.dumps(client.redirect_uris),
                scopes=json.dumps(client.scopes),
                providers=None if client.providers is None else json.dumps(sorted(client.providers)),
                id_token_alg=client.id_token_signed_response_alg,
                policy=json.dumps(_dump_policy(client)),
                status="active",
                created_at=now,
            )
        )
        audit.record(connection, action="client.added", client_id=client_id, now=now)

    def set_status(self, connection: Connection, client_id: str, status: str, audit: Audit, now: datetime) -> None:
        """Set ``active`` or ``disabled``. Raises ``LookupError`` when the database has no such client."""
        changed = connection.execute(update(clients).where(clients.c.client_id == client_id).values(status=status))
        if changed.rowcount != 1:
            raise LookupError(f"the database has no client {client_id!r}")
        audit.record(connection, action="client.changed", client_id=client_id, detail={"state": status}, now=now)


def from_settings(client_id: str, settings: ClientSettings) -> Client:
    """Return the client of a configuration section. The secret is hashed at once and not kept."""
    secret = settings.secret
    return Client(
        client_id=client_id,
        name=settings.name,
        redirect_uris=tuple(settings.redirect_uris),
        secret_sha256=hashlib.sha256(secret.get_secret_value().encode()).hexdigest() if secret else None,
        auth_method=settings.auth_method,
        scopes=tuple(settings.scopes),
        id_token_signed_response_alg=settings.id_token_signed_response_alg,
        providers=None if settings.providers is None else frozenset(settings.providers),
        rule=ClientRule(
            strength=Strength.parse(settings.strength) if settings.strength else None,
            bindings=None if settings.bindings is None else frozenset(map(Binding, settings.bindings)),
            max_age=None if settings.max_age is None else timedelta(seconds=settings.max_age),
        ),
        id_token_claims=tuple(settings.id_token_claims),
        enabled=settings.enabled,
    )


def _dump_policy(client: Client) -> Mapping[str, object]:
    rule = client.rule
    return {
        "strength": None if rule.strength is None else rule.strength.label,
        "bindings": None if rule.bindings is None else sorted(rule.bindings),
        "max_age": None if rule.max_age is None else int(rule.max_age.total_seconds()),
        "id_token_claims": list(client.id_token_claims),
    }


def _from_row(row: Row[*tuple[Any, ...]]) -> Client:
    policy = json.loads(row.policy)
    return Client(
        client_id=row.client_id,
        name=row.name,
        redirect_uris=tuple(json.loads(row.redirect_uris)),
        secret_sha256=row.secret_sha256,
        auth_method=row.auth_method,
        scopes=tuple(json.loads(row.scopes)),
        id_token_signed_response_alg=row.id_token_alg,
        providers=None if row.providers is None else frozenset(json.loads(row.providers)),
        rule=ClientRule(
            strength=Strength.parse(policy["strength"]) if policy["strength"] else None,
            bindings=None if policy["bindings"] is None else frozenset(map(Binding, policy["bindings"])),
            max_age=None if policy["max_age"] is None else timedelta(seconds=policy["max_age"]),
        ),
        id_token_claims=tuple(policy["id_token_claims"]),
        enabled=row.status == "active",
    )
