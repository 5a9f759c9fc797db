"""How many connections of the database pool are in use."""

from broker.metrics import counting
from broker.storage.database import Database


def watch(database: Database) -> None:
    """Count connections as they are taken and given back. Without counting, nothing is changed."""
    if counting.current() is not None:
        database.watch(counting.connections)
