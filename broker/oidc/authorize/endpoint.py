"""The authorization endpoint (RFC 6749 section 3.1): reuse a live session, ask for consent, or send to sign in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from flask import abort, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from broker.audit.service import Audit
from broker.limits.errors import TooMany
from broker.limits.service import Limits, Of
from broker.limits.table import Name
from broker.oidc.authorize import checks
from broker.oidc.authorize.table import Refused, Validator
from broker.oidc.clients import Client
from broker.oidc.consent.pending import PendingConsents
from broker.oidc.errors import RedirectError
from broker.oidc.goal import RegistryGoal
from broker.oidc.request import AuthorizationRequest
from broker.oidc.subjects import Subjects
from broker.signin.browser import Browser, Visit, new_binding
from broker.signin.gate import Gate
from broker.signin.outcomes import Again
from broker.signin.sessions import Session, Sessions
from broker.signin.standing import Standing
from broker.signin.transactions import Goal, Transaction, Transactions, new
from broker.storage.database import Database
from broker.storage.sealed import digest
from broker.storage.store import ShortLived
from broker.web.call import RAISED, Answer, Call, parameters
from broker.web.destinations import OUTCOME, Destination, leave, redirect_below
from broker.web.errors import BrokerError
from broker.web.relay import PARAMETER, NoRelay, Relay
from broker.web.text import is_text
from claims.decision import Purpose, Reason, Verdict

PLACE = "/authorize"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorize:
    """What the endpoint works with."""

    validator: Validator
    goal: RegistryGoal
    pending: PendingConsents
    subjects: Subjects
    sessions: Sessions
    transactions: Transactions
    audit: Audit
    standing: Standing
    database: Database
    store: ShortLived
    browser: Browser
    relay: Relay
    gate: Gate
    limits: Limits
    issuer: str
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reusable:
    """A live session whose proof does for the request. ``cookie`` is its token."""

    session: Session
    cookie: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """Where the browser goes on to. ``binding`` is what it must have by then, if it must."""

    destination: Destination
    binding: str | None = None


def authorize(at: Authorize) -> ResponseReturnValue:
    """GET /authorize."""
    if (raised := request.environ.get(RAISED)) is not None:
        raise raised
    way = request.environ.get(OUTCOME) or _way(
        at, dict(request.args.lists()), at.browser.visit(request.cookies), at.clock()
    )
    response = leave(way.destination)
    if way.binding is not None:
        at.browser.remember(response, way.binding)
    return response


def authorize_below(at: Authorize, call: Call) -> Answer | None:
    """Answer the same below Flask, but for the pages: those are made above."""
    way = _way(at, parameters(call.query), at.browser.visit_of(call.environ), at.clock())
    if way.destination.fields is not None:
        call.environ[OUTCOME] = way
        return None
    return redirect_below(way.destination.url, [at.browser.remembering(way.binding)] if way.binding is not None else ())


def _way(at: Authorize, sent: Mapping[str, list[str]], visit: Visit, now: datetime) -> _Way:
    # First, as the kill switches come along with it; where there is none, with what is kept in the end.
    session = at.sessions.find(visit.session, now)
    try:
        relayed = sent.get(PARAMETER)
        said = sent if relayed is None else at.relay.open(PLACE, relayed[0], now)
        client, asked = at.validator.validate(said, now)
    except NoRelay as error:
        raise _over(str(error)) from error
    except Refused as refused:
        _check_switch(at, refused.client_id, now)
        return _Way(destination=refused.reply.error(refused.error))
    verdict: Verdict | None = None
    if visit.session is not None and session is not None:
        _check_switch(at, client.client_id, now)
        # Each statement is a transaction of its own, and the only one that writes is the last.
        with at.database.change() as connection:
            verdict = _judge(at, connection, client, asked, session, now)
            if verdict is not None and verdict.satisfied:
                live = _Reusable(session=session, cookie=visit.session)
                reused = _reuse(at, connection, client, asked, live, visit, now)
                if reused is not None:
                    return reused
    if "none" in asked.prompt:
        _check_switch(at, client.client_id, now)
        return _Way(destination=asked.reply(at.issuer).error(_silent_error(verdict)))
    token = visit.binding or new_binding()
    transaction = new(Goal.REGISTRY, at.goal.payload(client, asked), token, now)
    url = _straight(at, transaction, asked.provider, now) if asked.provider is not None else None
    if url is None:
        at.transactions.keep(transaction, now)
        url = at.browser.entrance(transaction.id, asked.provider)
    _check_switch(at, client.client_id, now)
    return _Way(destination=Destination(url=url), binding=token)


def _check_switch(at: Authorize, client_id: str, now: datetime) -> None:
    """Raise ``BrokerError`` where a kill switch is thrown for the client."""
    if client_id in at.standing.switches.thrown(now).clients:
        raise checks.unknown_client()


def _straight(at: Authorize, transaction: Transaction, provider_id: str, now: datetime) -> str | None:
    """Return the provider's address, where nothing keeps the user from going there; none where there is to be a page.

    Raises ``TooMany``.
    """
    try:
        outcome = at.gate.begin(transaction, provider_id, now, first=True)
    except TooMany:
        raise
    except BrokerError:
        return None
    return outcome.url if isinstance(outcome, Again) else None


def authorize_by_form(at: Authorize) -> Response:
    """POST /authorize (OpenID Connect Core 3.1.2.1). A form from another site brings no cookies: ask again by GET."""
    if request.mimetype != "application/x-www-form-urlencoded" or not is_text(request.get_data()):
        abort(400)
    sealed = at.relay.seal(PLACE, dict(request.form.lists()), at.clock())
    return redirect(f"/authorize?{PARAMETER}={quote(sealed)}", code=303)


def _reuse(
    at: Authorize,
    connection: Connection,
    client: Client,
    asked: AuthorizationRequest,
    live: _Reusable,
    visit: Visit,
    now: datetime,
) -> _Way | None:
    """Return the answer that a live session gives, or none if it ended in this very moment."""
    if at.goal.needs_consent(connection, asked, live.session.account_id, first_party=client.first_party):
        return _ask(at, asked, live.session, visit, now)
    answer = at.goal.answer(asked, live.session, now, sector=client.sector)
    key, entry = at.sessions.unchanged(live.cookie, live.session, now)
    if not at.store.commit(take=[key, *answer.take], put=[entry, *answer.put], index=answer.index):
        if answer.take and at.sessions.find(live.cookie, now) is not None:
            raise _used()
        return None
    # The code is there already, and nobody has it before this is written.
    at.audit.record(
        connection,
        action="signin.reused",
        account_id=live.session.account_id,
        client_id=asked.client_id,
        provider_id=live.session.provider_id,
        now=now,
    )
    return _Way(destination=answer.destination)


def _ask(at: Authorize, asked: AuthorizationRequest, session: Session, visit: Visit, now: datetime) -> _Way:
    if "none" in asked.prompt:
        refused = RedirectError("consent_required", "The user has to consent first.")
        return _Way(destination=asked.reply(at.issuer).error(refused))
    token = visit.binding or new_binding()
    handle, entry = at.pending.entry(asked, sid=session.sid, browser=digest(token), asked_at=now)
    asking = Of(Name.CONSENT_ACCOUNT, session.account_id)
    done = at.store.step(put=[entry], count=at.limits.windows(asking))
    if not done.done:
        raise at.limits.refusal([asking], done.waits)
    return _Way(destination=Destination(url=f"/consent/{handle}"), binding=token)


def _judge(
    at: Authorize,
    connection: Connection,
    client: Client,
    asked: AuthorizationRequest,
    session: Session,
    now: datetime,
) -> Verdict | None:
    """Return what ``decide`` says of a live session for this request; none where it may not be reused at all."""
    if not {"login", "select_account"}.isdisjoint(asked.prompt):
        return None
    if asked.provider not in (None, session.provider_id):
        return None
    if asked.sub is not None and not at.subjects.is_of(client.sector, asked.sub, session.account_id):
        return None
    judged = at.standing.judge(connection, session, Purpose.SESSION, now, client=client, demand=asked.demand(now))
    return judged.verdict


def _silent_error(verdict: Verdict | None) -> RedirectError:
    """Say why ``prompt=none`` cannot be met (OpenID Connect Core section 3.1.2.6)."""
    if verdict is not None and verdict.reason is Reason.ACR_UNMET:
        return RedirectError("unmet_authentication_requirements", "The session does not have the acr.")
    return RedirectError("login_required", "The user has to sign in.")


def _used() -> BrokerError:
    return BrokerError(
        status=400,
        code="invalid_request_uri",
        sentence="This sign-in was finished already.",
        next_step="Go back to where you came from and start again.",
        detail="pushed request used",
    )


def _over(detail: str) -> BrokerError:
    return BrokerError(
        status=400,
        code="invalid_request",
        sentence="This sign-in was begun too long ago, or somewhere else.",
        next_step="Go back to where you came from and start again.",
        detail=detail,
    )
