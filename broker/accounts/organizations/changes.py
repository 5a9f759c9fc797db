"""Changes that wait: what weakens an organisation's rules, or its hold on itself, is told to all admins a day ahead."""

import json
import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from broker.accounts.model import accounts
from broker.accounts.organizations import rule_words
from broker.accounts.organizations.capabilities import FreshAdmin, Stopper
from broker.accounts.organizations.change_records import WAIT, Applier, Change, ChangeKind, Obsolete, read
from broker.accounts.organizations.model import changes
from broker.accounts.organizations.notices import Notices, asked_for, in_effect, overtaken, stopped
from broker.accounts.organizations.people import admins_of, hold, hold_as_admin
from broker.accounts.organizations.records import Share, TooOften
from broker.accounts.organizations.silenced import Silenced
from broker.audit.service import Audit
from broker.storage.database import Database
from broker.switches.service import Kind, Switches, Thrown
from claims.decision import Purpose

if TYPE_CHECKING:
    from broker.signin.kept import KeptProofs

__all__ = ["WAIT", "Applier", "Change", "ChangeKind", "Changes", "Obsolete"]

MOST_IN_A_DAY = 20
"""How many changes an organisation can ask for in a day: each is told to all its admins."""
KEPT = timedelta(days=400)
"""How long a change is kept that waits no more. The audit has what happened."""

_log = logging.getLogger(__name__)


_OF_ACCOUNTS = frozenset({ChangeKind.PROMOTE, ChangeKind.DEMOTE, ChangeKind.REMOVE_ADMIN})

ShutOut = Callable[[Connection, str], Collection[str]]
"""Returns the account ids of the admins of an organisation whose last sign-in does not meet its rules as they are."""


