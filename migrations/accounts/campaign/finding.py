"""Finding an account by what somebody who writes to the operators gives of it."""

from sqlalchemy import Connection, or_, select

from broker.keys.pseudonyms import BlindIndex
from migrations.accounts.model import legacy_accounts as table
from migrations.accounts.records import Ledger, LegacyAccount

MOST = 20
"""How many are shown: of one address there may be any number."""


def find_all(connection: Connection, ledger: Ledger, index: BlindIndex, text: str) -> list[LegacyAccount]:
    """Return the accounts of exactly this id, user name or address, in any case. One statement."""
    wanted = text.strip()
    called = index.of(wanted)
    rows = connection.execute(
        select(table)
        .where(or_(table.c.registry_id == wanted, table.c.name_index == called, table.c.email_index == called))
        .order_by(table.c.registry_id)
        .limit(MOST)
    )
    return [ledger.read(row) for row in rows]
