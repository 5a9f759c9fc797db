"""The table of the outbox."""

from sqlalchemy import Column, Integer, LargeBinary, String, Table

from broker.storage.database import UtcDateTime, metadata

outbox = Table(
    "outbox",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("payload_sealed", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("subject", String),  # the id of a client or an account, for operators to see; never an address
    Column("last_error", String),  # a code
)
