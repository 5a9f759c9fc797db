"""The rows of signing keys: when each is in which state, and how its private part is kept."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, insert, select

from broker.keys.algorithms import SigningKey, parse
from broker.keys.cipher import FieldCipher, version_of
from broker.keys.model import signing_keys

LOCK = "signing_keys"
"""What who changes the set of keys holds, as :func:`broker.storage.database.exclusive` takes it."""

_ALL = select(signing_keys).order_by(signing_keys.c.active_from, signing_keys.c.created_at, signing_keys.c.kid)


class State(StrEnum):
    PUBLISHED = "published"
    ACTIVE = "active"
    RETIRING = "retiring"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """What there is to tell of a key. It retires and goes at no set time while nothing replaces it.

    ``sealed`` is the private part, encrypted; none once it was destroyed.
    """

    kid: str
    alg: str
    created_at: datetime
    active_from: datetime
    retire_at: datetime | None
    gone_at: datetime | None
    sealed: bytes | None = field(repr=False)

    def state(self, now: datetime) -> State:
        # The end comes first: a key replaced before its time never signs.
        if self.gone_at is not None and self.gone_at <= now:
            return State.GONE
        if self.retire_at is not None and self.retire_at <= now:
            return State.RETIRING
        return State.ACTIVE if self.active_from <= now else State.PUBLISHED

    @property
    def version(self) -> str | None:
        """The key version that seals the private part, or none when there is none."""
        return version_of(self.sealed) if self.sealed is not None else None


def read_records(connection: Connection) -> tuple[KeyRecord, ...]:
    """Return every key there ever was, in the order in which they sign."""
    return tuple(
        KeyRecord(
            kid=row.kid,
            alg=row.alg,
            created_at=row.created_at,
            active_from=row.active_from,
            retire_at=row.retire_at,
            gone_at=row.gone_at,
            sealed=row.private_sealed,
        )
        for row in connection.execute(_ALL)
    )


def add_key(
    connection: Connection, cipher: FieldCipher, key: SigningKey, *, now: datetime, active_from: datetime
) -> None:
    """Write a new key, its private part sealed."""
    connection.execute(
        insert(signing_keys).values(
            kid=key.kid,
            alg=key.alg,
            private_sealed=cipher.seal(key.key.as_der(private=True), context(key.kid)),
            created_at=now,
            active_from=active_from,
        )
    )


def open_key(record: KeyRecord, cipher: FieldCipher) -> SigningKey | None:
    """Return the key of a record, or none once it was destroyed. Raises ``Undecryptable``, with kid and version."""
    if record.sealed is None:
        return None
    der = cipher.open_row(record.sealed, context(record.kid), f"signing key {record.kid}")
    return parse(record.alg, der, record.kid)


def context(kid: str) -> str:
    """Return where a private part lives, for the cipher."""
    return f"signing_keys.private:{kid}"
