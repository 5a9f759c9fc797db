"""Whether a kill switch keeps an admin away, who then cannot object to what waits."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from broker.accounts.organizations.last_sign_ins import LastSignIns
from broker.accounts.organizations.people import admins_of

Shuts = Callable[[str, str], bool]
"""Says whether nobody comes by a provider, from a tenant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silenced:
    """Judges by how each of them signed in last."""

    last_sign_ins: LastSignIns

    def any_admin(self, connection: Connection, organization_id: str, shuts: Shuts) -> bool:
        """Return whether the way of any admin is shut."""
        admins = admins_of(connection, organization_id)
        return any(shuts(each.provider_id, each.tenant) for each in self.last_sign_ins.of(connection, admins).values())
