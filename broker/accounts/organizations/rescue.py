"""The operators' way out, at the command line: for an organisation whose admins are lost, or one of them hostile.

What admins do waits a day; this does not, as whoever it is about could stop it. All admins are told.
"""

from sqlalchemy import Connection, select, update

from broker.accounts.model import accounts
from broker.accounts.organizations.capabilities import Role, Shell
from broker.accounts.organizations.changes import ChangeKind, Changes
from broker.accounts.organizations.model import organizations
from broker.accounts.organizations.notices import Notices
from broker.accounts.organizations.people import hold, role_of
from broker.accounts.organizations.roles import Roles
from broker.accounts.service import AccountClosed
from broker.audit.service import Audit
from broker.tenants.rules import NOTHING_MORE, changed, dump, load

_ADDED = ("A new admin", "The operators of the service made a member of your organisation an admin.")
_REMOVED = ("An admin was removed", "The operators of the service removed an admin from your organisation.")
_RESET = (
    "The rules were taken back",
    "The operators of the service took back the rules of your organisation. Those of its tenants stay as they are.",
)


class Rescue:
    """The verbs. None of them asks an admin."""

    def __init__(self, audit: Audit, changes: Changes, notices: Notices) -> None:
        self._audit = audit
        self._changes = changes
        self._notices = notices
        self._roles = Roles(audit, changes)

    def add_admin(self, connection: Connection, shell: Shell, organization_id: str, account_id: str) -> None:
        """Make a member an admin; who is one stays it. Raises ``LookupError`` for no member, and ``AccountClosed``."""
        hold(connection, organization_id)
        role = self._role(connection, organization_id, account_id)
        status = connection.execute(select(accounts.c.status).where(accounts.c.id == account_id)).scalar_one()
        if status != "active":
            raise AccountClosed(status)
        if role is Role.ADMIN:
            return
        self._roles.set(connection, organization_id, account_id, Role.ADMIN, None, shell.now)
        self._notices.tell_admins(connection, organization_id, *_ADDED, shell.now)

    def remove_admin(self, connection: Connection, shell: Shell, organization_id: str, account_id: str) -> None:
        """End the membership of an admin; what they asked for does not take effect then.

        Raises ``LookupError`` for who is no admin, and ``LastAdmin``.
        """
        hold(connection, organization_id)
        if self._role(connection, organization_id, account_id) is not Role.ADMIN:
            raise LookupError("no such admin")
        self._roles.require_another_admin(connection, organization_id, account_id)
        self._roles.end(connection, organization_id, account_id, None, "membership.removed", shell.now)
        self._notices.tell_admins(connection, organization_id, *_REMOVED, shell.now, (account_id,))

    def reset_rule(self, connection: Connection, shell: Shell, organization_id: str) -> None:
        """Have the organisation's own rule ask for nothing more, and end the change of it that waits.

        The rules of its tenants stay. Raises ``LookupError`` when there is no such organisation.
        """
        hold(connection, organization_id)
        this = organizations.c.id == organization_id
        stored = connection.execute(select(organizations.c.rule).where(this)).scalar_one_or_none()
        if stored is None:
            raise LookupError("no such organisation")
        self._changes.end(connection, organization_id, ChangeKind.RULE, "", by=None, now=shell.now)
        members = changed(load(stored), NOTHING_MORE)
        if not members:
            return
        connection.execute(update(organizations).where(this).values(rule=dump(NOTHING_MORE)))
        detail = {"organization": organization_id, "field": "+".join(sorted(members))}
        self._audit.record(connection, action="rule.changed", detail=detail, now=shell.now)
        self._notices.tell_admins(connection, organization_id, *_RESET, shell.now)

    def _role(self, connection: Connection, organization_id: str, account_id: str) -> Role:
        role = role_of(connection, organization_id, account_id)
        if role is None:
            raise LookupError("no such member")
        return role
