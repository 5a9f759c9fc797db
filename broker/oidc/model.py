"""The tables of the registries, and of what they were granted."""

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, String, Table, Text

from broker.storage.database import UtcDateTime, metadata

clients = Table(
    "clients",
    metadata,
    Column("client_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("secret_sha256", String),  # hex; none for a client that authenticates otherwise
    Column("management_sha256", String),  # hex, of the registration access token; none for an operator's client
    Column("settings", Text, nullable=False),  # broker.settings.ClientMetadata as JSON
    Column("status", String, nullable=False),  # active, disabled
    Column("created_at", UtcDateTime, nullable=False),
)

# What lets somebody register clients (RFC 7591 section 3, "initial access token").
registration_tokens = Table(
    "registration_tokens",
    metadata,
    Column("token_sha256", String, primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

# A refresh token and all its successors. The record, sealed, is broker.oidc.grant.Grant.
refresh_families = Table(
    "refresh_families",
    metadata,
    Column("id", String, primary_key=True),  # of the grant
    Column("handle_sha256", String, nullable=False, unique=True),
    Column("token_sha256", String, nullable=False),
    Column("previous_sha256", String),
    Column("rotated_at", UtcDateTime),
    Column("client_id", String, nullable=False),
    Column("account_id", String, ForeignKey("accounts.id"), nullable=False),
    Column("record_sealed", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    Index("ix_refresh_families_account_id_client_id", "account_id", "client_id"),
)

# What a person lets a client that is not ours know of them.
consents = Table(
    "consents",
    metadata,
    Column("account_id", String, ForeignKey("accounts.id"), primary_key=True),
    Column("client_id", String, primary_key=True),
    Column("scopes", Text, nullable=False),  # a JSON array
    Column("given_at", UtcDateTime, nullable=False),
)

# Who somebody is to the clients of one sector, and to no other (OpenID Connect Core section 8.1).
pairwise_subjects = Table(
    "pairwise_subjects",
    metadata,
    Column("account_id", String, ForeignKey("accounts.id"), primary_key=True),
    Column("sector", String, primary_key=True),
    Column("sub", String, nullable=False, unique=True),
)
