"""The table of clients: the registries that may ask us to sign their users in. Lists are JSON text."""

from sqlalchemy import Column, String, Table, Text

from broker.storage.database import UtcDateTime, metadata

clients = Table(
    "clients",
    metadata,
    Column("client_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("secret_sha256", String),  # hex; none for a public client
    Column("auth_method", String, nullable=False),
    Column("redirect_uris", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("providers", Text),  # none means every provider
    Column("id_token_alg", String, nullable=False),
    Column("policy", Text, nullable=False),
    Column("status", String, nullable=False),  # active, disabled
    Column("created_at", UtcDateTime, nullable=False),
)
