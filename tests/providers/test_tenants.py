"""The tenants of the configuration: who is in it, and for how long an attestation counts."""

from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import TypeAdapter

from claims.evidence import Strength
from claims.rules import Attestation
from providers.catalog import ProviderSettings
from providers.tenants import REVIEW_AFTER, ConfiguredTenants, Tenant
from tests.providers.test_catalog import OTHER_TENANT, RAW, TENANT

SIGNED = date(2026, 11, 21)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ADAPTER: TypeAdapter[ProviderSettings] = TypeAdapter(ProviderSettings)
C1 = Attestation(context="c1", strength=Strength.MFA)
C2 = Attestation(context="c2", strength=Strength.PHISHING_RESISTANT)


@pytest.fixture
def configured() -> ConfiguredTenants:
    attested = {"contexts": {"c1": "mfa", "c2": "phishing_resistant"}, "contexts_attested_on": SIGNED}
    tenants = {TENANT: {"name": "Contoso", "guests": True, **attested}, OTHER_TENANT: {"name": "Fabrikam"}}
    raw = {"work": {**RAW["entra"], "tenants": tenants}, "other": RAW["entra"], "github": RAW["github"]}
    return ConfiguredTenants({name: ADAPTER.validate_python(each) for name, each in raw.items()})


def test_a_tenant_is_found_at_the_provider_that_lists_it_and_at_no_other(configured: ConfiguredTenants) -> None:
    assert configured.find("work", TENANT, NOON) == Tenant(guests=True, contexts=(C1, C2))
    assert configured.find("work", OTHER_TENANT, NOON) == Tenant(guests=False, contexts=())
    assert configured.find("other", TENANT, NOON) == Tenant(guests=False, contexts=())
    for provider_id, tid in (("other", OTHER_TENANT), ("github", TENANT), ("nobody", TENANT), ("work", TENANT.upper())):
        assert configured.find(provider_id, tid, NOON) is None


@pytest.mark.parametrize(
    "after, counts",
    [
        (timedelta(days=-2), False),
        (timedelta(days=-1), True),
        (timedelta(0), True),
        (REVIEW_AFTER - timedelta(days=1), True),
        (REVIEW_AFTER, False),
        (timedelta(days=4000), False),
    ],
)
def test_what_was_attested_a_year_ago_counts_no_more_and_neither_does_what_is_dated_ahead(
    configured: ConfiguredTenants, after: timedelta, counts: bool
) -> None:
    found = configured.find("work", TENANT, NOON + after)
    assert found == Tenant(guests=True, contexts=(C1, C2) if counts else ())
