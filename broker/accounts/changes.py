"""What visitors change on their account page. Whatever decides who can get in takes a fresh proof."""

from flask import Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from broker.accounts.organizations.records import LastAdmin
from broker.accounts.service import LastIdentity
from broker.accounts.visit import (
    AccountPages,
    SignInFirst,
    Visit,
    bad_input,
    end_sessions,
    fresh_visit_of,
    gone,
    noticed,
    visit_of,
)
from broker.limits.errors import in_words
from broker.signin.ending import EndedBy, every
from broker.signin.outcomes import Refused
from broker.signin.sessions import Session
from broker.signin.transactions import Goal
from broker.web import csrf
from broker.web.errors import BrokerError


def rename(pages: AccountPages) -> ResponseReturnValue:
    """POST /account/name."""
    visit = visit_of(pages)
    try:
        with pages.database.begin() as connection:
            pages.accounts.rename(connection, visit.session.account_id, request.form.get("name", ""), visit.now)
    except ValueError as error:
        raise bad_input(
            "not_a_name", "That is not a name we can take.", "A name has 1 to 200 characters on one line."
        ) from error
    return noticed("name")


def request_email(pages: AccountPages) -> ResponseReturnValue:
    """POST /account/email: nothing changes until the link sent there is followed."""
    visit = fresh_visit_of(pages)
    try:
        with pages.database.begin() as connection:
            _send_link(pages, connection, visit, request.form.get("email", ""))
    except ValueError as error:
        raise bad_input(
            "not_an_email",
            "That is not an email address we can take.",
            "Check it for typing mistakes and try again.",
        ) from error
    return noticed("email")


def show_email_link(pages: AccountPages) -> ResponseReturnValue:
    """GET /account/email/confirm: mail scanners follow links, so only a button confirms."""
    _asking_visit(pages)
    return render_template("email_confirm.html", token=request.args.get("token", ""))


def confirm_email(pages: AccountPages) -> ResponseReturnValue:
    """POST /account/email/confirm: by the account that asked, or a link sent to a stranger would do it."""
    visit = _asking_visit(pages)
    with pages.database.begin() as connection:
        confirmed = pages.emails.confirm(connection, visit.session.account_id, request.form.get("token", ""), visit.now)
    if not confirmed:
        raise BrokerError(
            status=400,
            code="link_over",
            sentence="This link was used already, replaced by a newer one, is older than two hours, "
            "or was asked for by another account.",
            next_step="Ask for a new one on your account page.",
            detail="no such email change",
            link=("Your account", "/account"),
        )
    return render_template(
        "message.html",
        title="Your email is confirmed",
        sentence="It has taken the place of the old one.",
        steps=(),
        link={"label": "Your account", "url": "/account"},
    )


def _asking_visit(pages: AccountPages) -> Visit:
    """Return the visitor, who must be signed in: an address is confirmed by the account that asked for it."""
    try:
        return visit_of(pages)
    except SignInFirst as error:
        raise BrokerError(
            status=403,
            code="sign_in_first",
            title="Sign in first",
            sentence="The address is confirmed by the account that asked for it, and you are not signed in here.",
            next_step="Sign in in this browser, then follow the link in the mail once more.",
            detail="email link without a session",
            link=("Sign in", "/signin"),
        ) from error


def answer_offer(pages: AccountPages) -> ResponseReturnValue:
    """POST /account/offer: take what the provider says of name and email, or keep what there is."""
    taking = request.form.get("action") == "take"
    visit = fresh_visit_of(pages) if taking else visit_of(pages)
    token = pages.browser.session_cookie()
    if visit.session.offer is not None and token is not None:
        if taking:
            _take_offer(pages, visit)
        pages.sessions.without_offer(token, visit.session, visit.now)
    return noticed("offer")


def _take_offer(pages: AccountPages, visit: Visit) -> None:
    offer, account_id, now = visit.session.offer, visit.session.account_id, visit.now
    if offer is None:
        return
    with pages.database.begin() as connection:
        if offer.name is not None:
            pages.accounts.rename(connection, account_id, offer.name, now)
        if offer.email is not None and offer.email_verified:
            pages.accounts.set_email(connection, account_id, offer.email, verified=True, now=now)
        elif offer.email is not None:
            # The provider does not vouch for the address, so a link there has to.
            _send_link(pages, connection, visit, offer.email)


def link(pages: AccountPages, provider_id: str) -> ResponseReturnValue:
    """POST /account/link/<provider>: off to prove the second identity."""
    visit = fresh_visit_of(pages)
    browser = pages.browser.token()
    transaction = pages.transactions.begin(
        Goal.LINK, pages.link_goal.payload(visit.session, provider_id), browser, visit.now
    )
    outcome = pages.gate.begin(transaction, provider_id, visit.now)
    # On a page of its own: Chromium holds the redirects after a POST to form-action.
    url = pages.browser.entrance(transaction.id, provider_id) if isinstance(outcome, Refused) else outcome.url
    name = pages.gate.providers[provider_id].name
    response = make_response(render_template("leave.html", target_name=name, url=url))
    pages.browser.remember(response, browser)
    return response


