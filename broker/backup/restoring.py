"""Putting a backup into a new database: looked at from end to end before the first row is written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert

from broker.audit.service import Audit
from broker.backup.anew import ASKED_FOR, begin_anew
from broker.backup.document import Batch, Head, read
from broker.backup.sealed import NotABackup, Sealed
from broker.backup.tables import catch_up, count, is_empty, tables_of
from broker.backup.taking import STEP, Progress
from broker.storage.database import Database, exclusive
from broker.storage.schema import is_known, upgrade_to

GRANTS = frozenset({"consents", "refresh_families"})
"""The tables of what was granted for long. Who took something back after the backup took it back for good."""


class NotEmpty(Exception):
    """The database has tables already."""


class OtherSecrets(Exception):
    """The configuration has other secrets than the backup; ``keys`` names those that differ."""

    def __init__(self, keys: list[str]) -> None:
        super().__init__(", ".join(keys))
        self.keys = keys


class NewerSchema(Exception):
    """The backup is of a newer version than this one."""


class NotRestored(Exception):
    """What is in the database is not what the backup has. Nothing was kept of it. The text says what differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a whole backup has: the head, and how many rows each table."""

    head: Head
    counts: Mapping[str, int]


def check(sealed: Sealed, progress: Progress) -> Contents:
    """Read the backup from end to end, and return what is in it. Raises :class:`NotABackup`."""
    head, batches = read(sealed.lines())
    counts: dict[str, int] = {}
    for batch in batches:
        _count(counts, batch, progress)
    return Contents(head=head, counts=counts)


def other_secrets(head: Head, configured: Mapping[str, object]) -> list[str]:
    """Return the names of the secrets that are not configured as the backup has them. More versions do no harm."""
    differing = []
    for name, value in head.secrets.items():
        here = configured.get(name)
        if isinstance(value, Mapping):
            versions = here if isinstance(here, Mapping) else {}
            differing += [f"{name}.{version}" for version, key in value.items() if versions.get(version) != key]
        elif not name.endswith("_writes") and here != value:
            differing.append(name)
    return differing


def restore(
    sealed: Sealed,
    database: Database,
    *,
    configured: Mapping[str, object],
    audit_key: bytes,
    keep_grants: bool,
    end_sessions: Callable[[], None],
    progress: Progress,
    now: datetime,
) -> Contents:
    """Fill a new database, bring it to the schema of this version, and check what came of it: all of it, or nothing.

    Unless ``keep_grants``, the grants are left out, and ``end_sessions`` ends what the store has. What waited begins
    anew (:mod:`broker.backup.anew`). Raises :class:`NotABackup`, :class:`OtherSecrets`, :class:`NewerSchema` and
    :class:`NotEmpty` before anything is written, :class:`NotRestored` after.
    """
    contents = check(sealed, lambda *_: None)
    if differing := other_secrets(contents.head, configured):
        raise OtherSecrets(differing)
    if not is_known(contents.head.schema):
        raise NewerSchema
    left_out = ASKED_FOR if keep_grants else ASKED_FOR | GRANTS
    audit = Audit(database, audit_key)
    with database.begin() as connection:
        exclusive(connection, "schema")
        if not is_empty(connection):
            raise NotEmpty
        upgrade_to(connection, contents.head.schema)
        _fill(connection, sealed, left_out, progress)
        upgrade_to(connection, "head")
        _compare(connection, contents.counts, left_out)
        report = audit.verify_in(connection)
        if not report.ok:
            raise NotRestored(f"The audit record does not verify: entry {report.first_bad} is not as it was written.")
        detail = {
            "state": "kept" if keep_grants else "ended",
            "count": str(begin_anew(connection, contents.head.made_at, now)),
        }
        audit.record(connection, action="backup.restored", detail=detail, now=now)
        if not keep_grants:
            end_sessions()
    return contents


def _fill(connection: Connection, sealed: Sealed, left_out: frozenset[str], progress: Progress) -> None:
    tables = {table.name: table for table in tables_of(connection)}
    _, batches = read(sealed.lines())
    counts: dict[str, int] = {}
    for batch in batches:
        table = tables.get(batch.table)
        if table is None or set(batch.columns) != set(table.columns.keys()):
            raise NotABackup(f"The table {batch.table} is not as the version that it says had it.")
        if batch.rows and batch.table not in left_out:
            rows = [dict(zip(batch.columns, row, strict=True)) for row in batch.rows]
            connection.execute(insert(table), rows)
        _count(counts, batch, progress)
    for table in tables.values():
        catch_up(connection, table)


def _compare(connection: Connection, counts: Mapping[str, int], left_out: frozenset[str]) -> None:
    tables = {table.name: table for table in tables_of(connection)}
    for name, expected in counts.items():
        if name not in tables or name in left_out:
            continue
        found = count(connection, tables[name])
        if found != expected:
            raise NotRestored(f"The table {name} has {found} rows, and should have {expected}.")


def _count(counts: dict[str, int], batch: Batch, progress: Progress) -> None:
    before = counts.get(batch.table, 0)
    counts[batch.table] = after = before + len(batch.rows)
    if before // STEP != after // STEP:
        progress(batch.table, after)