class Changes:
    """The verbs of changes that wait."""

    def __init__(
        self,
        audit: Audit,
        notices: Notices,
        shut_out: ShutOut,
        proofs: "KeptProofs",
        silenced: Silenced,
        switches: Switches,
    ) -> None:
        self._audit = audit
        self._notices = notices
        self._shut_out = shut_out
        self._proofs = proofs
        self._silenced = silenced
        self._switches = switches

    def propose(
        self,
        connection: Connection,
        admin: FreshAdmin,
        kind: ChangeKind,
        target: str = "",
        payload: Mapping[str, object] | None = None,
        *,
        not_before: datetime | None = None,
    ) -> Change:
        """Have a change wait, in place of the one of the same kind and target that waits, and tell all admins.

        Where just this waits already, that is returned, and nobody is told again. ``payload`` has JSON values, and
        nothing personal. ``not_before``: where it has to wait longer than others. Raises ``Denied`` and
        :class:`TooOften`.
        """
        hold_as_admin(connection, admin)
        same = self._same(connection, admin.organization_id, kind, target, payload or {})
        if same is not None:
            return same
        self._require_share(connection, admin)
        self.end(connection, admin.organization_id, kind, target, by=admin.account_id, now=admin.now)
        change = Change(
            id=str(uuid4()),
            organization_id=admin.organization_id,
            kind=kind,
            target=target,
            payload=payload or {},
            requested_by=admin.account_id,
            requested_at=admin.now,
            effective_at=max(admin.now + WAIT, not_before or admin.now),
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
        self._proofs.keep(connection, change.id, admin.proven, admin.now)
        self._record(connection, "change.proposed", change, admin.account_id, admin.now)
        self._tell(connection, change, self._asked_for(connection, change), admin.now)
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
        return [read(row) for row in rows]

    def stop(self, connection: Connection, stopper: Stopper, change_id: str) -> Change:
        """Stop a change that waits, and tell all admins. Raises ``LookupError`` where none waits, and ``Denied``."""
        hold_as_admin(connection, stopper)
        this = (changes.c.id == change_id, changes.c.organization_id == stopper.organization_id)
        ended = self._end(connection, this, "stopped", stopper.account_id, stopper.now)
        if ended is None:
            raise LookupError("no such change waits")
        self._record(connection, "change.stopped", ended, stopper.account_id, stopper.now)
        self._tell(connection, ended, stopped(ended.kind.value), stopper.now)
        return ended

    def after_tightening(self, connection: Connection, organization_id: str, by: str | None, now: datetime) -> None:
        """Have the day begin anew for all that waits, if an admin other than ``by`` is shut out as things are now.

        For whatever tightens at once: nobody silences the others, and has what they asked for take effect meanwhile.
        """
        if set(self._shut_out(connection, organization_id)) - {by}:
            self.postpone(connection, organization_id, now)

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

    def after_switch(self, connection: Connection, kind: Kind, target: str, _since: datetime, now: datetime) -> None:
        """Have the day begin anew where a kill switch that is being restored kept admins from objecting."""
        if kind in (Kind.CLIENT, Kind.SIGN_UP):
            return
        off = Thrown(
            providers=frozenset({target} if kind is Kind.PROVIDER else ()),
            tenants=frozenset({target} if kind is Kind.TENANT else ()),
        )
        pending = select(changes.c.organization_id).where(changes.c.state == "pending").distinct()
        for organization_id in connection.execute(pending).scalars().all():
            if kind is Kind.READ_ONLY or self._silenced.any_admin(connection, organization_id, off.shuts):
                self.postpone(connection, organization_id, now)

    def _is_silenced(self, connection: Connection, organization_id: str, now: datetime) -> bool:
        thrown = self._switches.thrown(now, connection)
        if not thrown.providers and not thrown.tenants:
            return False
        return self._silenced.any_admin(connection, organization_id, thrown.shuts)

    def apply_due(self, database: Database, now: datetime, appliers: Mapping[ChangeKind, Applier]) -> int:
        """Have what is due take effect, each in its own transaction and once over all workers; return how many did.

        Raises ``ExceptionGroup`` at the end when some failed otherwise than as :class:`Obsolete`: they still wait.
        """
        kinds = [each.value for each in appliers]
        self._forget(database, now)
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
        if self._proofs.are_shut_out(connection, change_id, now) or self._is_silenced(connection, organization_id, now):
            return False  # it waits until the kill switch is restored, and is judged then
        taken = connection.execute(
            update(changes)
            .where(changes.c.id == change_id, *_is_due(now))
            .values(state="done", ended_at=now)
            .returning(*changes.c)
        ).one_or_none()
        if taken is None:
            return False
        change = read(taken)
        proven = self._proofs.still_hold(connection, change_id, Purpose.ADMINISTRATION, now)
        self._proofs.forget(connection, [change_id])
        try:
            if change.requested_by not in admins_of(connection, organization_id):
                raise Obsolete("not_an_admin")
            if not proven:
                raise Obsolete("proof_not_enough")
            with connection.begin_nested():
                appliers[change.kind](connection, change, now)
        except Obsolete as error:
            connection.execute(update(changes).where(changes.c.id == change_id).values(state="failed"))
            self._record(connection, "change.failed", change, change.requested_by, now, reason=error.reason)
            self._tell(connection, change, overtaken(change.kind.value), now)
            return False
        self._record(connection, "change.applied", change, change.requested_by, now)
        self._tell(connection, change, in_effect(change.kind.value), now)
        return True

    def _forget(self, database: Database, now: datetime) -> None:
        """Delete what has ended long ago. Looked for first, as writing takes a lock."""
        old = (changes.c.state != "pending", changes.c.ended_at < now - KEPT)
        with database.read() as connection:
            found = connection.execute(select(changes.c.id).where(*old).limit(1)).one_or_none()
        if found is not None:
            with database.begin() as connection:
                connection.execute(delete(changes).where(*old))

    def _same(
        self, connection: Connection, organization_id: str, kind: ChangeKind, target: str, payload: Mapping[str, object]
    ) -> Change | None:
        """Return the change that waits if it is just this, asked for by somebody who is still an admin."""
        admins = admins_of(connection, organization_id)
        for each in self.waiting(connection, organization_id):
            if (each.kind, each.target, each.payload) == (kind, target, payload) and each.requested_by in admins:
                return each
        return None

    def _require_share(self, connection: Connection, admin: FreshAdmin) -> None:
        # An admin's own, so that nobody uses up what others need to undo it.
        asked = (
            select(func.count())
            .select_from(changes)
            .where(
                changes.c.organization_id == admin.organization_id,
                changes.c.requested_by == admin.account_id,
                changes.c.requested_at > admin.now - WAIT,
            )
        )
        if connection.execute(asked).scalar_one() >= MOST_IN_A_DAY:
            raise TooOften(Share.CHANGES)

    def _asked_for(self, connection: Connection, change: Change) -> tuple[str, str]:
        loosened: list[str] = []
        if change.kind in (ChangeKind.RULE, ChangeKind.TENANT_RULE):
            loosened = rule_words.plain(change.payload)
        who = self._notices.name_of(connection, change.requested_by)
        return asked_for(change.kind.value, change.effective_at, who, loosened)

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
        if row is None:
            return None
        self._proofs.forget(connection, [row.id])
        return read(row)

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
