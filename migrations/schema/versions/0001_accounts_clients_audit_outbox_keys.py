"""The first tables: accounts, clients, provider proofs, the audit record, the outbox, signing keys."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

instant = sa.DateTime(timezone=True)
serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    accounts()
    clients()
    providers()
    audit()
    outbox()
    signing_keys()


def accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
    )
    op.create_table(
        "people",
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("name_sealed", sa.LargeBinary),
        sa.Column("email_sealed", sa.LargeBinary),
        sa.Column("email_index", sa.String),
        sa.Column("email_verified", sa.Boolean, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_people"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_people_account_id_accounts"),
    )
    op.create_index("ix_people_email_index", "people", ["email_index"])
    op.create_table(
        "identities",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("provider_id", sa.String, nullable=False),
        sa.Column("pseudonym", sa.String, nullable=False),
        sa.Column("linked_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_identities"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_identities_account_id_accounts"),
        sa.UniqueConstraint("pseudonym", name="uq_identities_pseudonym"),
    )
    op.create_index("ix_identities_account_id", "identities", ["account_id"])
    op.create_table(
        "email_changes",
        sa.Column("token_hash", sa.String, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("email_sealed", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_email_changes"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_email_changes_account_id_accounts"),
        sa.UniqueConstraint("account_id", name="uq_email_changes_account_id"),
    )


def clients() -> None:
    op.create_table(
        "clients",
        sa.Column("client_id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("secret_sha256", sa.String),
        sa.Column("auth_method", sa.String, nullable=False),
        sa.Column("redirect_uris", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("providers", sa.Text),
        sa.Column("id_token_alg", sa.String, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("client_id", name="pk_clients"),
    )


def providers() -> None:
    op.create_table(
        "provider_proofs",
        sa.Column("provider_id", sa.String, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("proven_at", instant, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("provider_id", "fingerprint", name="pk_provider_proofs"),
    )
    op.create_table(
        "probes",
        sa.Column("token_hash", sa.String, nullable=False),
        sa.Column("provider_id", sa.String, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.Column("result", sa.Text),
        sa.PrimaryKeyConstraint("token_hash", name="pk_probes"),
    )


def audit() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", serial, nullable=False, autoincrement=True),
        sa.Column("at", instant, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("account_id", sa.String),
        sa.Column("client_id", sa.String),
        sa.Column("provider_id", sa.String),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("mac", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entries"),
        sa.UniqueConstraint("mac", name="uq_audit_entries_mac"),
    )
    op.create_index("ix_audit_entries_account_id", "audit_entries", ["account_id"])
    op.create_table(
        "audit_seals",
        sa.Column("seq", serial, nullable=False, autoincrement=False),
        sa.Column("entry_id", serial, nullable=False),
        sa.Column("mac", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit_seals"),
        sa.ForeignKeyConstraint(["entry_id"], ["audit_entries.id"], name="fk_audit_seals_entry_id_audit_entries"),
        sa.UniqueConstraint("entry_id", name="uq_audit_seals_entry_id"),
    )
    append_only = ON_POSTGRESQL if op.get_bind().dialect.name == "postgresql" else ON_SQLITE
    for statement in append_only:
        op.execute(statement)


ON_POSTGRESQL = (
    """
    CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the audit record is append-only';
    END $$
    """,
    """
    CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()
    """,
    """
    CREATE TRIGGER audit_seals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seals
    FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()
    """,
)

# INSERT OR REPLACE deletes what is in its way, and no trigger on DELETE hears of it.
ON_SQLITE = (
    """
    CREATE TRIGGER audit_entries_no_update BEFORE UPDATE ON audit_entries
    BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END
    """,
    """
    CREATE TRIGGER audit_entries_no_delete BEFORE DELETE ON audit_entries
    BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END
    """,
    """
    CREATE TRIGGER audit_entries_no_replace BEFORE INSERT ON audit_entries
    WHEN EXISTS (SELECT 1 FROM audit_entries WHERE id = NEW.id OR mac = NEW.mac)
    BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END
    """,
    """
    CREATE TRIGGER audit_seals_no_update BEFORE UPDATE ON audit_seals
    BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END
    """,
    """
    CREATE TRIGGER audit_seals_no_delete BEFORE DELETE ON audit_seals
    BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END
    """,
    """
    CREATE TRIGGER audit_seals_no_replace BEFORE INSERT ON audit_seals
    WHEN EXISTS (SELECT 1 FROM audit_seals WHERE seq = NEW.seq OR entry_id = NEW.entry_id)
    BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END
    """,
)


def outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("payload_sealed", sa.LargeBinary, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("due_at", instant, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_due_at", "outbox", ["due_at"])


def signing_keys() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.String, nullable=False),
        sa.Column("alg", sa.String, nullable=False),
        sa.Column("private_sealed", sa.LargeBinary, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("active_from", instant, nullable=False),
        sa.Column("retire_at", instant),
        sa.Column("gone_at", instant),
        sa.PrimaryKeyConstraint("kid", name="pk_signing_keys"),
    )
