"""How signing keys come and go: by hand, and by plan. Each change is audited in the transaction that makes it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, update

from broker.audit.service import Audit
from broker.keys.algorithms import SigningKey, generate
from broker.keys.cipher import FieldCipher
from broker.keys.model import signing_keys
from broker.keys.records import LOCK, KeyRecord, State, add_key, read_records
from broker.keys.signing import SigningKeys
from broker.settings.model import KeySettings
from broker.storage.database import Database, exclusive


class Rotation:
    """Replaces keys, and destroys those that are gone. Any number of processes may do so at a time.

    The plan of ``settings``: a key is published ``publish_for`` seconds before it signs, by when every process and
    registry knows it; the one before it stays in the JWKS for ``overlap`` seconds more.
    """

    def __init__(
        self, database: Database, cipher: FieldCipher, keys: SigningKeys, audit: Audit, settings: KeySettings
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._keys = keys
        self._audit = audit
        self._publish_for = timedelta(seconds=settings.publish_for)
        self._overlap = timedelta(seconds=settings.overlap)
        self._rotate_after = timedelta(seconds=settings.rotate_after)

    def rotate(self, alg: str, now: datetime, *, at_once: bool = False) -> KeyRecord:
        """Make the key that comes next for ``alg``, and return its record.

        ``at_once`` is for a stolen key: the new one signs now, and every other of ``alg`` is gone now.
        Raises :class:`ValueError` for an algorithm that no keys are kept for.
        """
        if alg not in self._keys.algorithms:
            raise ValueError(f"no keys are kept for {alg}")
        key = generate(alg)  # it takes long: not while others wait for the lock
        with self._database.begin() as connection:
            exclusive(connection, LOCK)
            self._replace(connection, key, now, *((timedelta(), timedelta()) if at_once else self._plan))
            made = next(record for record in read_records(connection) if record.kid == key.kid)
        self._keys.reread()
        return made

    def rotate_due(self, now: datetime) -> tuple[str, ...]:
        """Replace every key that has signed for ``rotate_after`` and has no successor, and return the new ones' kids.

        Of several processes that find a key due, one replaces it. Without one that is due, the database is not asked
        more often than :class:`SigningKeys` does.
        """
        due = self._due(self._keys.records(now), now)
        made = [generate(alg) for alg in due]
        if not made:
            return ()
        with self._database.begin() as connection:
            exclusive(connection, LOCK)
            due = self._due(read_records(connection), now)
            made = [key for key in made if key.alg in due]
            for key in made:
                self._replace(connection, key, now, *self._plan)
        self._keys.reread()
        return tuple(key.kid for key in made)

    def destroy_gone(self, now: datetime) -> tuple[str, ...]:
        """Destroy the private part of every key that is gone, and return their kids."""
        if not any(_is_left_over(record, now) for record in self._keys.records(now)):
            return ()
        with self._database.begin() as connection:
            destroyed = destroy_gone(connection, self._audit, now)
        self._keys.reread()
        return destroyed

    def next_change(self, alg: str, records: Iterable[KeyRecord], now: datetime) -> datetime | None:
        """Return when the next key of ``alg`` is published by plan; none when one is already, or never will be."""
        if not self._rotate_after:
            return None
        states = [(record, record.state(now)) for record in records if record.alg == alg]
        active = [record.active_from for record, state in states if state is State.ACTIVE]
        if not active or any(state is State.PUBLISHED for _, state in states):
            return None
        return max(active) + self._rotate_after

    @property
    def _plan(self) -> tuple[timedelta, timedelta]:
        return self._publish_for, self._overlap

    def _due(self, records: Iterable[KeyRecord], now: datetime) -> list[str]:
        changes = {alg: self.next_change(alg, records, now) for alg in self._keys.algorithms}
        return [alg for alg, change in changes.items() if change is not None and change <= now]

    def _replace(
        self, connection: Connection, key: SigningKey, now: datetime, publish_for: timedelta, overlap: timedelta
    ) -> None:
        active_from, gone_at = now + publish_for, now + publish_for + overlap
        others = update(signing_keys).where(signing_keys.c.alg == key.alg)
        retires_later = or_(signing_keys.c.retire_at.is_(None), signing_keys.c.retire_at > active_from)
        connection.execute(others.where(retires_later).values(retire_at=active_from, gone_at=gone_at))
        # One that retires already stays no longer than the others: a stolen key may be that one.
        connection.execute(others.where(signing_keys.c.gone_at > gone_at).values(gone_at=gone_at))
        add_key(connection, self._cipher, key, now=now, active_from=active_from)
        self._audit.record(connection, action="key.rotated", detail={"kid": key.kid, "kind": key.alg}, now=now)


def destroy_gone(connection: Connection, audit: Audit, now: datetime) -> tuple[str, ...]:
    """Destroy the private part of every key that is gone, in the caller's transaction, and return their kids."""
    exclusive(connection, LOCK)
    left_over = [record for record in read_records(connection) if _is_left_over(record, now)]
    for record in left_over:
        connection.execute(update(signing_keys).where(signing_keys.c.kid == record.kid).values(private_sealed=None))
        detail = {"kid": record.kid, "kind": record.alg}
        audit.record(connection, action="key.destroyed", detail=detail, now=now)
    return tuple(record.kid for record in left_over)


def _is_left_over(record: KeyRecord, now: datetime) -> bool:
    return record.sealed is not None and record.state(now) is State.GONE
