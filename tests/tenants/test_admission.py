"""On what terms people come by a tenant: from the configuration, from an organisation's mapping, or not at all."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from broker.tenants.admission import WITHOUT_TENANT, Admission
from broker.tenants.mapping_records import State
from broker.tenants.model import attestations
from broker.tenants.rules import NOTHING_MORE, OF_A_NEW_TENANT, Rule
from claims.decision import Requirement, decide
from claims.evidence import Authentication, Binding, Evidence, Kind, Strength
from claims.rules import Attestation
from providers.tenants import Tenant
from tests.accounts.organizations.rooms import DAY, NOW, OTHER_TID, TID, evidence
from tests.tenants.rooms import Room

MFA, PHR = Strength.MFA, Strength.PHISHING_RESISTANT
C1 = Attestation(context="c1", strength=MFA)
C2 = Attestation(context="c2", strength=PHR)
MOMENT = timedelta(microseconds=1)


def find(room: Room, tid: str = TID, provider_id: str = "entra") -> Admission | None:
    return room.admissions.find(provider_id, tid, NOW)


def found(room: Room) -> Admission:
    admission = find(room)
    assert admission is not None
    return admission


def configure(room: Room, *contexts: Attestation, guests: bool = True) -> None:
    room.configured.tenants[TID] = Tenant(guests=guests, contexts=contexts)


def acrs(*values: str, strength: Strength = PHR, renewed: bool = False) -> Evidence:
    said = evidence(strength, Binding.ATTESTED, kind=Kind.ACRS, values=values)
    return replace(said, renewed=renewed)


def said(*items: Evidence) -> Authentication:
    return Authentication(evidence=items, auth_time=None)


def admission(*contexts: Attestation) -> Admission:
    return Admission(
        tid=TID, organization_id="", rule=NOTHING_MORE, guests=True, contexts=contexts, by_operator=contexts
    )


def test_t4_nobody_comes_by_a_tenant_that_is_neither_mapped_nor_configured(room: Room) -> None:
    ada = room.an_admin()
    room.map(ada.organization_id)
    for tid in (OTHER_TID, TID.upper() + " ", "common", ""):
        assert find(room, tid) is None


@pytest.mark.parametrize("state", State)
def test_t5_only_an_active_mapping_admits(room: Room, state: State) -> None:
    ada = room.an_admin()
    room.map(ada.organization_id, state=state.value)
    assert (find(room) is not None) == (state is State.ACTIVE)


def test_t5_a_configured_tenant_that_its_organisation_suspended_admits_nobody(room: Room) -> None:
    configure(room)
    assert found(room).rule == NOTHING_MORE
    ada = room.an_admin()
    requested = room.request(ada)
    assert find(room) is not None
    room.prove(ada, requested)
    assert find(room) is not None
    room.approve(room.operator(), requested)
    assert found(room).rule == OF_A_NEW_TENANT
    room.suspend(ada, requested)
    assert find(room) is None
    room.release(room.operator("otto"), requested)
    assert found(room).rule == NOTHING_MORE


def test_t5_the_tenants_of_an_organisation_that_is_switched_off_admit_nobody(room: Room) -> None:
    ada = room.an_admin()
    room.map(ada.organization_id)
    with room.database.begin() as connection:
        room.organizations.disable(connection, ada.organization_id, NOW)
    assert find(room) is None
    configure(room)
    assert find(room) is None
    with room.database.begin() as connection:
        room.organizations.enable(connection, ada.organization_id, NOW)
    assert find(room) is not None


def test_who_comes_without_a_tenant_is_asked_for_nothing_more_unless_the_provider_has_tenants(room: Room) -> None:
    with room.database.read() as connection:
        assert room.admissions.of(connection, "github", "", NOW) == WITHOUT_TENANT
        assert room.admissions.of(connection, "entra", "", NOW) is None


def test_t4_a_tenant_is_mapped_at_one_provider_and_comes_by_that_one(room: Room) -> None:
    room.admissions._tenanted = frozenset({"entra", "other"})
    ada = room.an_admin()
    room.map(ada.organization_id)
    assert find(room) is not None
    assert find(room, provider_id="other") is None


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("configured", [False, True])
def test_guests_come_where_both_the_organisation_and_the_configuration_let_them(
    room: Room, mapped: bool, configured: bool
) -> None:
    ada = room.an_admin()
    room.map(ada.organization_id, rule=Rule(guests=mapped, strength=MFA))
    configure(room, guests=configured)
    assert found(room).guests == found(room).rule.guests == (mapped and configured)
    assert found(room).rule.strength is MFA


def test_a_context_counts_until_its_review_and_not_a_moment_longer(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    assert found(room).contexts == ()
    room.attest(mapping_id, "c1", MFA, NOW + MOMENT)
    room.attest(mapping_id, "c2", PHR, NOW)
    assert found(room).contexts == (C1,)
    assert found(room).counted(said(acrs("c1"), acrs("c2"))).evidence == (acrs("c1", strength=MFA),)


def test_of_a_context_that_both_attest_the_organisations_own_word_counts(room: Room) -> None:
    configure(room, Attestation(context="c1", strength=PHR), C2)
    assert set(found(room).contexts) == {Attestation(context="c1", strength=PHR), C2}
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    room.attest(mapping_id, "c1", MFA, NOW + DAY)
    assert set(found(room).contexts) == {C1, C2}


def test_t4_what_the_tenants_admin_attested_too_long_ago_is_not_made_up_for_by_the_configuration(room: Room) -> None:
    configure(room, C1)
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    assert found(room).contexts == (C1,)
    room.attest(mapping_id, "c1", MFA, NOW)
    assert found(room).contexts == ()
    with room.database.begin() as connection:
        still = update(attestations).values(review_by=NOW + DAY, revoked_at=NOW)
        connection.execute(still)
    assert found(room).contexts == (), "nor for what they took back"


def test_t1_without_an_attestation_a_context_is_no_evidence(room: Room) -> None:
    came = said(acrs("c1"), evidence(Strength.SINGLE))
    assert admission().counted(came).evidence == (evidence(Strength.SINGLE),)
    assert admission(C2).counted(came).evidence == (evidence(Strength.SINGLE),)
    assert not decide(Requirement(), admission().counted(came), NOW).satisfied
    assert decide(Requirement(), admission(C1).counted(came), NOW).satisfied


def test_t1_what_was_revoked_counts_no_more_in_a_sign_in_of_before(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    came = said(acrs("c1", strength=MFA), acrs("c2"))
    for context, strength in (("c1", MFA), ("c2", PHR)):
        room.attest(mapping_id, context, strength, NOW + DAY)
    assert found(room).counted(came) == came
    with room.database.begin() as connection:
        room.attestations.revoke(connection, ada, mapping_id, "c2")
    assert found(room).counted(came).evidence == (acrs("c1", strength=MFA),)


def test_t1_a_context_is_worth_no_more_than_it_was_taken_for_when_it_came() -> None:
    came = said(acrs("c1", strength=MFA))
    stronger = admission(Attestation(context="c1", strength=PHR, every_time=True))
    assert stronger.counted(came) == came
    assert admission(C1).counted(said(acrs("c1"))).evidence == (acrs("c1", strength=MFA),)


def test_t1_a_context_is_renewed_only_while_its_policy_asks_every_time() -> None:
    came = said(acrs("c2", renewed=True))
    every_time = replace(C2, every_time=True)
    assert admission(every_time).counted(came) == came
    assert admission(C2).counted(came).evidence == (acrs("c2"),)
    assert admission(every_time).counted(said(acrs("c2"))).evidence == (acrs("c2"),)


def test_other_evidence_counts_as_it_came() -> None:
    came = said(evidence(), evidence(kind=Kind.ACR, values=("phr",)))
    assert admission().counted(came) == came == WITHOUT_TENANT.counted(came)


def test_the_rules_of_active_and_suspended_tenants_are_found_by_organisation(room: Room) -> None:
    ada, bob = room.an_admin("ada"), room.an_admin("bob")
    room.map(ada.organization_id, rule=Rule(strength=PHR))
    room.map(ada.organization_id, OTHER_TID, state="suspended")
    room.map(bob.organization_id, OTHER_TID, state="proven")
    with room.database.read() as connection:
        rules = room.admissions.rules_of(connection, [ada.organization_id, bob.organization_id])
    assert rules == {
        ada.organization_id: {TID: Rule(strength=PHR), OTHER_TID: OF_A_NEW_TENANT},
        bob.organization_id: {},
    }
