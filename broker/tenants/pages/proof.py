"""The way to Microsoft and back by which a tenant is proven: an admin's approval first, then a sign-in there.

The approval lets the people of the tenant sign in here at all. It proves nothing to us: whatever comes back of it is
unauthenticated (Microsoft's "Admin consent on the Microsoft identity platform"), and only the sign-in counts.
"""

from flask import make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from broker.accounts.organizations.visit import OrganizationPages, fresh_admin_of, session_of
from broker.signin.outcomes import Again, unavailable
from broker.signin.returns import MAX_LENGTH, bad
from broker.signin.transactions import Goal, Transaction
from broker.tenants.goal import place_of
from broker.tenants.mapping_records import Verb
from broker.tenants.pages import places
from broker.web.errors import BrokerError
from broker.web.texts import explain_fault
from providers.microsoft.consent import parse_admin_consent
from providers.microsoft.entra import Entra
from providers.provider import ProviderError

# What Microsoft's page of admin consent sends back.
_PARAMETERS = frozenset({"admin_consent", "error", "error_description", "error_subcode", "state", "tenant"})


def prove(pages: OrganizationPages, organization_id: str, mapping_id: str) -> ResponseReturnValue:
    """POST .../prove: off to Microsoft, for the approval, or to sign in at once where it was given before."""
    now = pages.clock()
    session = session_of(pages, now)
    with pages.database.read() as connection:
        fresh_admin_of(pages, connection, organization_id, places.tenant_page(organization_id, mapping_id))
        tenant = pages.mappings.get(connection, organization_id, mapping_id)
    tenant.after(Verb.PROVEN)
    entra = _entra(pages, tenant.provider_id)
    browser = pages.browser.token()
    transaction = pages.transactions.begin(Goal.MAPPING, pages.mapping_goal.payload(session, tenant), browser, now)
    if request.form.get("approved") == "already":
        url = _sign_in(pages, transaction, entra)
    else:
        state = pages.admin_consents.begin(transaction, entra.id)
        try:
            url = entra.admin_consent_url(tenant.tid, f"{pages.issuer}/callback/{entra.id}/consent", state)
        except ProviderError as error:
            raise _not_approved(error, entra, transaction) from error
    # On a page of its own: Chromium holds the redirects after a POST to form-action.
    response = make_response(render_template("leave.html", target_name=entra.name, url=url))
    pages.browser.remember(response, browser)
    return response


def consented(pages: OrganizationPages, provider_id: str) -> ResponseReturnValue:
    """GET /callback/<provider>/consent: back from the approval, and on to the sign-in at that tenant."""
    parameters = _returned()
    transaction_id = pages.admin_consents.take(parameters.get("state", ""), provider_id)
    found = (
        pages.transactions.find(transaction_id, pages.browser.binding(), pages.clock())
        if transaction_id is not None
        else None
    )
    if found is None:
        raise _over()
    entra = _entra(pages, provider_id)
    try:
        consent = parse_admin_consent(parameters)
    except ProviderError as error:
        raise _not_approved(error, entra, found) from error
    # Only to say early what the sign-in would say later: anybody can write any tenant here.
    if consent.claimed_tenant != found.payload["tid"]:
        raise BrokerError(
            status=400,
            code="other_tenant_approved",
            title="That was another tenant",
            sentence="The application was approved for another tenant than the one that is to be mapped.",
            next_step="Begin again, and at Microsoft choose an administrator's account of the tenant itself.",
            detail="consent names another tenant",
            link=("Back to the tenant", place_of(found)),
        )
    return redirect(_sign_in(pages, found, entra), code=303)


def _sign_in(pages: OrganizationPages, transaction: Transaction, entra: Entra) -> str:
    outcome = pages.gate.begin(transaction, entra.id, pages.clock())
    return outcome.url if isinstance(outcome, Again) else pages.browser.entrance(transaction.id, entra.id)


def _entra(pages: OrganizationPages, provider_id: str) -> Entra:
    entra = pages.entra.get(provider_id)
    if entra is None:
        raise unavailable(provider_id)
    return entra


def _returned() -> dict[str, str]:
    parameters = {}
    for name, values in request.args.lists():
        if name not in _PARAMETERS:
            continue
        if len(values) != 1 or len(values[0]) > MAX_LENGTH:
            raise bad("a parameter of admin consent came twice, or is oversized")
        parameters[name] = values[0]
    return parameters


def _not_approved(error: ProviderError, entra: Entra, transaction: Transaction) -> BrokerError:
    explained = explain_fault(error.code, entra)
    code = f" Microsoft's code is {error.upstream_code}." if error.upstream_code else ""
    return BrokerError(
        status=403,
        code="not_approved",
        title="The application was not approved",
        sentence=f"Nothing was changed. {explained.sentence}{code}",
        next_step="Only an administrator of the tenant can approve it. Begin again together with one, or, if one has "
        "approved it before, say so on the tenant's page.",
        detail=f"{error.code.value}: {error.detail}",
        link=("Back to the tenant", place_of(transaction)),
    )


def _over() -> BrokerError:
    return BrokerError(
        status=400,
        code="consent_over",
        title="This approval belongs elsewhere",
        sentence="It was not begun in this browser, was used already, or took longer than ten minutes.",
        next_step="If Microsoft said that the application is approved, it is. Go on in the browser in which you asked "
        "for the tenant, and say there that it was approved already.",
        detail="no such consent of this browser",
        link=("Your organisations", "/organizations"),
    )
