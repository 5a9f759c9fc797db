"""Sign-ins at one tenant's own authority, and a directory that is asked at the very end."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from claims.evidence import Kind, Strength
from claims.rules import Attestation
from providers.catalog import CONSUMERS, TenantSettings
from providers.provider import Ask, Fault, Identified, ProviderError
from providers.standins import CONTOSO, FABRIKAM, NORTHWIND, Standins
from providers.tenants import Tenant
from tests.providers.microsoft.flows import (
    WITHOUT_ACRS,
    account,
    entra,
    go,
    kept,
    query,
    refused,
    sign_in,
    strength,
)
from tests.providers.microsoft.scripted import TENANT, Answer, Scripted, returned

OTHER = "3f6a2b10-6c1e-4a1b-9c2d-f4b21c0de001"
AT_NORTHWIND, AT_CONTOSO = Ask(tenant=NORTHWIND), Ask(tenant=CONTOSO)
C1 = Attestation(context="c1", strength=Strength.MFA)
C1_EVERY_TIME = Attestation(context="c1", strength=Strength.MFA, every_time=True)
C2_EVERY_TIME = Attestation(context="c2", strength=Strength.PHISHING_RESISTANT, every_time=True)
FORCED = Ask(force_mfa=True)


class Directory:
    """Tenants that a test changes while sign-ins are under way."""

    def __init__(self, **tenants: Tenant) -> None:
        self.tenants: dict[str, Tenant] = dict(tenants)
        self.asked: list[tuple[str, str, datetime]] = []

    def find(self, provider_id: str, tid: str, now: datetime) -> Tenant | None:
        self.asked.append((provider_id, tid, now))
        return self.tenants.get(tid)


def directory(*contexts: Attestation, guests: bool = False) -> Directory:
    return Directory(**{NORTHWIND: Tenant(guests=guests, contexts=contexts)})


def test_a_named_tenant_is_asked_at_its_own_authority_and_the_code_redeemed_there(standins: Standins) -> None:
    identified = sign_in(entra(standins, directory()), "northwind-mfa", AT_NORTHWIND)
    assert (identified.subject.tenant, strength(identified)) == (NORTHWIND, Strength.MFA)
    assert {seen.path.split("/")[1] for seen in standins.requests} == {NORTHWIND}
    paths = {seen.path for seen in standins.requests}
    assert {f"/{NORTHWIND}/discovery/v2.0/keys", f"/{NORTHWIND}/discovery/keys"} <= paths


def test_at_a_tenant_only_its_own_people_and_guests_can_sign_in(standins: Standins) -> None:
    redirect = entra(standins, directory()).begin(AT_NORTHWIND)
    with pytest.raises(KeyError):
        go(redirect, "entra-mfa")


def test_t5_a_tenant_suspended_while_the_user_was_away_is_refused(standins: Standins) -> None:
    tenants = directory()
    provider = entra(standins, tenants)
    for ask in (AT_NORTHWIND, Ask()):
        redirect = provider.begin(ask)
        back = go(redirect, "northwind-mfa")
        suspended = tenants.tenants.pop(NORTHWIND)
        with pytest.raises(ProviderError) as raised:
            provider.complete(kept(redirect), back, datetime.now(UTC))
        assert raised.value.code is Fault.TENANT_NOT_ALLOWED
        tenants.tenants[NORTHWIND] = suspended


def test_the_directory_is_asked_once_at_the_end_with_the_time_of_the_sign_in(standins: Standins) -> None:
    tenants, now = directory(), datetime(2026, 11, 21, 12, tzinfo=UTC)
    provider = entra(standins, tenants)
    redirect = provider.begin(Ask())
    assert tenants.asked == []
    with pytest.raises(ProviderError):  # the token is of another day
        provider.complete(kept(redirect), go(redirect, "northwind-mfa"), now)
    redirect, now = provider.begin(Ask()), datetime.now(UTC)
    identified = provider.complete(kept(redirect), go(redirect, "northwind-mfa"), now)
    assert tenants.asked == [("entra", NORTHWIND, now)]
    assert identified.admitted is tenants.tenants[NORTHWIND]


def test_a_tenant_that_admits_guests_is_told_who_is_one(standins: Standins) -> None:
    assert refused(entra(standins, directory()), "northwind-guest", AT_NORTHWIND).code is Fault.GUEST_REFUSED
    provider = entra(standins, directory(guests=True))
    assert sign_in(provider, "northwind-guest", AT_NORTHWIND).guest
    assert not sign_in(provider, "northwind-mfa", AT_NORTHWIND).guest


@pytest.mark.parametrize(
    "tid", ["", "organizations", "common", "northwind.example", NORTHWIND.upper(), "../x", CONSUMERS]
)
def test_t4_what_is_no_tenant_is_refused_before_anything_is_asked(standins: Standins, tid: str) -> None:
    with pytest.raises(ProviderError) as raised:
        entra(standins).begin(Ask(tenant=tid))
    assert raised.value.code is Fault.TENANT_NOT_ALLOWED
    assert standins.requests == ()


def test_t4_a_provider_of_one_tenant_refuses_another(standins: Standins) -> None:
    provider = entra(standins, authority=CONTOSO, tenants={CONTOSO: TenantSettings(name="Contoso")})
    assert sign_in(provider, "entra-mfa", AT_CONTOSO).subject.tenant == CONTOSO
    with pytest.raises(ProviderError) as raised:
        provider.begin(Ask(tenant=FABRIKAM))
    assert raised.value.code is Fault.TENANT_NOT_ALLOWED


def test_a_tenant_that_microsoft_does_not_know_is_no_mistake_of_the_operators(standins: Standins) -> None:
    provider = entra(standins)
    with pytest.raises(ProviderError) as raised:
        provider.begin(Ask(tenant="deadbeef-0000-4000-8000-00000000beef"))
    assert raised.value.code is Fault.TENANT_NOT_ALLOWED


def test_the_other_providers_take_no_notice_of_a_tenant(standins: Standins) -> None:
    provider = account(standins)
    ask = Ask(tenant=NORTHWIND, domain_hint="northwind.example", mapping=True)
    redirect = provider.begin(ask)
    assert "/consumers/" in redirect.url
    assert "northwind" not in redirect.url
    identified = sign_in(provider, "msa-mfa", ask)
    assert (identified.mapping, identified.roles) == (False, frozenset())


@pytest.mark.parametrize(
    "hint, sent",
    [
        ("northwind.example", "northwind.example"),
        ("Northwind.example", None),
        ("organizations", None),
        ("consumers", None),
        ("ned@northwind.example", None),
        ("", None),
    ],
)
def test_a_domain_hint_is_sent_only_if_it_is_a_domain_and_is_not_kept(
    standins: Standins, hint: str, sent: str | None
) -> None:
    redirect = entra(standins).begin(Ask(domain_hint=hint))
    assert query(redirect.url).get("domain_hint") == sent
    assert "northwind" not in json.dumps(redirect.flow).lower()


def test_asking_again_goes_to_the_same_tenant(standins: Standins) -> None:
    provider = entra(standins, directory())
    first = sign_in(provider, "northwind-pwd", AT_NORTHWIND)
    assert first.again == Ask(force_mfa=True, tenant=NORTHWIND)
    assert sign_in(provider, "northwind-pwd", first.again).again is None


# Tokens of other tenants than the one that was asked


def at_tenant(microsoft: Scripted, identity: Mapping[str, object], ask: Ask | None = None) -> Identified:
    """Sign in at the tenant's own authority, with an ID token changed so."""
    provider = microsoft.entra()
    redirect = provider.begin(ask or Ask(tenant=TENANT))
    tokens = {"id_token": microsoft.id_token(redirect, **identity), "access_token": microsoft.evidence_token()}
    microsoft.give(Answer(body=tokens), TENANT)
    return provider.complete(kept(redirect), returned(redirect), datetime.now(UTC))


