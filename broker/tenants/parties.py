"""Those that the verbs of tenants are about: organisations, their members, and who may decide for whom."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, Select, select, update

from broker.accounts.organizations.capabilities import Denial, Denied, FreshAdmin, FreshOperator, Shell
from broker.accounts.organizations.model import former_memberships, memberships, organizations
from broker.accounts.organizations.names import name_key
from broker.accounts.organizations.people import hold, hold_as_admin
from broker.tenants.rules import Rule, dump, load


def members_among(connection: Connection, organization_id: str, account_ids: Collection[str]) -> frozenset[str]:
    """Return which of the accounts are members of the organisation."""
    found = select(memberships.c.account_id).where(
        memberships.c.organization_id == organization_id, memberships.c.account_id.in_(account_ids)
    )
    return frozenset(connection.execute(found).scalars())


def organizations_of(account_id: str | None) -> Select[tuple[str]]:
    """Return, for the conditions of other queries, the ids of the organisations that the account is a member of."""
    return select(memberships.c.organization_id).where(memberships.c.account_id == account_id)


def named(text: str) -> Select[tuple[str]]:
    """Return, for the conditions of other queries, the id of the organisation of this name, however it is spelt."""
    return select(organizations.c.id).where(organizations.c.name_key == name_key(text))


def own_rule(connection: Connection, organization_id: str) -> Rule:
    """Return the organisation's own rule."""
    return load(
        connection.execute(select(organizations.c.rule).where(organizations.c.id == organization_id)).scalar_one()
    )


def set_own_rule(connection: Connection, organization_id: str, rule: Rule) -> None:
    """Write the organisation's own rule."""
    connection.execute(update(organizations).where(organizations.c.id == organization_id).values(rule=dump(rule)))


def require_impartial(
    connection: Connection, operator: FreshOperator, organization_id: str, *, requested_by: str, requested_at: datetime
) -> None:
    """Raise ``Denied`` for an operator who asked for it, or is a member of the organisation it is for.

    Or was one when it was asked for, or since: who leaves for a moment is not impartial by that.
    """
    former = select(former_memberships.c.account_id).where(
        former_memberships.c.organization_id == organization_id,
        former_memberships.c.account_id == operator.account_id,
        former_memberships.c.left_at >= requested_at,
    )
    if (
        requested_by == operator.account_id
        or members_among(connection, organization_id, [operator.account_id])
        or connection.execute(former).one_or_none() is not None
    ):
        raise Denied(Denial.OWN_REQUEST)


def hold_for(connection: Connection, acting: FreshAdmin | FreshOperator | Shell, organization_id: str) -> bool:
    """Hold the organisation for whoever acts, and return whether it is theirs to act on. Raises ``Denied``."""
    if isinstance(acting, FreshAdmin):
        if acting.organization_id != organization_id:
            return False
        hold_as_admin(connection, acting)
    else:
        hold(connection, organization_id)
    return True
