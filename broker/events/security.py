"""Security events: what registries are told of accounts of theirs, written in the transaction that brings it about.

An event is kept, so that it can be told again; each registry that listens has a delivery of it. How they leave, as
signed tokens (RFC 8417), is ``oidc``'s.
"""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import Connection, insert

from broker.events.model import security_deliveries, security_events


class EventKind(StrEnum):
    """What happened to an account of the registry."""

    CLAIMED = "account.claimed"
    CLAIM_UNDONE = "account.claim_undone"
    CONVERTED = "alias.converted"
    CONVERSION_UNDONE = "alias.conversion_undone"
    PASSWORD_CLOSED = "password.closed"  # noqa: S105 - an event, not a password


class SecurityEvents:
    """Writes them. ``listeners`` are the ids of the clients that want to be told."""

    def __init__(self, listeners: Collection[str]) -> None:
        self._listeners = sorted(listeners)

    def write(
        self,
        connection: Connection,
        kind: EventKind,
        registry_id: str,
        data: Mapping[str, str | int | None],
        now: datetime,
    ) -> None:
        """Write an event in the caller's transaction. ``data``: ids, codes and times alone; nothing personal."""
        event_id = connection.execute(
            insert(security_events)
            .values(
                jti=str(uuid4()),
                kind=kind.value,
                subject=registry_id,
                data=json.dumps(data, sort_keys=True),
                occurred_at=now,
            )
            .returning(security_events.c.id)
        ).scalar_one()
        if self._listeners:
            connection.execute(
                insert(security_deliveries),
                [
                    {"client_id": each, "event_id": event_id, "subject": registry_id, "due_at": now, "attempts": 0}
                    for each in self._listeners
                ],
            )
