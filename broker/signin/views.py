"""The pages of the way in: the chooser, the redirect, the callback, the refusal, sign-out, and probes."""

from collections.abc import Mapping

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from broker.signin import returns
from broker.signin.admins import CORRELATION_ID, guid
from broker.signin.browser import Visit
from broker.signin.ending import EndedBy
from broker.signin.outcomes import Again, Landed, Refused, expired
from broker.signin.own_goals import own_page
from broker.signin.transactions import Goal
from broker.signin.way_in import WayIn, back_url, options, refusal, transaction_of, work_providers
from broker.signin.work import ask, look_up
from broker.web import csrf, routes
from broker.web.call import RAISED, Answer, Call, parameters
from broker.web.destinations import OUTCOME, Destination, leave, redirect_below
from broker.web.errors import BrokerError
from broker.web.relay import PARAMETER, NoRelay
from broker.web.texts import ADMIN_CENTER, ADMINS


def blueprint(way: WayIn) -> Blueprint:
    """Return the pages. The callback, which takes posts from other sites, is :func:`callback_blueprint`."""
    return routes.blueprint(
        "signin",
        way,
        (
            ("GET", "/signin", start),
            ("GET", "/signin/<transaction_id>", choose),
            ("GET", "/signin/<transaction_id>/<provider_id>", go),
            ("GET", "/work/<transaction_id>", ask),
            ("POST", "/work/<transaction_id>", look_up),
            ("GET", "/leave/<transaction_id>", back),
            ("GET", "/for-admins/<provider_id>/<code>", for_admins),
            ("POST", "/signout", sign_out),
            ("GET", "/probe/<token>", probe),
            ("GET", "/probe/<token>/done", probed),
        ),
    )


def callback_blueprint(way: WayIn) -> Blueprint:
    """Return the callback. It is exempt from the form check: state and binding cookie stand in its place."""
    return routes.blueprint(
        "callback",
        way,
        (("POST", "/callback/<provider_id>", posted), ("GET", "/callback/<provider_id>", arrived)),
    )


def start(way: WayIn) -> ResponseReturnValue:
    """GET /signin: into the account, or on to another page of ours, with a fresh proof if that page needs one."""
    payload: dict[str, object] = {
        "fresh": request.args.get("fresh") == "yes",
        "next": own_page(request.args.get("next")),
    }
    return _begin(way, Goal.ACCOUNT, payload)


def choose(way: WayIn, transaction_id: str) -> ResponseReturnValue:
    """GET /signin/<transaction>: which provider."""
    transaction = transaction_of(way, transaction_id)
    preview = way.gate.handlers[transaction.goal].preview(transaction)
    return render_template(
        "choose.html",
        client_name=preview.audience,
        need=preview.need,
        options=options(way, transaction, preview),
        work_url=f"/work/{transaction.id}" if work_providers(way, transaction, preview) else None,
        cancel_url=back_url(transaction, preview),
    )


def go(way: WayIn, transaction_id: str, provider_id: str) -> ResponseReturnValue:
    """GET /signin/<transaction>/<provider>: off to it. A link, not a form: see Chromium's form-action."""
    transaction = transaction_of(way, transaction_id)
    outcome = way.gate.begin(transaction, provider_id, way.clock())
    return redirect(outcome.url) if isinstance(outcome, Again) else refusal(way, outcome)


def back(way: WayIn, transaction_id: str) -> ResponseReturnValue:
    """GET /leave/<transaction>: give up, and tell the registry."""
    transaction = transaction_of(way, transaction_id)
    destination = way.gate.handlers[transaction.goal].back(transaction)
    if destination is None or not way.transactions.take(transaction):
        raise expired("nowhere to go back to")
    return leave(destination)


def for_admins(way: WayIn, provider_id: str, code: str) -> ResponseReturnValue:
    """GET /for-admins/<provider>/<code>: what a tenant's administrator can do about a refusal. Anybody may read it."""
    application, text = way.applications.get(provider_id), ADMINS.get(code)
    if application is None or text is None:
        abort(404)
    return render_template(
        "for_admins.html",
        text=text,
        code=code,
        correlation_id=guid(request.args.get(CORRELATION_ID)),
        application=application,
        issuer=way.issuer,
        center=ADMIN_CENTER,
    )


