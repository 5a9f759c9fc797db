"""A pooled PostgreSQL connection that costs no round trip to take and none to give back."""

import select
from time import monotonic
from typing import Any, cast

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DisconnectionError

from broker.storage.postgres_wire import Wire

AnyConnection = psycopg.Connection[Any]

READING = "vestibule_read"
"""The option of a connection whose every statement is a transaction of its own."""
# A firewall in between may have forgotten a connection that nobody used for so long, and tell neither end.
_ASK_AFTER_SECONDS = 30.0


def spare_round_trips(engine: Engine) -> None:
    """Have connections of ``engine`` begin a transaction where one is asked for, and looked at before they are used.

    One that the server closed while nobody used it is replaced on the spot. Give ``pool_reset_on_return=None``.
    """

    for name, listener in (("connect", _connected), ("begin", _begin), ("checkout", _look), ("reset", _reset)):
        event.listen(engine, name, listener)


def _connected(connection: AnyConnection, record: Any) -> None:
    connection.autocommit = True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    record.info.update(poll=poll, used=monotonic(), wire=Wire(connection))


def _begin(connection: Connection) -> None:
    if not connection.get_execution_options().get(READING):
        cast(AnyConnection, connection.connection.driver_connection).autocommit = False


def _look(connection: AnyConnection, record: Any, _: object) -> None:
    # Nobody asked it anything: what there is to read is that it is closed, or a word about why.
    if connection.closed or record.info["poll"].poll(0):
        raise DisconnectionError
    if monotonic() - record.info["used"] > _ASK_AFTER_SECONDS:
        try:
            connection.execute("SELECT 1")
        except psycopg.Error:
            raise DisconnectionError from None


def _reset(connection: AnyConnection, record: Any, _: object) -> None:
    if connection.pgconn.transaction_status != TransactionStatus.IDLE:
        connection.rollback()
    if not connection.autocommit:
        connection.autocommit = True
    record.info["used"] = monotonic()
