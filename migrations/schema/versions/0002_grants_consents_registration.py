"""What clients were granted: refresh families, consents, pairwise subjects. Clients as their metadata. Keys that go."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    clients()
    grants()
    outbox()
    with op.batch_alter_table("signing_keys") as table:
        table.alter_column("private_sealed", existing_type=sa.LargeBinary(), nullable=True)


def clients() -> None:
    op.create_table(
        "registration_tokens",
        sa.Column("token_sha256", sa.String, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_registration_tokens"),
    )
    op.add_column("clients", sa.Column("management_sha256", sa.String))
    op.add_column("clients", sa.Column("settings", sa.Text))
    old = sa.table(
        "clients",
        *map(sa.column, ("client_id", "name", "auth_method", "redirect_uris", "scopes")),
        *map(sa.column, ("providers", "id_token_alg", "policy", "settings")),
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(old)).all():
        settings = {
            "name": row.name,
            "auth_method": row.auth_method,
            "redirect_uris": json.loads(row.redirect_uris),
            "scopes": json.loads(row.scopes),
            "providers": None if row.providers is None else json.loads(row.providers),
            "id_token_signed_response_alg": row.id_token_alg,
            **json.loads(row.policy),
        }
        statement = sa.update(old).where(old.c.client_id == row.client_id).values(settings=json.dumps(settings))
        connection.execute(statement)
    with op.batch_alter_table("clients") as table:
        table.alter_column("settings", existing_type=sa.Text(), nullable=False)
        for gone in ("auth_method", "redirect_uris", "scopes", "providers", "id_token_alg", "policy"):
            table.drop_column(gone)


def grants() -> None:
    op.create_table(
        "refresh_families",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("handle_sha256", sa.String, nullable=False),
        sa.Column("token_sha256", sa.String, nullable=False),
        sa.Column("previous_sha256", sa.String),
        sa.Column("rotated_at", instant),
        sa.Column("client_id", sa.String, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("record_sealed", sa.LargeBinary, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_refresh_families"),
        sa.UniqueConstraint("handle_sha256", name="uq_refresh_families_handle_sha256"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_refresh_families_account_id_accounts"),
    )
    op.create_index("ix_refresh_families_expires_at", "refresh_families", ["expires_at"])
    op.create_index("ix_refresh_families_account_id_client_id", "refresh_families", ["account_id", "client_id"])
    op.create_table(
        "consents",
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("client_id", sa.String, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("given_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "client_id", name="pk_consents"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_consents_account_id_accounts"),
    )
    op.create_table(
        "pairwise_subjects",
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("sector", sa.String, nullable=False),
        sa.Column("sub", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "sector", name="pk_pairwise_subjects"),
        sa.UniqueConstraint("sub", name="uq_pairwise_subjects_sub"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_pairwise_subjects_account_id_accounts"),
    )


def outbox() -> None:
    op.add_column("outbox", sa.Column("subject", sa.String))
    op.add_column("outbox", sa.Column("last_error", sa.String))
