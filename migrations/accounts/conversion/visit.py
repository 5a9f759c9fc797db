"""Who is in front of the pages of a conversion, and what these work with."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import Denied
from broker.accounts.visit import SignInFirst
from broker.keys.cipher import FieldCipher
from broker.storage.sealed import SealedRecords
from broker.web.errors import BrokerError
from claims.profile import Profile
from migrations.accounts.admins import tenant_behind
from migrations.accounts.claiming.mailbox import Mailboxes
from migrations.accounts.conversion.service import Conversions
from migrations.accounts.proofs import Attempt, Proof
from migrations.accounts.records import LegacyAccount
from migrations.accounts.visit import OldWorldPages, fresh_person_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionPages:
    """What the pages work with. ``drafts``: what was typed, while somebody signs in once more."""

    base: OldWorldPages
    conversions: Conversions
    mailboxes: Mailboxes
    drafts: SealedRecords


def pages_of(
    base: OldWorldPages, conversions: Conversions, mailboxes: Mailboxes, cipher: FieldCipher
) -> ConversionPages:
    """Return them."""
    drafts = SealedRecords(base.store, cipher, "conversion-draft")
    return ConversionPages(base=base, conversions=conversions, mailboxes=mailboxes, drafts=drafts)


def proven_in(pages: ConversionPages, connection: Connection, attempt: Attempt) -> frozenset[Proof]:
    """Return which proofs of the attempt hold still: an account may get another address meanwhile."""
    return pages.mailboxes.proven(attempt, pages.base.effects.ledger.get(connection, attempt.registry_id))


def is_fresh(pages: ConversionPages, connection: Connection, here: str) -> bool:
    """Return whether somebody is in front of us whose proof is of just now."""
    try:
        fresh_person_of(pages.base, connection, here)
    except (SignInFirst, Denied, BrokerError):
        return False
    return True


def tenant(connection: Connection, legacy: LegacyAccount) -> Mapping[str, str] | None:
    """Return the tenant that every admin has to come from, or none."""
    tid = tenant_behind(connection, legacy)
    if tid is None or legacy.email is None:
        return None
    return {"tid": tid, "domain": legacy.email.rpartition("@")[2].casefold()}


def called(person: Profile | None) -> str | None:
    """Return what somebody is called; by an address only where it is theirs for certain."""
    if person is None:
        return None
    return person.name or (person.email if person.email_verified else None)


def case_page(case_id: str) -> str:
    """Return the path of the page that says how a conversion stands."""
    return f"/convert/cases/{case_id}"
