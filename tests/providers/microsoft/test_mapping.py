"""Mapping sign-ins: somebody shows that they may speak for a tenant that nobody has admitted yet."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from claims.evidence import Kind, Strength
from claims.rules import Attestation
from providers.microsoft.roles import GLOBAL_ADMINISTRATOR, SPEAKING_ROLES
from providers.provider import Ask, Fault, Identified, Missing, ProviderError
from providers.standins import CONTOSO, FABRIKAM, NORTHWIND, Standins, register_all
from providers.tenants import Tenant
from tests.providers.microsoft.flows import CALLBACK, entra, go, kept, refused, sign_in, strength
from tests.providers.microsoft.scripted import TENANT, Answer, Scripted, returned
from tests.providers.microsoft.test_tenant_authority import Directory

NORTHWIND_MAPS, CONTOSO_MAPS = Ask(tenant=NORTHWIND, mapping=True), Ask(tenant=CONTOSO, mapping=True)
READER = "5d6b6bb7-de71-4623-b4af-96380a352509"
C1 = Attestation(context="c1", strength=Strength.MFA)
EVERYTHING = Tenant(guests=True, contexts=(C1,))


@pytest.mark.parametrize(
    "persona, ask, roles",
    [
        ("northwind-admin", NORTHWIND_MAPS, {GLOBAL_ADMINISTRATOR}),
        ("northwind-mfa", NORTHWIND_MAPS, set()),
        ("entra-admin", CONTOSO_MAPS, {GLOBAL_ADMINISTRATOR}),
        ("entra-reader", CONTOSO_MAPS, {READER}),
    ],
)
def test_who_maps_a_tenant_brings_their_roles_and_the_tenant_need_not_be_admitted(
    standins: Standins, persona: str, ask: Ask, roles: set[str]
) -> None:
    tenants = Directory()
    identified = sign_in(entra(standins, tenants), persona, ask)
    assert (identified.mapping, set(identified.roles)) == (True, roles)
    assert (identified.subject.tenant, strength(identified)) == (ask.tenant, Strength.MFA)
    assert bool(identified.roles & SPEAKING_ROLES) == persona.endswith("-admin")
    assert (identified.admitted, tenants.asked) == (None, [])


def test_t4_no_other_sign_in_brings_roles(standins: Standins) -> None:
    identified = sign_in(entra(standins), "entra-admin", Ask(tenant=CONTOSO))
    assert (identified.mapping, identified.roles) == (False, frozenset())


def test_t4_a_guest_speaks_for_no_tenant_not_even_where_guests_are_taken(standins: Standins) -> None:
    provider = entra(standins, Directory(**{NORTHWIND: EVERYTHING}))
    assert sign_in(provider, "northwind-guest", Ask(tenant=NORTHWIND)).guest
    assert refused(provider, "northwind-guest", NORTHWIND_MAPS).code is Fault.GUEST_REFUSED


def test_t4_who_may_be_a_guest_for_all_that_the_token_says_is_refused(standins: Standins) -> None:
    provider = entra(standins)
    standins.toggles.set("no_acct")
    assert refused(provider, "northwind-admin", NORTHWIND_MAPS).code is Fault.MISCONFIGURED
    assert sign_in(provider, "entra-admin", Ask(tenant=CONTOSO)).subject.tenant == CONTOSO


def test_t4_no_context_counts_for_who_maps_whatever_was_attested_before(standins: Standins) -> None:
    provider = entra(standins, Directory(**{NORTHWIND: EVERYTHING}))
    assert strength(sign_in(provider, "northwind-c1", Ask(tenant=NORTHWIND))) is Strength.MFA
    identified = sign_in(provider, "northwind-c1", NORTHWIND_MAPS)
    assert strength(identified) is Strength.SINGLE
    assert {each.kind for each in identified.authentication.evidence} == {Kind.AMR}


def test_asking_again_keeps_it_a_mapping_at_the_same_tenant(standins: Standins) -> None:
    provider = entra(standins)
    first = sign_in(provider, "northwind-pwd", NORTHWIND_MAPS)
    assert first.again == replace(NORTHWIND_MAPS, force_mfa=True)
    second = sign_in(provider, "northwind-pwd", first.again)
    assert (second.mapping, second.again, strength(second)) == (True, None, Strength.SINGLE)
    error = refused(provider, "entra-consent", CONTOSO_MAPS)
    assert error.again == replace(CONTOSO_MAPS, consent=True)
    assert sign_in(provider, "entra-consent", error.again).mapping
    late = refused(provider, "entra-mfa-demanded", CONTOSO_MAPS)
    assert late.again is not None
    assert sign_in(provider, "entra-mfa-demanded", late.again).mapping


def test_t4_a_mapping_names_the_tenant_that_it_is_about(standins: Standins) -> None:
    with pytest.raises(ValueError, match="that tenant"):
        entra(standins).begin(Ask(mapping=True))


def test_t4_a_mapping_is_completed_as_a_mapping_and_a_sign_in_as_a_sign_in(standins: Standins) -> None:
    provider = entra(standins)
    mapping, normal = provider.begin(CONTOSO_MAPS), provider.begin(Ask(tenant=CONTOSO))
    answers = {redirect.state: go(redirect, "entra-admin") for redirect in (mapping, normal)}
    for flow, other in ((mapping, normal), (normal, mapping)):
        with pytest.raises(ProviderError) as raised:
            provider.complete(kept(flow), answers[other.state], datetime.now(UTC))
        assert raised.value.code is Fault.INVALID_RESPONSE
    proved = provider.complete(kept(mapping), answers[mapping.state], datetime.now(UTC))
    signed_in = provider.complete(kept(normal), answers[normal.state], datetime.now(UTC))
    assert [(each.mapping, bool(each.roles)) for each in (proved, signed_in)] == [(True, True), (False, False)]


@pytest.mark.parametrize("flag", [None, 1, "true", [True], ...])
def test_t4_a_flow_that_does_not_say_mapping_in_one_word_is_a_normal_one(standins: Standins, flag: object) -> None:
    provider = entra(standins)
    redirect = provider.begin(NORTHWIND_MAPS)
    flow = dict(kept(redirect))
    if flag is ...:
        del flow["mapping"]
    else:
        flow["mapping"] = flag
    with pytest.raises(ProviderError) as raised:
        provider.complete(flow, go(redirect, "northwind-admin"), datetime.now(UTC))
    assert raised.value.code is Fault.TENANT_NOT_ALLOWED


def maps(microsoft: Scripted, **identity: object) -> Identified:
    """Map the tenant with an ID token that has these claims too."""
    microsoft.serve(TENANT, TENANT)
    provider = microsoft.entra()
    redirect = provider.begin(Ask(tenant=TENANT, mapping=True))
    claims = {"acct": 0, "wids": [GLOBAL_ADMINISTRATOR], **identity}
    tokens = {"id_token": microsoft.id_token(redirect, **claims), "access_token": microsoft.evidence_token()}
    microsoft.give(Answer(body=tokens), TENANT)
    return provider.complete(kept(redirect), returned(redirect), datetime.now(UTC))


def test_t4_a_mapping_of_one_tenant_by_a_token_of_another_is_refused(microsoft: Scripted) -> None:
    assert maps(microsoft).roles == {GLOBAL_ADMINISTRATOR}
    with pytest.raises(ProviderError) as raised:
        maps(microsoft, tid=FABRIKAM)
    assert raised.value.code is Fault.INVALID_RESPONSE


@pytest.mark.parametrize("idp", ["live.com", "https://sts.windows.net/" + FABRIKAM + "/", 7])
def test_t4_who_has_another_home_speaks_for_no_tenant_whatever_acct_says(microsoft: Scripted, idp: object) -> None:
    with pytest.raises(ProviderError) as raised:
        maps(microsoft, idp=idp)
    assert raised.value.code is Fault.GUEST_REFUSED


def test_t2_roles_in_the_evidence_token_are_nobodys(microsoft: Scripted) -> None:
    assert maps(microsoft, wids=None, roles=[GLOBAL_ADMINISTRATOR], groups=[GLOBAL_ADMINISTRATOR]).roles == frozenset()


@pytest.mark.parametrize("toggle", ["no_wids", "wids_text", "wids_null", "wids_nested", "wids_doubled"])
def test_t2_t4_a_wids_of_another_shape_names_no_role_and_is_no_fault(standins: Standins, toggle: str) -> None:
    standins.toggles.set(toggle)
    identified = sign_in(entra(standins), "northwind-admin", NORTHWIND_MAPS)
    assert (identified.mapping, identified.roles) == (True, frozenset())


@pytest.mark.parametrize(
    "manifest, roles",
    [
        ("DirectoryRole", {GLOBAL_ADMINISTRATOR}),
        ("All", {GLOBAL_ADMINISTRATOR}),
        ("SecurityGroup", set()),
        ("None", set()),
    ],
)
def test_roles_come_where_the_registrations_manifest_asks_for_them(
    standins: Standins, manifest: str, roles: set[str]
) -> None:
    (registration,) = (each for each in register_all([CALLBACK]) if each.kind == "entra")
    another = replace(registration, client_id=f"manifest-{manifest}", group_membership_claims=manifest)  # type: ignore[arg-type]  # one of four
    standins._world.registrations.append(another)
    provider = entra(standins, client_id=another.client_id, client_secret=another.client_secret)
    assert sign_in(provider, "northwind-admin", NORTHWIND_MAPS).roles == roles
    standins._world.registrations.remove(another)


def test_a_mapping_without_a_word_on_mfa_says_what_is_missing(standins: Standins) -> None:
    standins.toggles.set("access_opaque")
    identified = sign_in(entra(standins), "northwind-admin", NORTHWIND_MAPS)
    assert (strength(identified), identified.missing) == (Strength.NONE, Missing.NOT_SENT)
