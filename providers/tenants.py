"""Which Entra tenants may sign in, and what of theirs counts as proof: asked anew in every sign-in, never kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from claims.evidence import Strength
from claims.rules import Attestation
from providers.catalog import CommonSettings, EntraSettings, TenantSettings

REVIEW_AFTER = timedelta(days=365)
"""How long an attestation counts. Policies change, and nobody tells us."""

_AHEAD = timedelta(days=1)  # where the operator writes the date, it may be tomorrow already


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """An Entra tenant that may sign in, as it stands at one moment.

    ``guests``: users whose home is elsewhere may, too. ``contexts`` is what its admin attested of authentication
    contexts, as far as it counts at that moment.
    """

    guests: bool
    contexts: tuple[Attestation, ...]


class TenantDirectory(Protocol):
    """Knows the tenants of every provider."""

    def find(self, provider_id: str, tid: str, now: datetime) -> Tenant | None:
        """Return the tenant ``tid`` (a lower-case GUID) as it stands at ``now``; none: nobody of it may sign in."""
        ...


class ConfiguredTenants:
    """The tenants in the settings of Entra's providers, and no others. ``providers`` by id, of any kind."""

    def __init__(self, providers: Mapping[str, CommonSettings]) -> None:
        self._tenants = {
            provider_id: settings.tenants
            for provider_id, settings in providers.items()
            if isinstance(settings, EntraSettings)
        }

    def find(self, provider_id: str, tid: str, now: datetime) -> Tenant | None:
        """Return the tenant as configured; what was attested a year ago counts no more."""
        tenant = self._tenants.get(provider_id, {}).get(tid)
        return None if tenant is None else Tenant(guests=tenant.guests, contexts=_counting(tenant, now))


def _counting(tenant: TenantSettings, now: datetime) -> tuple[Attestation, ...]:
    attested_on = tenant.contexts_attested_on
    if attested_on is None or not -_AHEAD <= now.date() - attested_on < REVIEW_AFTER:
        return ()
    return tuple(
        Attestation(context=context, strength=Strength.parse(label)) for context, label in tenant.contexts.items()
    )
