"""What the pages of the way in share: what they work with, whose transaction it is, and how a refusal looks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import render_template
from flask.typing import ResponseReturnValue

from broker.accounts.service import Accounts
from broker.limits.service import Limits
from broker.signin.admins import Application, address
from broker.signin.browser import Browser
from broker.signin.ending import Ending
from broker.signin.gate import Gate
from broker.signin.goals import Preview
from broker.signin.outcomes import Refused, expired
from broker.signin.proofs import ProviderProofs
from broker.signin.sessions import Sessions
from broker.signin.transactions import Transaction, Transactions
from broker.storage.database import Database
from broker.web import references
from broker.web.relay import Relay
from broker.web.texts import REMEDIES, explain_fault, explain_verdict
from providers.provider import Provider

LINKED = "Linked to your account."
AWAY = "It is not answering right now. Choose another way, or come back in a minute."


@dataclass(frozen=True, slots=True, kw_only=True)
class WayIn:
    """What the pages work with. ``applications`` are ours at Microsoft, by the provider's id."""

    gate: Gate
    transactions: Transactions
    sessions: Sessions
    proofs: ProviderProofs
    relay: Relay
    accounts: Accounts
    applications: Mapping[str, Application]
    database: Database
    limits: Limits
    browser: Browser
    ending: Ending
    session_lifetime: int
    issuer: str
    clock: Callable[[], datetime]


def transaction_of(way: WayIn, transaction_id: str) -> Transaction:
    """Return the transaction of the browser in front of us. Raises ``BrokerError``."""
    transaction = way.transactions.find(transaction_id, way.browser.binding(), way.clock())
    if transaction is None:
        raise expired("no such transaction of this browser")
    return transaction


def back_url(transaction: Transaction, preview: Preview) -> str | None:
    """Return where giving up leads, or none."""
    return f"/leave/{transaction.id}" if preview.back else None


def options(way: WayIn, transaction: Transaction, preview: Preview) -> list[dict[str, str | None]]:
    """Return the providers to choose from, as the templates show them."""
    linked = _linked(way)
    return [
        {
            "id": provider.id,
            "name": provider.name,
            "kind": provider.kind,
            "url": way.browser.entrance(transaction.id, provider.id),
            "note": LINKED if provider.id in linked else None,
            "unavailable": _cannot(provider, preview) or _away(way, provider),
        }
        for provider in way.gate.offered(transaction, way.clock())
    ]


def work_providers(way: WayIn, transaction: Transaction, preview: Preview) -> list[Provider]:
    """Return the providers by which people of any tenant may come; none where the transaction wants a certain one."""
    if preview.ask.tenant is not None:
        return []
    anywhere = {provider_id for provider_id, each in way.applications.items() if each.any_tenant}
    offered = way.gate.offered(transaction, way.clock())
    return [each for each in offered if each.id in anywhere and _cannot(each, preview) is None]


def refusal(way: WayIn, refused: Refused) -> ResponseReturnValue:
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
    back = back_url(transaction, preview)
    later = refused.error.retry_after if refused.error is not None else None
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
            for_admins=address(refused, way.applications, way.issuer),
            retry_url=way.browser.entrance(transaction.id, provider.id),
            others=_others(way, refused, preview),
            back={"label": f"Back to {preview.audience}", "url": back} if back else None,
        ),
        403 if later is None else 503,
        {} if later is None else {"Retry-After": str(later)},
    )


def _others(way: WayIn, refused: Refused, preview: Preview) -> list[dict[str, str | None]] | None:
    """Return the other ways that could do, or none where this one is what it is all about. The user's own first."""
    if preview.providers == frozenset({refused.provider.id}):
        return None
    able = [
        each
        for each in options(way, refused.transaction, preview)
        if each["id"] != refused.provider.id and each["unavailable"] is None
    ]
    return sorted(able, key=lambda each: each["note"] is None)


def _linked(way: WayIn) -> frozenset[str]:
    """Return the providers that the user has identities at: only their own session tells, and no attempt does."""
    now = way.clock()
    session = way.sessions.find(way.browser.session_cookie(), now)
    if session is None:
        return frozenset()
    with way.database.read() as connection:
        return frozenset(each.provider_id for each in way.accounts.identities(connection, session.account_id))


def _away(way: WayIn, provider: Provider) -> str | None:
    """Return that a provider is not answering, as far as this process knows."""
    return AWAY if way.gate.circuits[provider.id].wait else None


def _cannot(provider: Provider, preview: Preview) -> str | None:
    """Return why a provider cannot do what is demanded, as far as its capabilities tell."""
    if preview.reauthentication and not provider.capabilities.can_reauthenticate:
        return "It cannot be asked to sign you in anew, which is wanted here."
    if preview.bindings.isdisjoint(provider.capabilities.bindings):
        return "It cannot prove a second factor for this very sign-in, which is wanted here."
    return None
