"""Recording, sealing and verifying."""

import hmac
import json
import logging
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, String, bindparam, func, insert, select, type_coerce

from broker.audit.model import audit_entries, audit_seals
from broker.storage.database import Database, exclusive
from broker.storage.prepared import Prepared

DETAIL_KEYS = frozenset(
    {
        "before",
        "binding",
        "case",
        "change",
        "context",
        "count",
        "exception",
        "field",
        "kid",
        "kind",
        "member",
        "method",
        "organization",
        "reason",
        "reference",
        "registry_account",
        "remedy",
        "role",
        "state",
        "strength",
        "tenant",
        "version",
    }
)

_ACTION = re.compile(r"[a-z][a-z0-9_.]{0,63}")
# Codes, ids and URNs. No space and no @: names and addresses have them.
_VALUE = re.compile(r"[A-Za-z0-9_.:/+-]{1,200}")
_NONCE_DIGITS = 32
_GENESIS = "0" * 64
# PostgreSQL numbers entries when they are written, and shows them when they are committed, so a lower id can
# appear after a higher one was sealed. None is so late that this many came between.
_LOOK_BACK = 10_000
_BATCH = 1000  # rows

_log = logging.getLogger(__name__)

AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """``first_bad`` is the id of the first entry that is not as it was; ``pending`` entries await their seal.

    ``head`` names the newest good seal, as ``seq:mac``. Kept elsewhere, and given to :meth:`Audit.verify`
    later, it shows whether the end of the chain was cut off, which the database alone cannot: then ``ok`` is
    false and no single entry is bad.
    """

    ok: bool
    sealed: int
    pending: int
    first_bad: int | None
    head: str


