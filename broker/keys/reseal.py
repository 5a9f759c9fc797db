"""Replacing the keys that encrypt: what an older version sealed is sealed again, under the one that writes now.

A room that seals values offers a :data:`Reseal`, for which :func:`reseal_column` does the work. What no room offers
yet is found by the names of the columns, so that nobody takes a key away that is still needed.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Row,
    Table,
    bindparam,
    column,
    func,
    inspect,
    select,
    table,
    update,
)

from broker.audit.service import Audit
from broker.keys import records
from broker.keys.cipher import FieldCipher
from broker.keys.model import signing_keys
from broker.storage.database import exclusive

Reseal = Callable[[Connection, FieldCipher], int]
"""Seals a room's values again, in the caller's transaction, and returns how many. Raises ``Undecryptable``."""

_SUFFIX = "_sealed"
_BATCH = 1000  # rows


def reseal(
    connection: Connection, cipher: FieldCipher, audit: Audit, rooms: Mapping[str, Reseal], now: datetime
) -> dict[str, int]:
    """Seal again what ``rooms`` have, and return how many values of each room were.

    Raises ``Undecryptable`` when one does not open, naming it and its version: then roll back.
    """
    counts = {name: again(connection, cipher) for name, again in rooms.items()}
    for name, count in counts.items():
        if count:
            detail: dict[str, str | int | bool] = {"kind": name, "count": count, "version": cipher.writes}
            audit.record(connection, action="key.resealed", detail=detail, now=now)
    return counts


def reseal_signing_keys(connection: Connection, cipher: FieldCipher) -> int:
    """Seal the private parts of signing keys again. A :data:`Reseal`."""
    exclusive(connection, records.LOCK)
    return reseal_column(connection, cipher, signing_keys, "private_sealed", records.context)


def reseal_column(
    connection: Connection, cipher: FieldCipher, owner: Table, name: str, context: Callable[[str], str]
) -> int:
    """Seal the values of the column ``name`` again that an older version sealed, and return how many there were.

    ``context`` is what the room seals with, given the primary key of the row. There may be millions: no more than
    a thousand are held at a time. Raises ``Undecryptable``.
    """
    (key,), sealed = owner.primary_key, owner.c[name]
    stale = select(key, sealed).where(_is_stale(sealed, cipher)).order_by(key).limit(_BATCH)
    count, rows = 0, connection.execute(stale).all()
    while rows:
        _seal_again(connection, cipher, owner, name, context, rows)
        count, last = count + len(rows), rows[-1][0]
        rows = connection.execute(stale.where(key > last)).all()
    return count


def _seal_again(
    connection: Connection,
    cipher: FieldCipher,
    owner: Table,
    name: str,
    context: Callable[[str], str],
    rows: Sequence[Row[*tuple[Any, ...]]],
) -> None:
    (key,), sealed = owner.primary_key, owner.c[name]
    place = f"{owner.name}.{name}"
    again = [
        {
            "row_key": row_key,
            "old": old,
            "new": cipher.seal(cipher.open_row(old, context(row_key), f"{place} of {row_key}"), context(row_key)),
        }
        for row_key, old in rows
    ]
    # Where somebody has written meanwhile, that stays.
    changed = update(owner).where(key == bindparam("row_key"), sealed == bindparam("old"))
    connection.execute(changed.values({name: bindparam("new")}), again)


def count_stale(connection: Connection, cipher: FieldCipher) -> dict[str, int]:
    """Return how many values another version than the one that writes has sealed, by ``table.column``, where any."""
    counts = {}
    for (_, name), described in inspect(connection).get_multi_columns().items():
        for each in (str(each["name"]) for each in described):
            if each.endswith(_SUFFIX):
                sealed = column(each, LargeBinary)
                stale = select(func.count()).select_from(table(name, sealed)).where(_is_stale(sealed, cipher))
                counts[f"{name}.{each}"] = connection.execute(stale).scalar_one()
    return {name: count for name, count in sorted(counts.items()) if count}


def _is_stale(sealed: ColumnElement[Any], cipher: FieldCipher) -> ColumnElement[bool]:
    """Return the condition for a value that is there, and not sealed under the version that writes."""
    return func.substr(sealed, 1, len(cipher.prefix), type_=LargeBinary) != cipher.prefix
