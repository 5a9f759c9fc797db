"""The proofs behind refresh tokens, sealed again when the key that encrypts is replaced."""

from sqlalchemy import Connection

from broker.keys.cipher import FieldCipher
from broker.keys.reseal import reseal_column
from broker.oidc.model import refresh_families
from broker.oidc.tokens.refresh import sealing_context


def reseal_families(connection: Connection, cipher: FieldCipher) -> int:
    """Seal the records of refresh families again, and return how many. A ``broker.keys.reseal.Reseal``."""
    return reseal_column(connection, cipher, refresh_families, "record_sealed", sealing_context)