def test_t4_a_token_of_another_tenant_is_refused_even_where_the_keys_would_do(microsoft: Scripted) -> None:
    microsoft.serve(TENANT, TENANT)
    assert strength(at_tenant(microsoft, {})) is Strength.MFA
    microsoft.publish(TENANT, microsoft.key.microsoft_jwk | {"issuer": f"{microsoft.instance}/{{tenantid}}/v2.0"})
    assert strength(at_tenant(microsoft, {})) is Strength.MFA
    for tid in (OTHER, CONSUMERS):
        with pytest.raises(ProviderError) as raised:
            at_tenant(microsoft, {"tid": tid})
        assert raised.value.code is Fault.WRONG_ACCOUNT


def test_t4_the_key_of_another_tenant_is_no_key_at_a_tenants_authority(microsoft: Scripted) -> None:
    microsoft.serve(TENANT, TENANT)
    microsoft.publish(TENANT, microsoft.key.microsoft_jwk | {"issuer": f"{microsoft.instance}/{OTHER}/v2.0"})
    for tid, fault in ((TENANT, Fault.INVALID_RESPONSE), (OTHER, Fault.WRONG_ACCOUNT)):
        with pytest.raises(ProviderError) as raised:
            at_tenant(microsoft, {"tid": tid})
        assert raised.value.code is fault


