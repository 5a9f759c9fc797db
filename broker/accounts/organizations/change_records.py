"""Changes that wait, as values."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, select

from broker.accounts.carried import carried_since
from broker.accounts.organizations.model import organizations

WAIT = timedelta(hours=24)
"""How long a change waits, and may be stopped."""
SHARED_WAIT = timedelta(days=7)
"""How long one does that takes an admin's role, where several people had shared an account of the old world."""
SETTLING = timedelta(days=14)
"""For how long after such an account became an organisation no such change takes effect: it can be undone till then.

Nor does an admin leave another one alone meanwhile, or shut another one out by a rule.
"""


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


def shared_since(connection: Connection, organization_id: str, now: datetime) -> datetime | None:
    """Return since when an organisation is what several people had shared; none where it is not.

    While that is disputed it carries nothing, and its days begin when it does again: until then they are always new.
    """
    since = carried_since(connection, organization_id)
    contact = select(organizations.c.contact_sealed).where(organizations.c.id == organization_id)
    if since is None and connection.execute(contact).scalar_one_or_none() is not None:
        return now
    return since


def settles_at(connection: Connection, organization_id: str, now: datetime) -> datetime | None:
    """Return until when an organisation settles; none where it does not, or not any more."""
    since = shared_since(connection, organization_id, now)
    return since + SETTLING if since is not None and now < since + SETTLING else None


Applier = Callable[[Connection, Change, datetime], None]
"""Has a change of one kind take effect, in the transaction that marks it done. Raises :class:`Obsolete`."""


def read(row: Row[*tuple[Any, ...]]) -> Change:
    """Return the change of a row of the table."""
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
