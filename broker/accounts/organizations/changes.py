"""Changes that wait: what weakens an organisation's rules, or its hold on itself, is told to all admins a day ahead."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from broker.accounts.model import accounts
from broker.accounts.organizations.capabilities import Admin, FreshAdmin
from broker.accounts.organizations.model import changes
from broker.accounts.organizations.notices import Notices, asked_for, in_effect, stopped
from broker.accounts.organizations.people import hold, hold_as_admin
from broker.audit.service import Audit
from broker.storage.database import Database

WAIT = timedelta(hours=24)
"""How long a change waits, and may be stopped."""

_log = logging.getLogger(__name__)


class ChangeKind(StrEnum):
    """What waits."""

    RULE = "rule"
    TENANT_RULE = "tenant_rule"
    PROMOTE = "promote"
    DEMOTE = "demote"
    REMOVE_ADMIN = "remove_admin"
    TENANT = "tenant"
    RESUME = "resume"
    RELEASE = "release"
    ATTEST = "attest"


_OF_ACCOUNTS = frozenset({ChangeKind.PROMOTE, ChangeKind.DEMOTE, ChangeKind.REMOVE_ADMIN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """``target``: the id of what it changes, empty for the organisation itself. ``payload``: JSON values only."""

    id: str
    organization_id: str
    kind: ChangeKind
    target: str
    payload: Mapping[str, Any]
    requested_by: str
    requested_at: datetime
    effective_at: datetime


class Obsolete(Exception):
    """The world has moved on, and the change cannot take effect. ``reason`` is a code, for the audit."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


Applier = Callable[[Connection, Change, datetime], None]
"""Has a change of one kind take effect, in the transaction that marks it done. Raises :class:`Obsolete`."""


