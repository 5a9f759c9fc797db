"""A tenant's page: where it stands, what comes next, and what its organisation's admins can do about it."""

import re
from collections.abc import Collection

from flask import render_template, request
from flask.typing import ResponseReturnValue

from broker.accounts.organizations import rule_words
from broker.accounts.organizations.changes import Change
from broker.accounts.organizations.pages import shown
from broker.accounts.organizations.pages.places import noticed, organization_page
from broker.accounts.organizations.visit import OrganizationPages, admin_of, fresh_admin_of
from broker.tenants.domains import domain_of, domains_of, parse
from broker.tenants.errors import BadInput
from broker.tenants.mapping_records import is_about
from broker.tenants.mappings import Mapping, Side, State
from broker.tenants.pages import places, words
from providers.microsoft.guids import is_guid
from providers.provider import ProviderError

_MEMBERS = frozenset({"strength", "bindings", "max_age", "session_length", "guests", "providers"})
_BETWEEN = re.compile(r"[\s,;]+")


def ask_for_tenant(pages: OrganizationPages, organization_id: str) -> ResponseReturnValue:
    """POST /organizations/<id>/tenants: the beginning; the tenant is named by its id, or by a domain of it."""
    place = organization_page(organization_id)
    form = request.form
    provider_id = form.get("provider") or next(iter(pages.entra), "")
    with pages.database.read() as connection:
        # Before anybody is asked anything: Microsoft is not to be asked by just anybody.
        admin = fresh_admin_of(pages, connection, organization_id, place)
        name = pages.organizations.get(connection, organization_id).name
    try:
        tid = _tid(pages, provider_id, form.get("tenant", ""))
        with pages.database.begin() as connection:
            admin = fresh_admin_of(pages, connection, organization_id, place)
            asked = pages.mappings.request(connection, admin, provider_id, tid, form.get("name", ""))
    except BadInput as problem:
        page = render_template(
            "tenants/ask.html",
            organization={"id": organization_id, "name": name},
            providers=_providers(pages),
            typed={"tenant": form.get("tenant", ""), "name": form.get("name", ""), "provider": provider_id},
            problem=problem,
        )
        return page, 400
    return noticed(places.page_of(asked), "requested")


def show_tenant(pages: OrganizationPages, organization_id: str, mapping_id: str) -> ResponseReturnValue:
    """GET /organizations/<id>/tenants/<mapping>."""
    return _page(pages, organization_id, mapping_id)


def set_domains(pages: OrganizationPages, organization_id: str, mapping_id: str) -> ResponseReturnValue:
    """POST .../domains: those by which people of the tenant find the way to it."""
    place = places.tenant_page(organization_id, mapping_id)
    with pages.database.read() as connection:
        fresh_admin_of(pages, connection, organization_id, place)
        tenant = pages.mappings.get(connection, organization_id, mapping_id)
    try:
        wanted = parse(each for each in _BETWEEN.split(request.form.get("domains", "")) if each)
        _check_domains(pages, tenant, wanted)
        with pages.database.begin() as connection:
            admin = fresh_admin_of(pages, connection, organization_id, place)
            pages.mappings.set_domains(connection, admin, mapping_id, wanted)
    except BadInput as problem:
        return _page(pages, organization_id, mapping_id, problem), 400
    return noticed(place, "domains")


def suspend(pages: OrganizationPages, organization_id: str, mapping_id: str) -> ResponseReturnValue:
    """POST .../suspend: at once."""
    place = places.tenant_page(organization_id, mapping_id)
    with pages.database.begin() as connection:
        admin = fresh_admin_of(pages, connection, organization_id, place)
        pages.mappings.suspend(connection, admin, mapping_id)
    return noticed(place, "suspended")


def resume(pages: OrganizationPages, organization_id: str, mapping_id: str) -> ResponseReturnValue:
    """POST .../resume: after a day."""
    place = places.tenant_page(organization_id, mapping_id)
    with pages.database.begin() as connection:
        admin = fresh_admin_of(pages, connection, organization_id, place)
        pages.mappings.resume(connection, admin, mapping_id)
    return noticed(place, "resume_waits")


def release(pages: OrganizationPages, organization_id: str, mapping_id: str) -> ResponseReturnValue:
    """POST .../release: after a day, or at once where it never was active."""
    place = places.tenant_page(organization_id, mapping_id)
    with pages.database.begin() as connection:
        admin = fresh_admin_of(pages, connection, organization_id, place)
        waits = pages.mappings.release(connection, admin, mapping_id)
    return noticed(place, "released" if waits is None else "release_waits")


def attest(pages: OrganizationPages, organization_id: str, mapping_id: str) -> ResponseReturnValue:
    """POST .../attestations: the admin signs what a context of the tenant enforces."""
    place = places.tenant_page(organization_id, mapping_id)
    form = request.form
    try:
        with pages.database.begin() as connection:
            admin = fresh_admin_of(pages, connection, organization_id, place)
            if form.get("sign") != "yes":
                raise BadInput("sign", "not_signed", "Tick the box if you state this. Nothing was signed.")
            pages.attestations.sign(
                connection,
                admin,
                mapping_id,
                form.get("context", "").strip(),
                form.get("strength", ""),
                form.get("every_time") == "yes",
            )
    except BadInput as problem:
        return _page(pages, organization_id, mapping_id, problem), 400
    return noticed(place, "attested")


