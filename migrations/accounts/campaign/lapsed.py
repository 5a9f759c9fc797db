"""Addresses whose domain is nobody's any more, or somebody else's: they prove nothing, and no mail goes there."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, select, update

from broker.audit.service import Audit
from broker.keys.cipher import FieldCipher
from broker.storage.database import Database
from broker.tenants.domains import domain_of
from migrations.accounts.model import legacy_accounts as table
from migrations.accounts.records import State, sealing_context

BATCH = 1000
"""Rows that are opened at a time: they are sealed, so that no statement can look for a domain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    registry_id: str
    email_index: str
    domain: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapsed:
    """Marks them, and takes marks back."""

    database: Database
    cipher: FieldCipher
    audit: Audit

    def domains(self) -> Counter[str]:
        """Return how many pending accounts have their address at each domain, to have the domains looked at."""
        pending = (table.c.state == State.PENDING.value) & table.c.lapsed_at.is_(None)
        return Counter(row.domain for batch in self._batches(pending) for row in batch if row.domain is not None)

    def lapse(self, domains: Collection[str], now: datetime) -> int:
        """Mark every address at these domains, and below them; return how many. Repeated, it marks what is new."""
        return self._mark(domains, table.c.lapsed_at.is_(None), now, now)

    def restore(self, domain: str, now: datetime) -> int:
        """Take back the marks of a domain, and of those below it; return how many that were."""
        return self._mark([domain], table.c.lapsed_at.is_not(None), None, now)

    def _mark(
        self, domains: Collection[str], among: ColumnElement[bool], lapsed_at: datetime | None, now: datetime
    ) -> int:
        wanted, count = frozenset(domains), 0
        # The address is what it was when it was read, or an import has changed it, and it is not meant.
        marking = (
            update(table)
            .where(table.c.registry_id == bindparam("id"), table.c.email_index == bindparam("index"), among)
            .values(lapsed_at=lapsed_at)
        )
        for batch in self._batches(among):
            meant = [row for row in batch if row.domain is not None and not wanted.isdisjoint(_above(row.domain))]
            if not meant:
                continue
            with self.database.begin() as connection:
                connection.execute(marking, [{"id": row.registry_id, "index": row.email_index} for row in meant])
                action = "migration.domains_lapsed" if lapsed_at is not None else "migration.domain_restored"
                self.audit.record(connection, action=action, detail={"count": len(meant)}, now=now)
            count += len(meant)
        return count

    def _batches(self, among: ColumnElement[bool]) -> Iterator[list[_Row]]:
        after = ""
        columns = select(table.c.registry_id, table.c.email_sealed, table.c.email_index)
        while True:
            wanted = columns.where(table.c.email_sealed.is_not(None), among, table.c.registry_id > after)
            with self.database.read() as connection:
                rows = connection.execute(wanted.order_by(table.c.registry_id).limit(BATCH)).all()
            if not rows:
                return
            after = rows[-1].registry_id
            yield [
                _Row(
                    registry_id=row.registry_id,
                    email_index=row.email_index,
                    domain=self._domain(row.email_sealed, row.registry_id),
                )
                for row in rows
            ]

    def _domain(self, sealed: bytes, registry_id: str) -> str | None:
        email = self.cipher.open(sealed, sealing_context("email", registry_id)).decode()
        return domain_of(email.rpartition("@")[2])


def _above(domain: str) -> Iterator[str]:
    """Yield a domain, and all that it is below."""
    labels = domain.split(".")
    for number in range(len(labels)):
        yield ".".join(labels[number:])