def sign_out(way: WayIn) -> ResponseReturnValue:
    """POST /signout: the session ends, and the registries that it led to are told."""
    now = way.clock()
    session = way.sessions.find(way.browser.session_cookie(), now)
    if session is not None:
        way.ending.end(session, now, EndedBy.SIGN_OUT)
    csrf.renew()
    response = make_response(
        render_template(
            "message.html",
            title="You are signed out",
            sentence="Your session here has ended. We are telling the registries you were signed in to; "
            "those that do not listen may keep theirs.",
            steps=("Sign out of your provider as well if other people use this device.",),
            link={"label": "Sign in again", "url": "/signin"},
        )
    )
    way.browser.sign_out(response)
    return response


def probe(way: WayIn, token: str) -> ResponseReturnValue:
    """GET /probe/<token>: one real sign-in, to see what comes back."""
    provider_id = way.proofs.probed_provider(token, way.clock())
    if provider_id is None or provider_id not in way.gate.providers:
        raise _no_probe()
    return _begin(way, Goal.PROBE, {"token": token, "provider": provider_id})


def probed(way: WayIn, token: str) -> ResponseReturnValue:
    """GET /probe/<token>/done."""
    result = way.proofs.probe_result(token)
    if result is None:
        raise _no_probe()
    return render_template(
        "probe_done.html",
        provider_name=result.provider_id,
        satisfied=result.satisfied,
        shown=result.shown,
    )


def posted(way: WayIn, provider_id: str) -> ResponseReturnValue:
    """POST /callback/<provider>: from the provider's site, without our cookies, so once round by GET."""
    returned = returns.read("POST", request.form.lists())
    said = {name: [value] for name, value in returned.parameters.items()}
    sealed = way.relay.seal(provider_id, said, way.clock())
    return redirect(url_for("callback.arrived", provider_id=provider_id, relay=sealed), code=303)


def arrived(way: WayIn, provider_id: str) -> ResponseReturnValue:
    """GET /callback/<provider>: the way back in."""
    if (raised := request.environ.get(RAISED)) is not None:
        raise raised
    outcome = request.environ.get(OUTCOME) or _outcome(
        way, provider_id, dict(request.args.lists()), way.browser.visit(request.cookies)
    )
    match outcome:
        case Again():
            return redirect(outcome.url)
        case Refused():
            return refusal(way, outcome)
        case _:
            return _landed(way, outcome)


def arrived_below(way: WayIn, provider_id: str, call: Call) -> Answer | None:
    """Answer the same below Flask, but for the pages: those are made above."""
    visit = way.browser.visit_of(call.environ)
    outcome = _outcome(way, provider_id, parameters(call.query), visit)
    match outcome:
        case Again():
            return redirect_below(outcome.url)
        case Landed(landing=landing) if landing.fields is None:
            token = landing.session_token
            cookies = way.browser.signing_in(visit, token, way.session_lifetime) if token is not None else ()
            return redirect_below(landing.location, cookies)
        case _:
            call.environ[OUTCOME] = outcome
            return None


def _outcome(way: WayIn, provider_id: str, sent: Mapping[str, list[str]], visit: Visit) -> Again | Refused | Landed:
    now = way.clock()
    relayed = sent.get(PARAMETER)
    if relayed is not None:
        try:
            returned = returns.read("POST", way.relay.open(provider_id, relayed[0], now).items())
        except NoRelay as error:
            raise returns.bad(str(error)) from error
    else:
        returned = returns.read("GET", sent.items())
    return way.gate.complete(provider_id, returned, browser=visit.binding, cookie=visit.session, now=now)


def _begin(way: WayIn, goal: Goal, payload: dict[str, object]) -> ResponseReturnValue:
    token = way.browser.token()
    transaction = way.transactions.begin(goal, payload, token, way.clock())
    response = redirect(way.browser.entrance(transaction.id))
    way.browser.remember(response, token)
    return response


def _landed(way: WayIn, landed: Landed) -> ResponseReturnValue:
    landing = landed.landing
    response = leave(Destination(url=landing.location, fields=landing.fields))
    if landing.session_token is not None:
        csrf.renew()
        way.browser.sign_in(response, landing.session_token, way.session_lifetime)
    return response


def _no_probe() -> BrokerError:
    return BrokerError(
        status=404,
        code="no_probe",
        sentence="This probe is over, or never was.",
        next_step="Start a new one with vestibule probe.",
        detail="no such probe",
    )
