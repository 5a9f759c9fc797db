"""Cases: who wants what of an account of the old world, how they had proven it, and how far it has come."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from broker.keys.cipher import FieldCipher
from broker.signin import kept
from broker.signin.proven import Way
from migrations.accounts.model import cases as table


class CaseKind(StrEnum):
    """By what right."""

    CLAIM = "claim"  # password, mailbox and a sign-in with MFA
    LINKED = "linked"  # a sign-in with MFA, by an identity that the registry had linked
    RECOVERY = "recovery"  # two operators, and time
    CONVERSION = "conversion"  # a shared account becomes an organisation


class CaseState(StrEnum):
    """How far it has come."""

    ASKED = "asked"  # a recovery that operators have not decided
    WAITING = "waiting"  # it takes effect when it is due
    EFFECTIVE = "effective"  # and can be undone
    SETTLED = "settled"  # and can be undone no more
    STOPPED = "stopped"  # before it took effect: an operator decides
    UNDONE = "undone"  # after it did: an operator decides
    UPHELD = "upheld"  # an operator decided for it
    RETURNED = "returned"  # an operator decided against it
    REFUSED = "refused"  # a recovery that was not granted, or that the old owner stopped
    LAPSED = "lapsed"  # it was not completed in time, or another came first
    WITHDRAWN = "withdrawn"  # by who started it


HELD = frozenset({CaseState.WAITING, CaseState.EFFECTIVE, CaseState.STOPPED, CaseState.UNDONE})
"""What at most one case of an account is in: nobody else can get it meanwhile."""
DISPUTED = frozenset({CaseState.STOPPED, CaseState.UNDONE})


class AlreadyHeld(Exception):
    """Another case holds the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseWay:
    """How whoever started it, or accepted, came: as :class:`broker.signin.proven.Way`."""

    account_id: str
    identity_id: str
    provider_id: str
    tenant: str
    guest: bool
    signed_in_at: datetime

    def as_of(self, now: datetime) -> "CaseWay":
        """Return the way as somebody would come by it now: a tenant limits the length of sessions, not of waiting."""
        return replace(self, signed_in_at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``details`` are of each kind its own, JSON values. ``due_at``: when it takes effect, or else lapses."""

    id: str
    kind: CaseKind
    registry_id: str
    way: CaseWay
    state: CaseState
    started_at: datetime
    due_at: datetime | None
    effective_at: datetime | None
    undo_until: datetime | None
    ended_at: datetime | None
    decided_by: str | None
    organization_id: str | None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def account_id(self) -> str:
        return self.way.account_id


class Cases:
    """Keeps them. Their account is held by whoever changes one."""

    def __init__(self, cipher: FieldCipher) -> None:
        self._cipher = cipher

    def open(
        self,
        connection: Connection,
        kind: CaseKind,
        registry_id: str,
        way: Way,
        state: CaseState,
        now: datetime,
        *,
        due_at: datetime | None = None,
        details: Mapping[str, object] | None = None,
    ) -> Case:
        """Write a new case. Raises :class:`AlreadyHeld`."""
        case_id = str(uuid4())
        sealed = None if details is None else self._seal(case_id, details)
        try:
            with connection.begin_nested():
                connection.execute(
                    insert(table).values(
                        id=case_id,
                        kind=kind.value,
                        registry_id=registry_id,
                        **columns_of(way),
                        state=state.value,
                        started_at=now,
                        due_at=due_at,
                        details_sealed=sealed,
                    )
                )
        except IntegrityError as error:
            raise AlreadyHeld from error
        return self.get(connection, case_id)

    def get(self, connection: Connection, case_id: str) -> Case:
        """Return one. Raises ``LookupError``."""
        row = connection.execute(select(table).where(table.c.id == case_id)).one_or_none()
        if row is None:
            raise LookupError("no such case")
        return self._read(row)

    def of_registry_account(self, connection: Connection, registry_id: str) -> list[Case]:
        """Return every case of an account, the first one first."""
        rows = connection.execute(
            select(table).where(table.c.registry_id == registry_id).order_by(table.c.started_at, table.c.id)
        )
        return [self._read(row) for row in rows]

    def of_account(self, connection: Connection, account_id: str) -> list[Case]:
        """Return what somebody started, the newest in front."""
        rows = connection.execute(
            select(table).where(table.c.account_id == account_id).order_by(table.c.started_at.desc(), table.c.id)
        )
        return [self._read(row) for row in rows]

    def due(self, connection: Connection, now: datetime, limit: int = 500) -> list[str]:
        """Return the ids of those whose date has come: to take effect, to lapse, or to be settled."""
        due = table.c.state.in_([CaseState.WAITING.value, CaseState.ASKED.value]) & (table.c.due_at <= now)
        over = (table.c.state == CaseState.EFFECTIVE.value) & (table.c.undo_until <= now)
        found = select(table.c.id).where(due | over).order_by(table.c.started_at, table.c.id).limit(limit)
        return list(connection.execute(found).scalars())

    def postpone(self, connection: Connection, case_id: str, due_at: datetime) -> None:
        """Have another look at a case later."""
        connection.execute(update(table).where(table.c.id == case_id).values(due_at=due_at))

    def prolong(self, connection: Connection, since: datetime, now: datetime) -> None:
        """Have all that waits, and all that can be undone, do so for as much longer as ``since`` is ago.

        For a time in which nobody could say a word against it. What was due before is late already.
        """
        running = table.c.state.in_([CaseState.ASKED.value, CaseState.WAITING.value, CaseState.EFFECTIVE.value])
        rows = connection.execute(select(table.c.id, table.c.due_at, table.c.undo_until).where(running)).all()
        later = [
            {"case_id": row.id, **{f"new_{name}": _later(getattr(row, name), since, now) for name in _ENDS}}
            for row in rows
        ]
        if later:
            ends: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _ENDS}
            connection.execute(update(table).where(table.c.id == bindparam("case_id")).values(ends), later)

    def move(self, connection: Connection, case: Case, state: CaseState, **values: object) -> Case:
        """Put a case into another state, together with these columns, and return it as it is then."""
        if values.get("ended_at") is not None:
            kept.forget(connection, [case.id])
        connection.execute(update(table).where(table.c.id == case.id).values(state=state.value, **values))
        return self.get(connection, case.id)

    def describe(self, connection: Connection, case: Case, details: Mapping[str, object]) -> Case:
        """Replace the details of a case."""
        sealed = self._seal(case.id, details)
        connection.execute(update(table).where(table.c.id == case.id).values(details_sealed=sealed))
        return self.get(connection, case.id)

    def _seal(self, case_id: str, details: Mapping[str, object]) -> bytes:
        return self._cipher.seal(json.dumps(details).encode(), details_context(case_id))

    def _read(self, row: Row[*tuple[Any, ...]]) -> Case:
        sealed = row.details_sealed
        details = {} if sealed is None else json.loads(self._cipher.open(sealed, details_context(row.id)))
        return Case(
            id=row.id,
            kind=CaseKind(row.kind),
            registry_id=row.registry_id,
            way=CaseWay(
                account_id=row.account_id,
                identity_id=row.identity_id,
                provider_id=row.provider_id,
                tenant=row.tenant,
                guest=row.guest,
                signed_in_at=row.signed_in_at,
            ),
            state=CaseState(row.state),
            started_at=row.started_at,
            due_at=row.due_at,
            effective_at=row.effective_at,
            undo_until=row.undo_until,
            ended_at=row.ended_at,
            decided_by=row.decided_by,
            organization_id=row.organization_id,
            details=details,
        )


_ENDS = ("due_at", "undo_until")


def _later(end: datetime | None, since: datetime, now: datetime) -> datetime | None:
    return end + (now - since) if end is not None and end > since else end


def columns_of(way: Way) -> dict[str, object]:
    """Return how somebody came, as the columns of a row."""
    return {
        "account_id": way.account_id,
        "identity_id": way.identity_id,
        "provider_id": way.provider_id,
        "tenant": way.tenant,
        "guest": way.guest,
        "signed_in_at": way.signed_in_at,
    }


def details_context(case_id: str) -> str:
    """Bind sealed details to their row."""
    return f"migration_cases.details:{case_id}"
