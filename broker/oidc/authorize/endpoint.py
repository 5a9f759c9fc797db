"""The authorization endpoint (RFC 6749 section 3.1): reuse a live session, ask for consent, or send to sign in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from flask import abort, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from broker.audit.service import Audit
from broker.oidc.authorize.table import Refused, Validator
from broker.oidc.clients import Client
from broker.oidc.consent.pending import PendingConsents
from broker.oidc.errors import RedirectError
from broker.oidc.goal import RegistryGoal
from broker.oidc.request import AuthorizationRequest
from broker.oidc.subjects import Subjects
from broker.signin.browser import Browser
from broker.signin.sessions import Session, Sessions
from broker.signin.standing import Standing
from broker.signin.transactions import Goal, Transactions
from broker.storage.database import Database
from broker.storage.sealed import digest
from broker.storage.store import ShortLived
from broker.web.destinations import leave
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
    issuer: str
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reusable:
    """A live session whose proof does for the request. ``cookie`` is its token."""

    session: Session
    cookie: str


def authorize(at: Authorize) -> ResponseReturnValue:
    """GET /authorize."""
    now = at.clock()
    relayed = request.args.get(PARAMETER)
    try:
        parameters = dict(request.args.lists()) if relayed is None else at.relay.open(PLACE, relayed, now)
        client, asked = at.validator.validate(parameters, now)
    except NoRelay as error:
        raise _over(str(error)) from error
    except Refused as refused:
        return leave(refused.reply.error(refused.error))
    cookie = at.browser.session_cookie()
    session = at.sessions.find(cookie, now)
    verdict = _judge(at, client, asked, session, now)
    if cookie is not None and session is not None and verdict is not None and verdict.satisfied:
        reused = _reuse(at, client, asked, _Reusable(session=session, cookie=cookie), now)
        if reused is not None:
            return reused
    if "none" in asked.prompt:
        return leave(asked.reply(at.issuer).error(_silent_error(verdict)))
    token = at.browser.token()
    transaction = at.transactions.begin(Goal.REGISTRY, at.goal.payload(client, asked), token, now)
    response = redirect(at.browser.entrance(transaction.id, asked.provider))
    at.browser.remember(response, token)
    return response


def authorize_by_form(at: Authorize) -> Response:
    """POST /authorize (OpenID Connect Core 3.1.2.1). A form from another site brings no cookies: ask again by GET."""
    if request.mimetype != "application/x-www-form-urlencoded" or not is_text(request.get_data()):
        abort(400)
    sealed = at.relay.seal(PLACE, dict(request.form.lists()), at.clock())
    return redirect(f"/authorize?{PARAMETER}={quote(sealed)}", code=303)


def _reuse(
    at: Authorize, client: Client, asked: AuthorizationRequest, live: _Reusable, now: datetime
) -> Response | None:
    """Return the answer that a live session gives, or none if it ended in this very moment."""
    with at.database.read() as connection:
        ask_first = at.goal.needs_consent(connection, asked, live.session.account_id, first_party=client.first_party)
    if ask_first:
        return _ask(at, asked, live.session, now)
    answer = at.goal.answer(asked, live.session, now, sector=client.sector)
    key, entry = at.sessions.unchanged(live.cookie, live.session, now)
    if not at.store.commit(take=[key, *answer.take], put=[entry, *answer.put], index=answer.index):
        if answer.take and at.sessions.find(live.cookie, now) is not None:
            raise _used()
        return None
    with at.database.begin() as connection:
        at.audit.record(
            connection,
            action="signin.reused",
            account_id=live.session.account_id,
            client_id=asked.client_id,
            provider_id=live.session.provider_id,
            now=now,
        )
    return leave(answer.destination)


def _ask(at: Authorize, asked: AuthorizationRequest, session: Session, now: datetime) -> Response:
    if "none" in asked.prompt:
        return leave(asked.reply(at.issuer).error(RedirectError("consent_required", "The user has to consent first.")))
    token = at.browser.token()
    handle, entry = at.pending.entry(asked, sid=session.sid, browser=digest(token), asked_at=now)
    at.store.put(*entry)
    response = redirect(f"/consent/{handle}")
    at.browser.remember(response, token)
    return response


def _judge(
    at: Authorize, client: Client, asked: AuthorizationRequest, session: Session | None, now: datetime
) -> Verdict | None:
    """Return what ``decide`` says of a live session for this request; none where it may not be reused at all."""
    if session is None or not {"login", "select_account"}.isdisjoint(asked.prompt):
        return None
    if asked.provider not in (None, session.provider_id):
        return None
    if asked.sub is not None and not at.subjects.is_of(client.sector, asked.sub, session.account_id):
        return None
    with at.database.read() as connection:
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
