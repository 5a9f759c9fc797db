"""The back channel to any OpenID provider: a code goes in, tokens come out."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus

import requests
from authlib.integrations.requests_client import OAuth2Session
from requests.auth import HTTPBasicAuth

from providers.callback import checked_token_response
from providers.catalog import OidcSettings
from providers.discovery import Metadata
from providers.http import harden, json_of, outbound
from providers.provider import Fault, ProviderError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a code was worth, none of it validated."""

    id_token: object = field(repr=False)
    access_token: str = field(repr=False)


def redeem(settings: OidcSettings, metadata: Metadata, callback_url: str, code: str, verifier: str) -> Tokens:
    """Return the tokens for an authorization code (OpenID Connect Core 1.0, section 3.1.3).

    Raises :class:`ProviderError`.
    """
    client_id, secret = settings.client_id, settings.client_secret.get_secret_value()
    auth = None
    if metadata.auth_method == "client_secret_basic":
        auth = HTTPBasicAuth(quote_plus(client_id), quote_plus(secret))  # RFC 6749, section 2.3.1; Authlib does not
    session = harden(
        OAuth2Session(client_id, secret, redirect_uri=callback_url, token_endpoint_auth_method=metadata.auth_method),
        settings.ca_bundle,
    )
    session.register_compliance_hook("access_token_response", checked_token_response)
    with session:
        try:
            token = session.fetch_token(metadata.token_endpoint, code=code, code_verifier=verifier, auth=auth)
        except requests.RequestException as error:
            failure = type(error).__name__
        else:
            return Tokens(id_token=token.get("id_token"), access_token=token["access_token"])
    # Outside of the handler: that error holds the request, and the request the client secret.
    raise ProviderError(Fault.UNAVAILABLE, f"token endpoint: {failure}")


def userinfo(settings: OidcSettings, metadata: Metadata, tokens: Tokens, subject: str) -> Mapping[str, object]:
    """Return what the UserInfo endpoint says of the subject (section 5.3), or nothing: it is a suggestion only."""
    if metadata.userinfo_endpoint is None:
        return {}
    headers = {"Accept": "application/json", "Authorization": f"Bearer {tokens.access_token}"}
    try:
        with outbound(settings.ca_bundle) as session:
            response = session.get(metadata.userinfo_endpoint, headers=headers)
    except requests.RequestException as error:
        log.warning("no userinfo: %s", type(error).__name__)
        return {}
    members = json_of(response) if response.status_code == 200 else None
    # Section 5.3.2: of another subject, nothing may be used.
    if not isinstance(members, dict) or members.get("sub") != subject:
        log.warning("no userinfo: HTTP %s, or of another subject", response.status_code)
        return {}
    return members
