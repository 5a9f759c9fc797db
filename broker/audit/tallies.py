"""What the record says in numbers: sign-ins and refusals by the hour, and what awaits its seal."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from broker.audit.model import audit_entries, audit_seals

SIGNED_IN = "signed_in"
"""The outcome of a proof that was enough; others are the reason codes of refusals."""
UNREADABLE = "unreadable"

_ACTIONS = ("signin.satisfied", "signin.refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Sign-ins by (beginning of the hour, id of the provider, outcome), up to and with the seal ``seq``."""

    counts: Mapping[tuple[datetime, str, str], int]
    seq: int


def last_seal(connection: Connection) -> int:
    """Return the number of the newest seal, 0 when there is none."""
    return connection.execute(select(func.max(audit_seals.c.seq))).scalar_one() or 0


def tally(connection: Connection, after: int, limit: int) -> Tally:
    """Return what the up to ``limit`` entries whose seals follow the seal ``after`` tell of sign-ins.

    Entries appear out of order, and each is sealed once, in an order that never changes: who goes on at ``seq`` counts
    each once.
    """
    seq = min(last_seal(connection), after + limit)
    rows = connection.execute(
        select(audit_entries.c.at, audit_entries.c.action, audit_entries.c.provider_id, audit_entries.c.detail)
        .join(audit_seals, audit_seals.c.entry_id == audit_entries.c.id)
        .where(audit_seals.c.seq > after, audit_seals.c.seq <= seq, audit_entries.c.action.in_(_ACTIONS))
    )
    counts = Counter((_hour(row.at), row.provider_id or "", _outcome(row.action, row.detail)) for row in rows)
    return Tally(counts=counts, seq=max(after, seq))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsealed:
    """How many of the newest entries await their seal, and when the oldest of them was written."""

    count: int
    oldest_at: datetime | None


def unsealed(connection: Connection) -> Unsealed:
    """Return what came after the newest sealed entry."""
    newest = select(func.coalesce(func.max(audit_seals.c.entry_id), 0)).scalar_subquery()
    later = select(func.count(), func.min(audit_entries.c.at)).where(audit_entries.c.id > newest)
    count, oldest_at = connection.execute(later).one()
    return Unsealed(count=count, oldest_at=oldest_at)


def _hour(at: datetime) -> datetime:
    return at - timedelta(minutes=at.minute, seconds=at.second, microseconds=at.microsecond)


def _outcome(action: str, detail: str) -> str:
    if action == "signin.satisfied":
        return SIGNED_IN
    try:
        return str(json.loads(detail)["reason"])
    except (ValueError, LookupError, TypeError):
        return UNREADABLE  # somebody changed it, which `verify` finds; it is no reason to count nothing else
