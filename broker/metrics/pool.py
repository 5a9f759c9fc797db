"""How many connections of the database pool are in use."""

from sqlalchemy import event

from broker.metrics import counting
from broker.storage.database import Database


def watch(database: Database) -> None:
    """Count connections as they are taken and given back. Without counting, nothing is changed."""
    if counting.current() is None:
        return

    @event.listens_for(database.engine, "checkout")
    def taken(*_: object) -> None:
        counting.connections(1)

    @event.listens_for(database.engine, "checkin")
    def given_back(*_: object) -> None:
        counting.connections(-1)
