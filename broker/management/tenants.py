"""Tenants of an organisation: their mappings, their domains, and what is attested of them."""

from collections.abc import Iterable

from flask import Response

from broker.management import shown
from broker.management.answers import answer
from broker.management.asked import Document, invalid, nothing
from broker.management.context import Call, Management, arrive, changing, reading
from broker.management.shown import Shown
from broker.oidc.scopes import MANAGE
from broker.tenants.domains import domains_of, parse
from broker.tenants.mapping_records import Mapping
from broker.web.problems import Problem
from providers.provider import ProviderError


def tenants(management: Management, organization_id: str) -> Response:
    """GET .../tenants: all there ever were."""
    with reading(management, paged=True) as call:
        admin = call.admin(organization_id)
        found = management.mappings.of_organization(call.connection, admin.organization_id)
        return shown.page(found, call.page, lambda each: each.id, lambda each: _tenant(call, each))


def tenant(management: Management, organization_id: str, mapping_id: str) -> Response:
    """GET .../tenants/<mapping_id>: one."""
    with reading(management) as call:
        admin = call.admin(organization_id)
        return answer(_tenant(call, management.mappings.get(call.connection, admin.organization_id, mapping_id)))


def request_tenant(management: Management, organization_id: str) -> Response:
    """POST .../tenants: ask for one. It is proven in a browser, at ``prove_url``."""
    with changing(management) as call:
        admin = call.fresh_admin(organization_id)
        wish = Document(call.sent, {"provider", "tid", "name"})
        made = management.mappings.request(
            call.connection, admin, wish.text("provider"), wish.text("tid"), wish.text("name")
        )
        return shown.made(f"/api/organizations/{organization_id}/tenants/{made.id}", _tenant(call, made))


def set_domains(management: Management, organization_id: str, mapping_id: str) -> Response:
    """PUT .../tenants/<mapping_id>/domains: those that lead to it. Microsoft is asked whose each is."""
    arrived = arrive(management, MANAGE)
    with arrived.reading() as call:
        admin = call.fresh_admin(organization_id)
        mapping = management.mappings.get(call.connection, admin.organization_id, mapping_id)
        domains = parse(Document(call.sent, {"domains"}).texts("domains"))
    # Outside of any transaction, as it goes over the network; and only for an admin.
    _require_owned(management, mapping, domains)
    with arrived.changing() as call:
        management.mappings.set_domains(call.connection, call.fresh_admin(organization_id), mapping_id, domains)
    return shown.done()


def suspend_tenant(management: Management, organization_id: str, mapping_id: str) -> Response:
    """POST .../tenants/<mapping_id>/suspend: nobody of it is admitted, from now on."""
    with changing(management) as call:
        admin = call.fresh_admin(organization_id)
        nothing(call.sent)
        management.mappings.suspend(call.connection, admin, mapping_id)
    return shown.done()


def resume_tenant(management: Management, organization_id: str, mapping_id: str) -> Response:
    """POST .../tenants/<mapping_id>/resume: its people are admitted again, after a day."""
    with changing(management) as call:
        admin = call.fresh_admin(organization_id)
        nothing(call.sent)
        return shown.done_or_waits(management.mappings.resume(call.connection, admin, mapping_id))


def release_tenant(management: Management, organization_id: str, mapping_id: str) -> Response:
    """POST .../tenants/<mapping_id>/release: it is given up, after a day once it was active."""
    with changing(management) as call:
        admin = call.fresh_admin(organization_id)
        nothing(call.sent)
        return shown.done_or_waits(management.mappings.release(call.connection, admin, mapping_id))


def attestations(management: Management, organization_id: str, mapping_id: str) -> Response:
    """GET .../tenants/<mapping_id>/attestations: what is attested of its authentication contexts."""
    with reading(management, paged=True) as call:
        admin = call.admin(organization_id)
        mapping = management.mappings.get(call.connection, admin.organization_id, mapping_id)
        found = management.attestations.of_mapping(call.connection, mapping.id)
        return shown.page(found, call.page, lambda each: each.context, shown.attestation)


def attest(management: Management, organization_id: str, mapping_id: str, context: str) -> Response:
    """PUT .../attestations/<context>: what it enforces, from a day ahead on."""
    with changing(management) as call:
        admin = call.fresh_admin(organization_id)
        management.mappings.get(call.connection, admin.organization_id, mapping_id)
        said = Document(call.sent, {"strength", "every_time"})
        return shown.done_or_waits(
            management.attestations.sign(
                call.connection, admin, mapping_id, context, said.text("strength"), said.flag("every_time")
            )
        )


def revoke_attestation(management: Management, organization_id: str, mapping_id: str, context: str) -> Response:
    """DELETE .../attestations/<context>: it is no evidence, from now on."""
    with changing(management) as call:
        admin = call.fresh_admin(organization_id)
        nothing(call.sent)
        management.attestations.revoke(call.connection, admin, mapping_id, context)
    return shown.done()


def _require_owned(management: Management, mapping: Mapping, domains: Iterable[str]) -> None:
    """Raise :class:`Problem` unless Microsoft says of each domain that it is this tenant's."""
    entra = management.entra.get(mapping.provider_id)
    if entra is None:
        raise _unavailable()
    for each in domains:
        try:
            owner = entra.tenant_of_domain(each)
        except ProviderError as error:
            raise _unavailable() from error
        if owner != mapping.tid:
            raise invalid("domains", "of_another", f"Microsoft does not say that {each} is a domain of this tenant.")


def _unavailable() -> Problem:
    return Problem(
        status=503,
        code="temporarily_unavailable",
        title="Microsoft does not answer",
        detail="Microsoft could not be asked whose the domains are. Try again in a few minutes.",
    )


def _tenant(call: Call, mapping: Mapping) -> Shown:
    page = f"{call.management.api.issuer}/organizations/{mapping.organization_id}/tenants/{mapping.id}"
    return {
        **shown.mapping(mapping),
        "domains": domains_of(call.connection, mapping.id),
        "prove_url": page,
    }
