"""What the pages of claims work with, and who is in front of them."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import Denial, Denied
from broker.accounts.visit import SignInFirst
from broker.settings.migration import MigrationSettings
from claims.decision import Purpose
from claims.profile import Profile
from migrations.accounts.claiming.mailbox import Mailboxes
from migrations.accounts.claiming.service import Claiming
from migrations.accounts.visit import OldWorldPages, session_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimPages:
    """What they work with. ``campaign`` has the dates."""

    base: OldWorldPages
    claiming: Claiming
    mailboxes: Mailboxes
    campaign: MigrationSettings


class SignIn(StrEnum):
    """What the session in front of us is worth as a proof."""

    NONE = "none"
    EXEMPT = "exempt"  # an organisation's exception stands in place of MFA
    STALE = "stale"  # older than ten minutes
    FRESH = "fresh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who is signed in, if somebody is. ``account_id`` is empty where nobody is."""

    sign_in: SignIn
    account_id: str = ""
    person: Profile | None = None


def visitor_of(pages: ClaimPages, connection: Connection) -> Visitor:
    """Return who is in front of us. Refuses nobody."""
    base, now = pages.base, pages.base.clock()
    try:
        session = session_of(base, now)
    except SignInFirst:
        return Visitor(sign_in=SignIn.NONE)
    try:
        base.authority.fresh_person(connection, session, now, Purpose.CLAIM)
        sign_in = SignIn.FRESH
    except Denied as denied:
        sign_in = _WORTH.get(denied.denial, SignIn.NONE)
    if sign_in is SignIn.NONE:
        return Visitor(sign_in=SignIn.NONE)
    person = base.accounts.person(connection, session.account_id)
    return Visitor(sign_in=sign_in, account_id=session.account_id, person=person)


def fresh_account(pages: ClaimPages, connection: Connection) -> str | None:
    """Return the account of whoever signed in just now, with MFA, or none: guesses and mails of theirs count apart."""
    visitor = visitor_of(pages, connection)
    return visitor.account_id if visitor.sign_in is SignIn.FRESH else None


_WORTH = {Denial.EXEMPT: SignIn.EXEMPT, Denial.STALE: SignIn.STALE}
