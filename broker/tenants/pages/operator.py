"""The operators' page: what waits for their decision, what runs by it, and every tenant."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import FreshOperator, Operator
from broker.accounts.organizations.pages.places import noticed
from broker.accounts.organizations.visit import OrganizationPages, fresh_operator_of, operator_of
from broker.tenants.domains import domains_of
from broker.tenants.errors import NotFound
from broker.tenants.exception_records import ExceptionRecord
from broker.tenants.exception_records import State as ExceptionState
from broker.tenants.mapping_records import HOLDING, Claims, read
from broker.tenants.mappings import Mapping as Tenant
from broker.tenants.mappings import State
from broker.tenants.pages import places, words

MOST = 50
"""How many tenants a search shows."""

_Names = Mapping[str, str]
_Decide = Callable[[OrganizationPages, Connection, FreshOperator, str], object]

_OF_MAPPINGS: Mapping[str, _Decide] = MappingProxyType(
    {
        "approve": lambda pages, *rest: pages.mappings.approve(*rest),
        "refuse": lambda pages, *rest: pages.mappings.refuse(*rest),
        "suspend": lambda pages, *rest: pages.mappings.suspend(*rest),
        "resume": lambda pages, *rest: pages.mappings.resume(*rest),
        "release": lambda pages, *rest: pages.mappings.release(*rest),
    }
)
_OF_EXCEPTIONS: Mapping[str, _Decide] = MappingProxyType(
    {
        "approve": lambda pages, *rest: pages.exceptions.approve(*rest),
        "refuse": lambda pages, *rest: pages.exceptions.refuse(*rest),
        "end": lambda pages, *rest: pages.exceptions.end(*rest),
    }
)


def show_operators_page(pages: OrganizationPages) -> ResponseReturnValue:
    """GET /operator."""
    wanted = request.args.get("search", "").strip()
    with pages.database.read() as connection:
        operator = operator_of(pages, connection)
        names = {each.id: each.name for each in pages.organizations.all(connection)}
        tenants = read(connection)
        found = [each for each in tenants if _is_meant(each, names, wanted)]
        to_decide = pages.mappings.to_decide(connection)
        asked = pages.exceptions.to_decide(connection)
        running = pages.exceptions.current(connection, operator.now)
        domains = {each.id: domains_of(connection, each.id) for each in found[:MOST]}
    of_tenants = {each.tid: each.name for each in tenants if each.state in HOLDING}
    return render_template(
        "operator.html",
        fresh=operator.fresh,
        has_old_world=pages.has_old_world,
        notice=words.OPERATOR_NOTICES.get(request.args.get("notice", "")),
        claims=[_claims(each, names) for each in to_decide],
        asked=[_exception(each, names, of_tenants, operator) for each in asked if operator.now < each.ends_at],
        running=[_exception(each, names, of_tenants, operator) for each in running],
        suspended=[_tenant(each, names) for each in tenants if each.state is State.SUSPENDED],
        tenants=[{**_tenant(each, names), "domains": domains[each.id]} for each in found[:MOST]],
        count=len(found),
        search=wanted,
    )


def decide_mapping(pages: OrganizationPages, mapping_id: str, verb: str) -> ResponseReturnValue:
    """POST /operator/mappings/<mapping>/<verb>."""
    return _decide(pages, _OF_MAPPINGS, mapping_id, verb)


def decide_exception(pages: OrganizationPages, exception_id: str, verb: str) -> ResponseReturnValue:
    """POST /operator/exceptions/<exception>/<verb>."""
    return _decide(pages, _OF_EXCEPTIONS, exception_id, verb)


def _decide(pages: OrganizationPages, verbs: Mapping[str, _Decide], which: str, verb: str) -> ResponseReturnValue:
    with pages.database.begin() as connection:
        operator = fresh_operator_of(pages, connection)
        if verb not in verbs:
            raise NotFound(verb)
        outcome = verbs[verb](pages, connection, operator, which)
    another = isinstance(outcome, ExceptionRecord) and outcome.state is ExceptionState.REQUESTED
    return noticed(places.OPERATOR, "supported" if another else verb)


def _is_meant(tenant: Tenant, names: _Names, wanted: str) -> bool:
    """Return whether the text stands in the tenant's name, its id, or its organisation's name."""
    text = wanted.casefold()
    return any(text in each.casefold() for each in (tenant.name, tenant.tid, names[tenant.organization_id]))


def _claims(claims: Claims, names: _Names) -> dict[str, object]:
    mappings = [_tenant(each, names) for each in claims.mappings]
    return {"tid": claims.tid, "mappings": mappings, "contested": len(mappings) > 1}


def _tenant(tenant: Tenant, names: _Names) -> dict[str, object]:
    return {
        "id": tenant.id,
        "name": tenant.name,
        "tid": tenant.tid,
        "organization": names[tenant.organization_id],
        "state": tenant.state.value,
        "suspended_by": tenant.suspended_by.value if tenant.suspended_by is not None else None,
        "provider_id": tenant.provider_id,
        "requested_at": tenant.requested_at,
        "proven_at": tenant.proven_at,
        "decided_at": tenant.decided_at,
        "speaks": tenant.speaks,
    }


def _exception(
    record: ExceptionRecord, names: _Names, tenants: Mapping[str, str], operator: Operator
) -> dict[str, object]:
    return {
        "id": record.id,
        "organization": names[record.organization_id],
        "tenant": None if record.tid is None else tenants.get(record.tid, record.tid),
        "people": record.people,
        "taken": len(record.places),
        "reason": record.reason,
        "requested_at": record.requested_at,
        "ends_at": record.ends_at,
        "approvals": len(record.approvals),
        "approvals_needed": record.approvals_needed,
        "own": record.requested_by == operator.account_id,
        "approved": operator.account_id in record.approvals,
    }
