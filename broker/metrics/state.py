"""The numbers that no request tells: what waits, how old keys are, how clocks and disks are. A chore of the worker.

Read every quarter of a minute at most, and never by whoever asks for the numbers: Prometheus may come as often as it
likes. While the database is away they stay as they were; ``vestibule_state_read_timestamp_seconds`` says since when.
"""

import math
import shutil
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from sqlalchemy import Connection, func, select, type_coerce

from broker.audit.service import Audit
from broker.audit.tallies import unsealed
from broker.events.backlog import NOTHING, of_outbox, of_stream
from broker.keys.records import State
from broker.keys.rotation import Rotation
from broker.keys.signing import SigningKeys
from broker.metrics import series
from broker.metrics.counting import current
from broker.metrics.labels import SWITCH_KINDS
from broker.storage.database import Database, UtcDateTime
from broker.switches.service import NoSwitches, Switches

if TYPE_CHECKING:
    from broker.metrics.numbers import Numbers

EVERY = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What is looked at. ``kinds`` of the outbox and ``clients`` with a stream are those of the configuration."""

    database: Database
    keys: SigningKeys
    rotation: Rotation
    audit: Audit
    switches: Switches
    kinds: Collection[str]
    clients: Collection[str]
    certificate: Path | None


class Survey:
    """Looks, and notes what it sees."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._looked_at: datetime | None = None

    def look(self, now: datetime) -> None:
        """Note how everything stands, unless it was noted a moment ago or nothing is counted."""
        numbers = current()
        if numbers is None or (self._looked_at is not None and timedelta() <= now - self._looked_at < EVERY):
            return
        of = self._watched
        with of.database.read() as connection:
            _waiting(numbers, connection, of, now)
            _sealing(numbers, connection, of.audit, now)
            _thrown(numbers, connection, of.switches)
            _clock(numbers, connection, now)
        _signing(numbers, of, now)
        _disk(numbers, of.database)
        if of.certificate is not None:
            ends_at = x509.load_pem_x509_certificate(of.certificate.read_bytes()).not_valid_after_utc
            numbers.set(series.CERTIFICATE_ENDS, ends_at.timestamp())
        numbers.set(series.STATE_READ, now.timestamp())
        self._looked_at = now


def _waiting(numbers: "Numbers", connection: Connection, of: Watched, now: datetime) -> None:
    outbox = of_outbox(connection)
    for kind in of.kinds:
        backlog = outbox.get(kind, NOTHING)
        numbers.set(series.OUTBOX_WAITING, backlog.count, kind)
        numbers.set(series.OUTBOX_AGE, _age(backlog.since, now), kind)
    for client_id in of.clients:
        backlog = of_stream(connection, client_id)
        numbers.set(series.EVENTS_WAITING, backlog.count, client_id)
        numbers.set(series.EVENTS_AGE, _age(backlog.since, now), client_id)


def _sealing(numbers: "Numbers", connection: Connection, audit: Audit, now: datetime) -> None:
    awaiting = unsealed(connection)
    numbers.set(series.AUDIT_UNSEALED, awaiting.count)
    numbers.set(series.AUDIT_AGE, _age(awaiting.oldest_at, now))
    numbers.set(series.AUDIT_CUT, float(audit.was_cut))


def _thrown(numbers: "Numbers", connection: Connection, switches: Switches) -> None:
    try:
        thrown = Counter(each.kind.value for each in switches.all(connection))
    except NoSwitches:
        thrown = Counter()
    for kind in SWITCH_KINDS:
        numbers.set(series.SWITCHES, thrown[kind], kind)


def _clock(numbers: "Numbers", connection: Connection, now: datetime) -> None:
    if connection.dialect.name == "postgresql":
        theirs = connection.execute(select(type_coerce(func.clock_timestamp(), UtcDateTime))).scalar_one()
        numbers.set(series.CLOCK_SKEW, (now - theirs).total_seconds())


def _signing(numbers: "Numbers", of: Watched, now: datetime) -> None:
    records = of.keys.records(now)
    for alg in of.keys.algorithms:
        active = [each.active_from for each in records if each.alg == alg and each.state(now) is State.ACTIVE]
        if active:
            numbers.set(series.KEY_AGE, _age(max(active), now), alg)
        coming = [each.active_from for each in records if each.alg == alg and each.state(now) is State.PUBLISHED]
        change = min(coming, default=of.rotation.next_change(alg, records, now))
        numbers.set(series.KEY_ROTATION, (change - now).total_seconds() if change is not None else math.inf, alg)


def _disk(numbers: "Numbers", database: Database) -> None:
    if database.engine.dialect.name == "sqlite":
        disk = shutil.disk_usage(Path(str(database.engine.url.database)).parent)
        numbers.set(series.DISK_FREE, disk.free / disk.total)


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since is not None else 0.0
