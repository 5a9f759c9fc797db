"""Mapping tenants to organisations: asked for, proven at the tenant itself, decided, suspended, given up."""

from collections.abc import Iterable
from collections.abc import Mapping as Table
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from uuid import uuid4

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from broker.accounts.organizations.capabilities import FreshAdmin, FreshOperator, Shell
from broker.accounts.organizations.changes import Applier, Change, ChangeKind, Changes, Obsolete
from broker.accounts.organizations.notices import Notices
from broker.accounts.organizations.people import hold
from broker.audit.service import Audit
from broker.storage.database import exclusive
from broker.tenants.domains import parse, put
from broker.tenants.errors import BadInput, Conflict, Conflicting, Contested, NotFound
from broker.tenants.exceptions import Exceptions
from broker.tenants.mapping_records import (
    CLAIMING,
    HOLDING,
    Claims,
    Mapping,
    Side,
    State,
    Verb,
    find,
    give_back,
    had_one,
    is_in_rule,
    lock_of,
    read,
    require_on_no_side,
    rivals_of,
    taken_away,
)
from broker.tenants.mapping_steps import Steps
from broker.tenants.model import mappings
from broker.tenants.parties import hold_for
from broker.tenants.rules import OF_A_NEW_TENANT, dump
from claims.profile import Profile
from providers.catalog import CONSUMERS
from providers.microsoft.guids import is_guid
from providers.microsoft.roles import SPEAKING_ROLES

__all__ = ["Claims", "Mapping", "Mappings", "Road", "Side", "State"]


class Road(StrEnum):
    """How a proven mapping becomes active."""

    AT_ONCE = "at_once"
    WAITS = "waits"  # for a day, in which any admin can stop it
    OPERATOR = "operator"


