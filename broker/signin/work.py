"""Finding the way: from a work email, a domain or an organisation's name to the tenant to sign in at.

What is typed leads to a tenant or it does not, whoever has an account. It is not stored, logged or put into a URL, but
for the domain of an organisation, which Microsoft gets as a hint.
"""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from broker.limits.errors import in_words
from broker.limits.service import Limits, Of
from broker.limits.table import Name
from broker.signin.outcomes import Refused, unavailable
from broker.signin.transactions import Transaction
from broker.signin.way_in import WayIn, refusal, transaction_of, work_providers
from broker.tenants.domains import tenant_of
from broker.web.destinations import Destination, leave_from_form
from broker.web.errors import BrokerError
from providers.provider import Provider

FIELD = "work"


def ask(way: WayIn, transaction_id: str) -> ResponseReturnValue:
    """GET /work/<transaction>: where do you work?"""
    transaction = transaction_of(way, transaction_id)
    return _page(way, transaction, _ways(way, transaction))


def look_up(way: WayIn, transaction_id: str) -> ResponseReturnValue:
    """POST /work/<transaction>: off to the tenant."""
    transaction = transaction_of(way, transaction_id)
    ways = _ways(way, transaction)
    wait = _wait(way.limits)
    if wait:
        raise BrokerError(
            status=429,
            code="too_many_look_ups",
            sentence="That was looked up too often.",
            next_step=f"Choose another way to sign in, or wait {in_words(wait)} and try again.",
            detail="limit of look-ups",
            link=("Choose another way", way.browser.entrance(transaction.id)),
            retry_after=wait,
        )
    typed = request.form.get(FIELD, "")
    with way.database.read() as connection:
        found = tenant_of(connection, typed)
    provider = next((each for each in ways if found is not None and each.id == found.provider_id), None)
    if found is None or provider is None:
        return _page(way, transaction, ways, typed=typed, unknown=True)
    outcome = way.gate.begin(transaction, provider.id, way.clock(), tenant=found.tid, domain_hint=found.domain)
    if isinstance(outcome, Refused):
        return refusal(way, outcome)
    return leave_from_form(Destination(url=outcome.url), provider.name)


def _ways(way: WayIn, transaction: Transaction) -> list[Provider]:
    preview = way.gate.handlers[transaction.goal].preview(transaction)
    ways = work_providers(way, transaction, preview)
    if not ways:
        raise unavailable("for work accounts")
    return ways


def _page(
    way: WayIn, transaction: Transaction, ways: list[Provider], *, typed: str = "", unknown: bool = False
) -> ResponseReturnValue:
    page = render_template(
        "work.html",
        action=f"/work/{transaction.id}",
        field=FIELD,
        typed=typed,
        unknown=unknown,
        # Microsoft finds the tenant of whoever signs in without being told.
        directly=[{"name": each.name, "url": way.browser.entrance(transaction.id, each.id)} for each in ways],
        chooser_url=way.browser.entrance(transaction.id),
    )
    return page, 404 if unknown else 200


def _wait(limits: Limits) -> int:
    """Count a look-up and return 0, or for how many seconds there are no more. Raises ``StoreUnavailable``."""
    here = limits.here()
    return limits.wait(Of(Name.WORK_ADDRESS, here)) if here is not None else 0
