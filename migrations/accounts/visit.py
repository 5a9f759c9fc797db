"""Who is in front of the pages of the old world, and what all of its rooms' pages work with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from broker.accounts.limits import MailLimit
from broker.accounts.organizations.authority import Authority
from broker.accounts.organizations.capabilities import (
    Denial,
    Denied,
    FreshOperator,
    FreshPerson,
    Operator,
    Person,
)
from broker.accounts.organizations.visit import answer, answer_denied, once_more
from broker.accounts.service import AccountClosed, Accounts
from broker.accounts.visit import SignInFirst
from broker.signin.browser import Browser
from broker.signin.sessions import Session, Sessions
from broker.storage.database import Database
from broker.storage.store import ShortLived
from broker.web.errors import BrokerError
from claims.decision import Purpose
from migrations.accounts.effects import Effects, TooLate
from migrations.accounts.proofs import Attempt, Attempts

_OPERATORS = "/operator/migration"


@dataclass(frozen=True, slots=True, kw_only=True)
class OldWorldPages:
    """What the pages work with; ledger, cases, admins and notices are the effects' own."""

    authority: Authority
    accounts: Accounts
    sessions: Sessions
    attempts: Attempts
    effects: Effects
    mail_limit: MailLimit
    database: Database
    store: ShortLived
    browser: Browser
    issuer: str
    registry: str
    clock: Callable[[], datetime]


def session_of(pages: OldWorldPages, now: datetime) -> Session:
    """Return the session in front of us, unjudged. Raises ``SignInFirst``."""
    session = pages.sessions.find(pages.browser.session_cookie(), now)
    if session is None:
        raise SignInFirst
    return session


def person_of(pages: OldWorldPages, connection: Connection) -> Person:
    """Return whoever is signed in, with MFA. Raises ``SignInFirst`` or ``Denied``."""
    now = pages.clock()
    return pages.authority.person(connection, session_of(pages, now), now, Purpose.CLAIM)


def fresh_person_of(pages: OldWorldPages, connection: Connection, page: str) -> FreshPerson:
    """Return whoever signed in with MFA in the last ten minutes. Raises as :func:`person_of`.

    ``page``: where somebody whose proof is not fresh finds the form again, once it is.
    """
    now = pages.clock()
    try:
        return pages.authority.fresh_person(connection, session_of(pages, now), now, Purpose.CLAIM)
    except Denied as denied:
        raise _once_more(denied, page) from denied


def operator_of(pages: OldWorldPages, connection: Connection) -> Operator:
    """Return an operator. Raises ``SignInFirst`` or ``Denied``."""
    now = pages.clock()
    return pages.authority.operator(connection, session_of(pages, now), now)


def fresh_operator_of(pages: OldWorldPages, connection: Connection, page: str) -> FreshOperator:
    """Return an operator with a fresh proof. Raises as :func:`operator_of`; ``page`` as above."""
    now = pages.clock()
    try:
        return pages.authority.fresh_operator(connection, session_of(pages, now), now)
    except Denied as denied:
        raise _once_more(denied, page) from denied


def attempt_of(pages: OldWorldPages, attempt_id: str) -> Attempt:
    """Return the attempt of the browser in front of us. Raises ``BrokerError``."""
    attempt = pages.attempts.find(attempt_id, pages.browser.binding(), pages.clock())
    if attempt is None:
        raise attempt_over()
    return attempt


def attempt_over() -> BrokerError:
    """Return the error for an attempt that is over, or another browser's."""
    return BrokerError(
        status=400,
        code="claim_over",
        title="This is over",
        sentence="This was finished already, took longer than an hour, or was begun in another browser.",
        next_step="Begin again. Nothing was changed.",
        detail="no such attempt of this browser",
        link=("Begin again", "/claim"),
    )


def answering(room: Blueprint) -> Blueprint:
    """Have the blueprint answer those who may not, or come too late; return it."""
    room.register_error_handler(SignInFirst, _sign_in_first)
    room.register_error_handler(Denied, answer_denied)
    room.register_error_handler(TooLate, _too_late)
    room.register_error_handler(AccountClosed, _sign_in_first)
    return room


def sign_in(page: str, *, fresh: bool = True) -> str:
    """Return the address of a sign-in that comes back to ``page``."""
    return "/signin?" + urlencode({"fresh": "yes" if fresh else "no", "next": page}, quote_via=quote)


def _sign_in_first(_: Exception) -> ResponseReturnValue:
    if request.method in ("GET", "HEAD"):
        return redirect(sign_in(request.full_path if request.query_string else request.path, fresh=False), code=303)
    return answer(
        BrokerError(
            status=403,
            code="sign_in_first",
            title="Sign in first",
            sentence="This takes a sign-in with a second factor, and there is none, so nothing was changed.",
            next_step="Sign in in this browser, then repeat what you wanted to do.",
            detail="form without a session",
            link=("Sign in", "/signin?" + urlencode({"next": "/account"})),
        )
    )


def _too_late(_: Exception) -> ResponseReturnValue:
    return answer(
        BrokerError(
            status=409,
            code="too_late",
            title="Things have changed",
            sentence="Somebody was faster, the time for it is over, or it was done already. Nothing was changed now.",
            next_step="Look at how it stands.",
            detail="case not in a state for it",
            link=("The campaign", _OPERATORS) if request.path.startswith(_OPERATORS) else ("Your account", "/account"),
        )
    )


def _once_more(denied: Denied, page: str) -> Exception:
    return once_more(page) if denied.denial is Denial.STALE else denied
