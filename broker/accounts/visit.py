"""Who is in front of the account pages: signed in, with a proof that holds now, and how fresh it is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import redirect
from flask.typing import ResponseReturnValue

from broker.accounts.access import RegistryAccess
from broker.accounts.emails import EmailChanges
from broker.accounts.limits import MailLimit
from broker.accounts.linking import LinkGoal
from broker.accounts.organizations.belonging import Belongings
from broker.accounts.organizations.last_sign_ins import LastSignIns
from broker.accounts.organizations.service import Organizations
from broker.accounts.service import Accounts
from broker.audit.service import Audit
from broker.signin.browser import Browser
from broker.signin.ending import EndedBy, Ending
from broker.signin.gate import Gate
from broker.signin.policy import Policy
from broker.signin.sessions import Session, Sessions
from broker.signin.standing import Standing
from broker.signin.transactions import Transactions
from broker.storage.database import Database
from broker.web.errors import BrokerError
from claims.decision import Purpose
from claims.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPages:
    """What the pages work with. ``has_old_world``: accounts with passwords can be claimed."""

    accounts: Accounts
    belongings: Belongings
    emails: EmailChanges
    sessions: Sessions
    transactions: Transactions
    gate: Gate
    link_goal: LinkGoal
    policy: Policy
    standing: Standing
    audit: Audit
    database: Database
    browser: Browser
    ending: Ending
    registries: RegistryAccess
    organizations: Organizations
    last_sign_ins: LastSignIns
    mail_limit: MailLimit
    has_old_world: bool
    issuer: str
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A signed-in visitor whose proof holds now. ``fresh``: it was given a short while ago."""

    session: Session
    person: Profile
    fresh: bool
    now: datetime


class SignInFirst(Exception):
    """Nobody whose proof holds is signed in."""


def visit_of(pages: AccountPages) -> Visit:
    """Return the visitor, whose proof is judged at every page, as it ages. Raises :class:`SignInFirst`."""
    now = pages.clock()
    session = pages.sessions.find(pages.browser.session_cookie(), now)
    if session is None:
        raise SignInFirst
    with pages.database.read() as connection:
        judged = pages.standing.judge(connection, session, Purpose.SESSION, now)
        fresh = pages.standing.meets(connection, session, pages.policy.fresh_requirement(Purpose.LINK), now).holds
    if not judged.holds or judged.person is None:
        raise SignInFirst
    return Visit(session=session, person=judged.person, fresh=fresh, now=now)


def fresh_visit_of(pages: AccountPages) -> Visit:
    """Return a visitor whose proof is fresh. Raises :class:`SignInFirst`, or ``BrokerError`` when it is not."""
    visit = visit_of(pages)
    if not visit.fresh:
        raise BrokerError(
            status=403,
            code="sign_in_again",
            title="Sign in once more",
            sentence="This changes who can get into your account, so we ask you to sign in once more.",
            next_step="Sign in again, then repeat what you wanted to do. Nothing was changed.",
            detail="proof not fresh",
            link=("Sign in again", "/signin?fresh=yes"),
        )
    return visit


def end_sessions(pages: AccountPages, visit: Visit, which: Callable[[Session], bool]) -> int:
    """End the account's own sessions that ``which`` picks, and return how many."""
    return pages.ending.end_of_account(visit.session.account_id, visit.now, EndedBy.OWNER, which)


def noticed(notice: str) -> ResponseReturnValue:
    """Return to the account page, which says what happened."""
    return redirect(f"/account?notice={notice}", code=303)


def bad_input(code: str, sentence: str, next_step: str) -> BrokerError:
    """Return the error for what a form cannot mean."""
    return BrokerError(
        status=400,
        code=code,
        sentence=sentence,
        next_step=next_step,
        detail=code,
        link=("Your account", "/account"),
    )


def gone() -> BrokerError:
    """Return the error for something that is not the account's, or not any more."""
    return BrokerError(
        status=404,
        code="not_found",
        sentence="That is not there any more.",
        next_step="Go back to your account page; it shows what is.",
        detail="not the account's",
        link=("Your account", "/account"),
    )
