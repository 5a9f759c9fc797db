"""What is thrown, and throwing it.

Who throws a switch puts the copy into the store before the transaction ends, and one at a time does; a reader that
finds none adds what the database says, and cannot take the place of a newer one. Each copy says when it was made, and
is believed for a short time only; :meth:`Switches.mend` puts right what a store that lost its newest writes has.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from threading import local

from sqlalchemy import Connection, delete, insert, select

from broker.audit.service import Audit
from broker.storage import schema
from broker.storage.database import Database, exclusive
from broker.storage.memory import MemoryStore
from broker.storage.store import ShortLived, StoreUnavailable
from broker.switches.model import switches

KEY = "switches"
"""The key in the store whose value :meth:`Switches.of` reads: to be fetched on a trip that is made anyway."""

COMMAND_LINE = "command line"
By = Callable[[Connection], str]
"""Who throws a switch: :data:`COMMAND_LINE`, or the id of an account. Asked in the transaction, and may raise."""


def at_command_line(_: Connection) -> str:
    """Return :data:`COMMAND_LINE`: who is there needs no sign-in."""
    return COMMAND_LINE


# Seconds that a copy lives. A reader that was halted on its way adds what may be old by then: it lives a short time,
# and only where the copy of whoever threw the switch, which lives longer, is gone.
_ADDED = 60
_PUT = 600
_BELIEVED = timedelta(seconds=_PUT)
_SKEW = timedelta(seconds=60)


class Kind(StrEnum):
    """What a switch is about."""

    PROVIDER = "provider"
    TENANT = "tenant"
    CLIENT = "client"
    READ_ONLY = "read_only"
    SIGN_UP = "sign_up"


OF_ONE = (Kind.PROVIDER, Kind.TENANT, Kind.CLIENT)
"""The kinds that have a target. The others are about the whole broker, and their target is empty."""

# What the audit record calls the two states.
_STATES = {Kind.READ_ONLY: ("off", "on"), Kind.SIGN_UP: ("open", "closed")}


class NoSwitches(Exception):
    """The database is of a version that has none. The next step is to upgrade it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thrown:
    """What is off now, by id; tenants by their ``tid``."""

    providers: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    clients: frozenset[str] = frozenset()
    read_only: bool = False
    sign_up_closed: bool = False

    def shuts(self, provider_id: str, tenant: str = "") -> bool:
        """Return whether nobody comes this way."""
        return provider_id in self.providers or tenant in self.tenants


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One that is thrown. ``by`` is :data:`COMMAND_LINE` or the id of an operator's account."""

    kind: Kind
    target: str
    at: datetime
    by: str


_Pairs = list[tuple[str, str]]
Restored = Callable[[Connection, Kind, str, datetime, datetime], None]
"""Is told of a switch that is being restored: its kind and target, since when it was thrown, and the time."""


