"""The keys that sign our tokens.

A key is *published* in the JWKS before it signs, so that registries have fetched it by then; *active* while
it signs; *retiring* while tokens it signed may still be about; then *gone*.
"""

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from broker.keys.algorithms import SigningKey, generate
from broker.keys.cipher import FieldCipher, Undecryptable
from broker.keys.records import LOCK, KeyRecord, State, add_key, open_key, read_records
from broker.storage.database import Database, exclusive

# How long a process may not know what another has changed.
REREAD_AFTER = timedelta(seconds=60)

_log = logging.getLogger(__name__)


class NoActiveKey(LookupError):
    """No key of this algorithm signs now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JwksDocument:
    """The JWK Set (RFC 7517 section 5) as it is sent: public parts only, each with ``use``, ``alg`` and ``kid``.

    ``etag`` is an entity tag without its quotes (RFC 9110 section 8.8.3), and changes when ``body`` does.
    """

    body: bytes
    etag: str
    kids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What was read: every record, and of those not gone by then the key as well."""

    records: tuple[KeyRecord, ...] = ()
    live: tuple[tuple[KeyRecord, SigningKey], ...] = ()


class SigningKeys:
    """The keys in the database, parsed once per process: reading an RSA key takes some 50 ms, signing 0.3.

    ``algorithms`` are those to have keys for, each of them one of :mod:`broker.keys.algorithms`. The database is asked
    once a minute at most; while it does not answer, what is known goes on signing, and states go on changing by the
    clock. Only what was never read raises :class:`sqlalchemy.exc.SQLAlchemyError`, or ``Undecryptable``.
    """

    def __init__(self, database: Database, cipher: FieldCipher, algorithms: Sequence[str]) -> None:
        self._database = database
        self._cipher = cipher
        self.algorithms = tuple(algorithms)
        self._lock = Lock()
        self._asked_at: datetime | None = None
        self._known: _Known | None = None
        self._document: JwksDocument | None = None

    def ensure(self, now: datetime) -> None:
        """Make a key, active at once, for every algorithm that has none to sign with; then read them all."""
        with self._database.read() as connection:
            lacking = self._lacking(connection, now)
        made = [generate(alg) for alg in lacking]  # it takes long: not while others wait for the lock
        if made:
            with self._database.begin() as connection:
                exclusive(connection, LOCK)
                lacking = self._lacking(connection, now)
                for key in made:
                    if key.alg in lacking:
                        add_key(connection, self._cipher, key, now=now, active_from=now)
        with self._lock:
            self._asked_at = now
            self._known = self._read(now, {key.kid: key for key in made})

    def active(self, alg: str, now: datetime) -> SigningKey:
        """Return the key that signs now. Raises :class:`NoActiveKey`."""
        for record, key in reversed(self._current(now).live):
            if record.alg == alg and record.state(now) is State.ACTIVE:
                return key
        raise NoActiveKey(alg)

    def verifying(self, now: datetime) -> tuple[SigningKey, ...]:
        """Return the keys whose signatures hold: published, active and retiring, in the order in which they sign."""
        return tuple(key for record, key in self._current(now).live if record.state(now) is not State.GONE)

    def jwks_document(self, now: datetime) -> JwksDocument:
        """Return the JWK Set, ready to send. It is put together again only when a key came or went."""
        keys = self.verifying(now)
        kids = tuple(key.kid for key in keys)
        document = self._document
        if document is None or document.kids != kids:
            public = [key.key.as_dict(private=False) for key in keys]
            body = json.dumps({"keys": public}, separators=(",", ":")).encode()
            document = JwksDocument(body=body, etag=hashlib.sha256(body).hexdigest()[:32], kids=kids)
            self._document = document
        return document

    def records(self, now: datetime) -> tuple[KeyRecord, ...]:
        """Return every key there ever was, in the order in which they sign, as far as this process knows."""
        return self._current(now).records

    def reread(self) -> None:
        """Let the next call ask the database, whenever the last one did."""
        with self._lock:
            self._asked_at = None

    def _lacking(self, connection: Connection, now: datetime) -> list[str]:
        have = {record.alg for record in read_records(connection) if record.state(now) is State.ACTIVE}
        return [alg for alg in self.algorithms if alg not in have]

    def _current(self, now: datetime) -> _Known:
        known = self._known
        if known is not None and not self._is_stale(now):
            return known
        # Who has something to go on with does not wait for another who is asking already.
        if self._lock.acquire(blocking=known is None):
            try:
                if self._known is None or self._is_stale(now):
                    self._ask(now)
                known = self._known
            finally:
                self._lock.release()
        return known or _Known()

    def _ask(self, now: datetime) -> None:
        had = self._known
        if had is None:
            self._known = self._read(now, {})
            self._asked_at = now
            return
        self._asked_at = now
        try:
            self._known = self._read(now, {key.kid: key for _, key in had.live})
        except (SQLAlchemyError, Undecryptable) as error:
            # The library's message can repeat an address with its password.
            told = error if isinstance(error, Undecryptable) else type(error).__name__
            _log.error("signing keys not read, the known ones go on: error=%s", told)

    def _is_stale(self, now: datetime) -> bool:
        asked_at = self._asked_at
        return asked_at is None or not timedelta() <= now - asked_at < REREAD_AFTER

    def _read(self, now: datetime, parsed: Mapping[str, SigningKey]) -> _Known:
        with self._database.read() as connection:
            records = read_records(connection)
        return _Known(records=records, live=tuple(self._opened(records, now, parsed)))

    def _opened(
        self, records: Sequence[KeyRecord], now: datetime, parsed: Mapping[str, SigningKey]
    ) -> Iterator[tuple[KeyRecord, SigningKey]]:
        for record in records:
            if record.state(now) is State.GONE:
                continue
            key = parsed.get(record.kid) or open_key(record, self._cipher)
            if key is not None:
                yield record, key