def test_t4_a_token_of_another_tenant_is_refused_where_the_configuration_names_the_one(microsoft: Scripted) -> None:
    microsoft.serve(TENANT, TENANT)
    microsoft.publish(TENANT, microsoft.key.microsoft_jwk | {"issuer": f"{microsoft.instance}/{{tenantid}}/v2.0"})
    provider = microsoft.entra(authority=TENANT)
    redirect = provider.begin(Ask())
    microsoft.give(Answer(body={"id_token": microsoft.id_token(redirect, tid=OTHER)}), TENANT)
    with pytest.raises(ProviderError) as raised:
        provider.complete(kept(redirect), returned(redirect), datetime.now(UTC))
    assert raised.value.code is Fault.WRONG_ACCOUNT


def test_t4_microsofts_stand_in_that_swaps_the_tenant_is_refused_at_either_authority(standins: Standins) -> None:
    provider = entra(standins)
    standins.toggles.set("swapped_tid")
    assert refused(provider, "entra-mfa", AT_CONTOSO).code is Fault.INVALID_RESPONSE
    assert refused(provider, "entra-mfa").code is Fault.TENANT_NOT_ALLOWED


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": FABRIKAM},
        {"tenant": None},
        {"tenant": 7},
        {"authority": "https://attacker.invalid/organizations"},
    ],
    ids=str,
)
def test_t4_a_flow_is_finished_at_the_tenant_where_it_began(standins: Standins, change: dict[str, Any]) -> None:
    provider = entra(standins)
    redirect = provider.begin(AT_CONTOSO)
    back = go(redirect, "entra-mfa")
    with pytest.raises(ProviderError) as raised:
        provider.complete({**kept(redirect), **change}, back, datetime.now(UTC))
    assert raised.value.code is Fault.EXPIRED
    assert not [seen for seen in standins.requests if seen.path.endswith("/token")]


def test_t4_a_code_of_one_tenant_is_not_redeemed_at_another(standins: Standins) -> None:
    provider = entra(standins)
    redirect = provider.begin(AT_CONTOSO)
    flow = {**kept(redirect), "tenant": FABRIKAM, "authority": f"{standins.backchannel_url}/{FABRIKAM}"}
    with pytest.raises(ProviderError) as raised:
        provider.complete(flow, go(redirect, "entra-mfa"), datetime.now(UTC))
    assert (raised.value.code, raised.value.upstream_code) == (Fault.EXPIRED, "AADSTS700005")


# Authentication contexts of the directory


def test_the_context_that_the_directory_knows_for_mfa_is_asked_for_at_once(standins: Standins) -> None:
    provider = entra(standins, directory(C1, C2_EVERY_TIME))
    asked = json.loads(query(provider.begin(AT_NORTHWIND).url)["claims"])
    assert asked["id_token"] == {"acrs": {"essential": True, "value": "c1"}}
    assert "id_token" not in json.loads(query(provider.begin(Ask()).url)["claims"])
    assert "id_token" not in json.loads(query(provider.begin(Ask(tenant=FABRIKAM)).url)["claims"])


def test_a_context_counts_where_the_directory_attests_it_and_only_while_it_does(standins: Standins) -> None:
    tenants = directory(C1)
    provider = entra(standins, tenants)
    assert strength(sign_in(provider, "northwind-c1", AT_NORTHWIND)) is Strength.MFA
    redirect = provider.begin(AT_NORTHWIND)
    back = go(redirect, "northwind-c1")
    tenants.tenants[NORTHWIND] = Tenant(guests=False, contexts=())
    identified = provider.complete(kept(redirect), back, datetime.now(UTC))
    assert strength(identified) is Strength.SINGLE
    assert {each.kind for each in identified.authentication.evidence} == {Kind.AMR}


def renewed(identified: Identified) -> list[bool]:
    return [each.renewed for each in identified.authentication.evidence if each.kind is Kind.ACRS]


def test_a_context_that_asks_every_time_renews_the_factor_of_the_sign_in_that_asked_for_it(standins: Standins) -> None:
    provider = entra(standins, directory(C1_EVERY_TIME))
    assert renewed(sign_in(provider, "northwind-c1", AT_NORTHWIND)) == [True]
    assert renewed(sign_in(entra(standins, directory(C1)), "northwind-c1", AT_NORTHWIND)) == [False]


def test_t1_a_context_that_came_unasked_may_have_been_met_long_ago(standins: Standins) -> None:
    # The optional claim acrs names every context that the session meets.
    provider = entra(standins, directory(C1_EVERY_TIME))
    first = sign_in(provider, "northwind-c1")
    assert (strength(first), renewed(first)) == (Strength.MFA, [False])
    assert first.again is not None
    assert json.loads(first.again.claims_challenge or "") == {"id_token": {"acrs": {"essential": True, "value": "c1"}}}
    second = sign_in(provider, "northwind-c1", first.again)
    assert (renewed(second), second.again) == ([True], None)


