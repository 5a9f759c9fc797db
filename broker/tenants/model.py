"""The tables of tenants: whose they are, what their admins attested, and from what exceptions excuse their people."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, text

from broker.storage.database import UtcDateTime, metadata

_HELD = text("state IN ('active', 'suspended')")
_OPEN = text("state NOT IN ('released', 'refused')")

mappings = Table(
    "mappings",
    metadata,
    Column("id", String, primary_key=True),  # a random UUID
    Column("organization_id", String, ForeignKey("organizations.id"), nullable=False, index=True),
    Column("provider_id", String, nullable=False),
    Column("tid", String, nullable=False, index=True),
    Column("name", String, nullable=False),  # for people to read
    Column("state", String, nullable=False),  # requested, proven, active, suspended, released, refused
    Column("suspended_by", String),  # admin, operator: who may lift it again; of what is over, too
    Column("rule", Text, nullable=False),  # JSON: broker.tenants.rules
    Column("requested_by", String, nullable=False),  # an account id
    Column("requested_at", UtcDateTime, nullable=False),
    Column("speaks", Boolean, nullable=False),  # who proved it holds a role that may speak for the tenant
    Column("proven_at", UtcDateTime),
    Column("decided_at", UtcDateTime),
    # A tenant belongs to one organisation at a time, and an organisation asks for it once at a time.
    Index("uq_mappings_held", "tid", unique=True, sqlite_where=_HELD, postgresql_where=_HELD),
    Index("uq_mappings_open", "organization_id", "tid", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
)

tenant_domains = Table(
    "tenant_domains",
    metadata,
    Column("domain", String, primary_key=True),  # Microsoft said whose it is
    Column("mapping_id", String, ForeignKey("mappings.id"), nullable=False, index=True),
)

attestations = Table(
    "attestations",
    metadata,
    Column("mapping_id", String, ForeignKey("mappings.id"), primary_key=True),
    Column("context", String, primary_key=True),  # c1 to c99
    Column("strength", String, nullable=False),
    Column("every_time", Boolean, nullable=False),
    Column("signed_by", String, nullable=False),  # an account id
    Column("signed_at", UtcDateTime, nullable=False),
    Column("review_by", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("reminded_at", UtcDateTime),  # when its admins were told that its review is due
)

exceptions = Table(
    "exceptions",
    metadata,
    Column("id", String, primary_key=True),  # a random UUID
    Column("organization_id", String, ForeignKey("organizations.id"), nullable=False, index=True),
    Column("tid", String, index=True),  # none: the people it names, by whatever identity
    Column("people", Integer, nullable=False),  # the most it covers
    Column("reason_sealed", LargeBinary, nullable=False),
    Column("requested_by", String, nullable=False),  # an account id
    Column("requested_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("state", String, nullable=False),  # requested, approved, refused, ended
    Column("decided_at", UtcDateTime),
)

exception_approvals = Table(
    "exception_approvals",
    metadata,
    Column("exception_id", String, ForeignKey("exceptions.id"), primary_key=True),
    Column("operator_id", String, primary_key=True),  # an account id
    Column("approved_at", UtcDateTime, nullable=False),
)

exception_places = Table(
    "exception_places",
    metadata,
    Column("exception_id", String, ForeignKey("exceptions.id"), primary_key=True),
    Column("account_id", String, primary_key=True),
    Column("taken_at", UtcDateTime, nullable=False),
)
