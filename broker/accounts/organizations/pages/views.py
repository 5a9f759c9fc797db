"""The addresses of the pages of organisations."""

from flask import Blueprint

from broker.accounts.organizations.pages import invitations, members, organization, rules
from broker.accounts.organizations.visit import OrganizationPages
from broker.tenants.pages import answers
from broker.web import routes

_ONE = "/organizations/<organization_id>"
_TENANT = f"{_ONE}/tenants/<mapping_id>"


def blueprint(pages: OrganizationPages) -> Blueprint:
    """Return the pages."""
    rooms = routes.blueprint(
        "organizations",
        pages,
        (
            ("GET", "/organizations", organization.overview),
            ("POST", "/organizations", organization.create),
            ("GET", _ONE, organization.show),
            ("POST", f"{_ONE}/name", organization.rename),
            ("POST", f"{_ONE}/leave", organization.leave),
            ("POST", f"{_ONE}/changes/<change_id>/stop", organization.stop),
            ("POST", f"{_ONE}/members/<account_id>/role", members.change_role),
            ("POST", f"{_ONE}/members/<account_id>/remove", members.remove),
            ("POST", f"{_ONE}/invitations", invitations.invite),
            ("POST", f"{_ONE}/invitations/<invitation_id>/withdraw", invitations.withdraw),
            ("GET", f"{_ONE}/rules", rules.show_rules),
            ("GET", f"{_ONE}/rules/preview", rules.preview),
            ("POST", f"{_ONE}/rules", rules.save),
            ("GET", f"{_TENANT}/rules", rules.show_rules),
            ("GET", f"{_TENANT}/rules/preview", rules.preview),
            ("POST", f"{_TENANT}/rules", rules.save),
            ("GET", "/invitations/<token>", invitations.door),
            ("POST", "/invitations/<token>", invitations.accept),
        ),
    )
    answers.register(rooms)
    return rooms
