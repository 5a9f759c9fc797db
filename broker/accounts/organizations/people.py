"""Who is who in an organisation, and holding it while that changes."""

from sqlalchemy import Connection, select

from broker.accounts.model import accounts
from broker.accounts.organizations.capabilities import Admin, Denial, Denied, Role, Stopper
from broker.accounts.organizations.model import memberships
from broker.storage.database import exclusive


def role_of(connection: Connection, organization_id: str, account_id: str) -> Role | None:
    """Return the role of a member, or none."""
    found = connection.execute(
        select(memberships.c.role).where(
            memberships.c.organization_id == organization_id, memberships.c.account_id == account_id
        )
    ).scalar_one_or_none()
    return Role(found) if found is not None else None


def admins_of(connection: Connection, organization_id: str) -> list[str]:
    """Return the account ids of the admins, the first one first. An account that is closed can do nothing."""
    return list(
        connection.execute(
            select(memberships.c.account_id)
            .join(accounts, accounts.c.id == memberships.c.account_id)
            .where(
                memberships.c.organization_id == organization_id,
                memberships.c.role == Role.ADMIN.value,
                accounts.c.status == "active",
            )
            .order_by(memberships.c.joined_at, memberships.c.account_id)
        ).scalars()
    )


def hold(connection: Connection, organization_id: str) -> None:
    """Let one transaction at a time change the organisation. Whoever holds an account, too, holds that first."""
    exclusive(connection, f"organization:{organization_id}")


def hold_as_admin(connection: Connection, admin: Admin | Stopper) -> None:
    """Hold the organisation of an admin, who may have been removed, or it switched off, since they were judged.

    Raises ``Denied``.
    """
    hold(connection, admin.organization_id)
    require_admin(connection, admin.organization_id, admin.account_id)


def require_admin(connection: Connection, organization_id: str, account_id: str) -> None:
    """Raise ``Denied`` unless the account is an admin's of an organisation that is switched on."""
    active = select(accounts.c.id).where(accounts.c.id == organization_id, accounts.c.status == "active")
    if connection.execute(active).one_or_none() is None:
        raise Denied(Denial.UNKNOWN)
    role = role_of(connection, organization_id, account_id)
    if role is not Role.ADMIN:
        raise Denied(Denial.UNKNOWN if role is None else Denial.NOT_ADMIN)
