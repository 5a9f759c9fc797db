"""Inviting, and the door through which the invited come in."""

from urllib.parse import urlencode

from flask import make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import Denied, Person
from broker.accounts.organizations.invitations import NotInvited, Refusal
from broker.accounts.organizations.pages import places
from broker.accounts.organizations.pages.organization import again
from broker.accounts.organizations.people import role_of
from broker.accounts.organizations.records import TooMany
from broker.accounts.organizations.visit import (
    OrganizationPages,
    fresh_admin_of,
    person_of,
    stopper_of,
)
from broker.accounts.visit import SignInFirst
from broker.limits.errors import TooMany as TooManyMails
from broker.limits.errors import in_words
from broker.tenants.errors import NotFound
from broker.web.errors import BrokerError
from claims.decision import Purpose

_DOOR = "/invitations"


def invite(pages: OrganizationPages, organization_id: str) -> ResponseReturnValue:
    """POST .../invitations: a link goes to an address, whose owner becomes a member by it."""
    page, email = places.organization_page(organization_id), request.form.get("email", "").strip()
    try:
        with pages.database.begin() as connection:
            admin = fresh_admin_of(pages, connection, organization_id, page)
            pages.invitations.invite(connection, admin, email, f"{pages.issuer}{_DOOR}/", pages.mail_limit.room)
    except TooManyMails as error:
        problem = f"You asked for too many mails. Wait {in_words(error.wait)}."
        response = make_response(again(pages, organization_id, "email", email, problem, 429))
        response.headers["Retry-After"] = str(error.wait)
        return response
    except TooMany:
        problem = "Too many invitations are open. Withdraw some that nobody will use."
        return again(pages, organization_id, "email", email, problem, 409)
    except ValueError:
        problem = "That is not an email address we can take. Check it for typing mistakes."
        return again(pages, organization_id, "email", email, problem, 400)
    return places.noticed(page, "invited")


def withdraw(pages: OrganizationPages, organization_id: str, invitation_id: str) -> ResponseReturnValue:
    """POST .../invitations/<invitation>/withdraw: by any admin, suspended or not. It lets nobody in."""
    with pages.database.begin() as connection:
        stopper = stopper_of(pages, connection, organization_id)
        try:
            pages.invitations.withdraw(connection, stopper, invitation_id)
        except LookupError as error:
            raise NotFound(invitation_id) from error
    return places.noticed(places.organization_page(organization_id), "withdrawn")


def door(pages: OrganizationPages, token: str) -> ResponseReturnValue:
    """GET /invitations/<token>: mail scanners follow links, so only a button accepts."""
    with pages.database.read() as connection:
        invited = pages.invitations.open(connection, token, pages.clock())
        if invited is None:
            raise _over()
        person = _whoever(pages, connection)
        if person is not None and role_of(connection, invited.organization_id, person.account_id) is not None:
            return _already(invited.organization_name)
        profile = pages.accounts.person(connection, person.account_id) if person is not None else None
    return render_template(
        "organizations/invitation.html",
        organization_name=invited.organization_name,
        expires_at=invited.expires_at,
        here=_door(token),
        signed_in=person is not None,
        person=profile,
        account_id=person.account_id if person is not None else None,
    )


def accept(pages: OrganizationPages, token: str) -> ResponseReturnValue:
    """POST /invitations/<token>: by whoever has the invited address for certain."""
    try:
        with pages.database.begin() as connection:
            person = _joining(pages, connection, token)
            pages.invitations.accept(connection, person, token)
            # They are a member from now on, so it counts how they are signed in.
            pages.sign_ins.note(connection, person.proven, person.now)
    except NotInvited as refused:
        if refused.refusal is Refusal.OVER:
            raise _over() from refused
        return _forwarded(pages, token), 403
    # That page opens to everybody who can accept, and says what a member may have to do next.
    return places.noticed(places.LIST, "joined")


def _whoever(pages: OrganizationPages, connection: Connection) -> Person | None:
    """Return who is signed in, if somebody is. An exception from MFA does: a membership gives no power by itself."""
    try:
        return person_of(pages, connection, Purpose.SESSION)
    except (SignInFirst, Denied):
        return None


def _joining(pages: OrganizationPages, connection: Connection, token: str) -> Person:
    person = _whoever(pages, connection)
    if person is None:
        raise BrokerError(
            status=403,
            code="sign_in_first",
            title="Sign in first",
            sentence="An invitation is accepted by an account, and you are not signed in here.",
            next_step="Sign in; you come back to the invitation.",
            detail="invitation without a session",
            link=("Sign in", _sign_in(token)),
        )
    return person


def _over() -> BrokerError:
    return BrokerError(
        status=404,
        code="invitation_over",
        title="This invitation is over",
        sentence="It was used, withdrawn or replaced by a newer one, or is older than seven days.",
        next_step="If you are not a member yet, ask an admin of the organisation to invite you again.",
        detail="no such invitation",
        link=("Your organisations", places.LIST),
    )


def _already(organization_name: str) -> str:
    return render_template("organizations/already.html", organization_name=organization_name)


def _forwarded(pages: OrganizationPages, token: str) -> str:
    """Say which address of theirs it was not sent to. To which one it was is not theirs to know."""
    with pages.database.read() as connection:
        person = _joining(pages, connection, token)
        profile = pages.accounts.person(connection, person.account_id)
    return render_template("organizations/forwarded.html", person=profile, sign_in=_sign_in(token))


def _door(token: str) -> str:
    return f"{_DOOR}/{token}"


def _sign_in(token: str) -> str:
    return "/signin?" + urlencode({"next": _door(token)})
