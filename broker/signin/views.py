"""The pages of the way in: the chooser, the redirect, the callback, the refusal, sign-out, and probes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from broker.accounts.service import Accounts
from broker.signin import returns
from broker.signin.browser import Browser
from broker.signin.ending import EndedBy, Ending
from broker.signin.gate import Again, Gate, Landed, Refused, expired
from broker.signin.goals import Preview
from broker.signin.proofs import ProviderProofs
from broker.signin.sessions import Sessions
from broker.signin.transactions import Goal, Transaction, Transactions
from broker.storage.database import Database
from broker.web import csrf, references, routes
from broker.web.destinations import Destination, leave
from broker.web.errors import BrokerError
from broker.web.relay import PARAMETER, NoRelay, Relay
from broker.web.texts import REMEDIES, explain_fault, explain_verdict
from providers.provider import Provider

LINKED = "Linked to your account."


@dataclass(frozen=True, slots=True, kw_only=True)
class WayIn:
    """What the pages work with."""

    gate: Gate
    transactions: Transactions
    sessions: Sessions
    proofs: ProviderProofs
    relay: Relay
    accounts: Accounts
    database: Database
    browser: Browser
    ending: Ending
    session_lifetime: int
    clock: Callable[[], datetime]


def blueprint(way: WayIn) -> Blueprint:
    """Return the pages. The callback, which takes posts from other sites, is :func:`callback_blueprint`."""
    return routes.blueprint(
        "signin",
        way,
        (
            ("GET", "/signin", start),
            ("GET", "/signin/<transaction_id>", choose),
            ("GET", "/signin/<transaction_id>/<provider_id>", go),
            ("GET", "/leave/<transaction_id>", back),
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
    """GET /signin: into the account, with a proof that is fresh if the page needs one."""
    return _begin(way, Goal.ACCOUNT, {"fresh": request.args.get("fresh") == "yes"})


def choose(way: WayIn, transaction_id: str) -> ResponseReturnValue:
    """GET /signin/<transaction>: which provider."""
    transaction = _transaction(way, transaction_id)
    preview = way.gate.handlers[transaction.goal].preview(transaction)
    return render_template(
        "choose.html",
        client_name=preview.audience,
        need=preview.need,
        options=_options(way, transaction, preview),
        cancel_url=_back_url(transaction, preview),
    )


def go(way: WayIn, transaction_id: str, provider_id: str) -> ResponseReturnValue:
    """GET /signin/<transaction>/<provider>: off to it. A link, not a form: see Chromium's form-action."""
    transaction = _transaction(way, transaction_id)
    outcome = way.gate.begin(transaction, provider_id, way.clock())
    return redirect(outcome.url) if isinstance(outcome, Again) else _refused(way, outcome)


def back(way: WayIn, transaction_id: str) -> ResponseReturnValue:
    """GET /leave/<transaction>: give up, and tell the registry."""
    transaction = _transaction(way, transaction_id)
    destination = way.gate.handlers[transaction.goal].back(transaction)
    if destination is None or not way.transactions.take(transaction):
        raise expired("nowhere to go back to")
    return leave(destination)


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
    parameters = {name: [value] for name, value in returned.parameters.items()}
    sealed = way.relay.seal(provider_id, parameters, way.clock())
    return redirect(url_for("callback.arrived", provider_id=provider_id, relay=sealed), code=303)


def arrived(way: WayIn, provider_id: str) -> ResponseReturnValue:
    """GET /callback/<provider>: the way back in."""
    now = way.clock()
    relayed = request.args.get(PARAMETER)
    if relayed is not None:
        try:
            returned = returns.read("POST", way.relay.open(provider_id, relayed, now).items())
        except NoRelay as error:
            raise returns.bad(str(error)) from error
    else:
        returned = returns.read("GET", request.args.lists())
    outcome = way.gate.complete(
        provider_id,
        returned,
        browser=way.browser.binding(),
        cookie=way.browser.session_cookie(),
        now=now,
    )
    match outcome:
        case Again():
            return redirect(outcome.url)
        case Refused():
            return _refused(way, outcome)
        case Landed():
            return _landed(way, outcome)


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


def _transaction(way: WayIn, transaction_id: str) -> Transaction:
    transaction = way.transactions.find(transaction_id, way.browser.binding(), way.clock())
    if transaction is None:
        raise expired("no such transaction of this browser")
    return transaction


def _refused(way: WayIn, refused: Refused) -> ResponseReturnValue:
    """Render what is missing and what to do next. Nothing the provider wrote is shown, only its code."""
    provider, transaction = refused.provider, refused.transaction
    preview = way.gate.handlers[transaction.goal].preview(transaction)
    if refused.verdict is not None:
        explanation = explain_verdict(refused.verdict, provider, refused.missing)
        remedy = refused.verdict.remedy
    elif refused.error is not None:
        explanation = explain_fault(refused.error.code, provider)
        remedy = REMEDIES[refused.error.code]
    else:
        raise AssertionError("a refusal has a verdict or an error")
    back = _back_url(transaction, preview)
    return (
        render_template(
            "refused.html",
            eyebrow=preview.refusal,
            explanation=explanation,
            reason=refused.reason,
            remedy=remedy.value,
            provider_name=provider.name,
            upstream_code=refused.error.upstream_code if refused.error else None,
            correlation_id=refused.error.correlation_id if refused.error else None,
            reference=references.current(),
            retry_url=way.browser.entrance(transaction.id, provider.id),
            others=_others(way, refused, preview),
            back={"label": f"Back to {preview.audience}", "url": back} if back else None,
        ),
        403,
    )


def _others(way: WayIn, refused: Refused, preview: Preview) -> list[dict[str, str | None]] | None:
    """Return the other ways that could do, or none where this one is what it is all about. The user's own first."""
    if preview.providers == frozenset({refused.provider.id}):
        return None
    options = _options(way, refused.transaction, preview)
    able = [each for each in options if each["id"] != refused.provider.id and each["unavailable"] is None]
    return sorted(able, key=lambda each: each["note"] is None)


def _options(way: WayIn, transaction: Transaction, preview: Preview) -> list[dict[str, str | None]]:
    linked = _linked(way)
    return [
        {
            "id": provider.id,
            "name": provider.name,
            "kind": provider.kind,
            "url": way.browser.entrance(transaction.id, provider.id),
            "note": LINKED if provider.id in linked else None,
            "unavailable": _cannot(provider, preview),
        }
        for provider in way.gate.offered(transaction)
    ]


def _linked(way: WayIn) -> frozenset[str]:
    """Return the providers that the user has identities at: only their own session tells, and no attempt does."""
    now = way.clock()
    session = way.sessions.find(way.browser.session_cookie(), now)
    if session is None:
        return frozenset()
    with way.database.read() as connection:
        return frozenset(each.provider_id for each in way.accounts.identities(connection, session.account_id))


def _cannot(provider: Provider, preview: Preview) -> str | None:
    """Return why a provider cannot do what is demanded, as far as its capabilities tell."""
    if preview.reauthentication and not provider.capabilities.can_reauthenticate:
        return "It cannot be asked to sign you in anew, which is wanted here."
    if preview.bindings.isdisjoint(provider.capabilities.bindings):
        return "It cannot prove a second factor for this very sign-in, which is wanted here."
    return None


def _back_url(transaction: Transaction, preview: Preview) -> str | None:
    return f"/leave/{transaction.id}" if preview.back else None


def _no_probe() -> BrokerError:
    return BrokerError(
        status=404,
        code="no_probe",
        sentence="This probe is over, or never was.",
        next_step="Start a new one with vestibule probe.",
        detail="no such probe",
    )
