"""Who is in front of the pages of organisations and operators: whatever they may not, ends here as a page."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

from flask import current_app, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from broker.accounts.limits import MailLimit
from broker.accounts.organizations.authority import Authority
from broker.accounts.organizations.capabilities import (
    Admin,
    Denial,
    Denied,
    FreshAdmin,
    FreshOperator,
    Leaver,
    Member,
    Operator,
    Person,
    Stopper,
)
from broker.accounts.organizations.changes import Changes
from broker.accounts.organizations.invitations import Invitations
from broker.accounts.organizations.preview import Preview
from broker.accounts.organizations.service import Organizations
from broker.accounts.organizations.sign_ins import SignInsOfMembers
from broker.accounts.organizations.words import suspended_because
from broker.accounts.service import Accounts
from broker.accounts.visit import SignInFirst
from broker.keys.cipher import FieldCipher
from broker.signin.browser import Browser
from broker.signin.gate import Gate
from broker.signin.sessions import Session, Sessions
from broker.signin.transactions import Transactions
from broker.storage.database import Database
from broker.tenants.attestations import Attestations
from broker.tenants.consent import Consents
from broker.tenants.exceptions import Exceptions
from broker.tenants.goal import MappingGoal
from broker.tenants.mappings import Mappings
from broker.tenants.rule_changes import RuleChanges
from broker.web.errors import BrokerError
from claims.decision import Purpose
from providers.microsoft.entra import Entra


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationPages:
    """What the pages work with. ``entra`` are the providers by which tenants are mapped, by id.

    ``people_create``: whoever is signed in may make an organisation; otherwise only operators do.
    """

    authority: Authority
    organizations: Organizations
    invitations: Invitations
    changes: Changes
    preview: Preview
    mappings: Mappings
    attestations: Attestations
    exceptions: Exceptions
    rule_changes: RuleChanges
    admin_consents: Consents
    mapping_goal: MappingGoal
    entra: Mapping[str, Entra]
    accounts: Accounts
    sessions: Sessions
    transactions: Transactions
    gate: Gate
    database: Database
    browser: Browser
    mail_limit: MailLimit
    sign_ins: SignInsOfMembers
    cipher: FieldCipher
    people_create: bool
    has_old_world: bool
    issuer: str
    clock: Callable[[], datetime]


def session_of(pages: OrganizationPages, now: datetime) -> Session:
    """Return the session in front of us, unjudged. Raises :class:`SignInFirst`."""
    session = pages.sessions.find(pages.browser.session_cookie(), now)
    if session is None:
        raise SignInFirst
    return session


def person_of(pages: OrganizationPages, connection: Connection, purpose: Purpose = Purpose.ADMINISTRATION) -> Person:
    """Return whoever is signed in. Raises :class:`SignInFirst` or :class:`Denied`."""
    now = pages.clock()
    return pages.authority.person(connection, session_of(pages, now), now, purpose)


def member_of(pages: OrganizationPages, connection: Connection, organization_id: str) -> Member:
    """Return a member of the organisation. Raises :class:`SignInFirst` or :class:`Denied`."""
    now = pages.clock()
    return pages.authority.member(connection, session_of(pages, now), organization_id, now)


def leaver_of(pages: OrganizationPages, connection: Connection, organization_id: str, page: str) -> Leaver:
    """Return a member with a fresh proof, suspended or not. Raises as :func:`admin_of`; ``page`` as below."""
    now = pages.clock()
    try:
        return pages.authority.leaver(connection, session_of(pages, now), organization_id, now)
    except Denied as denied:
        raise _once_more(denied, page) from denied


def stopper_of(pages: OrganizationPages, connection: Connection, organization_id: str) -> Stopper:
    """Return an admin of the organisation, suspended or not. Raises :class:`SignInFirst` or :class:`Denied`."""
    now = pages.clock()
    return pages.authority.stopper(connection, session_of(pages, now), organization_id, now)


def admin_of(pages: OrganizationPages, connection: Connection, organization_id: str) -> Admin:
    """Return an admin of the organisation. Raises :class:`SignInFirst` or :class:`Denied`."""
    now = pages.clock()
    return pages.authority.admin(connection, session_of(pages, now), organization_id, now)


def fresh_admin_of(pages: OrganizationPages, connection: Connection, organization_id: str, page: str) -> FreshAdmin:
    """Return an admin with a fresh proof. Raises as :func:`admin_of`.

    ``page``: where somebody whose proof is not fresh finds the form again, once it is.
    """
    now = pages.clock()
    try:
        return pages.authority.fresh_admin(connection, session_of(pages, now), organization_id, now)
    except Denied as denied:
        raise _once_more(denied, page) from denied


def operator_of(pages: OrganizationPages, connection: Connection) -> Operator:
    """Return an operator. Raises :class:`SignInFirst` or :class:`Denied`."""
    now = pages.clock()
    return pages.authority.operator(connection, session_of(pages, now), now)


def fresh_operator_of(pages: OrganizationPages, connection: Connection, page: str = "/operator") -> FreshOperator:
    """Return an operator with a fresh proof. Raises as :func:`operator_of`; ``page`` as in :func:`fresh_admin_of`."""
    now = pages.clock()
    try:
        return pages.authority.fresh_operator(connection, session_of(pages, now), now)
    except Denied as denied:
        raise _once_more(denied, page) from denied


def sign_in_first(_: Exception) -> ResponseReturnValue:
    """Answer somebody whose sign-in does not hold: they sign in, and come back to the page they wanted."""
    if request.method not in ("GET", "HEAD"):
        return answer(
            BrokerError(
                status=403,
                code="sign_in_first",
                title="Sign in first",
                sentence="Your session has ended, so nothing was changed.",
                next_step="Sign in again, then repeat what you wanted to do.",
                detail="form without a session",
                link=("Sign in", "/signin?" + urlencode({"next": "/organizations"})),
            )
        )
    wanted = request.full_path if request.query_string else request.path
    return redirect("/signin?" + urlencode({"next": wanted}, quote_via=quote), code=303)


def answer_denied(denied: Denied) -> ResponseReturnValue:
    """Answer somebody who may not. What is not for their eyes does not exist."""
    return sign_in_first(denied) if denied.denial is Denial.SIGNED_OUT else answer(_error_of(denied))


def answer(error: BrokerError) -> ResponseReturnValue:
    """Return the page of an error from within a handler, where what is raised would be a defect to Flask."""
    return current_app.handle_user_exception(error)


def once_more(page: str) -> BrokerError:
    """Return the error for whoever has to prove it is them once more, and comes back to ``page`` then."""
    return BrokerError(
        status=403,
        code="sign_in_again",
        title="Sign in once more",
        sentence="This changes what protects others, so we ask for a sign-in of the last ten minutes.",
        next_step="Sign in again; you come back to the page you were on. Nothing was changed.",
        detail="proof not fresh",
        link=("Sign in again", "/signin?" + urlencode({"fresh": "yes", "next": page})),
    )


def _error_of(denied: Denied) -> BrokerError:
    if denied.denial is Denial.STALE:
        return once_more("/organizations")
    if denied.denial in (Denial.UNKNOWN, Denial.NOT_OPERATOR):
        return BrokerError(
            status=404,
            code="not_found",
            sentence="There is no such page, or it is not for the account you are signed in with.",
            next_step="Check the address, or go to your organisations.",
            detail=denied.denial.value,
            link=("Your organisations", "/organizations"),
        )
    if denied.denial is Denial.SUSPENDED and denied.standing is not None:
        sentence, next_step = suspended_because(denied.standing)
        return BrokerError(
            status=403,
            code="membership_suspended",
            title="Your membership is suspended",
            sentence=sentence,
            next_step=next_step,
            detail=denied.standing.unmet.value if denied.standing.unmet is not None else "",
            link=("Sign in another way", "/signin?" + urlencode({"next": "/organizations"})),
        )
    title, sentence, next_step = _WORDS[denied.denial]
    return BrokerError(
        status=403,
        code=denied.denial.value,
        title=title,
        sentence=sentence,
        next_step=next_step,
        detail=denied.denial.value,
        link=("Your organisations", "/organizations"),
    )


_WORDS = {
    Denial.EXEMPT: (
        "This takes a second factor",
        "You are signed in by your organisation's exception, without a second factor.",
        "Sign in with one, in any way that you have linked.",
    ),
    Denial.NOT_ADMIN: (
        "This is for admins",
        "You are a member of this organisation, and only its admins can see or do this.",
        "Ask one of its admins.",
    ),
    Denial.OWN_REQUEST: (
        "Somebody else has to decide",
        "You asked for this yourself, or belong to the organisation it is for.",
        "Ask another operator.",
    ),
}


def _once_more(denied: Denied, page: str) -> Exception:
    return once_more(page) if denied.denial is Denial.STALE else denied
