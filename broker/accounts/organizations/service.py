"""The verbs of organisations and memberships. Each takes the caller's connection; what changes takes a capability."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from broker.accounts.model import accounts, people
from broker.accounts.organizations.capabilities import Denial, Denied, FreshAdmin, Leaver, Person, Role
from broker.accounts.organizations.change_records import SETTLING, SHARED_WAIT, shared_since
from broker.accounts.organizations.changes import Applier, Change, ChangeKind, Changes
from broker.accounts.organizations.model import former_memberships, invitations, memberships, operators, organizations
from broker.accounts.organizations.names import clean_name, name_key
from broker.accounts.organizations.people import admins_of, hold, hold_as_admin, role_of
from broker.accounts.organizations.records import LastAdmin, MemberEntry, NameTaken, Organization, TooMany, read
from broker.accounts.organizations.roles import Roles
from broker.accounts.service import Accounts
from broker.audit.service import Audit
from broker.tenants.rules import NOTHING_MORE, dump

MOST_OF_ONE_ADMIN = 10
"""How many organisations somebody may be an admin of and still make another."""


def active_ids() -> Select[tuple[str]]:
    """Return, for the conditions of other queries, the ids of the organisations that are not switched off."""
    return (
        select(organizations.c.id)
        .join(accounts, accounts.c.id == organizations.c.id)
        .where(accounts.c.status == "active")
    )


class Organizations:
    """The verbs. Reading is for whoever was found to be a member, or an operator, before."""

    def __init__(self, accounts: Accounts, audit: Audit, changes: Changes) -> None:
        self._accounts = accounts
        self._audit = audit
        self._changes = changes
        self._roles = Roles(audit, changes)

    def create(self, connection: Connection, person: Person, name: str) -> str:
        """Make an organisation with this person as its admin, and return its id.

        Raises ``ValueError`` for what is no name, :class:`NameTaken`, :class:`TooMany`, ``AccountClosed``.
        """
        clean = clean_name(name)
        self._accounts.hold(connection, person.account_id)
        of_theirs = (memberships.c.account_id == person.account_id, memberships.c.role == Role.ADMIN.value)
        count = connection.execute(select(func.count()).select_from(memberships).where(*of_theirs)).scalar_one()
        if count >= MOST_OF_ONE_ADMIN:
            raise TooMany
        organization_id = self._make(connection, clean, person.account_id, person.now)
        self._record(connection, "organization.created", organization_id, person.account_id, person.now)
        return organization_id

    def create_for(self, connection: Connection, account_id: str, name: str, now: datetime) -> str:
        """Make one at the command line's word, with that account as its admin, and return its id.

        Raises ``LookupError`` where the account is nobody's, ``AccountClosed``, ``ValueError`` and :class:`NameTaken`.
        """
        clean = clean_name(name)
        self._accounts.hold(connection, account_id)
        self._accounts.person(connection, account_id)
        organization_id = self._make(connection, clean, account_id, now)
        detail = {"organization": organization_id, "member": account_id}
        self._audit.record(connection, action="organization.created", detail=detail, now=now)
        return organization_id

    def create_shared(self, connection: Connection, admin_ids: Sequence[str], name: str, now: datetime) -> str:
        """Make one with several admins at once, and return its id: what a shared account becomes.

        Whoever calls it has seen that each of them accepted. Raises ``ValueError`` for what is no name and for fewer
        than two admins, :class:`NameTaken`, ``AccountClosed``.
        """
        clean = clean_name(name)
        if len(set(admin_ids)) < 2:
            raise ValueError("nobody alone gets what several shared")
        for account_id in sorted(set(admin_ids)):
            self._accounts.hold(connection, account_id)
        first, *others = dict.fromkeys(admin_ids)
        organization_id = self._make(connection, clean, first, now)
        for account_id in others:
            self._join(connection, organization_id, account_id, Role.ADMIN, now)
        self._record(connection, "organization.created", organization_id, first, now)
        return organization_id

    def rename(self, connection: Connection, admin: FreshAdmin, name: str) -> None:
        """Give it another name. Raises ``ValueError``, :class:`NameTaken`, ``Denied``."""
        clean = clean_name(name)
        hold_as_admin(connection, admin)
        renamed = update(organizations).where(organizations.c.id == admin.organization_id)
        try:
            with connection.begin_nested():
                connection.execute(renamed.values(name=clean, name_key=name_key(clean)))
        except IntegrityError as error:
            raise NameTaken from error
        self._record(connection, "organization.renamed", admin.organization_id, admin.account_id, admin.now)

    def get(self, connection: Connection, organization_id: str) -> Organization:
        """Return an organisation, switched off or not. Raises ``LookupError`` when there is none."""
        found = read(connection, organizations.c.id == organization_id)
        if not found:
            raise LookupError("no such organisation")
        return found[0]

    def has_name(self, connection: Connection, name: str) -> bool:
        """Return whether one, switched off or not, has this name or one that reads the same."""
        return bool(read(connection, organizations.c.name_key == name_key(name)))

    def all(self, connection: Connection) -> list[Organization]:
        """Return them by name, those that are switched off too."""
        return read(connection)

    def members(self, connection: Connection, organization_id: str) -> list[MemberEntry]:
        """Return the members, who joined first in front."""
        rows = connection.execute(
            select(memberships)
            .where(memberships.c.organization_id == organization_id)
            .order_by(memberships.c.joined_at, memberships.c.account_id)
        )
        return [
            MemberEntry(
                account_id=row.account_id,
                role=Role(row.role),
                joined_at=row.joined_at,
                suspended_at=row.suspended_at,
            )
            for row in rows
        ]

    def remove_member(self, connection: Connection, admin: FreshAdmin, account_id: str) -> Change | None:
        """Remove a member at once, oneself too; another admin after a day or longer, by the change that is returned.

        Raises ``LookupError`` for somebody who is none, :class:`LastAdmin`, ``Denied``.
        """
        hold_as_admin(connection, admin)
        role = self._role(connection, admin.organization_id, account_id)
        if account_id != admin.account_id and role is Role.ADMIN:
            not_before = self._not_before(connection, admin)
            return self._changes.propose(connection, admin, ChangeKind.REMOVE_ADMIN, account_id, not_before=not_before)
        if account_id == admin.account_id:
            self._roles.require_others(connection, admin.organization_id, account_id, admin.now)
        by = admin.account_id
        self._roles.end(connection, admin.organization_id, account_id, by, "membership.removed", admin.now)
        return None

    def change_role(self, connection: Connection, admin: FreshAdmin, account_id: str, role: Role) -> Change | None:
        """Have somebody's role change after a day, by the change that is returned; one's own at once, to member.

        Nothing happens where they have that role. Raises as :meth:`remove_member`.
        """
        hold_as_admin(connection, admin)
        if self._role(connection, admin.organization_id, account_id) is role:
            return None
        if account_id != admin.account_id:
            if role is Role.ADMIN:
                return self._changes.propose(connection, admin, ChangeKind.PROMOTE, account_id)
            not_before = self._not_before(connection, admin)
            return self._changes.propose(connection, admin, ChangeKind.DEMOTE, account_id, not_before=not_before)
        self._roles.require_others(connection, admin.organization_id, account_id, admin.now)
        self._roles.set(connection, admin.organization_id, account_id, Role.MEMBER, account_id, admin.now)
        return None

    def leave(self, connection: Connection, member: Leaver) -> None:
        """End one's own membership. Raises :class:`LastAdmin`, and ``Denied`` where it has ended meanwhile."""
        hold(connection, member.organization_id)
        role = role_of(connection, member.organization_id, member.account_id)
        if role is None:
            raise Denied(Denial.UNKNOWN)
        if role is Role.ADMIN:
            self._roles.require_others(connection, member.organization_id, member.account_id, member.now)
        account_id = member.account_id
        self._roles.end(connection, member.organization_id, account_id, account_id, "membership.left", member.now)

    def disable(
        self, connection: Connection, organization_id: str, now: datetime, operator_id: str | None = None
    ) -> None:
        """Switch it off: nobody is a member of it, and nobody comes by its tenants, until it is switched on again.

        ``operator_id``: whose account did, if not the command line. Raises ``LookupError``.
        """
        hold(connection, organization_id)
        if self.get(connection, organization_id).status == "active":
            self._accounts.set_status(connection, organization_id, "disabled")
            self._record(connection, "organization.disabled", organization_id, operator_id, now)

    def enable(
        self, connection: Connection, organization_id: str, now: datetime, operator_id: str | None = None
    ) -> None:
        """Switch it on again; what waits in it waits a whole day from now, as nobody could stop it meanwhile.

        Raises ``LookupError``, and :class:`LastAdmin` where its last admin is gone.
        """
        hold(connection, organization_id)
        found = self.get(connection, organization_id)
        if found.status == "active":
            return
        if not admins_of(connection, organization_id):
            raise LastAdmin([found])
        self._accounts.set_status(connection, organization_id, "active")
        self._changes.postpone(connection, organization_id, now)
        self._record(connection, "organization.enabled", organization_id, operator_id, now)

    def left_by(self, connection: Connection, account_id: str) -> list[tuple[str, datetime]]:
        """Return the organisations that an account has left, by id, and when it did the last time."""
        rows = connection.execute(
            select(former_memberships.c.organization_id, former_memberships.c.left_at)
            .where(former_memberships.c.account_id == account_id)
            .order_by(former_memberships.c.left_at, former_memberships.c.organization_id)
        )
        return [(row.organization_id, row.left_at) for row in rows]

    def forget(self, connection: Connection, account_id: str, now: datetime) -> None:
        """End what an account has here, in the transaction that erases it: before ``Accounts.erase`` does.

        Raises :class:`LastAdmin` with every organisation that it would leave without an admin. One that is switched
        off keeps nobody from being erased, as nobody could name another admin there.
        """
        self._accounts.hold(connection, account_id)
        belongs = select(memberships.c.organization_id).where(memberships.c.account_id == account_id)
        held = sorted(connection.execute(belongs).scalars())
        for organization_id in held:
            hold(connection, organization_id)
        theirs = read(connection, organizations.c.id.in_(belongs))
        left = [each for each in theirs if each.status == "active" and admins_of(connection, each.id) == [account_id]]
        if left:
            raise LastAdmin(left)
        for each in theirs:
            self._roles.end(connection, each.id, account_id, account_id, "membership.left", now)
        connection.execute(delete(former_memberships).where(former_memberships.c.account_id == account_id))
        if connection.execute(delete(operators).where(operators.c.account_id == account_id)).rowcount:
            self._audit.record(connection, action="operator.removed", account_id=account_id, now=now)
        # Only of an address that is theirs for certain: others could wish an invitation away by claiming it.
        address = select(people.c.email_index).where(people.c.account_id == account_id, people.c.email_verified)
        connection.execute(delete(invitations).where(invitations.c.email_index.in_(address)))

    def appliers(self) -> Mapping[ChangeKind, Applier]:
        """Return what has the changes of roles take effect."""
        return self._roles.appliers()

    def _make(self, connection: Connection, name: str, admin_id: str, now: datetime) -> str:
        organization_id = self._accounts.create_organization(connection, now)
        try:
            with connection.begin_nested():
                connection.execute(
                    insert(organizations).values(
                        id=organization_id, name=name, name_key=name_key(name), rule=dump(NOTHING_MORE)
                    )
                )
        except IntegrityError as error:
            raise NameTaken from error
        self._join(connection, organization_id, admin_id, Role.ADMIN, now)
        return organization_id

    def _join(self, connection: Connection, organization_id: str, account_id: str, role: Role, now: datetime) -> None:
        connection.execute(
            insert(memberships).values(
                organization_id=organization_id, account_id=account_id, role=role.value, joined_at=now
            )
        )

    def _not_before(self, connection: Connection, admin: FreshAdmin) -> datetime | None:
        """Return until when another admin stays one at least: nobody takes alone what several had shared."""
        since = shared_since(connection, admin.organization_id, admin.now)
        return max(admin.now + SHARED_WAIT, since + SETTLING) if since is not None else None

    def _role(self, connection: Connection, organization_id: str, account_id: str) -> Role:
        role = role_of(connection, organization_id, account_id)
        if role is None:
            raise LookupError("no such member")
        return role

    def _record(self, connection: Connection, action: str, organization_id: str, by: str | None, now: datetime) -> None:
        detail = {"organization": organization_id}
        self._audit.record(connection, action=action, account_id=by, detail=detail, now=now)
