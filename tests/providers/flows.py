"""Sign-ins at the stand-ins, by the providers themselves."""

from datetime import UTC, datetime
from typing import Any

from providers.catalog import GitHubSettings, OidcSettings
from providers.github import GitHub
from providers.oidc import OpenIDProvider
from providers.provider import Ask, Identified, Provider, Redirect, Return
from providers.standins import Standins
from providers.standins.browser import sign_in

CALLBACK = "http://localhost:8000/callback/provider"


def github(standins: Standins, **changes: Any) -> GitHub:
    """Return the provider for the stand-in's GitHub."""
    registration = standins.registration("github")
    members = {
        "name": "GitHub",
        "client_id": registration.client_id,
        "client_secret": registration.client_secret,
        "ca_bundle": standins.ca_file,
        "authorize_url": f"{standins.browser_url}/login/oauth/authorize",
        "token_url": f"{standins.backchannel_url}/login/oauth/access_token",
        "api_url": f"{standins.backchannel_url}/api/v3",
    }
    return GitHub("github", GitHubSettings.model_validate(members | changes), CALLBACK)


def openid(standins: Standins, **changes: Any) -> OpenIDProvider:
    """Return the provider for the stand-in's OpenID provider."""
    registration = standins.registration("oidc")
    members = {
        "name": "Generic",
        "client_id": registration.client_id,
        "client_secret": registration.client_secret,
        "ca_bundle": standins.ca_file,
        "issuer": f"{standins.backchannel_url}/oidc",
        "acr_values": ["https://refeds.org/profile/mfa"],
    }
    return OpenIDProvider("generic", OidcSettings.model_validate(members | changes), CALLBACK)


def come_back(redirect: Redirect, persona: str, *, approve: bool = True) -> Return:
    """Return how the browser comes back after the persona signed in."""
    returned = sign_in(redirect.url, persona, approve=approve)
    return Return(method=returned.method, parameters=returned.parameters)


def signed_in(provider: Provider, persona: str, ask: Ask | None = None) -> Identified:
    """Return what a whole sign-in of the persona comes to. Raises ``ProviderError``."""
    redirect = provider.begin(ask or Ask())
    return provider.complete(redirect.flow, come_back(redirect, persona), datetime.now(UTC))
