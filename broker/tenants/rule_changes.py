"""Changing a rule: what tightens takes effect at once, what loosens waits a day, in which any admin can stop it."""

import json
from collections.abc import Mapping as Table
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update

from broker.accounts.organizations.belonging import Belongings
from broker.accounts.organizations.capabilities import FreshAdmin, Shell
from broker.accounts.organizations.change_records import settles_at
from broker.accounts.organizations.changes import Applier, Change, ChangeKind, Changes, Obsolete
from broker.accounts.organizations.notices import Notices
from broker.accounts.organizations.people import admins_of, hold, hold_as_admin
from broker.accounts.organizations.preview import Preview, Previewed
from broker.audit.service import Audit
from broker.tenants.errors import Conflict, Conflicting, NotFound
from broker.tenants.mapping_records import HOLDING, find, read
from broker.tenants.model import mappings
from broker.tenants.parties import own_rule, set_own_rule
from broker.tenants.rules import OF_A_NEW_TENANT, Rule, as_json, changed, dump, load, loosened, strictest

_RESET = """\
The people who run this site have set the rule of a tenant back to what it was when it was new: its own people can sign
in with MFA, its guests cannot. What waited to change in that rule does not take effect.

The tenant: "{name}", {tid}

Set your own rule again, and look first at the preview: an admin should always be able to meet it.
"""


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

    def __init__(
        self, *, changes: Changes, audit: Audit, notices: Notices, belongings: Belongings, preview: Preview
    ) -> None:
        self._changes = changes
        self._audit = audit
        self._notices = notices
        self._belongings = belongings
        self._preview = preview

    def save(self, connection: Connection, admin: FreshAdmin, desired: Rule, *, mapping_id: str | None) -> Saved:
        """Wish for a whole rule: of a tenant, or the organisation's own. It takes the place of the wish that waits.

        A tenant's rule can be set while it is active or suspended. A rule that would shut out the very admin who
        saves it, as they are signed in, is refused, be it at once or when all of the wish holds: it might shut out all
        of them, and nobody could take it back. So is one that would shut out another admin, or one of whom nobody
        knows, while what several people had shared settles.
        Raises :class:`NotFound`, :class:`Conflict` and ``Denied``.
        """
        hold_as_admin(connection, admin)
        old = self._current(connection, admin.organization_id, mapping_id)
        now_on = at_once(old, desired)
        tightened = changed(old, now_on)
        for each in (now_on, desired):
            if each != old and not self._meets(connection, admin, mapping_id, each):
                raise Conflict(Conflicting.SHUTS_OUT)
            if loosened(each, old):
                self._require_settled(connection, admin.organization_id, mapping_id, each, admin.account_id, admin.now)
        if tightened:
            self._write(connection, admin.organization_id, mapping_id, now_on, tightened, admin.account_id, admin.now)
            self._changes.after_tightening(connection, admin.organization_id, admin.account_id, admin.now)
        kind, target = _which(mapping_id)
        later = changed(now_on, desired)
        if not later:
            self._changes.end(connection, admin.organization_id, kind, target, by=admin.account_id, now=admin.now)
            return Saved(rule=now_on, tightened=tightened, waiting=None)
        wished = as_json(desired)
        payload: dict[str, object] = {name: wished[name] for name in sorted(later)}
        waiting = self._changes.propose(connection, admin, kind, target, payload)
        return Saved(rule=now_on, tightened=tightened, waiting=waiting)

    def reset(self, connection: Connection, shell: Shell, mapping_id: str) -> None:
        """Set the rule of a tenant to that of a new one, at once, and end the wish that waits. The admins are told.

        For an organisation whose admins cannot meet the rule, and so not change it. Raises :class:`NotFound` and
        :class:`Conflict`.
        """
        mapping = find(connection, mapping_id)
        hold(connection, mapping.organization_id)
        old = self._current(connection, mapping.organization_id, mapping_id)
        kind, target = _which(mapping_id)
        self._changes.end(connection, mapping.organization_id, kind, target, by=None, now=shell.now)
        members = changed(old, OF_A_NEW_TENANT)
        self._write(connection, mapping.organization_id, mapping_id, OF_A_NEW_TENANT, members, None, shell.now)
        text = _RESET.format(name=mapping.name, tid=mapping.tid)
        self._notices.tell_admins(
            connection, mapping.organization_id, "The rule of a tenant was reset", text, shell.now
        )

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
        if "tenants" in change.payload and rule.tenants is not None:
            # Some may have gone meanwhile, and be another organisation's.
            rule = replace(rule, tenants=rule.tenants & _tenants(connection, change.organization_id))
            if not rule.tenants:
                raise Obsolete("state")
        # What is no stricter shuts nobody out. Of what is, somebody has to be there who could take it back.
        if loosened(rule, old):
            if not self._is_met_by_an_admin(connection, change.organization_id, mapping_id, rule):
                raise Obsolete(Conflicting.SHUTS_OUT)
            try:
                who = change.requested_by
                self._require_settled(connection, change.organization_id, mapping_id, rule, who, now)
            except Conflict as error:
                raise Obsolete(error.code.value) from error
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

    def _meets(self, connection: Connection, admin: FreshAdmin, mapping_id: str | None, rule: Rule) -> bool:
        """Return whether the admin, as they are signed in, would still be one under the rule."""
        tried = connection.begin_nested()
        try:
            _put(connection, admin.organization_id, mapping_id, rule)
            (found,) = self._belongings.of(
                connection, admin.proven, admin.now, organization_id=admin.organization_id, waived=False
            )
        finally:
            tried.rollback()
        return found.standing.met

    def _is_met_by_an_admin(
        self, connection: Connection, organization_id: str, mapping_id: str | None, rule: Rule
    ) -> bool:
        """Return whether the last sign-in of an admin meets the rule as it would be."""
        previewed = self._admins_under(connection, organization_id, mapping_id, rule)
        return any(each.after is not None and each.after.met for each in previewed)

    def _require_settled(
        self,
        connection: Connection,
        organization_id: str,
        mapping_id: str | None,
        rule: Rule,
        account_id: str,
        now: datetime,
    ) -> None:
        """Raise :class:`Conflict` while it settles, if a stricter rule would shut out an admin other than this one.

        Who does not meet the rules as they are is not shut out by it. Of who has not signed in yet, nobody knows.
        """
        if settles_at(connection, organization_id, now) is None:
            return
        for each in self._admins_under(connection, organization_id, mapping_id, rule):
            shut_out_before = each.before is not None and not each.before.met
            stays = each.after is not None and each.after.met
            if each.account_id != account_id and not (stays or shut_out_before):
                raise Conflict(Conflicting.SETTLING)

    def _admins_under(
        self, connection: Connection, organization_id: str, mapping_id: str | None, rule: Rule
    ) -> list[Previewed]:
        """Return the admins, and how their last sign-ins stand to the rule as it would be."""
        proposed: dict[str, Any] = (
            {"own": rule} if mapping_id is None else {"tenant_rules": {find(connection, mapping_id).tid: rule}}
        )
        admins = admins_of(connection, organization_id)
        previewed = self._preview.of(connection, organization_id, waived=False, **proposed)
        return [each for each in previewed if each.account_id in admins]

    def _write(
        self,
        connection: Connection,
        organization_id: str,
        mapping_id: str | None,
        rule: Rule,
        members: frozenset[str],
        account_id: str | None,
        now: datetime,
    ) -> None:
        _put(connection, organization_id, mapping_id, rule)
        detail: dict[str, str | int | bool] = {"organization": organization_id, "field": "+".join(sorted(members))}
        if mapping_id is not None:
            detail["tenant"] = find(connection, mapping_id).tid
        self._audit.record(connection, action="rule.changed", account_id=account_id, detail=detail, now=now)


def _tenants(connection: Connection, organization_id: str) -> frozenset[str]:
    of_it = (mappings.c.organization_id == organization_id, mappings.c.state.in_(HOLDING))
    return frozenset(each.tid for each in read(connection, *of_it))


def _put(connection: Connection, organization_id: str, mapping_id: str | None, rule: Rule) -> None:
    if mapping_id is None:
        set_own_rule(connection, organization_id, rule)
    else:
        connection.execute(update(mappings).where(mappings.c.id == mapping_id).values(rule=dump(rule)))


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