class Switches:
    """All of them. One instance serves all threads."""

    def __init__(self, database: Database, store: ShortLived, audit: Audit) -> None:
        self._database = database
        self._store = store
        self._audit = audit
        # Whoever throws a switch at the command line is another process, and its store another store.
        self._shared = not isinstance(store, MemoryStore)
        self._request = local()
        self._restored: list[Restored] = []

    def when_restored(self, told: "Restored") -> None:
        """Have this called whenever a switch is restored, in the transaction that does, before it is over."""
        self._restored.append(told)

    def begin(self) -> None:
        """Begin a request in this thread: until it ends, what is thrown is read once."""
        self._request.seen = []

    def end(self) -> None:
        """End it."""
        self._request.seen = None

    @contextmanager
    def request(self) -> Iterator[None]:
        """Be around a request: :meth:`begin` and :meth:`end` of it."""
        self.begin()
        try:
            yield
        finally:
            self.end()

    def also(self) -> tuple[str, ...]:
        """Return what to get on a trip to the store that is made anyway, for :meth:`saw`: :data:`KEY`, or nothing."""
        return (KEY,) if self._shared and getattr(self._request, "seen", None) == [] else ()

    def saw(self, values: Sequence[bytes | None], now: datetime) -> None:
        """Take what came of :meth:`also`. Raises as :meth:`thrown`."""
        for value in values:
            self._request.seen.append(self.of(value, now))

    def thrown(self, now: datetime, connection: Connection | None = None, *, anew: bool = False) -> Thrown:
        """Return what is thrown. One command of the store, or one statement, by ``connection`` if that is given; in one
        request no more than that, but for who asks ``anew``: long after the request began, and before it writes.

        Raises ``StoreUnavailable``, or SQLAlchemy's errors.
        """
        seen: list[Thrown] | None = getattr(self._request, "seen", None)
        if seen and not anew:
            return seen[0]
        thrown = self.of(self._store.get(KEY) if self._shared else None, now, connection)
        if seen is not None:
            seen.append(thrown)
        return thrown

    def of(self, value: bytes | None, now: datetime, connection: Connection | None = None) -> Thrown:
        """Return what the value of :data:`KEY` says; where there is none, or none to be trusted, the database."""
        copied = _copied(value, now) if value is not None else None
        if copied is not None:
            return copied
        if connection is not None:
            pairs = self._pairs(connection)
        else:
            with self._database.read() as own:
                pairs = self._pairs(own)
        if self._shared:
            self._store.add(KEY, _copy(pairs, now), _ADDED)
        return _thrown(pairs)

    def all(self, connection: Connection) -> list[Switch]:
        """Return those that are thrown, by kind and target. Raises :class:`NoSwitches`."""
        self._check(connection)
        rows = connection.execute(select(switches).order_by(switches.c.kind, switches.c.target))
        return [
            Switch(kind=Kind(row.kind), target=row.target, at=row.turned_at, by=row.turned_by)
            for row in rows
            if row.kind in set(Kind)
        ]

    def throw(self, kind: Kind, target: str, now: datetime, *, by: By = at_command_line) -> bool:
        """Throw a switch, at once and everywhere, and return whether it was not thrown already.

        Raises :class:`NoSwitches`, ``StoreUnavailable``, and what ``by`` raises: then nothing has changed.
        """
        return self._turn(kind, target, now, by, thrown=True)

    def restore(self, kind: Kind, target: str, now: datetime, *, by: By = at_command_line) -> bool:
        """Take that back, and return whether it was thrown; what ended stays ended. Raises as :meth:`throw`."""
        return self._turn(kind, target, now, by, thrown=False)

    def mend(self, now: datetime) -> None:
        """Put the truth into the store, where it has something else."""
        if not self._shared:
            return
        value = self._store.get(KEY)
        with self._database.read() as connection:
            if value is not None and _copied(value, now) == _thrown(self._pairs(connection)):
                return
        with self._database.begin() as connection:
            exclusive(connection, KEY)
            self._store.put(KEY, _copy(self._pairs(connection), now), _PUT)

    def _turn(self, kind: Kind, target: str, now: datetime, by: By, *, thrown: bool) -> bool:
        if (kind in OF_ONE) != bool(target):
            raise ValueError("a switch of one has a target, and no other has")
        here = (switches.c.kind == kind.value) & (switches.c.target == target)
        copied = False
        try:
            with self._database.begin() as connection:
                who = by(connection)
                self._check(connection)
                exclusive(connection, KEY)
                since = connection.execute(select(switches.c.turned_at).where(here)).scalar_one_or_none()
                before = since is not None
                if before != thrown:
                    if thrown:
                        row = {"kind": kind.value, "target": target, "turned_at": now, "turned_by": who}
                        connection.execute(insert(switches).values(row))
                    else:
                        for told in self._restored:
                            told(connection, kind, target, since or now, now)
                        connection.execute(delete(switches).where(here))
                    self._record(connection, kind, target, now, who, thrown=thrown)
                if self._shared:
                    copied = True
                    self._store.put(KEY, _copy(self._pairs(connection), now), _PUT)
        except BaseException:
            # The copy may tell already what did not come about.
            if copied:
                with suppress(StoreUnavailable):
                    self._store.delete(KEY)
            raise
        return before != thrown

    def _record(self, connection: Connection, kind: Kind, target: str, now: datetime, by: str, *, thrown: bool) -> None:
        restored_state, thrown_state = _STATES.get(kind, ("on", "off"))
        before, after = (restored_state, thrown_state) if thrown else (thrown_state, restored_state)
        detail = {"kind": kind.value, "before": before, "state": after}
        self._audit.record(
            connection,
            action="switch.turned",
            account_id=by if by != COMMAND_LINE else None,
            client_id=target if kind is Kind.CLIENT else None,
            provider_id=target if kind is Kind.PROVIDER else None,
            detail={**detail, "tenant": target} if kind is Kind.TENANT else detail,
            now=now,
        )

    def _pairs(self, connection: Connection) -> _Pairs:
        if not self._has_table(connection):
            return []
        return [(row.kind, row.target) for row in connection.execute(select(switches.c.kind, switches.c.target))]

    def _check(self, connection: Connection) -> None:
        if not self._has_table(connection):
            raise NoSwitches

    def _has_table(self, connection: Connection) -> bool:
        # This version also serves a database that is not upgraded yet: nothing can be thrown there.
        return schema.has(connection, switches)


def _thrown(pairs: Iterable[tuple[str, str]]) -> Thrown:
    of = {kind: frozenset(target for each, target in pairs if each == kind) for kind in Kind}
    return Thrown(
        providers=of[Kind.PROVIDER],
        tenants=of[Kind.TENANT],
        clients=of[Kind.CLIENT],
        read_only=bool(of[Kind.READ_ONLY]),
        sign_up_closed=bool(of[Kind.SIGN_UP]),
    )


def _copy(pairs: _Pairs, now: datetime) -> bytes:
    return json.dumps({"at": now.isoformat(), "thrown": sorted(pairs)}).encode()


def _copied(value: bytes, now: datetime) -> Thrown | None:
    """Return what a copy says, or none where it cannot be read whole, is too old, or of the future."""
    made, thrown = _read(value)
    return thrown if made is not None and -_SKEW <= now - made < _BELIEVED else None


@lru_cache(maxsize=8)
def _read(value: bytes) -> tuple[datetime | None, Thrown | None]:
    """Return when a copy was made, and what it says. The same one is read again and again."""
    try:
        match json.loads(value):
            case {"at": str(at), "thrown": list(pairs)} if all(_is_pair(each) for each in pairs):
                made = datetime.fromisoformat(at)
                return (made, _thrown([(kind, target) for kind, target in pairs])) if made.tzinfo else (None, None)
            case _:
                return None, None
    except (ValueError, TypeError):
        return None, None


def _is_pair(each: object) -> bool:
    match each:
        case [str(kind), str(target)]:
            return kind in set(Kind) and (kind in OF_ONE) == bool(target)
        case _:
            return False
