"""The registries: OpenID relying parties, from configuration and from the database.

A client in configuration costs no look-up and cannot be changed at run time; one in the database is read each time,
so that disabling it holds at once, everywhere. What the database has is parsed once for each of its states.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from broker.audit.service import Audit
from broker.oidc.model import clients, consents, refresh_families
from broker.settings import ClientMetadata, ClientSettings, Settings
from broker.signin.policy import ClientRule
from broker.storage.database import Database
from broker.storage.prepared import Prepared
from claims.evidence import Binding, Strength

# RFC 6749 appendix A.1, without the space; and no database is asked for what cannot be one.
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A registered client (RFC 7591 section 2 names). ``providers`` none: any; ``rule``: what it asks beyond ours.

    ``sector`` is the sector identifier (OpenID Connect Core 8.1), none for a client with public subjects.
    """

    client_id: str
    name: str
    enabled: bool
    secret_sha256: str | None
    grant_types: frozenset[str]
    redirect_uris: tuple[str, ...]
    auth_method: str
    jwks: Mapping[str, object] | None
    jwks_uri: str | None
    token_endpoint_auth_signing_alg: str | None
    scopes: tuple[str, ...]
    id_token_signed_response_alg: str
    id_token_claims: tuple[str, ...]
    access_token_format: str
    introspection_signed_response_alg: str
    sector: str | None
    first_party: bool
    require_pushed_authorization_requests: bool
    require_signed_request_object: bool
    request_object_signing_alg: str | None
    dpop_bound_access_tokens: bool
    insecure_pkce_optional: bool
    post_logout_redirect_uris: tuple[str, ...]
    backchannel_logout_uri: str | None
    resources: frozenset[str]
    serves: frozenset[str]
    providers: frozenset[str] | None
    rule: ClientRule

    # The interface that Authlib's grants ask of a client (authlib.oauth2.rfc6749.ClientMixin).

    def get_client_id(self) -> str:
        return self.client_id

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Compare as strings, nothing normalised (RFC 9700 section 2.1)."""
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        """Compare hashes in constant time; a secret of any bytes is just wrong, not an error."""
        return self.secret_sha256 is not None and secrets.compare_digest(sha256(client_secret), self.secret_sha256)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """A client is held to its registered method at every endpoint."""
        del endpoint
        return method == self.auth_method

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.grant_types

    @property
    def confidential(self) -> bool:
        """Whether it can prove who it is (RFC 6749 section 2.1)."""
        return self.auth_method != "none"

    def allows(self, provider_id: str) -> bool:
        """Return whether users may come to this client by that provider."""
        return self.providers is None or provider_id in self.providers


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A client as the database has it. ``management_sha256``: of its registration access token (RFC 7592)."""

    client: Client
    metadata: ClientMetadata
    management_sha256: str | None
    created_at: datetime