class Changes:
    """The verbs of changes that wait."""

    def __init__(self, audit: Audit, notices: Notices) -> None:
        self._audit = audit
        self._notices = notices

    def propose(
        self,
        connection: Connection,
        admin: FreshAdmin,
        kind: ChangeKind,
        target: str = "",
        payload: Mapping[str, object] | None = None,
    ) -> Change:
        """Have a change wait, in place of the one of the same kind and target that waits, and tell all admins.

        ``payload`` has JSON values, and nothing personal. Raises ``Denied``.
        """
        hold_as_admin(connection, admin)
        self.end(connection, admin.organization_id, kind, target, by=admin.account_id, now=admin.now)
        change = Change(
            id=str(uuid4()),
            organization_id=admin.organization_id,
            kind=kind,
            target=target,
            payload=payload or {},
            requested_by=admin.account_id,
            requested_at=admin.now,
            effective_at=admin.now + WAIT,
        )
        connection.execute(
            insert(changes).values(
                id=change.id,
                organization_id=change.organization_id,
                kind=kind.value,
                target=target,
                payload=json.dumps(change.payload, sort_keys=True),
                requested_by=change.requested_by,
                requested_at=change.requested_at,
                effective_at=change.effective_at,
                state="pending",
            )
        )
        self._record(connection, "change.proposed", change, admin.account_id, admin.now)
        self._tell(connection, change, asked_for(kind.value, change.effective_at), admin.now)
        return change

    def end(
        self,
        connection: Connection,
        organization_id: str,
        kind: ChangeKind,
        target: str,
        *,
        by: str | None,
        now: datetime,
    ) -> bool:
        """End the change that waits, as another wish, or what happened meanwhile, takes its place.

        ``by``: whose account did. Returns whether there was one.
        """
        of_this = (
            changes.c.organization_id == organization_id,
            changes.c.kind == kind.value,
            changes.c.target == target,
        )
        ended = self._end(connection, of_this, "replaced", by, now)
        if ended is not None:
            self._record(connection, "change.replaced", ended, by, now)
        return ended is not None

    def waiting(self, connection: Connection, organization_id: str) -> list[Change]:
        """Return what waits, what takes effect first in front."""
        rows = connection.execute(
            select(changes)
            .where(changes.c.organization_id == organization_id, changes.c.state == "pending")
            .order_by(changes.c.effective_at, changes.c.id)
        )
        return [_read(row) for row in rows]

    def stop(self, connection: Connection, admin: Admin, change_id: str) -> Change:
        """Stop a change that waits, and tell all admins. Raises ``LookupError`` where none waits, and ``Denied``."""
        hold_as_admin(connection, admin)
        this = (changes.c.id == change_id, changes.c.organization_id == admin.organization_id)
        ended = self._end(connection, this, "stopped", admin.account_id, admin.now)
        if ended is None:
            raise LookupError("no such change waits")
        self._record(connection, "change.stopped", ended, admin.account_id, admin.now)
        self._tell(connection, ended, stopped(ended.kind.value), admin.now)
        return ended

    def postpone(self, connection: Connection, organization_id: str, now: datetime) -> None:
        """Have the day begin anew for all that waits, as nobody could stop it for some time."""
        connection.execute(
            update(changes)
            .where(
                changes.c.organization_id == organization_id,
                changes.c.state == "pending",
                changes.c.effective_at < now + WAIT,
            )
            .values(effective_at=now + WAIT)
        )

    def apply_due(self, database: Database, now: datetime, appliers: Mapping[ChangeKind, Applier]) -> int:
        """Have what is due take effect, each in its own transaction and once over all workers; return how many did.

        Raises ``ExceptionGroup`` at the end when some failed otherwise than as :class:`Obsolete`: they still wait.
        """
        kinds = [each.value for each in appliers]
        with database.read() as connection:
            due = connection.execute(
                select(changes.c.id, changes.c.organization_id)
                .where(changes.c.kind.in_(kinds), *_is_due(now))
                .order_by(changes.c.effective_at, changes.c.id)
            ).all()
        applied, failures = 0, []
        for row in due:
            try:
                with database.begin() as connection:
                    applied += self._apply(connection, row.id, row.organization_id, now, appliers)
            except Exception as error:
                # One that fails keeps none of the others from happening. The message may quote values: not logged.
                _log.error("change failed: id=%s error=%s", row.id, type(error).__name__)
                failures.append(error)
        if failures:
            raise ExceptionGroup("changes failed", failures)
        return applied

    def _apply(
        self,
        connection: Connection,
        change_id: str,
        organization_id: str,
        now: datetime,
        appliers: Mapping[ChangeKind, Applier],
    ) -> bool:
        hold(connection, organization_id)
        taken = connection.execute(
            update(changes)
            .where(changes.c.id == change_id, *_is_due(now))
            .values(state="done", ended_at=now)
            .returning(*changes.c)
        ).one_or_none()
        if taken is None:
            return False
        change = _read(taken)
        try:
            with connection.begin_nested():
                appliers[change.kind](connection, change, now)
        except Obsolete as error:
            connection.execute(update(changes).where(changes.c.id == change_id).values(state="failed"))
            self._record(connection, "change.failed", change, change.requested_by, now, reason=error.reason)
            return False
        self._record(connection, "change.applied", change, change.requested_by, now)
        self._tell(connection, change, in_effect(change.kind.value), now)
        return True

    def _end(
        self,
        connection: Connection,
        which: tuple[ColumnElement[bool], ...],
        state: str,
        by: str | None,
        now: datetime,
    ) -> Change | None:
        row = connection.execute(
            update(changes)
            .where(*which, changes.c.state == "pending")
            .values(state=state, ended_by=by, ended_at=now)
            .returning(*changes.c)
        ).one_or_none()
        return _read(row) if row is not None else None

    def _record(
        self, connection: Connection, action: str, change: Change, account_id: str | None, now: datetime, **more: str
    ) -> None:
        detail = {"organization": change.organization_id, "change": change.id, "kind": change.kind.value, **more}
        if change.kind in _OF_ACCOUNTS:
            detail["member"] = change.target
        self._audit.record(connection, action=action, account_id=account_id, detail=detail, now=now)

    def _tell(self, connection: Connection, change: Change, told: tuple[str, str], now: datetime) -> None:
        also = (change.target,) if change.kind in _OF_ACCOUNTS else ()
        self._notices.tell_admins(connection, change.organization_id, *told, now, also)


def _is_due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions. What waits in an organisation that is switched off goes on waiting."""
    active = select(accounts.c.id).where(accounts.c.status == "active")
    return changes.c.state == "pending", changes.c.effective_at <= now, changes.c.organization_id.in_(active)


def _read(row: Row[*tuple[Any, ...]]) -> Change:
    return Change(
        id=row.id,
        organization_id=row.organization_id,
        kind=ChangeKind(row.kind),
        target=row.target,
        payload=json.loads(row.payload),
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        effective_at=row.effective_at,
    )
