"""The tables of accounts. ``people`` and ``email_changes`` hold the only personal data, encrypted."""

from sqlalchemy import Boolean, Column, ForeignKey, LargeBinary, String, Table

from broker.storage.database import UtcDateTime, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", String, primary_key=True),  # a random UUID
    Column("kind", String, nullable=False),  # person, organization
    Column("status", String, nullable=False),  # active, disabled, erased
    Column("created_at", UtcDateTime, nullable=False),
)

people = Table(
    "people",
    metadata,
    Column("account_id", String, ForeignKey("accounts.id"), primary_key=True),
    Column("name_sealed", LargeBinary),
    Column("email_sealed", LargeBinary),
    Column("email_index", String, index=True),  # not unique: an address identifies nobody here
    Column("email_verified", Boolean, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

identities = Table(
    "identities",
    metadata,
    Column("id", String, primary_key=True),  # a random UUID
    Column("account_id", String, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("provider_id", String, nullable=False),
    Column("pseudonym", String, nullable=False, unique=True),
    Column("linked_at", UtcDateTime, nullable=False),
)

email_changes = Table(
    "email_changes",
    metadata,
    Column("token_hash", String, primary_key=True),
    Column("account_id", String, ForeignKey("accounts.id"), nullable=False, unique=True),
    Column("email_sealed", LargeBinary, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

registry_accounts = Table(
    "registry_accounts",
    metadata,
    Column("registry_id", String, primary_key=True),  # the registry's own id of an account of its old world
    Column("account_id", String, ForeignKey("accounts.id"), nullable=False, index=True),  # a person's, organisation's
    Column("since", UtcDateTime, nullable=False),
)
