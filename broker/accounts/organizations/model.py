"""The tables of organisations. An organisation is an account too: its status stands there."""

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, String, Table, Text, text

from broker.storage.database import UtcDateTime, metadata

organizations = Table(
    "organizations",
    metadata,
    Column("id", String, ForeignKey("accounts.id"), primary_key=True),
    Column("name", String, nullable=False),  # for everybody to read
    Column("name_key", String, nullable=False, unique=True),  # the name as it is compared
    Column("rule", Text, nullable=False),  # JSON: broker.tenants.rules
    Column("contact_sealed", LargeBinary),  # the address that a shared account of the old world had
)

memberships = Table(
    "memberships",
    metadata,
    Column("organization_id", String, ForeignKey("organizations.id"), primary_key=True),
    Column("account_id", String, ForeignKey("accounts.id"), primary_key=True, index=True),
    Column("role", String, nullable=False),  # admin, member
    Column("joined_at", UtcDateTime, nullable=False),
    Column("suspended_at", UtcDateTime),  # since when its last sign-ins have not met the rules
)

former_memberships = Table(
    "former_memberships",
    metadata,
    Column("organization_id", String, ForeignKey("organizations.id"), primary_key=True),
    Column("account_id", String, ForeignKey("accounts.id"), primary_key=True, index=True),
    Column("left_at", UtcDateTime, nullable=False),  # the last time
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", String, primary_key=True),  # a random UUID
    Column("token_hash", String, nullable=False, unique=True),
    Column("organization_id", String, ForeignKey("organizations.id"), nullable=False, index=True),
    Column("email_sealed", LargeBinary, nullable=False),
    Column("email_index", String, nullable=False),
    Column("invited_by", String, nullable=False),  # an account id
    Column("invited_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

_PENDING = text("state = 'pending'")

changes = Table(
    "changes",
    metadata,
    Column("id", String, primary_key=True),  # a random UUID
    Column("organization_id", String, ForeignKey("organizations.id"), nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("target", String, nullable=False),  # what it changes: an id; empty for the organisation itself
    Column("payload", Text, nullable=False),  # JSON, without anything personal
    Column("requested_by", String, nullable=False),  # an account id
    Column("requested_at", UtcDateTime, nullable=False),
    Column("effective_at", UtcDateTime, nullable=False, index=True),
    Column("state", String, nullable=False),  # pending, done, stopped, replaced, failed
    Column("ended_by", String),  # an account id
    Column("ended_at", UtcDateTime),
    # A newer change of the same thing takes the place of the one that waits.
    Index(
        "uq_changes_pending",
        "organization_id",
        "kind",
        "target",
        unique=True,
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    ),
)

last_sign_ins = Table(
    "last_sign_ins",
    metadata,
    Column("account_id", String, ForeignKey("accounts.id"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("proof_sealed", LargeBinary, nullable=False),  # how it was, without who it was
)

operators = Table(
    "operators",
    metadata,
    Column("account_id", String, ForeignKey("accounts.id"), primary_key=True),
    Column("added_at", UtcDateTime, nullable=False),
)
