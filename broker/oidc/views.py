"""The registry's endpoints and pages: a table of their addresses."""

from authlib.oauth2 import OAuth2Error
from flask import Blueprint

from broker.oidc.api import introspection, metadata, pushed, revocation, token, userinfo
from broker.oidc.api.context import (
    Api,
    BearerError,
    answer_bad_request,
    answer_bearer_error,
    answer_oauth_error,
    with_nonce,
)
from broker.oidc.authorize.endpoint import Authorize, authorize, authorize_by_form
from broker.oidc.device.endpoint import device_authorization
from broker.oidc.events.poll import poll
from broker.oidc.registration import endpoint as registration
from broker.oidc.strict import BadRequest
from broker.web import routes
from broker.web.errors import API_BLUEPRINT


def browser_blueprint(at: Authorize) -> Blueprint:
    """Return the endpoint that people's browsers are sent to."""
    return routes.blueprint("oidc", at, (("GET", "/authorize", authorize),))


def form_blueprint(at: Authorize) -> Blueprint:
    """Return the same for forms of registries. It is exempt from the form check, and changes nothing."""
    return routes.blueprint("oidc_form", at, (("POST", "/authorize", authorize_by_form),))


def api_blueprint(api: Api) -> Blueprint:
    """Return the endpoints that programs call."""
    room = routes.blueprint(
        API_BLUEPRINT,
        api,
        (
            ("GET", "/.well-known/openid-configuration", metadata.metadata),
            ("GET", "/.well-known/oauth-authorization-server", metadata.metadata),
            ("GET", "/jwks", metadata.jwks),
            ("POST", "/par", pushed.push),
            ("POST", "/device_authorization", device_authorization),
            ("POST", "/token", token.token),
            ("POST", "/introspect", introspection.introspect),
            ("POST", "/revoke", revocation.revoke),
            ("POST", "/register", registration.register),
            ("GET", "/register/<client_id>", registration.read_client),
            ("PUT", "/register/<client_id>", registration.update_client),
            ("DELETE", "/register/<client_id>", registration.delete_client),
            ("POST", "/events/poll", poll),
            ("GET", "/userinfo", userinfo.userinfo),
            ("POST", "/userinfo", userinfo.userinfo),
        ),
    )
    room.register_error_handler(BadRequest, answer_bad_request)
    room.register_error_handler(OAuth2Error, lambda error: with_nonce(api, answer_oauth_error(error)))
    room.register_error_handler(BearerError, lambda error: with_nonce(api, answer_bearer_error(error)))
    return room