class Clients:
    """Clients by id. ``off`` returns the ids of those that a kill switch is thrown for; none: nobody asks for it."""

    def __init__(
        self, settings: Settings, database: Database, off: Callable[[], Collection[str]] | None = None
    ) -> None:
        self._configured = {key: from_settings(key, value) for key, value in settings.clients.items()}
        self._database = database
        self._off = off

    def get(self, client_id: str) -> Client | None:
        """Return the client if it exists, is enabled and not off: at most one statement, and the kill switches."""
        client = self.enabled(client_id)
        return client if client is not None and not self.is_off(client_id) else None

    def is_off(self, client_id: str) -> bool:
        """Return whether a kill switch is thrown for the client."""
        return self._off is not None and client_id in self._off()

    def enabled(self, client_id: str) -> Client | None:
        """Return the client if it exists and is enabled, also where a kill switch is thrown: at most one statement."""
        if not _CLIENT_ID.fullmatch(client_id):
            return None
        client = self._configured.get(client_id)
        if client is None:
            with self._database.read() as connection:
                row = _BY_ID.first(connection, client_id=client_id)
            client = _from_row(row) if row is not None else None
        return client if client is not None and client.enabled else None

    def names(self, client_ids: Iterable[str]) -> dict[str, str]:
        """Return the names of those clients that there are: at most one statement."""
        wanted = set(client_ids)
        found = {each: self._configured[each].name for each in wanted & set(self._configured)}
        missing = wanted - set(found)
        if missing:
            with self._database.read() as connection:
                rows = connection.execute(
                    select(clients.c.client_id, clients.c.name).where(clients.c.client_id.in_(missing))
                ).all()
            found |= {row.client_id: row.name for row in rows}
        return found

    def all(self) -> list[tuple[Client, str]]:
        """Return every client, disabled ones too, with where it is defined: ``configuration`` or ``database``."""
        with self._database.read() as connection:
            rows = connection.execute(select(clients).order_by(clients.c.client_id)).all()
        configured = [(client, "configuration") for client in self._configured.values()]
        return configured + [(_from_row(row), "database") for row in rows]

    def insecure(self) -> list[str]:
        """Return the unsafe switches that are on for clients of the database."""
        return [
            f"clients.{client.client_id}.insecure_pkce_optional"
            for client, where in self.all()
            if where == "database" and client.insecure_pkce_optional
        ]

    def registered(self, connection: Connection, client_id: str) -> Registered | None:
        """Return a client of the database, enabled or not, with all that is known of it."""
        if not _CLIENT_ID.fullmatch(client_id):
            return None
        row = connection.execute(select(clients).where(clients.c.client_id == client_id)).one_or_none()
        if row is None:
            return None
        return Registered(
            client=_from_row(row),
            metadata=ClientMetadata.model_validate_json(row.settings),
            management_sha256=row.management_sha256,
            created_at=row.created_at,
        )

    def add(
        self,
        connection: Connection,
        client_id: str,
        metadata: ClientMetadata,
        audit: Audit,
        now: datetime,
        *,
        secret: str | None,
        management_token: str | None = None,
    ) -> None:
        """Add a client to the database; of secret and token only hashes are kept.

        Raises ``ValueError`` when the id is taken.
        """
        taken = connection.execute(select(clients.c.client_id).where(clients.c.client_id == client_id)).one_or_none()
        if taken is not None or client_id in self._configured:
            raise ValueError(f"there is a client {client_id!r} already")
        connection.execute(
            insert(clients).values(
                client_id=client_id,
                name=metadata.name,
                secret_sha256=sha256(secret) if secret else None,
                management_sha256=sha256(management_token) if management_token else None,
                settings=_dump(metadata),
                status="active",
                created_at=now,
            )
        )
        audit.record(connection, action="client.added", client_id=client_id, now=now)

    def replace(
        self,
        connection: Connection,
        client_id: str,
        metadata: ClientMetadata,
        audit: Audit,
        now: datetime,
        *,
        secret_sha256: str | None,
    ) -> None:
        """Replace what the database knows of a client. Raises ``LookupError`` when it has no such client."""
        changed = connection.execute(
            update(clients)
            .where(clients.c.client_id == client_id)
            .values(name=metadata.name, settings=_dump(metadata), secret_sha256=secret_sha256)
        )
        if changed.rowcount != 1:
            raise LookupError(f"the database has no client {client_id!r}")
        audit.record(connection, action="client.changed", client_id=client_id, now=now)

    def remove(self, connection: Connection, client_id: str, audit: Audit, now: datetime) -> None:
        """Remove a client from the database, with all it was granted.

        Raises ``LookupError`` when the database has no such client.
        """
        removed = connection.execute(delete(clients).where(clients.c.client_id == client_id))
        if removed.rowcount != 1:
            raise LookupError(f"the database has no client {client_id!r}")
        self.forget_grants(connection, client_id)
        audit.record(connection, action="client.removed", client_id=client_id, now=now)

    def forget_grants(self, connection: Connection, client_id: str) -> None:
        """Forget what anybody granted a client, and end its refresh tokens."""
        for granted in (refresh_families, consents):
            connection.execute(delete(granted).where(granted.c.client_id == client_id))

    def vouched_names(self, connection: Connection) -> frozenset[str]:
        """Return the names of the clients that operators added, in one case: nobody else may go by them."""
        rows = connection.execute(select(clients.c.name).where(clients.c.management_sha256.is_(None))).scalars()
        names = (*rows, *(client.name for client in self._configured.values()))
        return frozenset(name.casefold().strip() for name in names)

    def set_status(self, connection: Connection, client_id: str, status: str, audit: Audit, now: datetime) -> None:
        """Set ``active`` or ``disabled``. Raises ``LookupError`` when the database has no such client."""
        changed = connection.execute(update(clients).where(clients.c.client_id == client_id).values(status=status))
        if changed.rowcount != 1:
            raise LookupError(f"the database has no client {client_id!r}")
        audit.record(connection, action="client.changed", client_id=client_id, detail={"state": status}, now=now)