def revoke(pages: OrganizationPages, organization_id: str, mapping_id: str, context: str) -> ResponseReturnValue:
    """POST .../attestations/<context>/revoke: at once."""
    place = places.tenant_page(organization_id, mapping_id)
    with pages.database.begin() as connection:
        admin = fresh_admin_of(pages, connection, organization_id, place)
        pages.attestations.revoke(connection, admin, mapping_id, context)
    return noticed(place, "revoked")


def _page(pages: OrganizationPages, organization_id: str, mapping_id: str, problem: BadInput | None = None) -> str:
    with pages.database.read() as connection:
        admin = admin_of(pages, connection, organization_id)
        organization = pages.organizations.get(connection, organization_id)
        tenant = pages.mappings.get(connection, organization_id, mapping_id)
        tenants = pages.mappings.of_organization(connection, organization_id)
        waiting = [each for each in pages.changes.waiting(connection, organization_id) if is_about(each, mapping_id)]
        signed = pages.attestations.of_mapping(connection, mapping_id)
        domains = domains_of(connection, mapping_id)
        involved = {tenant.requested_by, *(each.requested_by for each in waiting), *(each.signed_by for each in signed)}
        people = shown.people_of(pages, connection, involved)
    names = shown.names_of(pages, tenants)
    return render_template(
        "tenants/tenant.html",
        organization={"id": organization.id, "name": organization.name},
        here=places.page_of(tenant),
        fresh=admin.fresh,
        notice=words.NOTICES.get(request.args.get("notice", "")),
        problem=problem,
        tenant={
            "name": tenant.name,
            "tid": tenant.tid,
            "provider_name": names.providers.get(tenant.provider_id, tenant.provider_id),
            "requested_by": name_of(people, tenant.requested_by),
            "requested_at": tenant.requested_at,
            "proven_at": tenant.proven_at,
            "speaks": tenant.speaks,
        },
        words=words.of_tenant(tenant, waiting),
        changes=shown.waiting(waiting, people, organization.rule, tenants, names),
        can=_possible(tenant, waiting),
        rule=rule_words.of(tenant.rule, _MEMBERS, names),
        attestations=[
            {
                "context": each.context,
                "worth": words.WORTH[each.strength],
                "every_time": each.every_time,
                "signed_at": each.signed_at,
                "signed_by": name_of(people, each.signed_by),
                "review_by": each.review_by,
                "counts": admin.now < each.review_by,
            }
            for each in signed
        ],
        contexts=words.CONTEXTS,
        worths={each.label: text for each, text in words.WORTH.items()},
        domains=domains,
        typed=request.form,
    )


def name_of(people: shown.People, account_id: str) -> str | None:
    """Return what somebody is called, among admins of their organisation; none for who is gone."""
    person = people.get(account_id)
    return person.name or person.email if person is not None else None


def _providers(pages: OrganizationPages) -> dict[str, str]:
    return {provider_id: each.name for provider_id, each in pages.entra.items()}


def _possible(tenant: Mapping, waiting: Collection[Change]) -> frozenset[str]:
    """Return what an admin can do with the tenant as it stands."""
    ours = tenant.suspended_by is not Side.OPERATOR
    kinds = {each.kind.value for each in waiting}
    can = {
        State.REQUESTED: {"prove", "withdraw"},
        State.PROVEN: {"prove", "withdraw"},
        State.ACTIVE: {"rule", "sign", "domains", "suspend", "release"},
        State.SUSPENDED: {"rule"} | ({"resume", "release"} if ours else set()),
    }
    # What waits already is not asked for again, which would only begin the day anew.
    return frozenset(can.get(tenant.state, set()) - kinds)


def _tid(pages: OrganizationPages, provider_id: str, typed: str) -> str:
    """Return the tenant that is meant, by its id or by a domain. Raises :class:`BadInput`."""
    text = typed.strip().lower()
    if is_guid(text):
        return text
    domain = domain_of(text)
    if domain is None:
        raise BadInput("tid", "not_a_tenant", "Give the tenant's id, or one of its domains, such as example.org.")
    tid = _owner(pages, provider_id, domain, "tid")
    if tid is None:
        raise BadInput("tid", "unknown_domain", "Microsoft knows no tenant that has this domain.")
    return tid


def _check_domains(pages: OrganizationPages, tenant: Mapping, domains: Collection[str]) -> None:
    for each in domains:
        if _owner(pages, tenant.provider_id, each, "domains") != tenant.tid:
            raise BadInput("domains", "of_another", f"Microsoft does not say that {each} is a domain of this tenant.")


def _owner(pages: OrganizationPages, provider_id: str, domain: str, field: str) -> str | None:
    entra = pages.entra.get(provider_id)
    if entra is None:
        raise BadInput("provider", "unknown", "That provider has no tenants to map.")
    try:
        return entra.tenant_of_domain(domain)
    except ProviderError as error:
        raise BadInput(field, "unavailable", "Microsoft could not be asked. Try again in a few minutes.") from error
