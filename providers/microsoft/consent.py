"""Admin consent: an administrator approves the application for the whole tenant.

Source: Microsoft's "Admin consent on the Microsoft identity platform". Nothing of the answer is signed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from providers.microsoft.aadsts import refusal
from providers.microsoft.guids import is_guid
from providers.provider import Fault, ProviderError


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminConsent:
    """The browser came back and says that an administrator approved.

    ``claimed_tenant`` is the tenant that the browser named. It is unauthenticated and proves nothing: anybody can
    write any. It may tell where to ask for a sign-in, whose verified ``tid`` then counts.
    """

    claimed_tenant: str


def parse_admin_consent(parameters: Mapping[str, str]) -> AdminConsent:
    """Return the answer of the admin consent page; ``state`` was already matched by the caller.

    Raises :class:`ProviderError` where nobody approved, or the answer is of another shape.
    """
    if "error" in parameters:
        raise refusal(parameters)
    tenant = parameters.get("tenant", "").lower()
    if parameters.get("admin_consent", "").lower() != "true" or not is_guid(tenant):
        raise ProviderError(Fault.INVALID_RESPONSE, "the response is not that of the admin consent page")
    return AdminConsent(claimed_tenant=tenant)
