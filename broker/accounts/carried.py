"""Which accounts of the registry's old world somebody carries: what the registry finds their packages by.

A registry account is carried by one account, a person's or an organisation's. It is attached once its owner has
proven to be that (``migrations.accounts``), and nothing else attaches it. Erasing the account leaves the bare ids:
what a person carried must not be free for the next one to take.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from broker.accounts.model import registry_accounts as table


class AlreadyCarried(Exception):
    """Somebody carries this registry account."""


def attach(connection: Connection, registry_id: str, account_id: str, now: datetime) -> None:
    """Have the account carry the registry account, in the caller's transaction. Raises :class:`AlreadyCarried`."""
    try:
        with connection.begin_nested():
            connection.execute(insert(table).values(registry_id=registry_id, account_id=account_id, since=now))
    except IntegrityError as error:
        raise AlreadyCarried from error


def detach(connection: Connection, registry_id: str) -> None:
    """Have nobody carry it."""
    connection.execute(delete(table).where(table.c.registry_id == registry_id))


def carried_by(connection: Connection, account_id: str) -> list[str]:
    """Return the ids that the registry knows the account by, the first one it carried in front."""
    return carried_by_each(connection, [account_id]).get(account_id, [])


def carried_since(connection: Connection, account_id: str) -> datetime | None:
    """Return since when the account carries any, or none where it carries none."""
    since: datetime | None = connection.execute(
        select(func.min(table.c.since)).where(table.c.account_id == account_id)
    ).scalar_one()
    return since


def carried_by_each(connection: Connection, account_ids: Collection[str]) -> dict[str, list[str]]:
    """Return the same of several accounts, by account id; one that carries none is not in it. One statement."""
    rows: Sequence[tuple[str, str]] = [
        (row.account_id, row.registry_id)
        for row in connection.execute(
            select(table.c.account_id, table.c.registry_id)
            .where(table.c.account_id.in_(account_ids))
            .order_by(table.c.since, table.c.registry_id)
        )
    ]
    found: dict[str, list[str]] = {}
    for account_id, registry_id in rows:
        found.setdefault(account_id, []).append(registry_id)
    return found
