"""The addresses of the management API."""

from functools import partial

from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue

from broker.management import exceptions, members, operator, organizations, rules, tenants
from broker.management.answers import with_nonce
from broker.management.context import Management
from broker.management.refusals import of_token, too_many
from broker.oidc.api import failures
from broker.oidc.api.context import Api, BearerError
from broker.web import routes

BLUEPRINT = "management"

_ORGANIZATION = "/api/organizations/<organization_id>"
_TENANT = f"{_ORGANIZATION}/tenants/<mapping_id>"

ROUTES: tuple[routes.Route, ...] = (
    ("GET", "/api/organizations", organizations.organizations),
    ("POST", "/api/organizations", organizations.create_organization),
    ("GET", _ORGANIZATION, organizations.organization),
    ("PATCH", _ORGANIZATION, organizations.rename_organization),
    ("GET", f"{_ORGANIZATION}/changes", organizations.changes),
    ("DELETE", f"{_ORGANIZATION}/changes/<change_id>", organizations.stop_change),
    ("GET", f"{_ORGANIZATION}/members", members.members),
    ("PATCH", f"{_ORGANIZATION}/members/<account_id>", members.change_role),
    ("DELETE", f"{_ORGANIZATION}/members/<account_id>", members.remove_member),
    ("POST", f"{_ORGANIZATION}/leave", members.leave),
    ("GET", f"{_ORGANIZATION}/invitations", members.invitations),
    ("POST", f"{_ORGANIZATION}/invitations", members.invite),
    ("GET", f"{_ORGANIZATION}/invitations/<invitation_id>", members.invitation),
    ("DELETE", f"{_ORGANIZATION}/invitations/<invitation_id>", members.withdraw_invitation),
    ("GET", f"{_ORGANIZATION}/rule", rules.rule),
    ("PUT", f"{_ORGANIZATION}/rule", rules.save_rule),
    ("POST", f"{_ORGANIZATION}/rule/preview", rules.preview_rule),
    ("GET", f"{_ORGANIZATION}/tenants", tenants.tenants),
    ("POST", f"{_ORGANIZATION}/tenants", tenants.request_tenant),
    ("GET", _TENANT, tenants.tenant),
    ("PUT", f"{_TENANT}/domains", tenants.set_domains),
    ("POST", f"{_TENANT}/suspend", tenants.suspend_tenant),
    ("POST", f"{_TENANT}/resume", tenants.resume_tenant),
    ("POST", f"{_TENANT}/release", tenants.release_tenant),
    ("GET", f"{_TENANT}/rule", rules.tenant_rule),
    ("PUT", f"{_TENANT}/rule", rules.save_tenant_rule),
    ("POST", f"{_TENANT}/rule/preview", rules.preview_tenant_rule),
    ("GET", f"{_TENANT}/attestations", tenants.attestations),
    ("PUT", f"{_TENANT}/attestations/<context>", tenants.attest),
    ("DELETE", f"{_TENANT}/attestations/<context>", tenants.revoke_attestation),
    ("GET", f"{_ORGANIZATION}/exceptions", exceptions.exceptions),
    ("POST", f"{_ORGANIZATION}/exceptions", exceptions.ask_exception),
    ("GET", f"{_ORGANIZATION}/exceptions/<exception_id>", exceptions.exception),
    ("DELETE", f"{_ORGANIZATION}/exceptions/<exception_id>", exceptions.end_exception),
    ("GET", "/api/operator/requests", operator.requests),
    ("GET", "/api/operator/organizations", operator.all_organizations),
    ("GET", "/api/operator/mappings", operator.all_mappings),
    ("POST", "/api/operator/mappings/<mapping_id>/<verb>", operator.decide_mapping),
    ("GET", "/api/operator/exceptions", operator.running_exceptions),
    ("POST", "/api/operator/exceptions/<exception_id>/<verb>", operator.decide_exception),
)


def blueprint(management: Management) -> Blueprint:
    """Return the resources. They read no cookie, and need no form check."""
    room = routes.blueprint(BLUEPRINT, management, ROUTES)
    room.register_error_handler(BearerError, partial(_answer_bearer_error, management.api))
    room.after_request(lambda response: with_nonce(management.api, response))
    return room


def _answer_bearer_error(api: Api, error: BearerError) -> ResponseReturnValue:
    wait = failures.wait_of(api.limits, error.error, remote=request.remote_addr, form={}, headers=request.headers)
    # What a handler raises is a defect to Flask, so the problem's own handler is called.
    return current_app.handle_user_exception(too_many(wait) if wait else of_token(error))
