"""The address that a shared account of the old world had: a way to reach an organisation, and no way to sign in."""

from sqlalchemy import Connection, select, update

from broker.accounts.organizations.model import organizations
from broker.keys.cipher import FieldCipher
from broker.keys.reseal import reseal_column


def keep_contact(connection: Connection, cipher: FieldCipher, organization_id: str, email: str | None) -> None:
    """Keep the address, or none."""
    sealed = None if email is None else cipher.seal(email.encode(), contact_context(organization_id))
    connection.execute(update(organizations).where(organizations.c.id == organization_id).values(contact_sealed=sealed))


def contact_of(connection: Connection, cipher: FieldCipher, organization_id: str) -> str | None:
    """Return the address, or none where there is none."""
    sealed = connection.execute(
        select(organizations.c.contact_sealed).where(organizations.c.id == organization_id)
    ).scalar_one_or_none()
    return cipher.open(sealed, contact_context(organization_id)).decode() if sealed else None


def contact_context(organization_id: str) -> str:
    """Bind a sealed contact to its row."""
    return f"organizations.contact:{organization_id}"


def reseal_contacts(connection: Connection, cipher: FieldCipher) -> int:
    """Seal the contacts again, and return how many. A ``broker.keys.reseal.Reseal``."""
    return reseal_column(connection, cipher, organizations, "contact_sealed", contact_context)
