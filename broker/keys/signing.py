"""The keys that sign our tokens.

A key is *published* in the JWKS before it signs, so that registries have fetched it by then; *active* while
it signs; *retiring* while tokens it signed may still be about; then *gone*.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from threading import Lock
from typing import Any

from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import Connection, Row, insert, or_, select, update

from broker.keys.cipher import FieldCipher
from broker.keys.model import signing_keys
from broker.storage.database import Database, exclusive

# How long a process may not know what another has changed.
REREAD_AFTER = timedelta(seconds=60)

_ALL = select(signing_keys).order_by(signing_keys.c.active_from, signing_keys.c.created_at, signing_keys.c.kid)


class NoActiveKey(LookupError):
    """No key of this algorithm signs now."""


class State(StrEnum):
    PUBLISHED = "published"
    ACTIVE = "active"
    RETIRING = "retiring"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A parsed key. ``key`` holds the private part; ``key.as_dict(private=False)`` does not."""

    kid: str
    alg: str
    key: RSAKey | ECKey


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """What there is to tell of a key. It retires and goes at no set time while nothing replaces it."""

    kid: str
    alg: str
    state: State
    created_at: datetime
    active_from: datetime
    retire_at: datetime | None
    gone_at: datetime | None


class SigningKeys:
    """The keys in the database, parsed once per process: reading an RSA key takes some 30 ms, signing 0.3.

    ``algorithms`` are those to have a key for, of ``RS256`` (RSA, 2048 bits) and ``ES256`` (P-256), RFC 7518
    section 3.1. The database is read again once a minute at most.
    """

    def __init__(self, database: Database, cipher: FieldCipher, algorithms: Sequence[str] = ("RS256", "ES256")) -> None:
        self._database = database
        self._cipher = cipher
        self._algorithms = tuple(algorithms)
        self._lock = Lock()
        self._read_at: datetime | None = None
        self._rows: Sequence[Row[Any]] = ()
        self._parsed: dict[str, SigningKey] = {}

    def ensure(self, now: datetime) -> None:
        """Make a key, active at once, for every algorithm that has none to sign with."""
        with self._database.begin() as connection:
            exclusive(connection, "signing_keys")
            rows = connection.execute(_ALL).all()
            have = {row.alg for row in rows if _state(row, now) is State.ACTIVE}
            for alg in self._algorithms:
                if alg not in have:
                    self._insert(connection, alg, now, active_from=now)
        self._forget()

    def rotate(self, alg: str, now: datetime, publish_for: timedelta, overlap: timedelta) -> str:
        """Make a key that signs after ``publish_for``, retire the others of ``alg`` then, and return its kid.

        The others stay in the JWKS for ``overlap`` after that. With both zero a stolen key is gone at once.
        Raises :class:`ValueError` for an algorithm that no keys are kept for.
        """
        if alg not in self._algorithms:
            raise ValueError(f"no keys are kept for {alg}")
        active_from = now + publish_for
        retire_at = signing_keys.c.retire_at
        with self._database.begin() as connection:
            exclusive(connection, "signing_keys")
            connection.execute(
                update(signing_keys)
                .where(signing_keys.c.alg == alg, or_(retire_at.is_(None), retire_at > active_from))
                .values(retire_at=active_from, gone_at=active_from + overlap)
            )
            kid = self._insert(connection, alg, now, active_from=active_from)
        self._forget()
        return kid

    def active(self, alg: str, now: datetime) -> SigningKey:
        """Return the key that signs now. Raises :class:`NoActiveKey`."""
        for row in reversed(self._current(now)):
            if row.alg == alg and _state(row, now) is State.ACTIVE:
                return self._parsed[row.kid]
        raise NoActiveKey(alg)

    def verifying(self, now: datetime) -> tuple[SigningKey, ...]:
        """Return the keys whose signatures hold: published, active and retiring, the oldest first."""
        live = (row for row in self._current(now) if _state(row, now) is not State.GONE)
        return tuple(self._parsed[row.kid] for row in live)

    def jwks(self, now: datetime) -> dict[str, object]:
        """Return the JWK Set (RFC 7517 section 5): public parts only, each with ``use``, ``alg``, ``kid``."""
        return {"keys": [each.key.as_dict(private=False) for each in self.verifying(now)]}

    def list(self, now: datetime) -> tuple[KeyRecord, ...]:
        """Return every key there ever was, the oldest first, as the database has them."""
        with self._database.read() as connection:
            rows = connection.execute(_ALL).all()
        return tuple(
            KeyRecord(
                kid=row.kid,
                alg=row.alg,
                state=_state(row, now),
                created_at=row.created_at,
                active_from=row.active_from,
                retire_at=row.retire_at,
                gone_at=row.gone_at,
            )
            for row in rows
        )

    def _insert(self, connection: Connection, alg: str, now: datetime, *, active_from: datetime) -> str:
        key = _generate(alg)
        kid = key.thumbprint()  # RFC 7638
        connection.execute(
            insert(signing_keys).values(
                kid=kid,
                alg=alg,
                private_sealed=self._cipher.seal(key.as_der(private=True), _context(kid)),
                created_at=now,
                active_from=active_from,
            )
        )
        return kid

    def _current(self, now: datetime) -> Sequence[Row[Any]]:
        if self._is_stale(now):
            with self._lock:
                if self._is_stale(now):
                    self._read(now)
        return self._rows

    def _is_stale(self, now: datetime) -> bool:
        read_at = self._read_at
        return read_at is None or not timedelta() <= now - read_at < REREAD_AFTER

    def _read(self, now: datetime) -> None:
        with self._database.read() as connection:
            rows = connection.execute(_ALL).all()
        for row in rows:
            if row.kid not in self._parsed and _state(row, now) is not State.GONE:
                self._parsed[row.kid] = self._open(row)
        self._rows = rows
        self._read_at = now

    def _open(self, row: Row[Any]) -> SigningKey:
        private = self._cipher.open(row.private_sealed, _context(row.kid))
        return SigningKey(kid=row.kid, alg=row.alg, key=_parse(row.alg, private, row.kid))

    def _forget(self) -> None:
        with self._lock:
            self._read_at = None


def _state(row: Row[Any], now: datetime) -> State:
    # The end comes first: a key replaced before its time never signs.
    if row.gone_at is not None and row.gone_at <= now:
        return State.GONE
    if row.retire_at is not None and row.retire_at <= now:
        return State.RETIRING
    return State.ACTIVE if row.active_from <= now else State.PUBLISHED


def _generate(alg: str) -> RSAKey | ECKey:
    return RSAKey.generate_key(2048) if alg == "RS256" else ECKey.generate_key("P-256")


def _parse(alg: str, private: bytes, kid: str) -> RSAKey | ECKey:
    kind = RSAKey if alg == "RS256" else ECKey
    return kind.import_key(private, {"use": "sig", "alg": alg, "kid": kid})


def _context(kid: str) -> str:
    return f"signing_keys.private:{kid}"
