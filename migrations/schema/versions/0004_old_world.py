"""The old world: imported accounts, what becomes of them, mails of the campaign, and events for registries."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

instant = sa.DateTime(timezone=True)
serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("organizations", sa.Column("contact_sealed", sa.LargeBinary))
    carried()
    events()
    legacy()
    cases()
    mails()


def table(name: str, *columns: sa.Column[object], key: tuple[str, ...], refers: dict[str, str] | None = None) -> None:
    """Create a table. ``refers`` maps a column to the ``table.column`` that it holds."""
    references = (
        sa.ForeignKeyConstraint([column], [referred], name=f"fk_{name}_{column}_{referred.partition('.')[0]}")
        for column, referred in (refers or {}).items()
    )
    op.create_table(name, *columns, sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"), *references)


def text(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.String, nullable=nullable)


def moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, instant, nullable=nullable)


def number(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def sealed(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.LargeBinary, nullable=nullable)


def index(name: str, *columns: str, called: str | None = None) -> None:
    op.create_index(f"ix_{name}_{called or columns[0]}", name, list(columns))


def carried() -> None:
    table(
        "registry_accounts",
        *(text("registry_id"), text("account_id"), moment("since")),
        key=("registry_id",),
        refers={"account_id": "accounts.id"},
    )
    index("registry_accounts", "account_id")


def events() -> None:
    op.create_table(
        "security_events",
        sa.Column("id", serial, autoincrement=True, nullable=False),
        *(text("jti"), text("kind"), text("subject")),
        sa.Column("data", sa.Text, nullable=False),
        moment("occurred_at"),
        sa.PrimaryKeyConstraint("id", name="pk_security_events"),
        sa.UniqueConstraint("jti", name="uq_security_events_jti"),
    )
    index("security_events", "subject")
    index("security_events", "occurred_at")
    table(
        "security_deliveries",
        text("client_id"),
        sa.Column("event_id", serial, autoincrement=False, nullable=False),
        *(text("subject"), moment("due_at")),
        sa.Column("attempts", sa.Integer, nullable=False),
        *(moment("delivered_at", nullable=True), text("last_error", nullable=True)),
        key=("client_id", "event_id"),
        refers={"event_id": "security_events.id"},
    )
    index("security_deliveries", "event_id")
    index("security_deliveries", "client_id", "delivered_at", "due_at", called="waiting")
    index("security_deliveries", "client_id", "subject", "event_id", called="subject")


def legacy() -> None:
    table(
        "legacy_accounts",
        *(text("registry_id"), text("kind"), text("alias", nullable=True), text("state")),
        text("account_id", nullable=True),
        *(sealed("name_sealed"), text("name_index", nullable=True)),
        *(sealed("email_sealed"), text("email_index", nullable=True)),
        sa.Column("email_confirmed", sa.Boolean, nullable=False),
        *(sealed("hash_sealed"), text("hash_format", nullable=True)),
        moment("last_sign_in_at", nullable=True),
        sa.Column("packages", sa.Text, nullable=False),
        number("downloads"),
        sa.Column("keys", sa.Integer, nullable=False),
        *(moment("imported_at"), moment("effective_at", nullable=True), moment("closed_at", nullable=True)),
        *(moment("forget_at"), text("source_mac")),
        moment("parted_at", nullable=True),
        *(moment("lapsed_at", nullable=True), moment("unsubscribed_at", nullable=True)),
        moment("excepted_until", nullable=True),
        key=("registry_id",),
        refers={"account_id": "accounts.id"},
    )
    for name in ("name_index", "email_index", "account_id", "forget_at"):
        index("legacy_accounts", name)
    index("legacy_accounts", "state", "registry_id")
    table(
        "legacy_identities",
        *(text("pseudonym"), text("registry_id")),
        key=("pseudonym",),
        refers={"registry_id": "legacy_accounts.registry_id"},
    )
    index("legacy_identities", "registry_id")
    table(
        "imports",
        *(text("id"), number("position"), number("added"), number("changed"), number("unchanged"), number("refused")),
        *(moment("started_at"), moment("finished_at", nullable=True)),
        key=("id",),
    )


def cases() -> None:
    table(
        "migration_cases",
        *(text("id"), text("kind"), text("registry_id"), text("account_id")),
        *(text("identity_id"), text("provider_id"), text("tenant")),
        sa.Column("guest", sa.Boolean, nullable=False),
        *(moment("signed_in_at"), text("state"), moment("started_at")),
        *(moment(each, nullable=True) for each in ("due_at", "effective_at", "undo_until", "ended_at")),
        *(text("decided_by", nullable=True), text("organization_id", nullable=True)),
        sealed("details_sealed"),
        key=("id",),
        refers={
            "registry_id": "legacy_accounts.registry_id",
            "account_id": "accounts.id",
            "organization_id": "organizations.id",
        },
    )
    index("migration_cases", "registry_id")
    index("migration_cases", "account_id")
    index("migration_cases", "state", "due_at", called="due_at")
    index("migration_cases", "state", "undo_until", called="undo_until")
    held = sa.text("state IN ('waiting', 'effective', 'stopped', 'undone')")
    op.create_index(
        "uq_migration_cases_held",
        "migration_cases",
        ["registry_id"],
        unique=True,
        sqlite_where=held,
        postgresql_where=held,
    )
    op.create_table(
        "migration_case_admins",
        *(text("id"), text("case_id"), sealed("email_sealed", nullable=False), text("email_index")),
        *(text("token_hash"), text("account_id", nullable=True), text("identity_id", nullable=True)),
        *(text("provider_id", nullable=True), text("tenant", nullable=True)),
        sa.Column("guest", sa.Boolean, nullable=True),
        *(moment("signed_in_at", nullable=True), moment("accepted_at", nullable=True)),
        sa.PrimaryKeyConstraint("id", name="pk_migration_case_admins"),
        sa.UniqueConstraint("token_hash", name="uq_migration_case_admins_token_hash"),
        sa.ForeignKeyConstraint(
            ["case_id"], ["migration_cases.id"], name="fk_migration_case_admins_case_id_migration_cases"
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_migration_case_admins_account_id_accounts"),
    )
    index("migration_case_admins", "case_id")
    table(
        "migration_case_approvals",
        *(text("case_id"), text("operator_id"), moment("approved_at")),
        key=("case_id", "operator_id"),
        refers={"case_id": "migration_cases.id", "operator_id": "accounts.id"},
    )
    table(
        "migration_links",
        *(text("token_hash"), text("case_id"), text("verb"), moment("expires_at")),
        key=("token_hash",),
        refers={"case_id": "migration_cases.id"},
    )
    index("migration_links", "case_id")
    index("migration_links", "expires_at")


def mails() -> None:
    table(
        "mail_templates",
        *(text("name"), text("subject")),
        sa.Column("text", sa.Text, nullable=False),
        *(text("edited_by"), moment("edited_at")),
        key=("name",),
    )
    table(
        "mail_waves",
        *(text("id"), text("template"), text("audience")),
        sa.Column("per_hour", sa.Integer, nullable=False),
        *(number("most", nullable=True), text("state"), text("started_by", nullable=True), moment("started_at")),
        *(text("last_id"), number("sent"), moment("next_at"), moment("ended_at", nullable=True)),
        key=("id",),
    )
    table(
        "sent_mails",
        *(text("registry_id"), text("template"), moment("sent_at")),
        key=("registry_id", "template"),
        refers={"registry_id": "legacy_accounts.registry_id"},
    )
