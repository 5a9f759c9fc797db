"""The page that asks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from broker.audit.service import Audit
from broker.oidc.clients import origin
from broker.oidc.consent.pending import PendingConsents, Question
from broker.oidc.consent.service import Consents
from broker.oidc.consent.words import words_for
from broker.oidc.errors import RedirectError
from broker.oidc.goal import RegistryGoal
from broker.signin.browser import Browser
from broker.signin.outcomes import expired
from broker.signin.sessions import Session, Sessions
from broker.signin.standing import Standing
from broker.storage.database import Database
from broker.storage.store import ShortLived
from broker.web import routes
from broker.web.destinations import leave_from_form
from claims.decision import Purpose
from claims.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentPages:
    """What the page works with."""

    goal: RegistryGoal
    pending: PendingConsents
    consents: Consents
    sessions: Sessions
    audit: Audit
    standing: Standing
    database: Database
    store: ShortLived
    browser: Browser
    issuer: str
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who is being asked what, right now."""

    question: Question
    session: Session
    cookie: str
    person: Profile
    now: datetime


def blueprint(pages: ConsentPages) -> Blueprint:
    """Return the page and its answers."""
    return routes.blueprint(
        "consent", pages, (("GET", "/consent/<handle>", ask), ("POST", "/consent/<handle>", answer))
    )


def ask(pages: ConsentPages, handle: str) -> ResponseReturnValue:
    """GET /consent/<handle>: what the client wants to know."""
    asked = _asked(pages, handle)
    client = pages.goal.client_of(asked.question.request)
    return render_template(
        "consent.html",
        client_name=client.name,
        # Where the answer goes, and not what else a client has registered.
        client_home=origin(asked.question.request.redirect_uri),
        wants=[words_for(each) for each in asked.question.request.consent_scopes],
        person=asked.person,
    )


def answer(pages: ConsentPages, handle: str) -> ResponseReturnValue:
    """POST /consent/<handle>: ``answer`` is allow or deny."""
    asked = _asked(pages, handle)
    question = asked.question.request
    client = pages.goal.client_of(question)
    key = pages.pending.key(handle)
    if request.form.get("answer") != "allow":
        if not pages.store.commit(take=[key, *pages.goal.used_up(question)]):
            raise expired("consent answered already")
        with pages.database.begin() as connection:
            pages.audit.record(
                connection,
                action="consent.denied",
                account_id=asked.session.account_id,
                client_id=client.client_id,
                now=asked.now,
            )
        denied = RedirectError("access_denied", "The user did not consent.")
        return leave_from_form(question.reply(pages.issuer).error(denied), client.name)
    # The proof is as old as the question by now: what was demanded is judged again.
    demand = question.demand(asked.question.asked_at)
    with pages.database.read() as connection:
        judged = pages.standing.judge(
            connection, asked.session, Purpose.SIGN_IN, asked.now, client=client, demand=demand
        )
    if not judged.holds:
        raise expired("the proof, or the way it came, does not hold any more")
    issued = pages.goal.answer(question, asked.session, asked.now, sector=client.sector)
    session_key, entry = pages.sessions.unchanged(asked.cookie, asked.session, asked.now)
    with pages.database.begin() as connection:
        pages.consents.give(connection, asked.session.account_id, client.client_id, question.consent_scopes, asked.now)
        # Last, and in one step: a second answer finds the question gone, and the database forgets this one.
        if not pages.store.commit(take=[key, session_key, *issued.take], put=[entry, *issued.put], index=issued.index):
            raise expired("consent answered already, or the session ended")
    return leave_from_form(issued.destination, client.name)


def _asked(pages: ConsentPages, handle: str) -> Asked:
    """Return who is asked what. Raises ``BrokerError`` for anybody but the person the question was put to."""
    now, cookie = pages.clock(), pages.browser.session_cookie()
    session = pages.sessions.find(cookie, now)
    if cookie is None or session is None:
        raise expired("no session to consent with")
    question = pages.pending.find(handle, pages.browser.binding(), session.sid)
    with pages.database.read() as connection:
        admission, person = pages.standing.open_way(connection, session, now)
    if question is None or admission is None or person is None:
        raise expired("no such question of this browser and session")
    return Asked(question=question, session=session, cookie=cookie, person=person, now=now)
