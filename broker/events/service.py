"""Writing to the outbox."""

import json
from collections.abc import Mapping
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection, insert

from broker.events.model import outbox
from broker.keys.cipher import FieldCipher


class Outbox:
    """What waits to be sent. What sends it is :class:`broker.events.delivery.Deliveries`."""

    def __init__(self, cipher: FieldCipher) -> None:
        self._cipher = cipher

    def enqueue(
        self,
        connection: Connection,
        kind: str,
        payload: Mapping[str, object],
        *,
        now: datetime,
        expires_at: datetime,
        subject: str | None = None,
    ) -> None:
        """Write an item in the caller's transaction; it is tried until ``expires_at``, and then forgotten.

        ``payload`` has JSON values only, and is kept encrypted. ``subject`` is kept readable: an id, nothing personal.
        """
        item_id = str(uuid4())
        connection.execute(
            insert(outbox).values(
                id=item_id,
                kind=kind,
                payload_sealed=self._cipher.seal(json.dumps(payload).encode(), payload_context(item_id)),
                created_at=now,
                due_at=now,
                attempts=0,
                expires_at=expires_at,
                subject=subject,
            )
        )


def payload_context(item_id: str) -> str:
    """Bind a sealed payload to its row."""
    return f"outbox.payload:{item_id}"
