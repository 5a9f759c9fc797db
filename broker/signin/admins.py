"""The page that somebody sends to the administrator of their tenant: what only that administrator can mend, and how.

Anybody may open it, and its address says nothing of whoever sent it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from broker.signin.outcomes import Refused
from broker.web.texts import ADMINS
from providers.catalog import EntraSettings, ProviderSettings
from providers.microsoft.aadsts import needs_admin
from providers.microsoft.guids import is_guid

CORRELATION_ID = "correlation_id"
"""The one parameter of the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What an administrator knows us by at Microsoft, and approves. ``any_tenant``: not for people of one alone."""

    name: str
    client_id: str
    scopes: tuple[str, ...]
    any_tenant: bool


def applications(providers: Mapping[str, ProviderSettings]) -> Mapping[str, Application]:
    """Return our application of each enabled provider whose people come by a tenant."""
    return {
        provider_id: Application(
            name=each.name,
            client_id=each.client_id,
            scopes=("openid", "profile", "email", each.evidence_scope),
            any_tenant=each.authority == "organizations",
        )
        for provider_id, each in providers.items()
        if isinstance(each, EntraSettings) and each.enabled
    }


def address(refused: Refused, known: Mapping[str, Application], issuer: str) -> str | None:
    """Return where the page about a refusal is; none where there is nothing that an administrator could do."""
    error = refused.error
    if error is None or error.upstream_code not in ADMINS or refused.provider.id not in known:
        return None
    if not needs_admin(error.upstream_code, error.code):
        return None
    page = f"{issuer}/for-admins/{quote(refused.provider.id)}/{error.upstream_code}"
    correlation_id = guid(error.correlation_id)
    return page if correlation_id is None else f"{page}?{urlencode({CORRELATION_ID: correlation_id})}"


def guid(value: str | None) -> str | None:
    """Return a GUID in lower case, or none for anything else."""
    folded = value.lower() if value is not None else None
    return folded if is_guid(folded) else None