class Audit:
    """The append-only record. ``key`` is 32 bytes, and only it can make an entry or a seal that verifies.

    ``was_cut``: this process has sealed more than there was to be found a moment later.
    """

    def __init__(self, database: Database, key: bytes) -> None:
        self._database = database
        self._key = key
        self._settled = 0  # every entry up to this id is known to be sealed
        self._sealed_to = 0
        self.was_cut = False

    def record(
        self,
        connection: Connection,
        *,
        action: str,
        account_id: str | None = None,
        client_id: str | None = None,
        provider_id: str | None = None,
        detail: Mapping[str, str | int | bool] | None = None,
        now: datetime,
    ) -> None:
        """Write one entry in the caller's transaction, in one statement.

        Raises :class:`ValueError` for a ``detail`` key outside :data:`DETAIL_KEYS` and for a value or an
        action that is not a code: a defect of the caller, through which personal data could slip in.
        """
        if not _ACTION.fullmatch(action):
            raise ValueError("an action is lower-case words with dots between")
        text = _detail(detail or {})
        nonce = secrets.token_hex(_NONCE_DIGITS // 2)
        told = (now, action, account_id, client_id, provider_id, text)
        _ENTRY.change(
            connection,
            at=now,
            action=action,
            account_id=account_id,
            client_id=client_id,
            provider_id=provider_id,
            detail=text,
            mac=nonce + self._entry_mac(nonce, *told),
        )

    def seal(self, limit: int = 1000) -> int:
        """Seal up to ``limit`` entries, the lowest id first, and return how many were.

        One process at a time does; the others wait, and find what is left.
        """
        with self._database.begin() as connection:
            exclusive(connection, "audit_seals")
            last = connection.execute(_SEALS.order_by(audit_seals.c.seq.desc()).limit(1)).one_or_none()
            seq, mac = (last.seq, last.mac) if last is not None else (0, _GENESIS)
            if seq < self._sealed_to:
                self.was_cut = True
                _log.error("audit chain was cut: it ended at seal %d, and now at %d", self._sealed_to, seq)
            seals: list[dict[str, object]] = []
            entries = connection.execute(_PENDING.where(audit_entries.c.id > self._settled).limit(limit)).all()
            for entry in entries:
                seq, mac = seq + 1, self._seal_mac(seq + 1, entry.id, entry.mac, mac)
                seals.append({"seq": seq, "entry_id": entry.id, "mac": mac})
            if seals:
                connection.execute(insert(audit_seals), seals)
        self._sealed_to = seq
        if entries:
            self._settled = max(self._settled, entries[-1].id - _LOOK_BACK)
            # The log is another place than the database: who cuts the chain there does not cut it here.
            _log.info("audit sealed up to %d:%s", seq, mac)
        return len(seals)

    def verify(self, head: str | None = None) -> AuditReport:
        """Check every entry and every seal; with ``head``, also that the chain still leads through there.

        Raises :class:`ValueError` when ``head`` is not the ``head`` of a report.
        """
        with self._database.read() as connection:
            return self.verify_in(connection, head)

    def verify_in(self, connection: Connection, head: str | None = None) -> AuditReport:
        """Do as :meth:`verify`, in the caller's transaction."""
        kept = _seal_named(head) if head is not None else (0, _GENESIS)
        link, met, bad = (0, _GENESIS), kept == (0, _GENESIS), None
        for row in _sealed(connection):
            if not self._follows(link, row):
                bad = row.entry_id
                break
            link = (row.seq, row.seal)
            met = met or link == kept
        if bad is None:
            bad = next((row.id for row in _pending(connection) if not self._is_ours(row)), None)
        if bad is None:
            bad = connection.execute(_COPIED).scalar_one_or_none()
        return AuditReport(
            ok=bad is None and met,
            sealed=connection.execute(select(func.count()).select_from(audit_seals)).scalar_one(),
            pending=connection.execute(select(func.count()).select_from(_PENDING.subquery())).scalar_one(),
            first_bad=bad,
            head=f"{link[0]}:{link[1]}",
        )

    def _follows(self, link: tuple[int, str], row: AnyRow) -> bool:
        """Return whether the entry is as it was written and its seal is the next of the chain."""
        if row.seq != link[0] + 1 or row.id is None or not self._is_ours(row):
            return False
        return _same(row.seal, self._seal_mac(row.seq, row.entry_id, row.mac, link[1]))

    def _is_ours(self, row: AnyRow) -> bool:
        told = (row.at, row.action, row.account_id, row.client_id, row.provider_id, row.detail)
        nonce = str(row.mac)[:_NONCE_DIGITS]
        return _same(row.mac, nonce + self._entry_mac(nonce, *told))

    def _entry_mac(self, nonce: str, at: object, *told: object) -> str:
        return self._mac("entry", nonce, _instant(at), *told)

    def _seal_mac(self, seq: int, entry_id: int, entry_mac: str, previous: str) -> str:
        return self._mac("seal", seq, entry_id, entry_mac, previous)

    def _mac(self, *parts: object) -> str:
        # A JSON array says where each part ends, and tells an empty one from a missing one. On SQLite a column
        # can have been given a value of any type: it is to be found, not stumbled over.
        return hmac.digest(self._key, json.dumps(parts, default=repr).encode(), "sha256").hex()


_ENTRY = Prepared(
    insert(audit_entries)
    .inline()  # nobody asks for its number
    .values({name: bindparam(name) for name in audit_entries.c.keys() if name != "id"})  # noqa: SIM118 - no mapping
)
_ENTRIES = (
    audit_entries.c.id,
    type_coerce(audit_entries.c.at, String).label("at"),  # as the database has it, readable or not
    audit_entries.c.action,
    audit_entries.c.account_id,
    audit_entries.c.client_id,
    audit_entries.c.provider_id,
    audit_entries.c.detail,
    audit_entries.c.mac,
)
_SEALS = select(audit_seals)
_PENDING = (
    select(*_ENTRIES)
    .outerjoin(audit_seals, audit_seals.c.entry_id == audit_entries.c.id)
    .where(audit_seals.c.seq.is_(None))
    .order_by(audit_entries.c.id)
)
_SEALED = (
    select(audit_seals.c.seq, audit_seals.c.entry_id, audit_seals.c.mac.label("seal"), *_ENTRIES)
    .outerjoin(audit_entries, audit_entries.c.id == audit_seals.c.entry_id)
    .order_by(audit_seals.c.seq)
)
# The database keeps a second copy of an entry out, unless someone took that rule away first.
_COPIED = (
    select(func.max(audit_entries.c.id).label("id"))
    .group_by(audit_entries.c.mac)
    .having(func.count() > 1)
    .order_by("id")
    .limit(1)
)


def _sealed(connection: Connection) -> Iterator[AnyRow]:
    seq = 0
    while rows := connection.execute(_SEALED.where(audit_seals.c.seq > seq).limit(_BATCH)).all():
        yield from rows
        seq = rows[-1].seq


def _pending(connection: Connection) -> Iterator[AnyRow]:
    entry_id = 0
    while rows := connection.execute(_PENDING.where(audit_entries.c.id > entry_id).limit(_BATCH)).all():
        yield from rows
        entry_id = rows[-1].id


def _detail(detail: Mapping[str, str | int | bool]) -> str:
    if unknown := set(detail) - DETAIL_KEYS:
        raise ValueError(f"not for the audit record: {', '.join(sorted(unknown))}")
    for key, value in detail.items():
        if isinstance(value, str) and not _VALUE.fullmatch(value):
            raise ValueError(f"the {key} of an audit entry is not a code")
    return json.dumps(detail, sort_keys=True, separators=(",", ":"))


def _seal_named(head: str) -> tuple[int, str]:
    match = re.fullmatch(r"(0|[1-9][0-9]{0,18}):([0-9a-f]{64})", head)
    if match is None:
        raise ValueError("the head of a chain is a number, a colon and 64 hex digits")
    return int(match[1]), match[2]


def _instant(at: object) -> object:
    """Return the time as text, the same for both databases; what cannot be read as a time, as it is."""
    try:
        read = datetime.fromisoformat(at) if isinstance(at, str) else at
    except ValueError:
        return at
    if not isinstance(read, datetime):
        return read
    aware = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    return aware.isoformat(timespec="microseconds")


def _same(given: object, computed: str) -> bool:
    return hmac.compare_digest(str(given).encode(), computed.encode())