def test_t1_a_stronger_context_that_came_unasked_takes_its_strength_and_no_freshness(standins: Standins) -> None:
    provider = entra(standins, directory(C1_EVERY_TIME, C2_EVERY_TIME))
    first = sign_in(provider, "northwind-c2", AT_NORTHWIND)
    assert (strength(first), renewed(first)) == (Strength.PHISHING_RESISTANT, [False, True])
    assert first.again is not None
    second = sign_in(provider, "northwind-c2", first.again)
    assert (strength(second), renewed(second)) == (Strength.PHISHING_RESISTANT, [True, False])


def test_without_the_optional_claim_only_the_context_that_was_asked_for_comes(standins: Standins) -> None:
    without = {"client_id": WITHOUT_ACRS.client_id, "client_secret": WITHOUT_ACRS.client_secret}
    provider = entra(standins, directory(C1_EVERY_TIME, C2_EVERY_TIME), **without)
    assert renewed(sign_in(provider, "northwind-c2", AT_NORTHWIND)) == [True]


# Errors that only an admin can mend, and the one that the user can


@pytest.mark.parametrize(
    "persona, at_tenant, elsewhere, number",
    [
        ("entra-no-application", Fault.ADMIN_CONSENT_REQUIRED, Fault.MISCONFIGURED, 700016),
        ("entra-admin-consent", Fault.ADMIN_CONSENT_REQUIRED, Fault.ADMIN_CONSENT_REQUIRED, 90094),
        ("entra-unassigned", Fault.NOT_ASSIGNED, Fault.NOT_ASSIGNED, 50105),
        ("entra-blocked", Fault.BLOCKED_BY_POLICY, Fault.BLOCKED_BY_POLICY, 53003),
    ],
)
def test_an_application_the_tenant_does_not_know_is_its_admins_to_mend_where_the_tenant_was_named(
    standins: Standins, persona: str, at_tenant: Fault, elsewhere: Fault, number: int
) -> None:
    provider = entra(standins)
    for ask, fault in ((AT_CONTOSO, at_tenant), (Ask(), elsewhere)):
        error = refused(provider, persona, ask)
        assert (error.code, error.upstream_code, error.again) == (fault, f"AADSTS{number}", None)


def test_who_has_not_approved_the_application_is_asked_to_once(standins: Standins) -> None:
    provider = entra(standins)
    for ask in (Ask(), AT_CONTOSO, FORCED):
        error = refused(provider, "entra-consent", ask)
        assert (error.code, error.upstream_code) == (Fault.CONSENT_REQUIRED, "AADSTS65001")
        assert error.again == Ask(consent=True, force_mfa=ask.force_mfa, tenant=ask.tenant)
        assert query(provider.begin(error.again).url)["prompt"] == "consent"
        assert strength(sign_in(provider, "entra-consent", error.again)) is Strength.MFA


def test_who_was_asked_to_approve_already_is_not_asked_again(microsoft: Scripted) -> None:
    provider = microsoft.entra()
    redirect = provider.begin(Ask(consent=True))
    microsoft.give(Answer(body={"error": "invalid_grant", "error_codes": [65001]}, status=400))
    with pytest.raises(ProviderError) as raised:
        provider.complete(kept(redirect), returned(redirect), datetime.now(UTC))
    assert (raised.value.code, raised.value.again) == (Fault.CONSENT_REQUIRED, None)


@pytest.mark.parametrize("max_age, sent", [(None, "0"), (600, "0")])
def test_t1_asking_for_consent_does_not_forget_that_a_fresh_sign_in_was_wanted(
    standins: Standins, max_age: int | None, sent: str
) -> None:
    ask = Ask(consent=True, reauthenticate=True, max_age=max_age)
    asked = query(entra(standins).begin(ask).url)
    assert (asked["prompt"], asked["max_age"]) == ("consent", sent)
    assert "max_age" not in query(entra(standins).begin(Ask(consent=True)).url)


def test_t12_however_many_tenants_are_named_few_applications_are_kept(microsoft: Scripted) -> None:
    provider = microsoft.entra()
    tids = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(40)]
    for tid in tids:
        microsoft.serve(tid, tid)
        provider.begin(Ask(tenant=tid))
    idle = provider._registration._idle
    assert [each.authority for each in idle] == [f"{microsoft.instance}/{tid}" for tid in tids[-16:]]
    microsoft.seen.clear()
    provider.begin(Ask(tenant=tids[-1]))
    assert microsoft.seen == []
    provider.begin(Ask(tenant=tids[0]))
    assert len(microsoft.seen) == 1
