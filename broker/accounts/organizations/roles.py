"""What changes about a member, once it was found that it may: the role, and whether they are one."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from broker.accounts.model import accounts
from broker.accounts.organizations.capabilities import Role
from broker.accounts.organizations.change_records import settles_at
from broker.accounts.organizations.changes import Applier, Change, ChangeKind, Changes, Obsolete
from broker.accounts.organizations.model import (
    former_memberships,
    invitations,
    last_sign_ins,
    memberships,
    organizations,
)
from broker.accounts.organizations.people import admins_of, role_of
from broker.accounts.organizations.records import LastAdmin, Settling, read
from broker.audit.service import Audit

REMAINING = 2
"""How many admins there are at least, while what several people had shared settles with an organisation."""


class Roles:
    """The steps of verbs that hold the organisation, and of changes that take effect."""

    def __init__(self, audit: Audit, changes: Changes) -> None:
        self._audit = audit
        self._changes = changes

    def require_another_admin(self, connection: Connection, organization_id: str, account_id: str) -> None:
        """Raise :class:`LastAdmin` if there is no admin but this one."""
        if not set(admins_of(connection, organization_id)) - {account_id}:
            raise LastAdmin(read(connection, organizations.c.id == organization_id))

    def require_others(self, connection: Connection, organization_id: str, account_id: str, now: datetime) -> None:
        """Raise :class:`LastAdmin` if an admin cannot go of their own accord; while it settles, two have to remain."""
        self.require_another_admin(connection, organization_id, account_id)
        until = settles_at(connection, organization_id, now)
        if until is not None and len(set(admins_of(connection, organization_id)) - {account_id}) < REMAINING:
            raise Settling(read(connection, organizations.c.id == organization_id), until)

    def set(
        self, connection: Connection, organization_id: str, account_id: str, role: Role, by: str | None, now: datetime
    ) -> None:
        """Give a member a role, at the word of the account ``by``, or at the command line's."""
        connection.execute(
            update(memberships)
            .where(memberships.c.organization_id == organization_id, memberships.c.account_id == account_id)
            .values(role=role.value)
        )
        detail = {"organization": organization_id, "member": account_id, "role": role.value}
        self._audit.record(connection, action="membership.role_changed", account_id=by, detail=detail, now=now)
        if role is not Role.ADMIN:
            self._end_invitations(connection, organization_id, account_id, by, now)

    def end(
        self, connection: Connection, organization_id: str, account_id: str, by: str | None, action: str, now: datetime
    ) -> None:
        """End a membership, and what waits to change about it. How somebody signed in is kept of members only."""
        for table in (memberships, former_memberships):
            this = (table.c.organization_id == organization_id, table.c.account_id == account_id)
            connection.execute(delete(table).where(*this))
        # Who leaves for a moment is no stranger: an operator decides nothing for those they belonged to.
        left = {"organization_id": organization_id, "account_id": account_id, "left_at": now}
        connection.execute(insert(former_memberships).values(left))
        belongs = select(memberships.c.account_id).where(memberships.c.account_id == account_id).exists()
        connection.execute(delete(last_sign_ins).where(last_sign_ins.c.account_id == account_id, ~belongs))
        detail = {"organization": organization_id, "member": account_id}
        self._audit.record(connection, action=action, account_id=by, detail=detail, now=now)
        # Or it would meet somebody who is invited anew.
        for kind in self.appliers():
            self._changes.end(connection, organization_id, kind, account_id, by=by, now=now)
        self._end_invitations(connection, organization_id, account_id, by, now)

    def _end_invitations(
        self, connection: Connection, organization_id: str, account_id: str, by: str | None, now: datetime
    ) -> None:
        """End what an admin invited who is none any more: nobody else may know of it."""
        theirs = (invitations.c.organization_id == organization_id, invitations.c.invited_by == account_id)
        gone = connection.execute(delete(invitations).where(*theirs).returning(invitations.c.id)).scalars().all()
        for each in sorted(gone):
            detail = {"organization": organization_id, "reference": each}
            self._audit.record(connection, action="invitation.withdrawn", account_id=by, detail=detail, now=now)

    def appliers(self) -> Mapping[ChangeKind, Applier]:
        """Return what has the changes of roles take effect."""
        return {
            ChangeKind.PROMOTE: self._promote,
            ChangeKind.DEMOTE: self._demote,
            ChangeKind.REMOVE_ADMIN: self._remove_admin,
        }

    def _promote(self, connection: Connection, change: Change, now: datetime) -> None:
        if role_of(connection, change.organization_id, change.target) is not Role.MEMBER:
            raise Obsolete("not_a_member")
        active = select(accounts.c.id).where(accounts.c.id == change.target, accounts.c.status == "active")
        if connection.execute(active).one_or_none() is None:
            raise Obsolete("account_closed")
        self.set(connection, change.organization_id, change.target, Role.ADMIN, change.requested_by, now)

    def _demote(self, connection: Connection, change: Change, now: datetime) -> None:
        if role_of(connection, change.organization_id, change.target) is not Role.ADMIN:
            raise Obsolete("not_an_admin")
        # Whoever asked for it is another admin, and one still: changes see to that.
        self.set(connection, change.organization_id, change.target, Role.MEMBER, change.requested_by, now)

    def _remove_admin(self, connection: Connection, change: Change, now: datetime) -> None:
        if role_of(connection, change.organization_id, change.target) is None:
            raise Obsolete("not_a_member")
        who = (change.organization_id, change.target, change.requested_by)
        self.end(connection, *who, "membership.removed", now)
