"""What answers requests: the registry's endpoints, and the pages of people, admins and operators."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from flask import Flask

from broker.accounts import views as account_views
from broker.accounts.organizations.pages import views as organization_views
from broker.accounts.organizations.visit import OrganizationPages
from broker.accounts.visit import AccountPages
from broker.composition import old_world_pages
from broker.composition.entrance import Entrance
from broker.composition.foundation import Foundation
from broker.composition.people import People
from broker.composition.registries import Registries
from broker.management import views as management_views
from broker.management.context import Management
from broker.metrics.counts import SignInCounts
from broker.oidc import views as oidc_views
from broker.oidc.api.context import Api
from broker.oidc.api.metadata import Jwks, Metadata
from broker.oidc.authentication import ClientAuthentication
from broker.oidc.authorize.checks import Knowledge
from broker.oidc.authorize.endpoint import Authorize, authorize_below
from broker.oidc.authorize.table import Validator
from broker.oidc.consent import views as consent_views
from broker.oidc.device import views as device_views
from broker.oidc.device.pages import DevicePages
from broker.oidc.grants import TokenServer
from broker.oidc.jose.assertions import ClientAssertions
from broker.oidc.jose.dpop import Nonces, Proofs
from broker.oidc.jose.request_object import RequestObjects
from broker.oidc.logout import views as logout_views
from broker.oidc.proofs import KeyProofs
from broker.oidc.registration.service import Registration
from broker.operators import views as operator_views
from broker.operators.context import OperatorPages
from broker.operators.targets import Targets
from broker.signin import views as signin_views
from broker.signin.admins import applications
from broker.signin.browser import Browser
from broker.signin.way_in import WayIn
from broker.tenants.pages import views as tenant_views
from broker.web import csrf, direct
from broker.web.cookies import Cookies
from broker.web.relay import Relay
from providers.guarded import guarded_get
from providers.microsoft.entra import Entra


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything that pages and endpoints are made of."""

    base: Foundation
    people: People
    registries: Registries
    entrance: Entrance
    browser: Browser
    relay: Relay
    validator: Validator


def furnish(app: Flask, base: Foundation, people: People, registries: Registries, entrance: Entrance) -> None:
    """Register every address of the broker with ``app``."""
    settings = base.settings
    validator = Validator(
        Knowledge(
            clients=registries.clients,
            providers=frozenset(people.providers),
            id_tokens=registries.id_tokens,
            pushed=registries.pushed,
            request_objects=RequestObjects(settings.issuer, registries.client_keys),
        ),
        settings.issuer,
    )
    house = House(
        base=base,
        people=people,
        registries=registries,
        entrance=entrance,
        browser=Browser(Cookies(settings.issuer)),
        relay=Relay(base.cipher),
        validator=validator,
    )
    api, authorize = _api(house), _authorize(house)
    way_in, logout_pages, organization_pages = _way_in(house), _logout_pages(house), _organization_pages(house)
    for_programs = (
        oidc_views.api_blueprint(api),
        oidc_views.form_blueprint(authorize),
        signin_views.callback_blueprint(way_in),
        logout_views.form_blueprint(logout_pages),
        management_views.blueprint(_management(house, api)),
    )
    for blueprint in for_programs:
        csrf.protection(app).exempt(blueprint)
        app.register_blueprint(blueprint)
    for pages in (
        oidc_views.browser_blueprint(authorize),
        consent_views.blueprint(_consent_pages(house)),
        device_views.blueprint(_device_pages(house)),
        signin_views.blueprint(way_in),
        account_views.blueprint(_account_pages(house)),
        logout_views.blueprint(logout_pages),
        organization_views.blueprint(organization_pages),
        tenant_views.blueprint(organization_pages),
        operator_views.blueprint(_operator_pages(house, organization_pages)),
    ):
        app.register_blueprint(pages)
    if people.old_world is not None:
        old_world_pages.furnish(app, base, people, people.old_world, house.browser)
    table = direct.of(app)
    table.put_around(base.switches.request)
    oidc_views.answer_directly(table, api)
    table.add_page("/authorize", "oidc.authorize", partial(authorize_below, authorize))
    for name in people.providers:
        table.add_page(f"/callback/{name}", "callback.arrived", partial(signin_views.arrived_below, way_in, name))


def _way_in(house: House) -> WayIn:
    people = house.people
    return WayIn(
        gate=house.entrance.gate,
        transactions=people.transactions,
        sessions=people.sessions,
        proofs=house.entrance.proofs,
        relay=house.relay,
        accounts=people.accounts,
        applications=applications(house.base.settings.providers),
        database=house.base.database,
        limits=house.base.limits,
        browser=house.browser,
        ending=people.ending,
        session_lifetime=house.base.settings.session.lifetime,
        issuer=house.base.settings.issuer,
        clock=house.base.clock,
    )


def _authorize(house: House) -> Authorize:
    base, people, registries = house.base, house.people, house.registries
    return Authorize(
        validator=house.validator,
        goal=registries.goal,
        pending=registries.pending,
        subjects=registries.subjects,
        sessions=people.sessions,
        transactions=people.transactions,
        audit=base.audit,
        standing=people.standing,
        database=base.database,
        store=base.store,
        browser=house.browser,
        relay=house.relay,
        gate=house.entrance.gate,
        limits=base.limits,
        issuer=base.settings.issuer,
        clock=base.clock,
    )


def _consent_pages(house: House) -> consent_views.ConsentPages:
    base, people, registries = house.base, house.people, house.registries
    return consent_views.ConsentPages(
        goal=registries.goal,
        pending=registries.pending,
        consents=registries.consents,
        sessions=people.sessions,
        audit=base.audit,
        standing=people.standing,
        database=base.database,
        store=base.store,
        browser=house.browser,
        issuer=base.settings.issuer,
        clock=base.clock,
    )


