"""The whole way of a file: read, judged, wrapped, written, and taken up again where it was interrupted."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from itertools import islice
from pathlib import Path

from broker.audit.service import Audit
from broker.keys.cipher import FieldCipher
from broker.keys.pseudonyms import BlindIndex, Pseudonyms
from broker.settings import Settings
from broker.storage.database import Database
from migrations.accounts.hashes.wrapped import Wrapper
from migrations.accounts.importing.identities import Identities
from migrations.accounts.importing.keeping import Keeper, Known, Plan, judge
from migrations.accounts.importing.place import Place, Tally, take_turn
from migrations.accounts.importing.report import Code, Entry, Report
from migrations.accounts.importing.rows import Refused, read, registry_id_of
from migrations.accounts.importing.seen import Seen
from migrations.accounts.importing.source import BadFile, Format, Record, Source

BATCH = 500  # rows

Progress = Callable[[int, int], None]
"""Called with the bytes and the rows that are done, those of earlier runs included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What came of a file, over all its runs; ``codes`` are of this one, which began after ``resumed_at`` rows.

    ``shared``: how many accounts are proposed as shared because others have their address.
    """

    rows: int
    added: int
    changed: int
    unchanged: int
    refused: int
    resumed_at: int
    shared: int
    codes: Mapping[Code, int]


class Importer:
    """Takes files, one after the other."""

    def __init__(
        self, database: Database, keeper: Keeper, identities: Identities, wrapper: Wrapper, audit: Audit
    ) -> None:
        self.database = database
        self.keeper = keeper
        self.identities = identities
        self.wrapper = wrapper
        self.audit = audit

    @staticmethod
    def build(settings: Settings, database: Database) -> "Importer":
        """Return the importer of an old world. Raises ``ValueError`` when no campaign is configured."""
        if settings.migration is None:
            raise ValueError("there is no old world: the settings have no migration")
        secrets = settings.secrets
        keeper = Keeper(
            FieldCipher(secrets.encryption_keys(), secrets.encryption_writes),
            BlindIndex(secrets.index_key()),
            Pseudonyms(secrets.pseudonym_keys(), secrets.pseudonym_writes),
            secrets.lasting_key("legacy-rows"),
            datetime.combine(settings.migration.forgets_on, time(tzinfo=UTC)),
        )
        wrapper = Wrapper(key=secrets.lasting_key("legacy-passwords"), memory_kib=settings.migration.rewrap_memory)
        audit = Audit(database, secrets.audit_key())
        return Importer(database, keeper, Identities(settings.providers), wrapper, audit)

    def run(
        self,
        path: Path,
        clock: Callable[[], datetime],
        *,
        form: Format | None = None,
        dry_run: bool = False,
        report: Path | None = None,
        progress: Progress | None = None,
    ) -> Summary:
        """Import a file, or go on with it, and return what came of it. A dry run writes the report alone.

        Raises :class:`BadFile`, :class:`~migrations.accounts.importing.report.NoReport`, :class:`Overtaken` and
        ``OSError``.
        """
        with Source(path, form) as source:
            if report is not None and source.is_at(report):
                raise BadFile("The report would be written over the file that is imported.")
            with (
                closing(Report(report)) as told,
                closing(Seen()) as seen,
                # What wrapping takes is spent in C, outside of the interpreter's lock.
                ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="wrapping") as pool,
            ):
                return _Run(
                    parts=self,
                    place=Place(self.database, self.audit, source.id),
                    source=source,
                    report=told,
                    seen=seen,
                    pool=pool,
                    clock=clock,
                    dry_run=dry_run,
                    progress=progress or (lambda *_: None),
                ).through()


@dataclass(slots=True, kw_only=True)
class _Run:
    parts: Importer
    place: Place
    source: Source
    report: Report
    seen: Seen
    pool: ThreadPoolExecutor
    clock: Callable[[], datetime]
    dry_run: bool
    progress: Progress
    tally: Tally = field(default_factory=Tally)

    def through(self) -> Summary:
        records = self.source.records()
        first = next(records, None)  # a heading that is none is found before anything is written
        rest = _with(first, records)
        if not self.dry_run:
            self.tally = self.place.begin(self.clock())
        resumed_at = self.tally.position
        self.report.begin(self._pass(rest, resumed_at))
        while batch := list(islice(rest, BATCH)):
            self._take(batch)
            self.progress(batch[-1].end, self.tally.position)
        shared = 0 if self.dry_run else self.place.finish(self.tally, self.clock())
        self.report.settle()
        return Summary(
            rows=self.tally.position,
            added=self.tally.added,
            changed=self.tally.changed,
            unchanged=self.tally.unchanged,
            refused=self.tally.refused,
            resumed_at=resumed_at,
            shared=shared,
            codes=dict(Counter(self.report.codes)),
        )

    def _pass(self, records: Iterator[Record], position: int) -> int:
        """Go by the rows that are done, and return the last line of them."""
        line = 0
        for row, record in enumerate(islice(records, position), 1):
            line = record.line
            self._is_first(record)
            if row % BATCH == 0:
                self.progress(record.end, row)
        return line

    def _is_first(self, record: Record) -> bool:
        registry_id = registry_id_of(record.members or {})
        return registry_id is None or self.seen.is_first(registry_id)

    def _take(self, batch: Sequence[Record]) -> None:
        known, entries = self._read(batch)
        if self.dry_run:
            self._pretend(len(batch), known, entries)
        else:
            self._keep(len(batch), known, entries)

    def _read(self, batch: Sequence[Record]) -> tuple[list[Known], list[Entry]]:
        known, entries = [], []
        for record in batch:
            try:
                if record.members is None:
                    raise Refused(record.fault or Code.NOT_A_ROW)
                if not self._is_first(record):
                    raise Refused(Code.REPEATED)
                known.append(self.parts.keeper.know(record.line, read(record.members, self.parts.identities)))
            except Refused as refused:
                registry_id = registry_id_of(record.members or {})
                entries.append(Entry(line=record.line, registry_id=registry_id, code=refused.code))
        return known, entries

    def _pretend(self, rows: int, known: Sequence[Known], entries: list[Entry]) -> None:
        with self.parts.database.read() as connection:
            looked = self.parts.keeper.look(connection, known, pretended=self.seen)
        plan = judge(known, looked)
        for each in plan.written:
            self.seen.pretend(each.row.registry_id, each.held, was_there=each.row.registry_id in looked.there)
        self._tell(plan, entries)
        self.tally = self.tally.with_batch(rows, plan, len(entries))

    def _keep(self, rows: int, known: Sequence[Known], entries: list[Entry]) -> None:
        keeper = self.parts.keeper
        with self.parts.database.read() as connection:
            plan = judge(known, keeper.look(connection, known))
        wrapped: dict[str, bytes] = {}
        while True:
            wrapped |= self._wrap([each for each in plan.written if each.row.registry_id not in wrapped])
            with self.parts.database.begin() as connection:
                take_turn(connection)
                # Wrapping takes its time, and what was looked up before it may have changed.
                plan = judge(known, keeper.look(connection, known, lock=True))
                if all(each.row.password is None or each.row.registry_id in wrapped for each in plan.written):
                    tally = self.tally.with_batch(rows, plan, len(entries))
                    keeper.write(connection, plan, wrapped, self.clock())
                    self.place.move(connection, self.tally, tally)
                    self._tell(plan, entries)
                    self.tally = tally
                    return

    def _wrap(self, known: Sequence[Known]) -> dict[str, bytes]:
        """Return what is kept of the passwords of rows, by registry id."""
        wrap = self.parts.wrapper.wrap
        hashes = {each.row.registry_id: each.row.password[1] for each in known if each.row.password is not None}
        weak = {registry_id: parsed for registry_id, parsed in hashes.items() if parsed.weak}
        slowly = self.pool.map(wrap, weak.values())
        quickly = {registry_id: wrap(parsed) for registry_id, parsed in hashes.items() if not parsed.weak}
        return quickly | dict(zip(weak, slowly, strict=True))

    def _tell(self, plan: Plan, entries: list[Entry]) -> None:
        self.source.check()
        self.report.add(sorted([*entries, *plan.entries], key=lambda entry: entry.line))
        self.report.settle()


def _with(first: Record | None, rest: Iterator[Record]) -> Iterator[Record]:
    if first is not None:
        yield first
        yield from rest
