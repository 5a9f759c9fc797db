"""From rows to accounts: what each row comes to beside those that are there, and how it is written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, bindparam, delete, insert, select, update

from broker.keys.cipher import FieldCipher
from broker.keys.pseudonyms import BlindIndex, Pseudonyms
from migrations.accounts.importing import aliases
from migrations.accounts.importing.report import Code, Entry
from migrations.accounts.importing.rows import LegacyRow
from migrations.accounts.importing.seen import Seen
from migrations.accounts.model import legacy_accounts as accounts
from migrations.accounts.model import legacy_identities as identities
from migrations.accounts.records import Alias, Kind, State, dump_packages, sealing_context


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A row, and what it is recognised by. ``pseudonyms``: of each subject, under every key, the current one first."""

    line: int
    row: LegacyRow
    mac: str
    name_index: str
    email_index: str | None
    pseudonyms: tuple[tuple[str, ...], ...]

    @property
    def held(self) -> tuple[str, ...]:
        """Return what is one account's only."""
        return self.name_index, *(each for versions in self.pseudonyms for each in versions)

    def entries(self) -> list[Entry]:
        """Return what was left out of it."""
        return [
            Entry(line=self.line, registry_id=self.row.registry_id, code=each.code, because=each.because)
            for each in self.row.remarks
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """An account that is there."""

    mac: str
    kind: Kind
    alias: Alias | None
    state: State
    email_index: str | None
    lapsed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What the database has of the ids, names and identities of a batch."""

    there: Mapping[str, There]
    owners: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class Plan:
    """What a batch comes to."""

    added: list[Known] = field(default_factory=list)
    changed: list[tuple[Known, There]] = field(default_factory=list)
    unchanged: int = 0
    entries: list[Entry] = field(default_factory=list)

    @property
    def written(self) -> list[Known]:
        return [*self.added, *(known for known, _ in self.changed)]

    @property
    def refused(self) -> int:
        return sum(not entry.code.taken for entry in self.entries)


def judge(batch: Sequence[Known], looked: Looked) -> Plan:
    """Return what becomes of rows, as if each was written before the next one is read."""
    plan = Plan()
    held: dict[str, str] = {}
    rewritten: set[str] = set()

    def owner(of: str) -> str | None:
        was = looked.owners.get(of)
        return held.get(of, None if was in rewritten else was)

    for known in batch:
        registry_id, there = known.row.registry_id, looked.there.get(known.row.registry_id)
        code = _conflict(known, there, owner)
        if code is not None:
            plan.entries.append(Entry(line=known.line, registry_id=registry_id, code=code))
            continue
        plan.entries += known.entries()
        if there is not None and there.mac == known.mac:
            plan.unchanged += 1
            continue
        if there is None:
            plan.added.append(known)
        else:
            plan.changed.append((known, there))
            rewritten.add(registry_id)
        held.update(dict.fromkeys(known.held, registry_id))
    return plan


def _conflict(known: Known, there: There | None, owner: Callable[[str], str | None]) -> Code | None:
    if there is not None and there.mac == known.mac:
        return None
    if there is not None and there.state is not State.PENDING:
        return Code.NOT_PENDING
    nobody_else = (None, known.row.registry_id)
    if owner(known.name_index) not in nobody_else:
        return Code.NAME_TAKEN
    if any(owner(each) not in nobody_else for each in known.held[1:]):
        return Code.IDENTITY_TAKEN
    return None


class Keeper:
    """Finds and writes them: as many statements for a batch, however many rows it has."""

    def __init__(
        self, cipher: FieldCipher, index: BlindIndex, pseudonyms: Pseudonyms, key: bytes, forget_at: datetime
    ) -> None:
        self._cipher = cipher
        self._index = index
        self._pseudonyms = pseudonyms
        self._key = key
        self._forget_at = forget_at

    def know(self, line: int, row: LegacyRow) -> Known:
        """Return the row with what it is recognised by."""
        return Known(
            line=line,
            row=row,
            mac=row.mac(self._key),
            name_index=self._index.of(row.name),
            email_index=self._index.of(row.email) if row.email is not None else None,
            pseudonyms=tuple(
                tuple(dict.fromkeys((self._pseudonyms.current(each), *self._pseudonyms.all(each))))
                for each in row.subjects
            ),
        )

    def look(
        self, connection: Connection, batch: Sequence[Known], *, lock: bool = False, pretended: Seen | None = None
    ) -> Looked:
        """Return what is there; with ``lock``, have the accounts stay as they are until the transaction ends.

        ``pretended``: what a dry run would have written by now.
        """
        named = [known.name_index for known in batch]
        linked = [each for known in batch for each in known.held[1:]]
        owners = _owners(connection, accounts.c.name_index, accounts.c.registry_id, named)
        owners |= _owners(connection, identities.c.pseudonym, identities.c.registry_id, linked)
        query = select(
            *(accounts.c.registry_id, accounts.c.source_mac, accounts.c.kind, accounts.c.alias),
            *(accounts.c.state, accounts.c.email_index, accounts.c.lapsed_at),
        ).where(accounts.c.registry_id.in_([known.row.registry_id for known in batch]))
        there = {
            row.registry_id: There(
                mac=row.source_mac,
                kind=Kind(row.kind),
                alias=Alias(row.alias) if row.alias is not None else None,
                state=State(row.state),
                email_index=row.email_index,
                lapsed_at=row.lapsed_at,
            )
            # In order: whoever else holds several does it so, too, and neither waits for the other.
            for row in connection.execute(query.order_by(accounts.c.registry_id).with_for_update() if lock else query)
        }
        return Looked(there=there, owners=owners if pretended is None else pretended.owners((*named, *linked), owners))

    def write(self, connection: Connection, plan: Plan, wrapped: Mapping[str, bytes], now: datetime) -> None:
        """Write what the batch comes to. ``wrapped`` are hashes by registry id."""
        if plan.added:
            rows = [self._values(known, None, wrapped, now) | _NEW for known in plan.added]
            connection.execute(insert(accounts), rows)
        if plan.changed:
            changes = [self._values(known, there, wrapped, now) for known, there in plan.changed]
            ids = [values.pop("registry_id") for values in changes]
            connection.execute(
                update(accounts).where(accounts.c.registry_id == bindparam("changed_id")),
                [values | {"changed_id": registry_id} for values, registry_id in zip(changes, ids, strict=True)],
            )
            connection.execute(delete(identities).where(identities.c.registry_id.in_(ids)))
        linked = [
            {"pseudonym": versions[0], "registry_id": known.row.registry_id}
            for known in plan.written
            for versions in known.pseudonyms
        ]
        if linked:
            connection.execute(insert(identities), linked)
        addresses = {known.email_index for known in plan.written if known.email_index is not None}
        if addresses:
            # With the rows: until the end of the file one of those who share could take what is all of theirs.
            aliases.propose_shared(connection, addresses)

    def _values(self, known: Known, there: There | None, wrapped: Mapping[str, bytes], now: datetime) -> dict[str, Any]:
        row = known.row
        registry_id, secret = row.registry_id, wrapped.get(row.registry_id)
        same_address = there is not None and there.email_index == known.email_index
        alias = aliases.held(row.kind, row.email, (there.kind, there.alias) if there is not None else None)
        return {
            "registry_id": registry_id,
            "kind": row.kind.value,
            "alias": alias.value if alias is not None else None,
            "name_sealed": self._seal(row.name.encode(), "name", registry_id),
            "name_index": known.name_index,
            "email_sealed": self._seal(row.email.encode(), "email", registry_id) if row.email is not None else None,
            "email_index": known.email_index,
            "email_confirmed": row.email_confirmed,
            "hash_sealed": self._seal(secret, "hash", registry_id) if secret is not None else None,
            "hash_format": row.password[1].format if row.password is not None else None,
            "last_sign_in_at": row.last_sign_in,
            "packages": dump_packages(row.packages),
            "downloads": row.downloads,
            "keys": row.keys,
            "imported_at": now,
            "forget_at": self._forget_at,
            "source_mac": known.mac,
            # What was found of a domain holds of that address only.
            "lapsed_at": there.lapsed_at if there is not None and same_address else None,
        }

    def _seal(self, plaintext: bytes, field: str, registry_id: str) -> bytes:
        return self._cipher.seal(plaintext, sealing_context(field, registry_id))


_MOST_ASKED = 10_000  # parameters; SQLite takes 32766 in a statement

# Named, so that the statement is the same for every batch.
_NEW = {
    "state": State.PENDING.value,
    "account_id": None,
    "effective_at": None,
    "closed_at": None,
    "unsubscribed_at": None,
    "excepted_until": None,
}


def _owners(connection: Connection, key: Column[Any], owner: Column[Any], held: Sequence[str]) -> dict[str, str]:
    """Return whose each is. One statement, but for a batch full of identities."""
    owners: dict[str, str] = {}
    for start in range(0, len(held), _MOST_ASKED):
        query = select(key, owner).where(key.in_(held[start : start + _MOST_ASKED]))
        owners.update((row[0], row[1]) for row in connection.execute(query))
    return owners
