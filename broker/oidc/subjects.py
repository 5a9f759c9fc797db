"""Who an account is to a client: ``sub``, the same for all, or for one sector only (OpenID Connect Core section 8)."""

import hmac
from uuid import uuid4

from sqlalchemy import Connection, delete, insert, select

from broker.oidc.clients import Client
from broker.oidc.model import pairwise_subjects as table
from broker.storage.database import Database, exclusive


class Subjects:
    """Pairwise subjects are random and kept, so that no key that changes could change them."""

    def __init__(self, database: Database, key: bytes) -> None:
        """``key`` is secret, and the same on all our servers."""
        self._database = database
        self._key = key

    def sid(self, client: Client, sid: str) -> str:
        """Return what a session is called at a client: in each sector something else, as ``sub`` is."""
        if client.sector is None:
            return sid
        return hmac.digest(self._key, f"{client.sector} {sid}".encode(), "sha256").hex()

    def of(self, client: Client, account_id: str) -> str:
        """Return the ``sub`` of an account at a client: no statement for a public one."""
        if client.sector is None:
            return account_id
        found = self._find(account_id, client.sector)
        if found is not None:
            return found
        with self._database.begin() as connection:
            # Two first requests of the same person must not find two.
            exclusive(connection, f"pairwise_subjects:{account_id}")
            first = _read(connection, account_id, client.sector)
            sub = str(first or uuid4())
            if first is None:
                connection.execute(insert(table).values(account_id=account_id, sector=client.sector, sub=sub))
        return sub

    def known(self, client: Client, account_id: str) -> str | None:
        """Return the ``sub`` of an account, if the client can have learnt it."""
        return account_id if client.sector is None else self._find(account_id, client.sector)

    def is_of(self, sector: str | None, sub: str, account_id: str) -> bool:
        """Return whether ``sub`` is the account's in a sector; in none, at the clients with public subjects."""
        return sub == (account_id if sector is None else self._find(account_id, sector))

    def forget(self, connection: Connection, account_id: str) -> None:
        """Forget who an account was, to everybody."""
        connection.execute(delete(table).where(table.c.account_id == account_id))

    def _find(self, account_id: str, sector: str) -> str | None:
        with self._database.read() as connection:
            return _read(connection, account_id, sector)


def _read(connection: Connection, account_id: str, sector: str) -> str | None:
    found: str | None = connection.execute(
        select(table.c.sub).where(table.c.account_id == account_id, table.c.sector == sector)
    ).scalar_one_or_none()
    return found
