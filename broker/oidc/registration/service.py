"""Registering a client, and managing it with its own token."""

import json
import logging
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import requests
from sqlalchemy import Connection

from broker.audit.service import Audit
from broker.oidc.clients import Clients, Registered, from_metadata, origin, sha256
from broker.oidc.registration.initial import InitialTokens
from broker.oidc.registration.metadata import Unacceptable, describe, parse, wrong
from broker.oidc.registration.rules import Asked, check
from broker.settings import ClientMetadata
from broker.settings.clients import SECRET_METHODS
from broker.storage.database import Database
from providers.guarded import Fetched

MAX_SECTOR_BYTES = 65536
# Only ids that are made here. An operator's client has no token to manage it with, whatever its id.
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{22}")
# RFC 7592 section 2.2: what the server says of a client, and the client does not repeat.
_OURS_TO_SAY = (
    "registration_access_token",
    "registration_client_uri",
    "client_id_issued_at",
    "client_secret_expires_at",
)

log = logging.getLogger(__name__)


class Fetch(Protocol):
    """``providers.guarded.guarded_get``, with the operator's word on private addresses."""

    def __call__(self, url: str, *, max_bytes: int) -> Fetched: ...


class Registration:
    """Clients that register themselves. Every answer is the client information response of RFC 7591 section 3.2.1."""

    def __init__(
        self,
        *,
        clients: Clients,
        audit: Audit,
        database: Database,
        issuer: str,
        fetch: Fetch,
        insecure_allow_private_addresses: bool,
    ) -> None:
        self._clients = clients
        self._initial = InitialTokens(audit)
        self._audit = audit
        self._database = database
        self._issuer = issuer
        self._fetch = fetch
        self._insecure_allow_private_addresses = insecure_allow_private_addresses

    def admits(self, initial_token: str, now: datetime) -> str | None:
        """Return the id of an initial access token that is good now, or none."""
        with self._database.read() as connection:
            return self._initial.find(connection, initial_token, now)

    def register(self, document: Mapping[str, object], admitted_by: str, now: datetime) -> dict[str, object]:
        """Add a client, and return all of it, secret and token included: this once. Raises :class:`Unacceptable`."""
        client_id = secrets.token_urlsafe(16)
        metadata = self._read(document, client_id, None)
        secret = _new_secret(metadata)
        token = secrets.token_urlsafe(32)
        with self._database.begin() as connection:
            self._check_name(connection, metadata)
            self._clients.add(connection, client_id, metadata, self._audit, now, secret=secret, management_token=token)
            admitted = {"reference": admitted_by}
            self._audit.record(connection, action="client.registered", client_id=client_id, detail=admitted, now=now)
        return self._information(client_id, metadata, now, secret, token)

    def find(self, client_id: str, token: str) -> Registered | None:
        """Return the client that ``token`` manages, if that is this one and it is switched on."""
        with self._database.read() as connection:
            return self._managed(connection, client_id, token)

    def read(self, found: Registered, token: str) -> dict[str, object]:
        """Return what is known of a client (RFC 7592 section 2.1), but its secret, of which only a hash is kept."""
        return self._information(found.client.client_id, found.metadata, found.created_at, None, token)

    def update(
        self, found: Registered, token: str, document: Mapping[str, object], now: datetime
    ) -> dict[str, object] | None:
        """Replace all metadata (RFC 7592 section 2.2); none if the client has gone meanwhile.

        A secret stays what it was, and is made anew only for a client that had none. Raises :class:`Unacceptable`.
        """
        client_id = found.client.client_id
        given = _identified(document, found)
        metadata = self._read(document, client_id, found.metadata)
        with self._database.begin() as connection:
            current = self._managed(connection, client_id, token)
            if current is None:
                return None
            self._check_name(connection, metadata)
            moved = from_metadata(client_id, metadata, secret_sha256=None, enabled=True)
            if moved.sector != current.client.sector:
                # Who it knew under one name it would learn under another (OpenID Connect Core section 8.1).
                raise Unacceptable("invalid_client_metadata", "subject_type and sector cannot change: register anew.")
            if not {origin(uri) for uri in moved.redirect_uris} <= {
                origin(uri) for uri in current.client.redirect_uris
            }:
                # People said yes to where their answer went; it would go elsewhere.
                self._clients.forget_grants(connection, client_id)
            kept = current.client.secret_sha256 if metadata.auth_method in SECRET_METHODS else None
            secret = _new_secret(metadata) if kept is None else None
            digest = kept if secret is None else sha256(secret)
            self._clients.replace(connection, client_id, metadata, self._audit, now, secret_sha256=digest)
        return self._information(client_id, metadata, found.created_at, secret or (kept and given), token)

    def remove(self, client_id: str, token: str, now: datetime) -> bool:
        """Remove a client with all it was granted (RFC 7592 section 2.3). Returns whether ``token`` manages it."""
        with self._database.begin() as connection:
            if self._managed(connection, client_id, token) is None:
                return False
            self._clients.remove(connection, client_id, self._audit, now)
        return True

    def _check_name(self, connection: Connection, metadata: ClientMetadata) -> None:
        if metadata.name.casefold().strip() in self._clients.vouched_names(connection):
            # People would take it for that one where they are asked what it may do.
            raise wrong("client_name", "is the name of another client")

    def _managed(self, connection: Connection, client_id: str, token: str) -> Registered | None:
        if not _CLIENT_ID.fullmatch(client_id):
            return None
        found = self._clients.registered(connection, client_id)
        if found is None or found.management_sha256 is None or not found.client.enabled:
            return None
        return found if secrets.compare_digest(sha256(token), found.management_sha256) else None

    def _read(self, document: Mapping[str, object], client_id: str, before: ClientMetadata | None) -> ClientMetadata:
        # RFC 7592 section 2.2: null is as good as left out.
        document = {name: value for name, value in document.items() if value is not None}
        metadata = parse(document, client_id, before)
        check(
            Asked(
                document=document,
                metadata=metadata,
                issuer=self._issuer,
                insecure_allow_private_addresses=self._insecure_allow_private_addresses,
            )
        )
        if metadata.sector_identifier_uri is not None:
            self._check_sector(metadata.sector_identifier_uri, metadata.redirect_uris)
        return metadata

    def _check_sector(self, uri: str, redirect_uris: tuple[str, ...]) -> None:
        """OpenID Connect Dynamic Client Registration 1.0 section 5: the sector lists every redirect URI."""
        try:
            fetched = self._fetch(uri, max_bytes=MAX_SECTOR_BYTES)
            listed = json.loads(fetched.body.decode()) if fetched.status == 200 else None
        except (requests.RequestException, ValueError, RecursionError) as error:
            log.info("a sector document was not read: %s", type(error).__name__)
            listed = None
        if not isinstance(listed, list) or not all(each in listed for each in redirect_uris):
            # One sentence for all that can go wrong: what we can reach is nothing to ask us about.
            raise wrong("sector_identifier_uri", "does not lead to a JSON array that contains every redirect URI")

    def _information(
        self, client_id: str, metadata: ClientMetadata, issued_at: datetime, secret: str | None, token: str
    ) -> dict[str, object]:
        return {
            "client_id": client_id,
            "client_id_issued_at": int(issued_at.timestamp()),
            **({"client_secret": secret, "client_secret_expires_at": 0} if secret else {}),
            "registration_access_token": token,
            "registration_client_uri": f"{self._issuer}/register/{client_id}",
            **describe(metadata),
        }


def _new_secret(metadata: ClientMetadata) -> str | None:
    return secrets.token_urlsafe(32) if metadata.auth_method in SECRET_METHODS else None


def _identified(document: Mapping[str, object], found: Registered) -> str | None:
    """Return the client's secret if it repeats it. Raises unless it says who it is, and nothing that is ours to say."""
    for member in _OURS_TO_SAY:
        if member in document:
            raise Unacceptable("invalid_request", f"{member} is not the client's to send.")
    if document.get("client_id") != found.client.client_id:
        raise wrong("client_id", "is missing, or is another's")
    secret = document.get("client_secret")
    if secret is None:
        return None
    if not isinstance(secret, str) or not found.client.check_client_secret(secret):
        raise wrong("client_secret", "is not the client's; a client cannot choose one")
    return secret
