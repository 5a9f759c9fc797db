"""What operators see and decide. To everybody else there is nothing here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from flask import Response
from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import FreshOperator
from broker.accounts.organizations.records import Organization
from broker.management import shown
from broker.management.answers import answer
from broker.management.asked import not_found, nothing
from broker.management.context import Management, changing, reading
from broker.management.shown import Shown
from broker.oidc.scopes import OPERATE
from broker.tenants.exception_records import ExceptionRecord
from broker.tenants.exceptions import Exceptions
from broker.tenants.mapping_records import find, read
from broker.tenants.mappings import Mappings

_OF_MAPPINGS: Mapping[str, Callable[[Mappings, Connection, FreshOperator, str], object]] = MappingProxyType(
    {
        "approve": Mappings.approve,
        "refuse": Mappings.refuse,
        "suspend": Mappings.suspend,
        "resume": Mappings.resume,
        "release": Mappings.release,
    }
)
_OF_EXCEPTIONS: Mapping[str, Callable[[Exceptions, Connection, FreshOperator, str], ExceptionRecord]] = (
    MappingProxyType({"approve": Exceptions.approve, "refuse": Exceptions.refuse, "end": Exceptions.end})
)


def requests(management: Management) -> Response:
    """GET /api/operator/requests: what waits for a decision. Of a contested tenant, all who claim it."""
    with reading(management, OPERATE) as call:
        call.operator()
        claims = management.mappings.to_decide(call.connection)
        asked = management.exceptions.to_decide(call.connection)
        return answer(
            {
                "tenants": [
                    {"tid": each.tid, "mappings": shown.whole(each.mappings, shown.mapping)} for each in claims
                ],
                "exceptions": shown.whole(asked, shown.exception),
            }
        )


def all_organizations(management: Management) -> Response:
    """GET /api/operator/organizations: all of them, those that are switched off too."""
    with reading(management, OPERATE, paged=True) as call:
        call.operator()
        found = management.organizations.all(call.connection)
        return shown.page(found, call.page, lambda each: each.id, _organization)


def all_mappings(management: Management) -> Response:
    """GET /api/operator/mappings: every tenant that anybody asked for."""
    with reading(management, OPERATE, paged=True) as call:
        call.operator()
        return shown.page(read(call.connection), call.page, lambda each: each.id, shown.mapping)


def running_exceptions(management: Management) -> Response:
    """GET /api/operator/exceptions: those that count now."""
    with reading(management, OPERATE, paged=True) as call:
        found = management.exceptions.current(call.connection, call.operator().now)
        return shown.page(found, call.page, lambda each: each.id, shown.exception)


def decide_mapping(management: Management, mapping_id: str, verb: str) -> Response:
    """POST /api/operator/mappings/<mapping_id>/<verb>: at once."""
    with changing(management, OPERATE) as call:
        operator = call.fresh_operator()
        if verb not in _OF_MAPPINGS:
            raise not_found()
        nothing(call.sent)
        _OF_MAPPINGS[verb](management.mappings, call.connection, operator, mapping_id)
        return answer(shown.mapping(find(call.connection, mapping_id)))


def decide_exception(management: Management, exception_id: str, verb: str) -> Response:
    """POST /api/operator/exceptions/<exception_id>/<verb>: one that needs two operators waits for the second."""
    with changing(management, OPERATE) as call:
        operator = call.fresh_operator()
        if verb not in _OF_EXCEPTIONS:
            raise not_found()
        nothing(call.sent)
        return answer(
            shown.exception(_OF_EXCEPTIONS[verb](management.exceptions, call.connection, operator, exception_id))
        )


def _organization(organization: Organization) -> Shown:
    return {"id": organization.id, "name": organization.name, "status": organization.status}
