"""The table of kill switches: a row is one that is thrown."""

from sqlalchemy import Column, String, Table

from broker.storage.database import UtcDateTime, metadata

switches = Table(
    "switches",
    metadata,
    Column("kind", String, primary_key=True),  # provider, tenant, client, read_only, sign_up
    Column("target", String, primary_key=True),  # the id of the provider, tenant or client; empty for the others
    Column("turned_at", UtcDateTime, nullable=False),
    Column("turned_by", String, nullable=False),  # "command line", or the id of an operator's account
)
