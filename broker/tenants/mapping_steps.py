"""What happens to a mapping, step by step: each is written down, in the audit too, and its admins are told."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, delete, update
from sqlalchemy.exc import IntegrityError

from broker.accounts.organizations.changes import ChangeKind, Changes
from broker.accounts.organizations.notices import Notices
from broker.audit.service import Audit
from broker.tenants.errors import Contested
from broker.tenants.exceptions import Exceptions
from broker.tenants.mapping_records import Mapping, Side, State, Verb, find, is_about, is_in_rule
from broker.tenants.model import attestations, mappings, tenant_domains
from broker.tenants.parties import own_rule, set_own_rule
from broker.tenants.rules import OF_A_NEW_TENANT, dump

_TOLD = {
    State.ACTIVE: ("A tenant is active", "The people of a tenant of your organisation can sign in."),
    State.REFUSED: ("A tenant was refused", "An operator has refused a tenant that your organisation asked for."),
    State.SUSPENDED: ("A tenant is suspended", "Nobody of a tenant of your organisation can sign in at the moment."),
    State.RELEASED: ("A tenant was given up", "A tenant does not belong to your organisation any more."),
}
_NOT_REQUIRED = """ The organisation's rule required it, and does so no more.

Look at your organisation's rules: if it was the only tenant they required, they require none now."""


class Steps:
    """The steps. Whoever takes one holds the organisation and the tenant, and has looked whether it may be taken.

    Each raises ``Conflict`` where the state does not allow it, and returns the mapping as it is afterwards.
    """

    def __init__(self, audit: Audit, notices: Notices, changes: Changes, exceptions: Exceptions) -> None:
        self._audit = audit
        self._notices = notices
        self._changes = changes
        self._exceptions = exceptions

    def prove(self, connection: Connection, mapping: Mapping, speaks: bool, account_id: str, now: datetime) -> Mapping:
        """Take it as proven. Who proved it once for the tenant has done so for good."""
        values = {"speaks": speaks or mapping.speaks, "proven_at": now}
        return self._move(connection, Verb.PROVEN, mapping, account_id, now, **values)

    def activate(self, connection: Connection, verb: Verb, mapping: Mapping, account_id: str, now: datetime) -> Mapping:
        """Admit the people of the tenant. Raises :class:`Contested` where another organisation holds it."""
        try:
            with connection.begin_nested():
                active = self._move(connection, verb, mapping, account_id, now, decided_at=now)
        except IntegrityError as error:
            raise Contested from error
        self._end_changes(connection, active, account_id, now, ChangeKind.TENANT)
        self._tell(connection, active, now)
        return active

    def refuse(self, connection: Connection, mapping: Mapping, account_id: str, now: datetime) -> Mapping:
        """Turn the claim down."""
        values = {"decided_at": now, "suspended_by": Side.OPERATOR}
        refused = self._move(connection, Verb.REFUSED, mapping, account_id, now, **values)
        self._end_changes(connection, refused, account_id, now, *ChangeKind)
        self._tell(connection, refused, now)
        return refused

    def suspend(
        self, connection: Connection, mapping: Mapping, side: Side, account_id: str | None, now: datetime
    ) -> Mapping:
        """Admit nobody of the tenant until it is resumed."""
        suspended = self._move(connection, Verb.SUSPENDED, mapping, account_id, now, suspended_by=side)
        self._end_changes(connection, suspended, account_id, now, ChangeKind.RESUME)
        self._changes.after_tightening(connection, mapping.organization_id, account_id, now)
        self._tell(connection, suspended, now)
        return suspended

    def resume(self, connection: Connection, mapping: Mapping, account_id: str | None, now: datetime) -> Mapping:
        """Admit the people of the tenant again."""
        active = self._move(connection, Verb.RESUMED, mapping, account_id, now, suspended_by=None)
        self._end_changes(connection, active, account_id, now, ChangeKind.RESUME)
        self._tell(connection, active, now)
        return active

    def release(
        self, connection: Connection, mapping: Mapping, side: Side, account_id: str | None, now: datetime
    ) -> Mapping:
        """Give the tenant up, with all that was said of it: a new mapping begins from nothing.

        An admin's cannot be one that the organisation's own rule requires; an operator's takes it out of the rule.
        """
        required = side is Side.OPERATOR and is_in_rule(connection, mapping)
        self._exceptions.end_of_tenant(connection, mapping.organization_id, mapping.tid, now)
        for table in (attestations, tenant_domains):
            connection.execute(delete(table).where(table.c.mapping_id == mapping.id))
        # What an operator has taken away, nobody can have again without one.
        taken_by = side if side is Side.OPERATOR else mapping.suspended_by
        values = {"rule": dump(OF_A_NEW_TENANT), "suspended_by": taken_by}
        released = self._move(connection, Verb.RELEASED, mapping, account_id, now, **values)
        self._end_changes(connection, released, account_id, now, *ChangeKind)
        if required:
            self._take_out_of_rule(connection, released, account_id, now)
        self._tell(connection, released, now, _NOT_REQUIRED if required else "")
        return released

    def _take_out_of_rule(
        self, connection: Connection, mapping: Mapping, account_id: str | None, now: datetime
    ) -> None:
        """Have the organisation's rule not require the tenant, or its admins could never meet it, nor change it."""
        rule = own_rule(connection, mapping.organization_id)
        left = (rule.tenants or frozenset()) - {mapping.tid}
        set_own_rule(connection, mapping.organization_id, replace(rule, tenants=left or None))
        detail = {"organization": mapping.organization_id, "field": "tenants", "tenant": mapping.tid}
        self._audit.record(connection, action="rule.changed", account_id=account_id, detail=detail, now=now)

    def record(
        self, connection: Connection, verb: str, mapping: Mapping, account_id: str | None, now: datetime, **more: int
    ) -> None:
        """Write an entry of the audit about a mapping as it is now."""
        detail: dict[str, str | int | bool] = {
            "organization": mapping.organization_id,
            "tenant": mapping.tid,
            "state": mapping.state.value,
            **more,
        }
        self._audit.record(
            connection,
            action=f"tenant.{verb}",
            account_id=account_id,
            provider_id=mapping.provider_id,
            detail=detail,
            now=now,
        )

    def _move(
        self,
        connection: Connection,
        verb: Verb,
        mapping: Mapping,
        account_id: str | None,
        now: datetime,
        **values: object,
    ) -> Mapping:
        this = mappings.c.id == mapping.id
        connection.execute(update(mappings).where(this).values(state=mapping.after(verb), **values))
        moved = find(connection, mapping.id)
        self.record(connection, verb, moved, account_id, now)
        return moved

    def _end_changes(
        self, connection: Connection, mapping: Mapping, account_id: str | None, now: datetime, *kinds: ChangeKind
    ) -> None:
        for change in self._changes.waiting(connection, mapping.organization_id):
            if is_about(change, mapping.id) and change.kind in kinds:
                self._changes.end(
                    connection, mapping.organization_id, change.kind, change.target, by=account_id, now=now
                )

    def _tell(self, connection: Connection, mapping: Mapping, now: datetime, more: str = "") -> None:
        subject, text = _TOLD[mapping.state]
        about = f'{text}{more}\n\nThe tenant: "{mapping.name}", {mapping.tid}'
        self._notices.tell_admins(connection, mapping.organization_id, subject, about, now)
