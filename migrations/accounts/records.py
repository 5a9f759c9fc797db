"""Accounts of the old world, read and held."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Select, case, or_, select, update

from broker.keys.cipher import FieldCipher
from broker.keys.pseudonyms import BlindIndex
from broker.storage.database import exclusive
from migrations.accounts.model import legacy_accounts as table


class Kind(StrEnum):
    """Whose it is, as the registry exported it."""

    PERSON = "person"
    ALIAS = "alias"


class Alias(StrEnum):
    """What is held of an account that several people seem to share."""

    PROPOSED = "proposed"  # by rules; nobody has looked yet
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


class State(StrEnum):
    """What became of it."""

    PENDING = "pending"  # nothing yet: it can be claimed
    WAITING = "waiting"  # proven, and not in effect yet
    CLAIMED = "claimed"  # a person's
    CONVERTED = "converted"  # an organisation's
    FROZEN = "frozen"  # disputed: an operator decides
    CLOSED = "closed"  # the campaign is over, and nobody came


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package that the account has a ``role`` in. ``downloads`` is a count; ``repository`` where its source is."""

    name: str
    role: str
    downloads: int
    repository: str | None = None


OWNER = "owner"
"""The role whose downloads count."""


def dump_packages(packages: Sequence[Package]) -> str:
    """Return packages as they are kept."""
    return json.dumps([asdict(each) for each in packages], separators=(",", ":"))


def load_packages(text: str) -> tuple[Package, ...]:
    """Return what :func:`dump_packages` wrote."""
    return tuple(Package(**each) for each in json.loads(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyAccount:
    """One of them. ``hash_sealed`` is opened where a password is verified, and nowhere else.

    ``kept_packages``: as :func:`dump_packages` wrote them. They are read where they are wanted: how long that takes
    would tell whoever is in front of a page that there is such an account, and how many it has (T12).
    """

    registry_id: str
    kind: Kind
    alias: Alias | None
    state: State
    account_id: str | None
    name: str | None
    email: str | None
    email_confirmed: bool
    hash_sealed: bytes | None
    last_sign_in_at: datetime | None
    kept_packages: str
    downloads: int
    keys: int
    effective_at: datetime | None
    closed_at: datetime | None
    parted_at: datetime | None
    lapsed_at: datetime | None
    unsubscribed_at: datetime | None
    excepted_until: datetime | None

    @property
    def packages(self) -> tuple[Package, ...]:
        """Return the packages that it has a role in."""
        return load_packages(self.kept_packages)

    @property
    def hash_digest(self) -> str | None:
        """Return what tells its password from the next one it gets, or none where there is none: hex SHA-256."""
        return hashlib.sha256(self.hash_sealed).hexdigest() if self.hash_sealed is not None else None

    @property
    def is_shared(self) -> bool:
        """Return whether it is known to be several people's: no one of them can take it alone."""
        return self.alias is Alias.CONFIRMED

    @property
    def is_undecided(self) -> bool:
        """Return whether somebody has to look first whether it is shared."""
        return self.alias is Alias.PROPOSED

    @property
    def mailbox(self) -> str | None:
        """Return the address whose owner is this account's: confirmed, and its domain has not lapsed since."""
        return self.email if self.email_confirmed and self.lapsed_at is None else None

    @property
    def told_at(self) -> str | None:
        """Return the address that notices go to: the same unconfirmed, as whoever reads them can only stop things."""
        return self.email if self.lapsed_at is None else None


class Ledger:
    """Reads them. What changes their state is ``effects``."""

    def __init__(self, cipher: FieldCipher, index: BlindIndex) -> None:
        self.cipher = cipher
        self._index = index

    def get(self, connection: Connection, registry_id: str) -> LegacyAccount | None:
        """Return one, or none."""
        row = connection.execute(_one(registry_id)).one_or_none()
        return self.read(row) if row is not None else None

    def held(self, connection: Connection, registry_id: str) -> LegacyAccount:
        """Return one as it is now, and let nobody else change it until the transaction ends.

        Whoever holds accounts or organisations, too, holds this first. Raises ``LookupError``.
        """
        exclusive(connection, f"legacy_account:{registry_id}")
        # The row, too: an import, or the mark of a lapsed domain, changes many at a time, and holds none of them.
        row = connection.execute(_one(registry_id).with_for_update()).one_or_none()
        if row is None:
            raise LookupError("no such legacy account")
        return self.read(row)

    def find(self, connection: Connection, text: str) -> LegacyAccount | None:
        """Return the one of this user name, or else the only one of this address; otherwise none.

        Of several with an address, those count that had confirmed it: a stranger can say that they have any.
        """
        index = self._index.of(text.strip())
        found = select(table).where(or_(table.c.name_index == index, table.c.email_index == index))
        rows = connection.execute(
            found.order_by(case((table.c.name_index == index, 0), (table.c.email_confirmed, 1), else_=2)).limit(3)
        ).all()
        named = [row for row in rows if row.name_index == index]
        chosen = named or [row for row in rows if row.email_confirmed] or rows
        return self.read(chosen[0]) if len(chosen) == 1 else None

    def of_account(self, connection: Connection, account_id: str) -> list[LegacyAccount]:
        """Return those that an account carries, or would but for a dispute."""
        rows = connection.execute(select(table).where(table.c.account_id == account_id).order_by(table.c.registry_id))
        return [self.read(row) for row in rows]

    def write(self, connection: Connection, registry_id: str, **values: object) -> None:
        """Change columns of one that is held."""
        connection.execute(update(table).where(table.c.registry_id == registry_id).values(**values))

    def read(self, row: Row[*tuple[Any, ...]]) -> LegacyAccount:
        """Return the account of a whole row of the table."""
        registry_id = row.registry_id
        return LegacyAccount(
            registry_id=registry_id,
            kind=Kind(row.kind),
            alias=Alias(row.alias) if row.alias is not None else None,
            state=State(row.state),
            account_id=row.account_id,
            name=self._open(row.name_sealed, "name", registry_id),
            email=self._open(row.email_sealed, "email", registry_id),
            email_confirmed=row.email_confirmed,
            hash_sealed=row.hash_sealed,
            last_sign_in_at=row.last_sign_in_at,
            kept_packages=row.packages,
            downloads=row.downloads,
            keys=row.keys,
            effective_at=row.effective_at,
            closed_at=row.closed_at,
            parted_at=row.parted_at,
            lapsed_at=row.lapsed_at,
            unsubscribed_at=row.unsubscribed_at,
            excepted_until=row.excepted_until,
        )

    def _open(self, sealed: bytes | None, field: str, registry_id: str) -> str | None:
        return self.cipher.open(sealed, sealing_context(field, registry_id)).decode() if sealed else None


def _one(registry_id: str) -> Select[*tuple[Any, ...]]:
    return select(table).where(table.c.registry_id == registry_id)


def sealing_context(field: str, registry_id: str) -> str:
    """Bind a sealed value (``name``, ``email`` or ``hash``) to its row."""
    return f"legacy_accounts.{field}:{registry_id}"
