"""Kill switches, limits that were raised for a time, how many signed in by the hour, and proofs that things rest on."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "switches",
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("target", sa.String, nullable=False),
        sa.Column("turned_at", instant, nullable=False),
        sa.Column("turned_by", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("kind", "target", name="pk_switches"),
    )
    op.create_table(
        "limit_raises",
        sa.Column("limit", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("raised_at", instant, nullable=False),
        sa.Column("until", instant, nullable=False),
        sa.PrimaryKeyConstraint("limit", "subject", name="pk_limit_raises"),
    )
    op.create_table(
        "sign_in_counts",
        sa.Column("hour", instant, nullable=False),
        sa.Column("provider_id", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("hour", "provider_id", "outcome", name="pk_sign_in_counts"),
    )
    op.create_table(
        "kept_proofs",
        sa.Column("reference", sa.String, nullable=False),
        sa.Column("proof_sealed", sa.LargeBinary, nullable=False),
        sa.Column("kept_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("reference", name="pk_kept_proofs"),
    )
