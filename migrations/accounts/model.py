"""The tables of the old world. Names and addresses in them are sealed, and go at ``forget_at``."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, text

from broker.storage.database import UtcDateTime, metadata

legacy_accounts = Table(
    "legacy_accounts",
    metadata,
    Column("registry_id", String, primary_key=True),  # as the registry calls it
    Column("kind", String, nullable=False),  # person, alias
    Column("alias", String),  # proposed, confirmed, rejected; none: nothing speaks for a shared account
    Column("state", String, nullable=False),  # pending, waiting, claimed, converted, frozen, closed
    Column("account_id", String, ForeignKey("accounts.id")),  # who carries it, or would again
    Column("name_sealed", LargeBinary),
    Column("name_index", String),  # blind, of the name in any case
    Column("email_sealed", LargeBinary),
    Column("email_index", String),
    Column("email_confirmed", Boolean, nullable=False),
    Column("hash_sealed", LargeBinary),  # migrations.accounts.hashes.wrapped
    Column("hash_format", String),  # a code
    Column("last_sign_in_at", UtcDateTime),
    Column("packages", Text, nullable=False),  # JSON: migrations.accounts.records.Package
    Column("downloads", BigInteger, nullable=False),  # of the packages that it owns
    Column("keys", Integer, nullable=False),
    Column("imported_at", UtcDateTime, nullable=False),
    Column("effective_at", UtcDateTime),  # since when it is claimed or converted
    Column("closed_at", UtcDateTime),  # since when there is no hash any more
    Column("forget_at", UtcDateTime, nullable=False),  # when name and address go
    Column("source_mac", String, nullable=False),  # keyed, of the row it was imported from
    Column("parted_at", UtcDateTime),  # when a person said that what was held to be shared is not
    Column("lapsed_at", UtcDateTime),  # since when the address proves nothing: its domain lapsed
    Column("unsubscribed_at", UtcDateTime),
    Column("excepted_until", UtcDateTime),  # closing passes it by until then
    Index("ix_legacy_accounts_name_index", "name_index"),
    Index("ix_legacy_accounts_email_index", "email_index"),
    Index("ix_legacy_accounts_account_id", "account_id"),
    Index("ix_legacy_accounts_state", "state", "registry_id"),
    Index("ix_legacy_accounts_forget_at", "forget_at"),
)

legacy_identities = Table(
    "legacy_identities",
    metadata,
    Column("pseudonym", String, primary_key=True),
    Column("registry_id", String, ForeignKey("legacy_accounts.registry_id"), nullable=False, index=True),
)

imports = Table(
    "imports",
    metadata,
    Column("id", String, primary_key=True),  # SHA-256 of the file
    Column("position", BigInteger, nullable=False),  # rows done
    Column("added", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("unchanged", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
)

cases = Table(
    "migration_cases",
    metadata,
    Column("id", String, primary_key=True),  # a random UUID
    Column("kind", String, nullable=False),  # claim, linked, recovery, conversion
    Column("registry_id", String, ForeignKey("legacy_accounts.registry_id"), nullable=False, index=True),
    Column("account_id", String, ForeignKey("accounts.id"), nullable=False, index=True),  # who started it
    Column("identity_id", String, nullable=False),  # and how they came
    Column("provider_id", String, nullable=False),
    Column("tenant", String, nullable=False),
    Column("guest", Boolean, nullable=False),
    Column("signed_in_at", UtcDateTime, nullable=False),
    Column("state", String, nullable=False),  # migrations.accounts.cases.CaseState
    Column("started_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime),  # waiting: when it takes effect; asked: when it lapses
    Column("effective_at", UtcDateTime),
    Column("undo_until", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("decided_by", String),  # an operator
    Column("organization_id", String, ForeignKey("organizations.id")),  # that a conversion made
    Column("details_sealed", LargeBinary),  # JSON: of each kind its own
    Index("ix_migration_cases_due_at", "state", "due_at"),
    Index("ix_migration_cases_undo_until", "state", "undo_until"),
    Index(
        "uq_migration_cases_held",
        "registry_id",
        unique=True,
        sqlite_where=text("state IN ('waiting', 'effective', 'stopped', 'undone')"),
        postgresql_where=text("state IN ('waiting', 'effective', 'stopped', 'undone')"),
    ),
)

case_admins = Table(
    "migration_case_admins",
    metadata,
    Column("id", String, primary_key=True),  # a random UUID
    Column("case_id", String, ForeignKey("migration_cases.id"), nullable=False, index=True),
    Column("email_sealed", LargeBinary, nullable=False),
    Column("email_index", String, nullable=False),
    Column("token_hash", String, nullable=False, unique=True),
    Column("account_id", String, ForeignKey("accounts.id")),  # who accepted, and how they came
    Column("identity_id", String),
    Column("provider_id", String),
    Column("tenant", String),
    Column("guest", Boolean),
    Column("signed_in_at", UtcDateTime),
    Column("accepted_at", UtcDateTime),
)

case_approvals = Table(
    "migration_case_approvals",
    metadata,
    Column("case_id", String, ForeignKey("migration_cases.id"), primary_key=True),
    Column("operator_id", String, ForeignKey("accounts.id"), primary_key=True),
    Column("approved_at", UtcDateTime, nullable=False),
)

links = Table(
    "migration_links",
    metadata,
    Column("token_hash", String, primary_key=True),
    Column("case_id", String, ForeignKey("migration_cases.id"), nullable=False, index=True),
    Column("verb", String, nullable=False),  # stop, undo
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

mail_templates = Table(
    "mail_templates",
    metadata,
    Column("name", String, primary_key=True),
    Column("subject", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("edited_by", String, nullable=False),
    Column("edited_at", UtcDateTime, nullable=False),
)

mail_waves = Table(
    "mail_waves",
    metadata,
    Column("id", String, primary_key=True),  # a random UUID
    Column("template", String, nullable=False),
    Column("audience", String, nullable=False),  # people, aliases, everyone
    Column("per_hour", Integer, nullable=False),
    Column("most", BigInteger),  # how many it goes to at most; none: to all
    Column("state", String, nullable=False),  # running, stopped, done
    Column("started_by", String),  # an operator; none: the command line
    Column("started_at", UtcDateTime, nullable=False),
    Column("last_id", String, nullable=False),  # the registry id that it came to
    Column("sent", BigInteger, nullable=False),
    Column("next_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
)

sent_mails = Table(
    "sent_mails",
    metadata,
    Column("registry_id", String, ForeignKey("legacy_accounts.registry_id"), primary_key=True),
    Column("template", String, primary_key=True),
    Column("sent_at", UtcDateTime, nullable=False),
)
