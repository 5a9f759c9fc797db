"""The page on which somebody who was named accepts."""

from flask import redirect, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import Denied, Person
from broker.accounts.service import AccountClosed
from broker.accounts.visit import SignInFirst
from broker.web.errors import BrokerError
from migrations.accounts.conversion import preview
from migrations.accounts.conversion.service import (
    ACCEPT,
    NotAccepted,
    Refusal,
    WrongTenant,
    lapses_at,
    takes_effect_at,
)
from migrations.accounts.conversion.visit import ConversionPages, called, case_page, is_fresh, tenant
from migrations.accounts.visit import fresh_person_of, person_of, sign_in


def door(pages: ConversionPages, token: str) -> ResponseReturnValue:
    """GET /convert/accept/<token>: what somebody would accept. Mail scanners follow links, so only a button does."""
    base = pages.base
    with base.database.read() as connection:
        found = pages.conversions.invited(connection, token)
        if found is None:
            raise _over()
        named, seen = found
        person = _whoever(pages, connection)
        if person is not None and person.account_id == named.account_id:
            return redirect(case_page(seen.case.id), code=303)
        if named.way is not None:
            raise _over()
        starter = base.accounts.persons(connection, [seen.case.account_id]).get(seen.case.account_id)
        profile = base.accounts.person(connection, person.account_id) if person is not None else None
        here = f"{ACCEPT}{token}"
        return render_template(
            "migration/conversion_accept.html",
            registry=base.registry,
            organization=seen.organization,
            starter=called(starter),
            preview=preview.of(seen.legacy),
            due=takes_effect_at(seen.case),
            lapses=lapses_at(seen.case),
            tenant=tenant(connection, seen.legacy),
            here=here,
            sign_in=sign_in(here),
            fresh=is_fresh(pages, connection, here),
            person=profile,
            account_id=person.account_id if person is not None else None,
        )


def accept(pages: ConversionPages, token: str) -> ResponseReturnValue:
    """POST /convert/accept/<token>: by whoever has the named address for certain, with a proof of just now."""
    base, here = pages.base, f"{ACCEPT}{token}"
    try:
        with base.database.begin() as connection:
            person = fresh_person_of(base, connection, here)
            case = pages.conversions.accept(connection, person, token)
    except NotAccepted as refused:
        if refused.refusal is Refusal.FORWARDED:
            return _forwarded(pages, here), 403
        raise _over() if refused.refusal is Refusal.OVER else _already() from refused
    except WrongTenant as wrong:
        raise _wrong_tenant(here) from wrong
    except AccountClosed as closed:
        raise SignInFirst from closed
    return redirect(f"{case_page(case.id)}?notice=accepted", code=303)


def _whoever(pages: ConversionPages, connection: Connection) -> Person | None:
    try:
        return person_of(pages.base, connection)
    except (SignInFirst, Denied):
        return None


def _forwarded(pages: ConversionPages, here: str) -> str:
    """Say which address of theirs it was not sent to. To which one it was is not theirs to know."""
    with pages.base.database.read() as connection:
        person = pages.base.accounts.person(connection, person_of(pages.base, connection).account_id)
    return render_template("migration/conversion_forwarded.html", person=person, sign_in=sign_in(here))


def _over() -> BrokerError:
    return BrokerError(
        status=404,
        code="conversion_over",
        title="This link is over",
        sentence="The place was taken, or what it was for took effect, was stopped, withdrawn, or came to nothing.",
        next_step="Ask whoever named you how it stands. Nothing was changed now.",
        detail="no place that waits",
        link=("Your organisations", "/organizations"),
    )


def _already() -> BrokerError:
    return BrokerError(
        status=409,
        code="accepted_already",
        title="You have a place already",
        sentence="The account you are signed in with has accepted another place. Each admin is a person of their own.",
        next_step="Nothing was changed. If this place is for somebody else, it takes their own account.",
        detail="one account, two places",
        link=("Your account", "/account"),
    )


def _wrong_tenant(here: str) -> BrokerError:
    return BrokerError(
        status=403,
        code="wrong_tenant",
        title="This takes a work account",
        sentence="The address of the shared account belongs to a company, so its admins have to sign in from there.",
        next_step="Sign in with your work account of that company, not as its guest. Nothing was changed.",
        detail="not of the tenant behind the address",
        link=("Use another account", sign_in(here)),
    )