def _device_pages(house: House) -> DevicePages:
    base, people, registries = house.base, house.people, house.registries
    return DevicePages(
        devices=registries.devices,
        confirmations=registries.confirmations,
        limits=base.limits,
        goal=registries.device_goal,
        clients=registries.clients,
        consents=registries.consents,
        sessions=people.sessions,
        transactions=people.transactions,
        audit=base.audit,
        standing=people.standing,
        database=base.database,
        browser=house.browser,
        clock=base.clock,
    )


def _api(house: House) -> Api:
    base, registries, settings = house.base, house.registries, house.base.settings
    nonces = Nonces(settings.secrets.derived_key("dpop-nonce"))
    key_proofs = KeyProofs(Proofs(base.store, nonces), nonces, base.clock)
    authentication = ClientAuthentication(
        find=registries.clients.enabled,
        is_off=registries.clients.is_off,
        assertions=ClientAssertions(settings.issuer, registries.client_keys, base.store),
        clock=base.clock,
    )
    return Api(
        issuer=settings.issuer,
        clients=registries.clients,
        authentication=authentication,
        proofs=key_proofs,
        server=TokenServer(
            redeemer=registries.redeemer,
            devices=registries.devices,
            authentication=authentication,
            proofs=key_proofs,
            endpoint=f"{settings.issuer}/token",
        ),
        validator=house.validator,
        pushed=registries.pushed,
        redeemer=registries.redeemer,
        devices=registries.devices,
        registration=Registration(
            clients=registries.clients,
            audit=base.audit,
            database=base.database,
            issuer=settings.issuer,
            fetch=partial(
                guarded_get,
                insecure_allow_private=settings.insecure_allow_private_addresses,
                ca_bundle=settings.ca_bundle,
                timeout=(2.0, 3.0),
                total=5.0,
            ),
            insecure_allow_private_addresses=settings.insecure_allow_private_addresses,
        ),
        access_tokens=registries.access_tokens,
        refresh_tokens=registries.refresh_tokens,
        marks=registries.marks,
        signer=registries.signer,
        events=registries.events,
        polled=frozenset(name for name, stream in settings.streams.items() if stream.url is None),
        metadata=Metadata(settings.issuer),
        jwks=Jwks(base.keys),
        audit=base.audit,
        standing=house.people.standing,
        limits=base.limits,
        database=base.database,
        clock=base.clock,
    )


def _account_pages(house: House) -> AccountPages:
    base, people = house.base, house.people
    return AccountPages(
        accounts=people.accounts,
        organizations=people.organizations,
        last_sign_ins=people.last_sign_ins,
        belongings=people.belongings,
        emails=people.emails,
        sessions=people.sessions,
        transactions=people.transactions,
        gate=house.entrance.gate,
        link_goal=house.entrance.link_goal,
        policy=people.policy,
        standing=people.standing,
        audit=base.audit,
        database=base.database,
        browser=house.browser,
        ending=people.ending,
        registries=house.registries.access,
        mail_limit=people.mail_limit,
        has_old_world=people.old_world is not None,
        issuer=base.settings.issuer,
        clock=base.clock,
    )


def _logout_pages(house: House) -> logout_views.LogoutPages:
    registries = house.registries
    return logout_views.LogoutPages(
        clients=registries.clients,
        id_tokens=registries.id_tokens,
        sessions=house.people.sessions,
        ending=house.people.ending,
        subjects=registries.subjects,
        browser=house.browser,
        relay=house.relay,
        clock=house.base.clock,
    )


def _organization_pages(house: House) -> OrganizationPages:
    base, people, entrance = house.base, house.people, house.entrance
    return OrganizationPages(
        authority=people.authority,
        organizations=people.organizations,
        invitations=people.invitations,
        changes=people.changes,
        preview=people.preview,
        mappings=people.mappings,
        attestations=people.attestations,
        exceptions=people.exceptions,
        rule_changes=people.rule_changes,
        admin_consents=entrance.admin_consents,
        mapping_goal=entrance.mapping_goal,
        entra=_entra(people),
        accounts=people.accounts,
        sessions=people.sessions,
        transactions=people.transactions,
        gate=entrance.gate,
        database=base.database,
        browser=house.browser,
        mail_limit=people.mail_limit,
        sign_ins=people.sign_ins_of_members,
        cipher=base.cipher,
        people_create=base.settings.organizations.creation == "people",
        has_old_world=people.old_world is not None,
        issuer=base.settings.issuer,
        clock=base.clock,
    )


def _operator_pages(house: House, organization_pages: OrganizationPages) -> OperatorPages:
    return OperatorPages(
        base=organization_pages,
        counts=SignInCounts(house.base.database),
        switches=house.base.switches,
        targets=Targets(settings=house.base.settings, clients=house.registries.clients),
    )


def _management(house: House, api: Api) -> Management:
    people = house.people
    return Management(
        api=api,
        authority=people.authority,
        organizations=people.organizations,
        invitations=people.invitations,
        changes=people.changes,
        preview=people.preview,
        mappings=people.mappings,
        attestations=people.attestations,
        exceptions=people.exceptions,
        rule_changes=people.rule_changes,
        accounts=people.accounts,
        mail_limit=people.mail_limit,
        policy=people.policy,
        entra=_entra(people),
        people_create=house.base.settings.organizations.creation == "people",
    )


def _entra(people: People) -> Mapping[str, Entra]:
    return {name: each for name, each in people.providers.items() if isinstance(each, Entra) and each.any_tenant}
