"""Microsoft's two providers against the stand-in, and whole sign-ins through them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from pydantic import SecretStr

from claims.evidence import Strength
from providers.catalog import EntraSettings, MicrosoftAccountSettings, TenantSettings
from providers.microsoft.account import MicrosoftAccount
from providers.microsoft.entra import Entra
from providers.provider import Ask, Fault, Identified, ProviderError, Redirect, Return
from providers.standins import CONTOSO, EVIDENCE_API, EVIDENCE_SCOPE, FABRIKAM, Registration, Standins
from providers.standins.browser import sign_in as browse
from providers.tenants import ConfiguredTenants, TenantDirectory

CALLBACK = "https://broker.example/callback/microsoft"
TENANTS = {CONTOSO: TenantSettings(name="Contoso"), FABRIKAM: TenantSettings(name="Fabrikam")}
# Its manifest has not the optional claim acrs: it comes when it is asked for.
WITHOUT_ACRS = Registration(
    kind="entra",
    client_id="33333333-4444-4555-8666-777777777777",
    client_secret="of-the-second-application",
    redirect_uris=(CALLBACK,),
    optional_claims=frozenset({"auth_time", "email", "xms_edov", "acct"}),
)

Provider = MicrosoftAccount | Entra


def account(standins: Standins) -> MicrosoftAccount:
    registration = standins.registration("microsoft_account")
    settings = MicrosoftAccountSettings(
        name="Microsoft",
        client_id=registration.client_id,
        client_secret=SecretStr(registration.client_secret),
        ca_bundle=standins.ca_file,
        instance=standins.backchannel_url,
    )
    return MicrosoftAccount("msa", settings, CALLBACK)


def attested(name: str, **contexts: str) -> TenantSettings:
    """Return a tenant whose admin attested these contexts today."""
    today = datetime.now(UTC).date()
    return TenantSettings.model_validate({"name": name, "contexts": contexts, "contexts_attested_on": today})


def entra(standins: Standins, directory: TenantDirectory | None = None, /, **changes: Any) -> Entra:
    registration = standins.registration("entra")
    members = {
        "name": "Work account",
        "client_id": registration.client_id,
        "client_secret": SecretStr(registration.client_secret),
        "ca_bundle": standins.ca_file,
        "instance": standins.backchannel_url,
        "v1_issuer": f"{standins.backchannel_url}/sts",
        "evidence_scope": EVIDENCE_SCOPE,
        "evidence_audience": EVIDENCE_API,
        "tenants": TENANTS,
    }
    settings = EntraSettings(**{**members, **changes})
    return Entra("entra", settings, CALLBACK, directory or ConfiguredTenants({"entra": settings}))


def go(redirect: Redirect, persona: str, *, approve: bool = True) -> Return:
    """Let ``persona`` sign in, and return what the broker would hand on."""
    returned = browse(redirect.url, persona, approve=approve)
    assert returned.url == CALLBACK
    return Return(method=returned.method, parameters=returned.parameters)


def kept(redirect: Redirect) -> Mapping[str, object]:
    """Return the flow as the broker's store gives it back: through JSON."""
    flow: dict[str, object] = json.loads(json.dumps(redirect.flow))
    return flow


def sign_in(provider: Provider, persona: str, ask: Ask | None = None) -> Identified:
    redirect = provider.begin(ask or Ask())
    return provider.complete(kept(redirect), go(redirect, persona), datetime.now(UTC))


def refused(provider: Provider, persona: str, ask: Ask | None = None) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        sign_in(provider, persona, ask)
    return raised.value


def fault(provider: Provider, persona: str) -> Fault:
    return refused(provider, persona).code


def strength(identified: Identified) -> Strength:
    return max((each.strength for each in identified.authentication.evidence), default=Strength.NONE)


def query(url: str) -> dict[str, str]:
    pairs = parse_qsl(urlsplit(url).query, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)
