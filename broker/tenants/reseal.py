"""The reasons of exceptions, sealed again when the key that encrypts is replaced."""

from sqlalchemy import Connection

from broker.keys.cipher import FieldCipher
from broker.keys.reseal import reseal_column
from broker.tenants.exception_records import reason_context
from broker.tenants.model import exceptions


def reseal_reasons(connection: Connection, cipher: FieldCipher) -> int:
    """Seal the reasons again, and return how many. A ``broker.keys.reseal.Reseal``."""
    return reseal_column(connection, cipher, exceptions, "reason_sealed", reason_context)
