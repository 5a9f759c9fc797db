"""The table of limits that an operator raised for a time."""

from sqlalchemy import Column, Integer, String, Table

from broker.storage.database import UtcDateTime, metadata

limit_raises = Table(
    "limit_raises",
    metadata,
    Column("limit", String, primary_key=True),  # the name of the limit, as in the settings
    Column("subject", String, primary_key=True),  # an id or a keyed hash: never an address
    Column("size", Integer, nullable=False),
    Column("raised_at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
)
