"""Taking a backup, while the broker goes on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import BinaryIO

from sqlalchemy import Connection, Table, select

from broker.audit.service import Audit
from broker.backup.document import BATCH, Head, end_line, head_line, table_lines
from broker.backup.sealed import Derivation, Sealing
from broker.backup.tables import snapshot, tables_of
from broker.settings.model import SecretSettings
from broker.storage.database import Database
from broker.storage.schema import revision

Progress = Callable[[str, int], None]
"""Told a table and how many of its rows are through, now and then and at its end."""

STEP = 100_000  # rows


class NoSchema(Exception):
    """The database has no tables of ours, so there is nothing to take."""


def take(
    database: Database,
    file: BinaryIO,
    passphrase: str,
    *,
    issuer: str,
    secrets: SecretSettings,
    configuration: str | None,
    audit: Audit,
    progress: Progress,
    now: datetime,
    derivation: Derivation,
) -> Mapping[str, int]:
    """Write everything to ``file`` as it is at one moment, and return how many rows each table had.

    That it was begun is in the audit record, and so in the backup; how it ended is for the caller to record. Raises
    :class:`NoSchema`, or SQLAlchemy's errors.
    """
    with database.read() as connection:
        if revision(connection) is None:
            raise NoSchema
    with database.begin() as connection:
        audit.record(connection, action="backup.taken", detail={"state": "begun"}, now=now)
    sealing, counts = Sealing(file, passphrase, derivation), {}
    with snapshot(database) as connection:
        schema = revision(connection)
        if schema is None:
            raise NoSchema
        head = Head(
            made_at=now, schema=schema, issuer=issuer, secrets=as_configured(secrets), configuration=configuration
        )
        sealing.write(head_line(head))
        tables = tables_of(connection)
        for table in tables:
            rows = _Counted(table.name, _rows(connection, table), progress)
            for line in table_lines(table.name, list(table.columns.keys()), rows):
                sealing.write(line)
            counts[table.name] = rows.count
            progress(table.name, rows.count)
        sealing.write(end_line(len(tables)))
    sealing.close()
    return counts


def as_configured(secrets: SecretSettings) -> dict[str, object]:
    """Return the section as a configuration has it, in the clear."""
    versions: dict[str, object] = {
        "encryption": {version: key.get_secret_value() for version, key in secrets.encryption.items()},
        "pseudonym": {version: key.get_secret_value() for version, key in secrets.pseudonym.items()},
        "index": secrets.index.get_secret_value(),
        "audit": secrets.audit.get_secret_value(),
        "cookies": secrets.cookies.get_secret_value(),
    }
    writes = {"encryption_writes": secrets.encryption_writes, "pseudonym_writes": secrets.pseudonym_writes}
    return versions | {name: version for name, version in writes.items() if version is not None}


class _Counted:
    """The rows, counted as they come."""

    def __init__(self, table: str, rows: Iterator[Sequence[object]], progress: Progress) -> None:
        self.count = 0
        self._table = table
        self._rows = rows
        self._progress = progress

    def __iter__(self) -> Iterator[Sequence[object]]:
        for row in self._rows:
            self.count += 1
            if self.count % STEP == 0:
                self._progress(self._table, self.count)
            yield row


def _rows(connection: Connection, table: Table) -> Iterator[Sequence[object]]:
    yield from connection.execution_options(yield_per=BATCH).execute(select(table))
