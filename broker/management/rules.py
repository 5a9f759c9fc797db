"""Rules: an organisation's own, and those of its tenants."""

from flask import Response

from broker.management import shown
from broker.management.answers import answer
from broker.management.asked import members_of
from broker.management.context import Call, Management, changing, reading
from broker.tenants.mapping_records import HOLDING
from broker.tenants.rule_input import BadRule, parse
from broker.tenants.rules import Rule, as_json
from broker.web.problems import FieldError, Problem


def rule(management: Management, organization_id: str) -> Response:
    """GET .../rule: the organisation's own."""
    with reading(management) as call:
        admin = call.admin(organization_id)
        return answer(as_json(management.organizations.get(call.connection, admin.organization_id).rule))


def preview_rule(management: Management, organization_id: str) -> Response:
    """POST .../rule/preview: who of the members would meet it, by their last sign-ins. Nothing is saved."""
    with reading(management, paged=True) as call:
        admin = call.admin(organization_id)
        wished = _wished(call, admin.organization_id)
        found = management.preview.of(call.connection, admin.organization_id, own=wished)
        return shown.page(found, call.page, lambda each: each.account_id, shown.previewed)


def save_rule(management: Management, organization_id: str) -> Response:
    """PUT .../rule: what is stricter holds at once, what is looser after a day."""
    with changing(management) as call:
        admin = call.fresh_admin(organization_id)
        wished = _wished(call, admin.organization_id)
        saved = management.rule_changes.save(call.connection, admin, wished, mapping_id=None)
        return shown.done_or_waits(saved.waiting)


def tenant_rule(management: Management, organization_id: str, mapping_id: str) -> Response:
    """GET .../tenants/<mapping_id>/rule: the tenant's."""
    with reading(management) as call:
        admin = call.admin(organization_id)
        return answer(as_json(management.mappings.get(call.connection, admin.organization_id, mapping_id).rule))


def preview_tenant_rule(management: Management, organization_id: str, mapping_id: str) -> Response:
    """POST .../tenants/<mapping_id>/rule/preview: as that of the organisation's own."""
    with reading(management, paged=True) as call:
        admin = call.admin(organization_id)
        mapping = management.mappings.get(call.connection, admin.organization_id, mapping_id)
        wished = {mapping.tid: _wished(call, admin.organization_id)}
        found = management.preview.of(call.connection, admin.organization_id, tenant_rules=wished)
        return shown.page(found, call.page, lambda each: each.account_id, shown.previewed)


def save_tenant_rule(management: Management, organization_id: str, mapping_id: str) -> Response:
    """PUT .../tenants/<mapping_id>/rule: as that of the organisation's own."""
    with changing(management) as call:
        admin = call.fresh_admin(organization_id)
        management.mappings.get(call.connection, admin.organization_id, mapping_id)
        wished = _wished(call, admin.organization_id)
        saved = management.rule_changes.save(call.connection, admin, wished, mapping_id=mapping_id)
        return shown.done_or_waits(saved.waiting)


def _wished(call: Call, organization_id: str) -> Rule:
    of_theirs = call.management.mappings.of_organization(call.connection, organization_id)
    try:
        return parse(
            members_of(call.sent),
            known_providers=call.management.api.standing.providers,
            own_tenants={each.tid for each in of_theirs if each.state in HOLDING},
        )
    except BadRule as error:
        raise Problem(
            status=400,
            code="invalid_input",
            title="Something in the request cannot be",
            detail="This is no rule.",
            errors=[FieldError(field=each.field, code="bad_rule", detail=each.sentence) for each in error.problems],
        ) from error
