"""The tables of the audit record. The database itself refuses to change or remove a row of either."""

from sqlalchemy import Column, ForeignKey, String, Table, Text

from broker.storage.database import Serial, UtcDateTime, metadata

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("action", String, nullable=False),
    Column("account_id", String, index=True),
    Column("client_id", String),
    Column("provider_id", String),
    Column("detail", Text, nullable=False),
    Column("mac", String, nullable=False, unique=True),
)

audit_seals = Table(
    "audit_seals",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=False),
    Column("entry_id", Serial, ForeignKey("audit_entries.id"), nullable=False, unique=True),
    Column("mac", String, nullable=False),
)
