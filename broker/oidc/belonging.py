"""What a person's tokens say of where they belong, and of what they brought along from the registry's old world."""

from datetime import datetime

from sqlalchemy import Connection

from broker.accounts.carried import carried_by_each
from broker.accounts.organizations.belonging import Belongings
from broker.oidc.scopes import ORGANIZATIONS, REGISTRY_ACCOUNTS
from broker.signin.proven import Proven


def belonging_claims(
    connection: Connection, belongings: Belongings, proven: Proven, scope: tuple[str, ...], now: datetime
) -> dict[str, object]:
    """Return the claims of two scopes, as things stand now; each of them is a list, be it empty.

    ``organizations``: the memberships whose rules the sign-in meets. ``registry_accounts``: what the person carries;
    and with both scopes, each of these organisations says what it carries too.
    """
    released: dict[str, object] = {}
    found = belongings.of(connection, proven, now) if ORGANIZATIONS in scope else []
    met = [each for each in found if each.standing.met]
    carried = None
    if REGISTRY_ACCOUNTS in scope:
        carried = carried_by_each(connection, [proven.account_id, *(each.organization_id for each in met)])
        released[REGISTRY_ACCOUNTS] = carried.get(proven.account_id, [])
    if ORGANIZATIONS in scope:
        released[ORGANIZATIONS] = [
            {
                "id": each.organization_id,
                "role": each.role.value,
                **({} if carried is None else {REGISTRY_ACCOUNTS: carried.get(each.organization_id, [])}),
            }
            for each in met
        ]
    return released
