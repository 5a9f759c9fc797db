"""Changing a rule: what tightens takes effect at once, what loosens waits a day, in which any admin can stop it."""

import json
from collections.abc import Mapping as Table
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update

from broker.accounts.organizations.belonging import Belongings
from broker.accounts.organizations.capabilities import FreshAdmin
from broker.accounts.organizations.changes import Applier, Change, ChangeKind, Changes, Obsolete
from broker.accounts.organizations.people import hold_as_admin
from broker.audit.service import Audit
from broker.tenants.errors import Conflict, Conflicting, NotFound
from broker.tenants.mapping_records import HOLDING, find
from broker.tenants.model import mappings
from broker.tenants.parties import own_rule, set_own_rule
from broker.tenants.rules import Rule, as_json, changed, dump, load, loosened, strictest


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What came of a wish. ``rule`` is what holds now, ``tightened`` in which members it changed.

    ``waiting`` has the other members of the wish; none: there are none.
    """

    rule: Rule
    tightened: frozenset[str]
    waiting: Change | None


class RuleChanges:
    """Saves rules of organisations and of their tenants."""

    def __init__(self, changes: Changes, audit: Audit, belongings: Belongings) -> None:
        self._changes = changes
        self._audit = audit
        self._belongings = belongings

    def save(self, connection: Connection, admin: FreshAdmin, desired: Rule, *, mapping_id: str | None) -> Saved:
        """Wish for a whole rule: of a tenant, or the organisation's own. It takes the place of the wish that waits.

        A tenant's rule can be set while it is active or suspended. A rule that would shut out the very admin who
        saves it, as they are signed in, is refused: it might shut out all of them, and nobody could take it back.
        Raises :class:`NotFound`, :class:`Conflict` and ``Denied``.
        """
        hold_as_admin(connection, admin)
        old = self._current(connection, admin.organization_id, mapping_id)
        now_on = at_once(old, desired)
        tightened = changed(old, now_on)
        if tightened:
            with connection.begin_nested():
                self._write(
                    connection, admin.organization_id, mapping_id, now_on, tightened, admin.account_id, admin.now
                )
                self._require_met(connection, admin)
        kind, target = _which(mapping_id)
        later = changed(now_on, desired)
        if not later:
            self._changes.end(connection, admin.organization_id, kind, target, by=admin.account_id, now=admin.now)
            return Saved(rule=now_on, tightened=tightened, waiting=None)
        wished = as_json(desired)
        payload: dict[str, object] = {name: wished[name] for name in sorted(later)}
        waiting = self._changes.propose(connection, admin, kind, target, payload)
        return Saved(rule=now_on, tightened=tightened, waiting=waiting)

    def appliers(self) -> Table[ChangeKind, Applier]:
        """Return what has looser rules take effect."""
        return {ChangeKind.RULE: self._apply, ChangeKind.TENANT_RULE: self._apply}

    def _apply(self, connection: Connection, change: Change, now: datetime) -> None:
        mapping_id = change.target or None
        try:
            old = self._current(connection, change.organization_id, mapping_id)
        except Conflict as error:
            raise Obsolete(error.code.value) from error
        rule = onto(old, change.payload)
        self._write(connection, change.organization_id, mapping_id, rule, changed(old, rule), change.requested_by, now)

    def _current(self, connection: Connection, organization_id: str, mapping_id: str | None) -> Rule:
        if mapping_id is None:
            return own_rule(connection, organization_id)
        mapping = find(connection, mapping_id)
        if mapping.organization_id != organization_id:
            raise NotFound(mapping_id)
        if mapping.state not in HOLDING:
            raise Conflict(Conflicting.STATE)
        return mapping.rule

    def _require_met(self, connection: Connection, admin: FreshAdmin) -> None:
        found = self._belongings.of(connection, admin.proven, admin.now, organization_id=admin.organization_id)
        if not all(each.standing.met for each in found):
            raise Conflict(Conflicting.SHUTS_OUT)

    def _write(
        self,
        connection: Connection,
        organization_id: str,
        mapping_id: str | None,
        rule: Rule,
        members: frozenset[str],
        account_id: str,
        now: datetime,
    ) -> None:
        detail: dict[str, str | int | bool] = {"organization": organization_id, "field": "+".join(sorted(members))}
        if mapping_id is None:
            set_own_rule(connection, organization_id, rule)
        else:
            connection.execute(update(mappings).where(mappings.c.id == mapping_id).values(rule=dump(rule)))
            detail["tenant"] = find(connection, mapping_id).tid
        self._audit.record(connection, action="rule.changed", account_id=account_id, detail=detail, now=now)


def onto(rule: Rule, members: Table[str, Any]) -> Rule:
    """Return the rule with these members, JSON values of a change that waits, in place of its own."""
    return load(json.dumps({**as_json(rule), **members}))


def at_once(old: Rule, desired: Rule) -> Rule:
    """Return the part of the wish that is no looser than the rule that holds.

    Where a set is exchanged for another that has nothing in common with it, what both let pass would be nothing, and
    everybody locked out for a day: such a member waits as a whole.
    """
    strict = strictest((old, desired))
    kept = {name: getattr(old, name) for name in loosened(old, desired) if getattr(strict, name) == frozenset()}
    return replace(strict, **kept)


def _which(mapping_id: str | None) -> tuple[ChangeKind, str]:
    return (ChangeKind.RULE, "") if mapping_id is None else (ChangeKind.TENANT_RULE, mapping_id)
