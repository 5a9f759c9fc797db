"""How far the campaign is: counts in one grouped statement each, however many accounts there are."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, Float, Row, and_, case, cast, extract, func, select

from broker.settings.migration import MigrationSettings
from migrations.accounts.campaign.phases import begin_of
from migrations.accounts.cases import DISPUTED, CaseState
from migrations.accounts.model import cases
from migrations.accounts.model import legacy_accounts as table
from migrations.accounts.records import Alias, State

WEEK = timedelta(days=7)
MOST_LEFT = 20
"""How many of those who are left are named."""
TO_DECIDE = frozenset({*DISPUTED, CaseState.ASKED})
_FIRST_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)

mailable = and_(table.c.email_sealed.is_not(None), table.c.email_confirmed, table.c.lapsed_at.is_(None))
"""Whether an account has a mailbox: as :attr:`~migrations.accounts.records.LegacyAccount.mailbox`."""


@dataclass(slots=True, kw_only=True)
class Counts:
    """Numbers of accounts. ``unreachable``: pending, without a confirmed address whose domain is still there."""

    by_state: dict[State, int] = field(default_factory=lambda: dict.fromkeys(State, 0))
    unreachable: int = 0
    proposed: int = 0
    confirmed: int = 0
    with_password: int = 0
    downloads: float = 0
    downloads_covered: float = 0

    @property
    def total(self) -> int:
        return sum(self.by_state.values())

    @property
    def without_password(self) -> int:
        return self.total - self.with_password

    @property
    def covered(self) -> int:
        """Return how much of all downloads is in new hands, in per cent."""
        return int(100 * self.downloads_covered / self.downloads) if self.downloads else 0

    def add(self, row: Row[*tuple[Any, ...]]) -> None:
        """Count a group of accounts."""
        state = State(row.state)
        self.by_state[state] += row.accounts
        self.unreachable += row.accounts if state is State.PENDING and not row.mailable else 0
        self.proposed += row.accounts if row.alias == Alias.PROPOSED.value else 0
        self.confirmed += row.accounts if row.alias == Alias.CONFIRMED.value else 0
        self.with_password += row.accounts if row.with_password else 0
        self.downloads += row.downloads
        self.downloads_covered += row.downloads if state in (State.CLAIMED, State.CONVERTED) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """How it stood at the end of a week, which began at ``begin``; ``pending`` is whatever has not come to an end."""

    begin: datetime
    claimed: int
    converted: int
    pending: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """One of those who are left."""

    registry_id: str
    downloads: int
    shared: bool
    mailable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """All of it. ``widely_used``: the owners of packages that many rely on. ``left``: by downloads."""

    everyone: Counts
    widely_used: Counts
    weeks: list[Week]
    to_decide: int
    left: list[Left]


def progress(connection: Connection, settings: MigrationSettings, now: datetime) -> Progress:
    """Return how it stands. Four statements."""
    everyone, widely_used = Counts(), Counts()
    for row in _grouped(connection, settings):
        everyone.add(row)
        if row.widely:
            widely_used.add(row)
    waiting = [each.value for each in TO_DECIDE]
    return Progress(
        everyone=everyone,
        widely_used=widely_used,
        weeks=_weeks(connection, settings, everyone.total, now),
        to_decide=connection.execute(
            select(func.count()).select_from(cases).where(cases.c.state.in_(waiting))
        ).scalar_one(),
        left=_left(connection),
    )


def _grouped(connection: Connection, settings: MigrationSettings) -> Iterable[Row[*tuple[Any, ...]]]:
    # In a subquery, so that what is grouped by is named once: PostgreSQL takes two parameters for two things.
    each = select(
        table.c.state,
        table.c.alias,
        table.c.hash_sealed.is_not(None).label("with_password"),
        mailable.label("mailable"),
        (table.c.downloads >= settings.widely_used).label("widely"),
        cast(table.c.downloads, Float).label("downloads"),  # their sum may be more than an integer holds
    ).subquery()
    keys = (each.c.state, each.c.alias, each.c.with_password, each.c.mailable, each.c.widely)
    counted = select(*keys, func.count().label("accounts"), func.sum(each.c.downloads).label("downloads"))
    return connection.execute(counted.group_by(*keys))


def _weeks(connection: Connection, settings: MigrationSettings, total: int, now: datetime) -> list[Week]:
    moved = (State.CLAIMED.value, State.CONVERTED.value)
    at = case((table.c.state.in_(moved), table.c.effective_at), else_=table.c.closed_at)
    seconds = cast(extract("epoch", at), BigInteger) - int(_FIRST_MONDAY.timestamp())
    each = (
        select(table.c.state, (seconds // int(WEEK.total_seconds())).label("week"))
        .where(table.c.state.in_((*moved, State.CLOSED.value)))
        .subquery()
    )
    found: dict[int, dict[str, int]] = {}
    rows = connection.execute(select(each.c.state, each.c.week, func.count()).group_by(each.c.state, each.c.week))
    for state, week, count in rows:
        found.setdefault(int(week), {})[state] = count
    first = min([_week_of(begin_of(settings.announced)), _week_of(now), *found])
    claimed = converted = closed = 0
    weeks = []
    for week in range(first, max([_week_of(now), *found]) + 1):
        here = found.get(week, {})
        claimed += here.get(State.CLAIMED.value, 0)
        converted += here.get(State.CONVERTED.value, 0)
        closed += here.get(State.CLOSED.value, 0)
        begin, pending = _FIRST_MONDAY + week * WEEK, total - claimed - converted - closed
        weeks.append(Week(begin=begin, claimed=claimed, converted=converted, pending=pending))
    return weeks


def _week_of(at: datetime) -> int:
    return (at - _FIRST_MONDAY) // WEEK


def _left(connection: Connection) -> list[Left]:
    rows = connection.execute(
        select(table.c.registry_id, table.c.downloads, table.c.alias, mailable.label("mailable"))
        .where(table.c.state == State.PENDING.value)
        .order_by(table.c.downloads.desc(), table.c.registry_id)
        .limit(MOST_LEFT)
    )
    return [
        Left(
            registry_id=row.registry_id,
            downloads=row.downloads,
            shared=row.alias == Alias.CONFIRMED.value,
            mailable=bool(row.mailable),
        )
        for row in rows
    ]
