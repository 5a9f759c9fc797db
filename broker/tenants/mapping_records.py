"""Mappings as they stand: their states, how one follows from another, and who else claims the tenant."""

from collections.abc import Iterable
from collections.abc import Mapping as Table
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select, update

from broker.accounts.organizations.capabilities import FreshOperator
from broker.accounts.organizations.changes import Change
from broker.tenants.errors import Conflict, Conflicting, NotFound
from broker.tenants.model import mappings
from broker.tenants.parties import own_rule, require_impartial
from broker.tenants.rules import Rule, load


class State(StrEnum):
    """Where a mapping stands. Only an active one admits anybody."""

    REQUESTED = "requested"
    PROVEN = "proven"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    RELEASED = "released"
    REFUSED = "refused"


class Verb(StrEnum):
    """What happens to a mapping, as the audit has it."""

    REQUESTED = "requested"
    PROVEN = "proven"
    APPROVED = "approved"  # by an operator
    ACTIVATED = "activated"  # by its proof alone
    REFUSED = "refused"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    RELEASED = "released"


class Side(StrEnum):
    """Who suspended a mapping, refused it or took it away. What operators did only operators undo."""

    ADMIN = "admin"
    OPERATOR = "operator"


TRANSITIONS: Table[tuple[State, Verb], State] = MappingProxyType(
    {
        (State.REQUESTED, Verb.PROVEN): State.PROVEN,
        (State.REQUESTED, Verb.REFUSED): State.REFUSED,
        (State.REQUESTED, Verb.RELEASED): State.RELEASED,
        (State.PROVEN, Verb.PROVEN): State.PROVEN,
        (State.PROVEN, Verb.APPROVED): State.ACTIVE,
        (State.PROVEN, Verb.ACTIVATED): State.ACTIVE,
        (State.PROVEN, Verb.REFUSED): State.REFUSED,
        (State.PROVEN, Verb.RELEASED): State.RELEASED,
        (State.ACTIVE, Verb.SUSPENDED): State.SUSPENDED,
        (State.ACTIVE, Verb.RELEASED): State.RELEASED,
        (State.SUSPENDED, Verb.SUSPENDED): State.SUSPENDED,
        (State.SUSPENDED, Verb.RESUMED): State.ACTIVE,
        (State.SUSPENDED, Verb.RELEASED): State.RELEASED,
    }
)

CLAIMING = (State.PROVEN, State.ACTIVE, State.SUSPENDED)
"""The states in which an organisation's claim to a tenant counts against that of another."""
HOLDING = (State.ACTIVE, State.SUSPENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """An organisation's claim to a tenant. ``name`` is for people to read, and decides nothing.

    ``speaks``: somebody proved it who holds a directory role that may speak for the tenant. ``decided_at``: when it
    first became active, or was refused.
    """

    id: str
    organization_id: str
    provider_id: str
    tid: str
    name: str
    state: State
    suspended_by: Side | None
    rule: Rule
    requested_by: str
    requested_at: datetime
    speaks: bool
    proven_at: datetime | None
    decided_at: datetime | None

    def after(self, verb: Verb) -> State:
        """Return the state that follows. Raises :class:`Conflict` where none does."""
        state = TRANSITIONS.get((self.state, verb))
        if state is None:
            raise Conflict(Conflicting.STATE)
        return state


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Everybody who claims one tenant, the first one first. Those of them that are proven wait for a decision."""

    tid: str
    mappings: tuple[Mapping, ...]


def read(connection: Connection, *conditions: ColumnElement[bool]) -> list[Mapping]:
    """Return the mappings of which these hold, the first one first."""
    found = select(mappings).where(*conditions).order_by(mappings.c.requested_at, mappings.c.id)
    return [_mapping(row) for row in connection.execute(found)]


def rivals_of(connection: Connection, mapping: Mapping) -> list[Mapping]:
    """Return the mappings by which other organisations claim the same tenant."""
    return read(
        connection,
        mappings.c.tid == mapping.tid,
        mappings.c.organization_id != mapping.organization_id,
        mappings.c.state.in_(CLAIMING),
    )


def require_on_no_side(connection: Connection, operator: FreshOperator, sides: Iterable[Mapping]) -> None:
    """Raise ``Denied`` for an operator who asked for one of these, or belongs to an organisation that did."""
    for each in sides:
        require_impartial(
            connection,
            operator,
            each.organization_id,
            requested_by=each.requested_by,
            requested_at=each.requested_at,
        )


def find(connection: Connection, mapping_id: str) -> Mapping:
    """Return a mapping of any organisation. Raises :class:`NotFound`."""
    found = read(connection, mappings.c.id == mapping_id)
    if not found:
        raise NotFound(mapping_id)
    return found[0]


def had_one(connection: Connection, organization_id: str) -> bool:
    """Return whether the organisation has, or had, a tenant that was active."""
    was_active = and_(mappings.c.state == State.RELEASED, mappings.c.decided_at.is_not(None))
    own = mappings.c.organization_id == organization_id
    return bool(read(connection, own, or_(mappings.c.state.in_(HOLDING), was_active)))


def taken_away(connection: Connection, mapping: Mapping) -> bool:
    """Return whether an operator has refused this tenant before, or taken it away, whosever it was.

    Who was refused comes again as another organisation. Until an operator approves the tenant for somebody.
    """
    return bool(read(connection, mappings.c.tid == mapping.tid, *_BY_OPERATOR))


def give_back(connection: Connection, tid: str) -> None:
    """Have what operators refused, or took away, of a tenant stand in nobody's way any more."""
    connection.execute(update(mappings).where(mappings.c.tid == tid, *_BY_OPERATOR).values(suspended_by=None))


_BY_OPERATOR = (mappings.c.state.in_((State.RELEASED, State.REFUSED)), mappings.c.suspended_by == Side.OPERATOR)


def is_in_rule(connection: Connection, mapping: Mapping) -> bool:
    """Return whether the organisation's own rule requires the tenant: without it, nobody might meet the rule."""
    required = own_rule(connection, mapping.organization_id).tenants
    return required is not None and mapping.tid in required


def is_about(change: Change, mapping_id: str) -> bool:
    """Return whether a change is about the mapping, or something of it: targets begin with the id."""
    return change.target.partition(":")[0] == mapping_id


def lock_of(tid: str) -> str:
    """Return what holds a tenant, for :func:`~broker.storage.database.exclusive`. An organisation is held first."""
    return f"tenant:{tid}"


def _mapping(row: Row[*tuple[Any, ...]]) -> Mapping:
    values = {each.name: getattr(row, each.name) for each in fields(Mapping)}
    side = row.suspended_by
    read_anew = {"state": State(row.state), "suspended_by": Side(side) if side else None, "rule": load(row.rule)}
    return Mapping(**values | read_anew)
