"""What is sealed of organisations, sealed again when the key that encrypts is replaced."""

from sqlalchemy import Connection

from broker.accounts.organizations import invitations, last_sign_ins, model
from broker.keys.cipher import FieldCipher
from broker.keys.reseal import reseal_column


def reseal_invitations(connection: Connection, cipher: FieldCipher) -> int:
    """Seal the addresses of invitations again, and return how many. A ``broker.keys.reseal.Reseal``."""
    return reseal_column(connection, cipher, model.invitations, "email_sealed", invitations.sealing_context)


def reseal_last_sign_ins(connection: Connection, cipher: FieldCipher) -> int:
    """Seal the last sign-ins again, and return how many. A ``broker.keys.reseal.Reseal``."""
    return reseal_column(connection, cipher, model.last_sign_ins, "proof_sealed", last_sign_ins.sealing_context)
