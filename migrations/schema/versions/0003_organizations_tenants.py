"""Organisations and their people, tenants with their rules and exceptions, operators, changes that wait."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    organizations()
    people_of_organizations()
    changes()
    mappings()
    exceptions()


def table(name: str, *columns: sa.Column[object], key: tuple[str, ...], refers: dict[str, str] | None = None) -> None:
    """Create a table. ``refers`` maps a column to the table whose ``id`` it holds."""
    references = (
        sa.ForeignKeyConstraint([column], [f"{referred}.id"], name=f"fk_{name}_{column}_{referred}")
        for column, referred in (refers or {}).items()
    )
    op.create_table(name, *columns, sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"), *references)


def text(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.String, nullable=nullable)


def moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, instant, nullable=nullable)


def index(name: str, *columns: str) -> None:
    op.create_index(f"ix_{name}_{columns[0]}", name, list(columns))


def one_where(name: str, constraint: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(constraint, name, columns, unique=True, sqlite_where=where, postgresql_where=where)


def organizations() -> None:
    op.create_table(
        "organizations",
        text("id"),
        text("name"),
        text("name_key"),
        sa.Column("rule", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organizations"),
        sa.ForeignKeyConstraint(["id"], ["accounts.id"], name="fk_organizations_id_accounts"),
        sa.UniqueConstraint("name_key", name="uq_organizations_name_key"),
    )


def people_of_organizations() -> None:
    table(
        "memberships",
        *(text("organization_id"), text("account_id"), text("role")),
        *(moment("joined_at"), moment("suspended_at", nullable=True)),
        key=("organization_id", "account_id"),
        refers={"organization_id": "organizations", "account_id": "accounts"},
    )
    index("memberships", "account_id")
    table(
        "former_memberships",
        *(text("organization_id"), text("account_id"), moment("left_at")),
        key=("organization_id", "account_id"),
        refers={"organization_id": "organizations", "account_id": "accounts"},
    )
    index("former_memberships", "account_id")
    op.create_table(
        "invitations",
        *(text("id"), text("token_hash"), text("organization_id")),
        sa.Column("email_sealed", sa.LargeBinary, nullable=False),
        *(text("email_index"), text("invited_by"), moment("invited_at"), moment("expires_at")),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("token_hash", name="uq_invitations_token_hash"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_invitations_organization_id_organizations"
        ),
    )
    index("invitations", "organization_id")
    index("invitations", "expires_at")
    table(
        "last_sign_ins",
        *(text("account_id"), moment("at")),
        sa.Column("proof_sealed", sa.LargeBinary, nullable=False),
        key=("account_id",),
        refers={"account_id": "accounts"},
    )
    table("operators", text("account_id"), moment("added_at"), key=("account_id",), refers={"account_id": "accounts"})


def changes() -> None:
    table(
        "changes",
        *(text("id"), text("organization_id"), text("kind"), text("target")),
        sa.Column("payload", sa.Text, nullable=False),
        *(text("requested_by"), moment("requested_at"), moment("effective_at"), text("state")),
        *(text("ended_by", nullable=True), moment("ended_at", nullable=True)),
        key=("id",),
        refers={"organization_id": "organizations"},
    )
    index("changes", "organization_id")
    index("changes", "effective_at")
    one_where("changes", "uq_changes_pending", ["organization_id", "kind", "target"], "state = 'pending'")


def mappings() -> None:
    table(
        "mappings",
        *(text("id"), text("organization_id"), text("provider_id"), text("tid"), text("name"), text("state")),
        text("suspended_by", nullable=True),
        sa.Column("rule", sa.Text, nullable=False),
        *(text("requested_by"), moment("requested_at")),
        sa.Column("speaks", sa.Boolean, nullable=False),
        *(moment("proven_at", nullable=True), moment("decided_at", nullable=True)),
        key=("id",),
        refers={"organization_id": "organizations"},
    )
    index("mappings", "organization_id")
    index("mappings", "tid")
    one_where("mappings", "uq_mappings_held", ["tid"], "state IN ('active', 'suspended')")
    one_where("mappings", "uq_mappings_open", ["organization_id", "tid"], "state NOT IN ('released', 'refused')")
    table("tenant_domains", text("domain"), text("mapping_id"), key=("domain",), refers={"mapping_id": "mappings"})
    index("tenant_domains", "mapping_id")
    table(
        "attestations",
        *(text("mapping_id"), text("context"), text("strength")),
        sa.Column("every_time", sa.Boolean, nullable=False),
        *(text("signed_by"), moment("signed_at"), moment("review_by")),
        *(moment("revoked_at", nullable=True), moment("reminded_at", nullable=True)),
        key=("mapping_id", "context"),
        refers={"mapping_id": "mappings"},
    )


def exceptions() -> None:
    table(
        "exceptions",
        *(text("id"), text("organization_id"), text("tid", nullable=True)),
        sa.Column("people", sa.Integer, nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary, nullable=False),
        *(text("requested_by"), moment("requested_at"), moment("ends_at"), text("state")),
        moment("decided_at", nullable=True),
        key=("id",),
        refers={"organization_id": "organizations"},
    )
    index("exceptions", "organization_id")
    index("exceptions", "tid")
    for name, who, when in (
        ("exception_approvals", "operator_id", "approved_at"),
        ("exception_places", "account_id", "taken_at"),
    ):
        table(
            name,
            *(text("exception_id"), text(who), moment(when)),
            key=("exception_id", who),
            refers={"exception_id": "exceptions"},
        )
