"""The four providers as the conformance suite takes them: how each is configured, and who signs in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from providers.catalog import (
    CommonSettings,
    EntraSettings,
    GitHubSettings,
    MicrosoftAccountSettings,
    OidcSettings,
    build,
)
from providers.provider import Provider
from providers.standins import CONTOSO, EVIDENCE_API, EVIDENCE_SCOPE, FABRIKAM, OPERATOR, Kind, Standins
from providers.standins.toggles import Who
from providers.tenants import ConfiguredTenants
from tests.providers.flows import CALLBACK


@dataclass(frozen=True, kw_only=True)
class Case:
    """One implementation: how it is configured, and whom of the stand-in's people the suite asks to sign in.

    ``strong`` is signed in with MFA at once, ``other`` too; ``method`` is how the browser comes back.
    """

    kind: Kind
    standin: Who
    model: type[CommonSettings]
    members: Callable[[Standins], Mapping[str, Any]]
    strong: str
    other: str
    declines: str
    method: str
    openid: bool


def microsoft(standins: Standins) -> dict[str, Any]:
    return {"instance": standins.backchannel_url}


def entra(standins: Standins) -> dict[str, Any]:
    return {
        **microsoft(standins),
        "v1_issuer": f"{standins.backchannel_url}/sts",
        "evidence_scope": EVIDENCE_SCOPE,
        "evidence_audience": EVIDENCE_API,
        "tenants": {
            CONTOSO: {
                "name": "Contoso",
                "contexts": {"c2": "phishing_resistant"},
                "contexts_attested_on": datetime.now(UTC).date(),
            },
            FABRIKAM: {"name": "Fabrikam", "guests": True},
            OPERATOR: {"name": "Operator", "guests": True},
        },
    }


def github(standins: Standins) -> dict[str, Any]:
    return {
        "authorize_url": f"{standins.browser_url}/login/oauth/authorize",
        "token_url": f"{standins.backchannel_url}/login/oauth/access_token",
        "api_url": f"{standins.backchannel_url}/api/v3",
    }


def openid(standins: Standins) -> dict[str, Any]:
    return {"issuer": f"{standins.backchannel_url}/oidc", "acr_values": ["phr", "https://refeds.org/profile/mfa"]}


CASES = (
    Case(
        kind="microsoft_account",
        standin="microsoft",
        model=MicrosoftAccountSettings,
        members=microsoft,
        strong="msa-mfa",
        other="msa-same-email",
        declines="msa-declines",
        method="POST",
        openid=True,
    ),
    Case(
        kind="entra",
        standin="microsoft",
        model=EntraSettings,
        members=entra,
        strong="entra-mfa",
        other="entra-phr",
        declines="entra-declines",
        method="POST",
        openid=True,
    ),
    Case(
        kind="github",
        standin="github",
        model=GitHubSettings,
        members=github,
        strong="2fa-true",
        other="gh-same-email",
        declines="gh-declines",
        method="GET",
        openid=False,
    ),
    Case(
        kind="oidc",
        standin="oidc",
        model=OidcSettings,
        members=openid,
        strong="oidc-mfa",
        other="oidc-phr",
        declines="oidc-declines",
        method="GET",
        openid=True,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A case with its running stand-in and one provider."""

    case: Case
    standins: Standins

    def provider(self) -> Provider:
        registration = self.standins.registration(self.case.kind)
        common = {
            "name": "The provider",
            "client_id": registration.client_id,
            "client_secret": registration.client_secret,
            "ca_bundle": self.standins.ca_file,
        }
        settings = self.case.model.model_validate({**common, **self.case.members(self.standins)})
        tenants = ConfiguredTenants({"the-provider": settings})
        return build("the-provider", settings, CALLBACK, tenants)  # type: ignore[arg-type]  # one of the union

    @property
    def secret(self) -> str:
        return self.standins.registration(self.case.kind).client_secret
