"""The addresses of the pages about tenants and exceptions."""

from flask import Blueprint

from broker.accounts.organizations.visit import OrganizationPages
from broker.tenants.pages import answers, exceptions, operator, proof, tenant
from broker.web import routes

_ORGANIZATION = "/organizations/<organization_id>"
_TENANT = f"{_ORGANIZATION}/tenants/<mapping_id>"


def blueprint(pages: OrganizationPages) -> Blueprint:
    """Return the pages, and the address to which Microsoft sends back whoever approved the application."""
    room = routes.blueprint(
        "tenants",
        pages,
        (
            ("POST", f"{_ORGANIZATION}/tenants", tenant.ask_for_tenant),
            ("GET", _TENANT, tenant.show_tenant),
            ("POST", f"{_TENANT}/prove", proof.prove),
            ("GET", "/callback/<provider_id>/consent", proof.consented),
            ("POST", f"{_TENANT}/domains", tenant.set_domains),
            ("POST", f"{_TENANT}/suspend", tenant.suspend),
            ("POST", f"{_TENANT}/resume", tenant.resume),
            ("POST", f"{_TENANT}/release", tenant.release),
            ("POST", f"{_TENANT}/attestations", tenant.attest),
            ("POST", f"{_TENANT}/attestations/<context>/revoke", tenant.revoke),
            ("GET", f"{_ORGANIZATION}/exceptions", exceptions.show_exceptions),
            ("POST", f"{_ORGANIZATION}/exceptions", exceptions.ask_for_exception),
            ("POST", f"{_ORGANIZATION}/exceptions/<exception_id>/end", exceptions.end_exception),
            ("GET", "/operator", operator.show_operators_page),
            ("POST", "/operator/mappings/<mapping_id>/<verb>", operator.decide_mapping),
            ("POST", "/operator/exceptions/<exception_id>/<verb>", operator.decide_exception),
        ),
    )
    answers.register(room)
    return room