def unlink(pages: AccountPages, identity_id: str) -> ResponseReturnValue:
    """POST /account/unlink/<identity>: its sessions end with it."""
    visit = fresh_visit_of(pages)
    account_id, now = visit.session.account_id, visit.now

    def unlinked(session: Session) -> bool:
        return session.identity_id == identity_id

    try:
        with pages.ending.with_cause(account_id, now, EndedBy.UNLINK, unlinked) as connection:
            pages.accounts.unlink(connection, account_id, identity_id, now)
    except LastIdentity as error:
        raise bad_input("last_identity", "This is your only way to sign in.", "Link another one first.") from error
    except LookupError as error:
        raise gone() from error
    return noticed("unlinked")


def withdraw(pages: AccountPages) -> ResponseReturnValue:
    """POST /account/registries/withdraw: end what a registry may know and do."""
    visit = visit_of(pages)
    if not pages.registries.withdraw(visit.session.account_id, request.form.get("client_id", ""), visit.now):
        raise gone()
    return noticed("withdrawn")


def end_session(pages: AccountPages, sid: str) -> ResponseReturnValue:
    """POST /account/sessions/<sid>/end."""
    visit = visit_of(pages)
    if end_sessions(pages, visit, lambda session: session.sid == sid) == 0:
        raise gone()
    return noticed("ended")


def end_other_sessions(pages: AccountPages) -> ResponseReturnValue:
    """POST /account/sessions/end-others."""
    visit = visit_of(pages)
    end_sessions(pages, visit, lambda session: session.sid != visit.session.sid)
    return noticed("ended")


def sign_out_everywhere(pages: AccountPages) -> ResponseReturnValue:
    """POST /account/sign-out-everywhere: every session ends, this one too, and what registries do while away."""
    visit = visit_of(pages)
    end_sessions(pages, visit, every)
    # After the sessions, out of which registries could get something new.
    pages.registries.end_all(visit.session.account_id, visit.now)
    return _signed_out(
        pages,
        title="You are signed out everywhere",
        sentence="Your sessions here have ended, and so has what registries could do while you were away. "
        "We are telling the registries you were signed in to.",
        steps=("Registries that do not listen may keep you signed in there until their own sessions end.",),
        link={"label": "Sign in again", "url": "/signin"},
    )


def ask_to_erase(pages: AccountPages) -> ResponseReturnValue:
    """GET /account/erase."""
    visit_of(pages)
    return render_template("erase.html")


def erase(pages: AccountPages) -> ResponseReturnValue:
    """POST /account/erase."""
    visit = fresh_visit_of(pages)
    if request.form.get("confirm") != "erase":
        raise bad_input("not_confirmed", "Nothing was erased.", "Tick the box if you really want your account erased.")
    account_id, now = visit.session.account_id, visit.now
    try:
        with pages.ending.with_cause(account_id, now, EndedBy.ERASE) as connection:
            pages.organizations.forget(connection, account_id, now)
            pages.registries.forget(connection, account_id)
            pages.accounts.erase(connection, account_id, now)
    except LastAdmin as error:
        raise _needs_another_admin(error) from error
    return _signed_out(
        pages,
        title="Your account is erased",
        sentence="Your name, your email and your links to providers are gone from here.",
        steps=("Backups of the operator forget them as they expire.",),
        link=None,
    )


def _needs_another_admin(error: LastAdmin) -> BrokerError:
    names = ", ".join(f'"{each.name}"' for each in error.organizations)
    return BrokerError(
        status=409,
        code="last_admin",
        title="Nothing was erased",
        sentence=f"You are the only admin of {names}, which would be left without one.",
        next_step="Have another member become an admin there first, or ask whoever runs this service to close it.",
        detail="last admin of an organisation",
        link=("Your organisations", "/organizations"),
    )


def _signed_out(pages: AccountPages, **message: object) -> Response:
    csrf.renew()
    response = make_response(render_template("message.html", **message))
    pages.browser.sign_out(response)
    return response


def _send_link(pages: AccountPages, connection: Connection, visit: Visit, email: str) -> None:
    account_id = visit.session.account_id
    prefix = f"{pages.issuer}/account/email/confirm?token="
    pages.emails.request(connection, account_id, email, prefix, visit.now)
    # Last, so that an address that is none is not counted; what was written above goes with the exception.
    wait = pages.mail_limit.wait_to_change(account_id, email)
    if wait:
        raise BrokerError(
            status=429,
            code="too_many_mails",
            sentence="You asked for too many mails. Nothing was changed.",
            next_step=f"Look for the mail you have, or wait {in_words(wait)} and try again.",
            detail="mail limit",
            link=("Your account", "/account"),
            retry_after=wait,
        )
