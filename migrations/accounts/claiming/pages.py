"""The pages of an attempt: begin, prove, finish. None of them tells whether there is such an account."""

from flask import make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from broker.accounts.service import AccountClosed
from broker.limits.errors import TooMany, in_words
from broker.limits.service import Of
from broker.limits.table import Name
from broker.web.errors import BrokerError
from migrations.accounts.campaign import phases
from migrations.accounts.campaign.phases import Phase
from migrations.accounts.claiming.service import AttemptOver, NotAlone, NotProven
from migrations.accounts.claiming.visit import ClaimPages, fresh_account, visitor_of
from migrations.accounts.hashes.breached import Unavailable
from migrations.accounts.hashes.verifying import Busy
from migrations.accounts.visit import attempt_of, attempt_over, fresh_person_of, sign_in

_LONGEST_NAME = 320  # characters: as long as an address can be (RFC 3696, section 3, with its erratum)
NOTICES = {
    "mail": "If there is such an account, and it has a confirmed address, a link is on its way there. We send at most "
    "five an hour. If none comes, sign in first, and have it sent again.",
    "password": "We have your password. What came of it is shown here once the mailbox is proven.",
    "mailbox": "The mailbox is proven.",
}


def start(pages: ClaimPages) -> ResponseReturnValue:
    """GET /claim: what this is and what it takes."""
    return _start(pages)


def begin(pages: ClaimPages) -> ResponseReturnValue:
    """POST /claim: an attempt of this browser. It comes about whether or not there is such an account."""
    typed = request.form.get("account", "").strip()
    if not typed or len(typed) > _LONGEST_NAME:
        return _start(pages, typed[:_LONGEST_NAME], "Give the name of the old account, or its address."), 400
    browser = pages.base.browser.token()
    here = pages.claiming.limits.here()
    if here is not None:
        pages.claiming.limits.count(Of(Name.BEGUN_ADDRESS, here))
    attempt = pages.claiming.begin(browser, typed, pages.base.clock())
    response = make_response(redirect(_page(attempt.id), code=303))
    pages.base.browser.remember(response, browser)
    return response


def show(pages: ClaimPages, attempt_id: str) -> ResponseReturnValue:
    """GET /claim/<attempt>: what is proven and what is missing, as far as whoever is in front of it may know."""
    attempt, here = attempt_of(pages.base, attempt_id), _page(attempt_id)
    with pages.base.database.read() as connection:
        progress = pages.claiming.progress(connection, attempt)
        visitor = visitor_of(pages, connection)
    legacy = progress.legacy
    return render_template(
        "migration/claim.html",
        registry=pages.base.registry,
        here=here,
        attempt_id=attempt_id,
        progress=progress,
        account=None
        if legacy is None
        else {
            "name": legacy.name or legacy.registry_id,
            "package_count": len(legacy.packages),
            "key_count": legacy.keys,
            "waits_until": pages.claiming.waits_until(legacy, pages.base.clock()),
        },
        visitor=visitor,
        sign_in=sign_in(here),
        notice=_notice(request.args.get("done", ""), progress.mailbox),
    )


def send_link(pages: ClaimPages, attempt_id: str) -> ResponseReturnValue:
    """POST /claim/<attempt>/mail: a link goes to the old address, if there is one. The answer is the same."""
    attempt = attempt_of(pages.base, attempt_id)
    with pages.base.database.begin() as connection:
        person = fresh_account(pages, connection)
        pages.mailboxes.send(connection, attempt, pages.base.clock(), person=person)
    return _done(attempt_id, "mail")


def try_password(pages: ClaimPages, attempt_id: str) -> ResponseReturnValue:
    """POST /claim/<attempt>/password: one guess. The answer is the same."""
    attempt = attempt_of(pages.base, attempt_id)
    with pages.base.database.read() as connection:
        person = fresh_account(pages, connection)
        mailbox = pages.claiming.progress(connection, attempt).mailbox
    try:
        pages.claiming.try_password(attempt, request.form.get("password", ""), pages.base.clock(), person=person)
    except TooMany as error:
        raise _too_many(error.wait, _page(attempt_id), helps=person is None and not mailbox) from error
    except (Busy, Unavailable) as error:
        raise _busy(error, attempt_id) from error
    return _done(attempt_id, "password")


def show_link(pages: ClaimPages, token: str) -> ResponseReturnValue:
    """GET /claim/link/<token>: mail scanners follow links, so only a button proves anything."""
    base = pages.base
    if base.attempts.of_link(token, base.browser.binding(), base.clock()) is None:
        raise _not_here()
    return render_template("migration/claim_link.html", registry=base.registry, here=f"/claim/link/{token}")


