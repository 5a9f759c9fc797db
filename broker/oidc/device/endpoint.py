"""The device authorization endpoint: a device asks for its two codes (RFC 8628 section 3.1)."""

from authlib.oauth2.rfc6749 import InvalidScopeError, UnauthorizedClientError

from broker.oidc.api.context import Api, answer, authenticated, begun, with_nonce
from broker.oidc.clients import Client
from broker.oidc.device.service import INTERVAL
from broker.oidc.device.user_codes import shown
from broker.oidc.errors import InvalidTarget
from broker.oidc.scopes import SCOPES
from broker.settings.clients import DEVICE_CODE
from broker.web.call import Answer, Call


def device_authorization(api: Api, call: Call) -> Answer:
    """POST /device_authorization. A proof of a key binds nothing yet: the one with the token request does."""
    client = authenticated(api, call, "device_authorization")
    if not client.check_grant_type(DEVICE_CODE):
        raise UnauthorizedClientError("The client is not registered for the device grant.")
    scope, resources = _scope(client, call), _resources(client, call)
    begun(api, client)
    device = api.devices.begin(
        client,
        scope=scope,
        resources=resources,
        requested_acr=_words(call, "acr_values"),
        now=api.clock(),
    )
    verification_uri = f"{api.issuer}/device"
    user_code = shown(device.user_code)
    document = {
        "device_code": device.device_code,
        "user_code": user_code,
        "verification_uri": verification_uri,
        "verification_uri_complete": f"{verification_uri}?user_code={user_code}",
        "expires_in": api.devices.lifetime,
        "interval": INTERVAL,
    }
    return with_nonce(api, call, answer(document))


def _scope(client: Client, call: Call) -> tuple[str, ...]:
    """OpenID Connect Core 3.1.2.1: ``openid`` is required; RFC 6749 section 3.3: what we do not grant is left out."""
    words = _words(call, "scope")
    if "openid" not in words:
        raise InvalidScopeError("The scope must contain openid.")
    return tuple(word for word in words if word in SCOPES and word in client.scopes)


def _resources(client: Client, call: Call) -> tuple[str, ...]:
    """RFC 8707 section 2: resources that the client is registered for."""
    wanted = tuple(dict.fromkeys(filter(None, call.lists.get("resource", []))))
    if not client.resources.issuperset(wanted):
        raise InvalidTarget("resource is not one that the client may ask for.")
    return wanted


def _words(call: Call, name: str) -> tuple[str, ...]:
    """Return a space-separated list in its order, each word once."""
    return tuple(dict.fromkeys(call.form.get(name, "").split()))