_BY_ID = Prepared(select(clients).where(clients.c.client_id == bindparam("client_id")))


def from_settings(client_id: str, settings: ClientSettings) -> Client:
    """Return the client of a configuration section. The secret is hashed at once and not kept."""
    secret = sha256(settings.secret.get_secret_value()) if settings.secret else None
    return from_metadata(client_id, settings, secret_sha256=secret, enabled=settings.enabled)


def from_metadata(client_id: str, metadata: ClientMetadata, *, secret_sha256: str | None, enabled: bool) -> Client:
    """Return the client of this metadata."""
    return Client(
        client_id=client_id,
        name=metadata.name,
        enabled=enabled,
        secret_sha256=secret_sha256,
        grant_types=frozenset(metadata.grant_types),
        redirect_uris=metadata.redirect_uris,
        auth_method=metadata.auth_method,
        jwks=metadata.jwks,
        jwks_uri=metadata.jwks_uri,
        token_endpoint_auth_signing_alg=metadata.token_endpoint_auth_signing_alg,
        scopes=metadata.scopes,
        id_token_signed_response_alg=metadata.id_token_signed_response_alg,
        id_token_claims=metadata.id_token_claims,
        access_token_format=metadata.access_token_format,
        introspection_signed_response_alg=metadata.introspection_signed_response_alg,
        sector=_sector(metadata),
        first_party=metadata.first_party,
        require_pushed_authorization_requests=metadata.require_pushed_authorization_requests,
        require_signed_request_object=metadata.require_signed_request_object,
        request_object_signing_alg=metadata.request_object_signing_alg,
        dpop_bound_access_tokens=metadata.dpop_bound_access_tokens,
        insecure_pkce_optional=metadata.insecure_pkce_optional,
        post_logout_redirect_uris=metadata.post_logout_redirect_uris,
        backchannel_logout_uri=metadata.backchannel_logout_uri,
        resources=frozenset(metadata.resources),
        serves=frozenset(metadata.serves),
        providers=None if metadata.providers is None else frozenset(metadata.providers),
        rule=ClientRule(
            strength=Strength.parse(metadata.strength) if metadata.strength else None,
            bindings=None if metadata.bindings is None else frozenset(map(Binding, metadata.bindings)),
            max_age=None if metadata.max_age is None else timedelta(seconds=metadata.max_age),
        ),
    )


def is_client_id(text: str) -> bool:
    """Return whether there could be a client of this id (RFC 6749 appendix A.1)."""
    return _CLIENT_ID.fullmatch(text) is not None


def origin(uri: str) -> str:
    """Return scheme, host and port of a URI."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def sha256(text: str) -> str:
    """Return the hex SHA-256 of a secret, whatever characters it is of."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _sector(metadata: ClientMetadata) -> str | None:
    """Return the host that pairwise subjects are told apart by (OpenID Connect Core section 8.1)."""
    if metadata.subject_type == "public":
        return None
    return urlsplit(metadata.sector_identifier_uri or metadata.redirect_uris[0]).hostname


def _dump(metadata: ClientMetadata) -> str:
    document = ClientMetadata.model_dump(metadata, mode="json", include=set(ClientMetadata.model_fields))
    return json.dumps(document, sort_keys=True)


def _from_row(row: Any) -> Client:
    return _parsed(row.client_id, row.settings, row.secret_sha256, row.status == "active")


@lru_cache(maxsize=1024)
def _parsed(client_id: str, settings: str, secret_sha256: str | None, enabled: bool) -> Client:
    metadata = ClientMetadata.model_validate_json(settings)
    return from_metadata(client_id, metadata, secret_sha256=secret_sha256, enabled=enabled)
