"""The table of signing keys."""

from sqlalchemy import Column, LargeBinary, String, Table

from broker.storage.database import UtcDateTime, metadata

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", String, primary_key=True),
    Column("alg", String, nullable=False),
    Column("private_sealed", LargeBinary),  # emptied once the key is gone
    Column("created_at", UtcDateTime, nullable=False),
    Column("active_from", UtcDateTime, nullable=False),
    Column("retire_at", UtcDateTime),
    Column("gone_at", UtcDateTime),
)