class Mappings:
    """The verbs of mappings. ``tenanted`` are the ids of the providers whose people come by a tenant.

    ``self_service``: the proof alone makes an organisation's first tenant active, where it speaks for the tenant.
    """

    def __init__(
        self,
        *,
        audit: Audit,
        notices: Notices,
        changes: Changes,
        exceptions: Exceptions,
        tenanted: frozenset[str],
        self_service: bool,
    ) -> None:
        self._changes = changes
        self._steps = Steps(audit, notices, changes, exceptions)
        self._tenanted = tenanted
        self._self_service = self_service

    def request(self, connection: Connection, admin: FreshAdmin, provider_id: str, tid: str, name: str) -> Mapping:
        """Ask for a tenant. Raises :class:`BadInput`, and :class:`Conflict` where the organisation has already."""
        tid, shown = tid.strip().lower(), Profile.read(name, None, None).name
        if provider_id not in self._tenanted:
            raise BadInput("provider", "unknown", "That provider has no tenants to map.")
        if not is_guid(tid) or tid == CONSUMERS:
            raise BadInput("tid", "not_a_tenant", "A tenant is known by its id, 32 digits and letters with dashes.")
        if shown is None:
            raise BadInput("name", "unreadable", "A name has 1 to 200 printable characters.")
        hold_for(connection, admin, admin.organization_id)
        mapping_id = str(uuid4())
        asked = insert(mappings).values(
            id=mapping_id,
            organization_id=admin.organization_id,
            provider_id=provider_id,
            tid=tid,
            name=shown,
            state=State.REQUESTED,
            rule=dump(OF_A_NEW_TENANT),
            requested_by=admin.account_id,
            requested_at=admin.now,
            speaks=False,
        )
        try:
            with connection.begin_nested():
                connection.execute(asked)
        except IntegrityError as error:
            raise Conflict(Conflicting.ASKED_ALREADY) from error
        made = self.get(connection, admin.organization_id, mapping_id)
        self._steps.record(connection, Verb.REQUESTED, made, admin.account_id, admin.now)
        return made

    def appliers(self) -> Table[ChangeKind, Applier]:
        """Return what has a mapping, a resumption and a release take effect."""
        return {
            ChangeKind.TENANT: self._apply_tenant,
            ChangeKind.RESUME: self._apply_resume,
            ChangeKind.RELEASE: self._apply_release,
        }

    def get(self, connection: Connection, organization_id: str, mapping_id: str) -> Mapping:
        """Return a mapping of the organisation. Raises :class:`NotFound`."""
        found = read(connection, mappings.c.id == mapping_id, mappings.c.organization_id == organization_id)
        if not found:
            raise NotFound(mapping_id)
        return found[0]

    def of_organization(self, connection: Connection, organization_id: str) -> list[Mapping]:
        """Return all there ever were, the first one first."""
        return read(connection, mappings.c.organization_id == organization_id)

    def prove(
        self,
        connection: Connection,
        admin: FreshAdmin,
        mapping_id: str,
        *,
        tid: str,
        roles: frozenset[str],
        guest: bool,
    ) -> Road:
        """Take a sign-in at a tenant, whose ``tid`` was verified and MFA proven, as proof, and go on from there.

        ``roles``: the directory roles of who signed in. Raises :class:`NotFound` and :class:`Conflict`.
        """
        mapping = self._held(connection, admin, mapping_id)
        if tid != mapping.tid:
            raise Conflict(Conflicting.OTHER_TENANT)
        if guest:
            raise Conflict(Conflicting.GUEST)
        speaks = not roles.isdisjoint(SPEAKING_ROLES)
        proven = self._steps.prove(connection, mapping, speaks, admin.account_id, admin.now)
        road = self._road(connection, proven)
        if road is Road.AT_ONCE:
            self._steps.activate(connection, Verb.ACTIVATED, proven, admin.account_id, admin.now)
        elif road is Road.WAITS:
            self._changes.propose(connection, admin, ChangeKind.TENANT, mapping_id)
        return road

    def _apply_tenant(self, connection: Connection, change: Change, now: datetime) -> None:
        mapping = self._held_for(connection, change)
        # Somebody else may have claimed it meanwhile, which is for an operator to decide.
        if mapping.state is not State.PROVEN or self._road(connection, mapping) is not Road.WAITS:
            raise Obsolete("state")
        self._steps.activate(connection, Verb.ACTIVATED, mapping, change.requested_by, now)

    def approve(self, connection: Connection, operator: FreshOperator, mapping_id: str) -> Mapping:
        """Make a proven mapping active, and release those by which others claim the tenant.

        Raises :class:`NotFound`, :class:`Conflict`, :class:`Contested` when the claims changed this very moment, and
        ``Denied`` for an operator who is on one of the sides.
        """
        seen = find(connection, mapping_id)
        rivals = rivals_of(connection, seen)
        for organization_id in sorted({each.organization_id for each in (seen, *rivals)}):
            hold(connection, organization_id)
        exclusive(connection, lock_of(seen.tid))
        mapping = find(connection, mapping_id)
        require_on_no_side(connection, operator, (mapping, *rivals))
        mapping.after(Verb.APPROVED)
        if self._road(connection, mapping) is Road.WAITS:
            # It needs no operator, and its admins have a day to stop it.
            raise Conflict(Conflicting.STATE)
        if rivals_of(connection, mapping) != rivals:
            raise Contested
        # Before the rivals: what is taken from them now is for an operator to give again.
        give_back(connection, mapping.tid)
        for each in rivals:
            self._steps.release(connection, each, Side.OPERATOR, operator.account_id, operator.now)
        return self._steps.activate(connection, Verb.APPROVED, mapping, operator.account_id, operator.now)

    def refuse(self, connection: Connection, operator: FreshOperator, mapping_id: str) -> Mapping:
        """Turn down a claim that is not active.

        Raises :class:`NotFound`, :class:`Conflict`, and ``Denied`` for an operator who is on a side against it.
        """
        mapping = self._held(connection, operator, mapping_id)
        require_on_no_side(connection, operator, rivals_of(connection, mapping))
        return self._steps.refuse(connection, mapping, operator.account_id, operator.now)

    def to_decide(self, connection: Connection) -> list[Claims]:
        """Return what waits for an operator: by tenant, all who claim it."""
        proven = select(mappings.c.tid).where(mappings.c.state == State.PROVEN)
        claiming = read(connection, mappings.c.tid.in_(proven), mappings.c.state.in_(CLAIMING))
        by_tenant = groupby(sorted(claiming, key=lambda each: each.tid), key=lambda each: each.tid)
        claims = [Claims(tid=tid, mappings=tuple(each)) for tid, each in by_tenant]
        return [each for each in claims if any(self._awaits(connection, mapping) for mapping in each.mappings)]

    def suspend(self, connection: Connection, acting: FreshAdmin | FreshOperator | Shell, mapping_id: str) -> Mapping:
        """Admit nobody of the tenant until it is resumed. An operator may make an admin's suspension their own.

        Raises :class:`NotFound`, :class:`Conflict`, also where the organisation's own rule requires the tenant and an
        admin acts, and ``Denied`` for an operator who is on a side.
        """
        mapping = self._held(connection, acting, mapping_id)
        side = _side(acting)
        if isinstance(acting, FreshAdmin) and is_in_rule(connection, mapping):
            raise Conflict(Conflicting.IN_RULE)
        if isinstance(acting, FreshOperator):
            require_on_no_side(connection, acting, (mapping, *rivals_of(connection, mapping)))
        if mapping.state is State.SUSPENDED and (side is Side.ADMIN or mapping.suspended_by is Side.OPERATOR):
            raise Conflict(Conflicting.STATE)
        return self._steps.suspend(connection, mapping, side, acting.account_id, acting.now)

    def resume(
        self, connection: Connection, acting: FreshAdmin | FreshOperator | Shell, mapping_id: str
    ) -> Change | None:
        """Admit the people of the tenant again: an operator at once, an admin by the change returned.

        Raises :class:`NotFound`, :class:`Conflict`, and ``Denied`` for an operator who is on a side.
        """
        mapping = self._held(connection, acting, mapping_id)
        mapping.after(Verb.RESUMED)
        if isinstance(acting, FreshAdmin):
            _require_not_of_operators(mapping)
            return self._changes.propose(connection, acting, ChangeKind.RESUME, mapping_id)
        if isinstance(acting, FreshOperator):
            require_on_no_side(connection, acting, (mapping, *rivals_of(connection, mapping)))
        self._steps.resume(connection, mapping, acting.account_id, acting.now)
        return None

    def _apply_resume(self, connection: Connection, change: Change, now: datetime) -> None:
        mapping = self._held_for(connection, change)
        if mapping.state is not State.SUSPENDED or mapping.suspended_by is Side.OPERATOR:
            raise Obsolete("state")
        self._steps.resume(connection, mapping, change.requested_by, now)

    def release(
        self, connection: Connection, acting: FreshAdmin | FreshOperator | Shell, mapping_id: str
    ) -> Change | None:
        """Give the tenant up: at once what was not active yet, and by an operator; otherwise by the change returned.

        Raises :class:`NotFound`, :class:`Conflict`, and ``Denied`` for an operator who is on a side.
        """
        mapping = self._held(connection, acting, mapping_id)
        mapping.after(Verb.RELEASED)
        if isinstance(acting, FreshAdmin) and mapping.state in HOLDING:
            _require_not_of_operators(mapping)
            if is_in_rule(connection, mapping):
                raise Conflict(Conflicting.IN_RULE)
            return self._changes.propose(connection, acting, ChangeKind.RELEASE, mapping_id)
        if isinstance(acting, FreshOperator):
            require_on_no_side(connection, acting, (mapping, *rivals_of(connection, mapping)))
        self._steps.release(connection, mapping, _side(acting), acting.account_id, acting.now)
        return None

    def _apply_release(self, connection: Connection, change: Change, now: datetime) -> None:
        mapping = self._held_for(connection, change)
        if mapping.state not in HOLDING or mapping.suspended_by is Side.OPERATOR or is_in_rule(connection, mapping):
            raise Obsolete("state")
        self._steps.release(connection, mapping, Side.ADMIN, change.requested_by, now)

    def set_domains(
        self, connection: Connection, admin: FreshAdmin, mapping_id: str, domains: Iterable[str]
    ) -> tuple[str, ...]:
        """Make these the domains that lead to an active tenant, and return them as they are looked up.

        Microsoft has told the caller just now that each is this tenant's: another tenant that had one has it no more.
        Raises :class:`NotFound`, :class:`Conflict` and :class:`BadInput`.
        """
        mapping = self._held(connection, admin, mapping_id)
        if mapping.state is not State.ACTIVE:
            raise Conflict(Conflicting.STATE)
        wanted = parse(domains)
        put(connection, mapping_id, wanted)
        self._steps.record(connection, "domains", mapping, admin.account_id, admin.now, count=len(wanted))
        return wanted

    def _awaits(self, connection: Connection, mapping: Mapping) -> bool:
        return mapping.state is State.PROVEN and self._road(connection, mapping) is not Road.WAITS

    def _road(self, connection: Connection, mapping: Mapping) -> Road:
        """Return how a proven mapping becomes active, as things are now."""
        if not mapping.speaks or rivals_of(connection, mapping) or taken_away(connection, mapping):
            return Road.OPERATOR
        if had_one(connection, mapping.organization_id):
            return Road.WAITS
        return Road.AT_ONCE if self._self_service else Road.OPERATOR

    def _held(self, connection: Connection, acting: FreshAdmin | FreshOperator | Shell, mapping_id: str) -> Mapping:
        """Return the mapping, of which and of whose tenant nothing else changes until this transaction ends."""
        mapping = find(connection, mapping_id)
        if not hold_for(connection, acting, mapping.organization_id):
            raise NotFound(mapping_id)
        exclusive(connection, lock_of(mapping.tid))
        return find(connection, mapping_id)

    def _held_for(self, connection: Connection, change: Change) -> Mapping:
        """Return the mapping of a change, whose organisation is held by who has it take effect."""
        exclusive(connection, lock_of(self.get(connection, change.organization_id, change.target).tid))
        return self.get(connection, change.organization_id, change.target)


def _side(acting: FreshAdmin | FreshOperator | Shell) -> Side:
    return Side.ADMIN if isinstance(acting, FreshAdmin) else Side.OPERATOR


def _require_not_of_operators(mapping: Mapping) -> None:
    if mapping.suspended_by is Side.OPERATOR:
        raise Conflict(Conflicting.OPERATOR_ONLY)
