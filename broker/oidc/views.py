"""The registry's endpoints and pages: a table of their addresses."""

from collections.abc import Callable
from functools import partial, wraps

from flask import Blueprint, Response

from broker.oidc.api import introspection, metadata, pushed, revocation, token, userinfo
from broker.oidc.api.answering import View, answering
from broker.oidc.api.context import Api
from broker.oidc.authorize.endpoint import Authorize, authorize, authorize_by_form
from broker.oidc.device.endpoint import device_authorization
from broker.oidc.events.poll import poll
from broker.oidc.registration import endpoint as registration
from broker.web import routes
from broker.web.call import in_flask
from broker.web.direct import Direct
from broker.web.errors import API_BLUEPRINT


def browser_blueprint(at: Authorize) -> Blueprint:
    """Return the endpoint that people's browsers are sent to."""
    return routes.blueprint("oidc", at, (("GET", "/authorize", authorize),))


def form_blueprint(at: Authorize) -> Blueprint:
    """Return the same for forms of registries. It is exempt from the form check, and changes nothing."""
    return routes.blueprint("oidc_form", at, (("POST", "/authorize", authorize_by_form),))


def api_blueprint(api: Api) -> Blueprint:
    """Return the endpoints that programs call."""
    room = Blueprint(API_BLUEPRINT, __name__)
    bound = {view: _in_flask(api, view) for _, _, view in _API}
    for method, rule, view in _API:
        room.add_url_rule(rule, view.__name__, bound[view], methods=[method])
    return room


def answer_directly(table: Direct, api: Api) -> None:
    """Have those that are called most answered below Flask."""
    for method, path, view in _API:
        if view in _DIRECT:
            handler = partial(answering, api, view)
            table.add(method, path, f"{API_BLUEPRINT}.{view.__name__}", handler, silent=view in _SILENT)


def _in_flask(context: Api, view: View) -> Callable[..., Response]:
    @wraps(view)
    def viewed(**arguments: str) -> Response:
        return in_flask(partial(answering, context, view), arguments)

    return viewed


_API: tuple[tuple[str, str, View], ...] = (
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
)
_SILENT = frozenset({metadata.metadata, metadata.jwks})
_DIRECT = _SILENT | {token.token, introspection.introspect, revocation.revoke, userinfo.userinfo}
