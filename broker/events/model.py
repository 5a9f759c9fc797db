"""The tables of the outbox, and of the security events that registries are told."""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from broker.storage.database import Serial, UtcDateTime, metadata

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

security_events = Table(
    "security_events",
    metadata,
    Column("id", Serial, primary_key=True),  # in the order in which they happened to one subject
    Column("jti", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),  # such as account.claimed
    Column("subject", String, nullable=False, index=True),  # the registry's id of the account
    Column("data", Text, nullable=False),  # JSON: ids, codes and times, nothing personal
    Column("occurred_at", UtcDateTime, nullable=False, index=True),
)

security_deliveries = Table(
    "security_deliveries",
    metadata,
    Column("client_id", String, primary_key=True),
    Column("event_id", Serial, ForeignKey("security_events.id"), primary_key=True, autoincrement=False),
    Column("subject", String, nullable=False),  # as in the event, to keep the order of one subject
    Column("due_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("delivered_at", UtcDateTime),
    Column("last_error", String),  # a code
    Index("ix_security_deliveries_event_id", "event_id"),
    Index("ix_security_deliveries_waiting", "client_id", "delivered_at", "due_at"),
    Index("ix_security_deliveries_subject", "client_id", "subject", "event_id"),
)