def follow_link(pages: ClaimPages, token: str) -> ResponseReturnValue:
    """POST /claim/link/<token>: the mailbox is proven, in the browser that began, once."""
    base = pages.base
    attempt = pages.mailboxes.follow(token, base.browser.binding(), base.clock())
    if attempt is None:
        raise _not_here()
    return _done(attempt.id, "mailbox")


def finish(pages: ClaimPages, attempt_id: str) -> ResponseReturnValue:
    """POST /claim/<attempt>/finish: by a sign-in of the last ten minutes, with both proofs."""
    attempt, here = attempt_of(pages.base, attempt_id), _page(attempt_id)
    try:
        with pages.base.database.begin() as connection:
            person = fresh_person_of(pages.base, connection, here)
            case = pages.claiming.finish(connection, person, attempt)
    except NotProven as error:
        raise _not_proven(here) from error
    except NotAlone as error:
        raise _not_alone(here) from error
    except AttemptOver as error:
        raise attempt_over() from error
    except AccountClosed as closed:
        raise _closed(closed) from closed
    return redirect(f"/claim/cases/{case.id}", code=303)


def _start(pages: ClaimPages, typed: str = "", problem: str | None = None) -> str:
    campaign, now = pages.campaign, pages.base.clock()
    phase = phases.phase(campaign, now)
    return render_template(
        "migration/claim_start.html",
        registry=pages.base.registry,
        typed=typed,
        problem=problem,
        told=phases.told(campaign, now),
        is_required=phase is Phase.REQUIRED,
        is_closed=phase is Phase.CLOSED,
    )


def _notice(done: str, mailbox: bool) -> str | None:
    """Return what is said after something was done. What came of a password, the page says itself once it may."""
    return None if mailbox and done == "password" else NOTICES.get(done)


def _page(attempt_id: str) -> str:
    return f"/claim/{attempt_id}"


def _done(attempt_id: str, what: str) -> ResponseReturnValue:
    return redirect(f"{_page(attempt_id)}?done={what}", code=303)


def _not_here() -> BrokerError:
    return BrokerError(
        status=400,
        code="link_elsewhere",
        title="This link does nothing here",
        sentence="It works once, for an hour, in the browser in which the claim was begun. Nothing was changed.",
        next_step="Copy the link into that browser. If it is used or too old, begin again. If you began nothing, there "
        "is nothing to do.",
        detail="no such link of this browser",
        link=("Begin again", "/claim"),
    )


def _not_proven(here: str) -> BrokerError:
    return BrokerError(
        status=409,
        code="not_proven",
        title="Something is missing",
        sentence="To claim an account takes its password, a link sent to its address, and a sign-in: all three.",
        next_step="Go back; the page shows what is next. Nothing was changed.",
        detail="proofs missing",
        link=("Back to the claim", here),
    )


def _not_alone(here: str) -> BrokerError:
    return BrokerError(
        status=409,
        code="not_alone",
        title="One person cannot claim this account",
        sentence="Several people share it, or somebody has to look first whether they do. Nothing was changed.",
        next_step="Go back; the page shows what can be done.",
        detail="shared or undecided",
        link=("Back to the claim", here),
    )


def _too_many(seconds: int, here: str, *, helps: bool) -> BrokerError:
    """Return the error for a guess too many. ``helps``: whether there would be others after a sign-in."""
    wait = f"Wait {in_words(seconds)}, then try again."
    return BrokerError(
        status=429,
        code="too_many_guesses",
        sentence="Too many passwords were tried.",
        next_step=f"Sign in first, with a second factor, or prove the mailbox: then the guesses of others do not count "
        f"against you. Or else: {wait}"
        if helps
        else wait,
        detail="too many guesses",
        link=("Sign in first", sign_in(here)) if helps else ("Back to the claim", here),
        retry_after=seconds,
    )


def _busy(error: Busy | Unavailable, attempt_id: str) -> BrokerError:
    return BrokerError(
        status=503,
        code="temporarily_unavailable",
        sentence="Passwords cannot be checked at this moment, and yours was not. It is not your fault.",
        next_step="Try again in a minute.",
        detail=type(error).__name__,
        link=("Back to the claim", _page(attempt_id)),
        retry_after=error.retry_after if isinstance(error, Busy) else None,
    )


def _closed(closed: AccountClosed) -> BrokerError:
    return BrokerError(
        status=403,
        code=f"account_{closed.status}",
        sentence="The account that you are signed in with is closed.",
        next_step="If you think this is a mistake, write to the people who run this site.",
        detail="account not active",
    )
