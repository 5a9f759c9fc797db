"""Names and emails, sealed again when the key that encrypts is replaced. What lives for hours only ages out."""

from functools import partial

from sqlalchemy import Connection

from broker.accounts.model import people
from broker.accounts.service import sealing_context
from broker.keys.cipher import FieldCipher
from broker.keys.reseal import reseal_column


def reseal_names(connection: Connection, cipher: FieldCipher) -> int:
    """Seal the names again, and return how many. A ``broker.keys.reseal.Reseal``."""
    return reseal_column(connection, cipher, people, "name_sealed", partial(sealing_context, "name"))


def reseal_emails(connection: Connection, cipher: FieldCipher) -> int:
    """Seal the emails again, and return how many. A ``broker.keys.reseal.Reseal``."""
    return reseal_column(connection, cipher, people, "email_sealed", partial(sealing_context, "email"))
