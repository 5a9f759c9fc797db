"""What was found by attacking it: how far rules, exceptions and attestations reach."""

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from broker.accounts.organizations.belonging import Standing
from broker.accounts.organizations.capabilities import Denied, Role
from broker.tenants.model import mappings
from broker.tenants.rules import Rule, dump
from claims.decision import Purpose
from claims.evidence import Binding, Evidence, Kind, Strength
from providers.tenants import Tenant
from tests.accounts.organizations.rooms import DAY, NOW, OTHER_TID, TID, SignIn, evidence
from tests.tenants.rooms import Room

PHR = Rule(strength=Strength.PHISHING_RESISTANT)
MFA, WEAK = evidence(Strength.MFA), evidence(Strength.SINGLE, values=("pwd",))
STRONG = evidence(Strength.PHISHING_RESISTANT)
ACRS = evidence(Strength.PHISHING_RESISTANT, Binding.ATTESTED, kind=Kind.ACRS, values=("c1",))


@pytest.fixture
def room(sqlite: object) -> Room:
    return Room(sqlite)  # type: ignore[arg-type]  # the fixture of the folder above, as it is here


def standing(room: Room, sign_in: SignIn, organization_id: str) -> Standing:
    with room.database.read() as connection:
        (found,) = room.belongings.of(connection, sign_in, NOW, organization_id=organization_id)
    return found.standing


def stands(room: Room, sign_in: SignIn) -> bool:
    with room.database.read() as connection:
        return room.authority._sign_ins.judge(connection, sign_in, Purpose.SESSION, NOW).holds


def test_t5_to_suspend_a_tenant_loosens_nothing_for_those_who_come_another_way(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id, TID, Rule(strength=Strength.PHISHING_RESISTANT, guests=False))
    bob = room.sign_in("bob").with_evidence(MFA)
    room.join(ada.organization_id, bob.account_id, Role.ADMIN)
    assert not standing(room, bob, ada.organization_id).met
    room.suspend(ada, mapping_id)
    with room.database.read() as connection:
        assert connection.execute(select(mappings.c.state)).scalar_one() == "suspended"
    assert not standing(room, bob, ada.organization_id).met
    with room.database.read() as connection, pytest.raises(Denied):
        room.authority.fresh_admin(connection, bob, ada.organization_id, NOW)


def test_t4_an_exception_of_one_organisation_waives_nothing_at_another_ones_tenant(room: Room) -> None:
    bea, ada = room.an_admin("bea"), room.an_admin("ada")
    room.map(bea.organization_id, TID, Rule(strength=Strength.PHISHING_RESISTANT, guests=False))
    worker = room.sign_in("worker").by_tenant(TID).with_evidence(WEAK)
    room.join(ada.organization_id, worker.account_id)
    room.excuse(ada.organization_id, worker.account_id)
    assert not stands(room, worker)
    room.join(bea.organization_id, worker.account_id)
    room.excuse(bea.organization_id, worker.account_id)
    assert stands(room, worker)


def test_t1_an_exception_does_in_place_of_the_organisations_rule_for_no_admin(room: Room) -> None:
    organization_id, (ada, bob) = room.admins("ada", "bob")
    room.save(replace(ada, proven=ada.proven.with_evidence(STRONG)), PHR)  # type: ignore[attr-defined]  # a SignIn
    room.excuse(organization_id, bob.account_id)
    excused = bob.proven.with_evidence(MFA)  # type: ignore[attr-defined]  # a SignIn
    assert standing(room, excused, organization_id).met, "for what registries learn it does"
    with room.database.read() as connection, pytest.raises(Denied):
        room.authority.fresh_admin(connection, excused, organization_id, NOW)


def test_t4_what_somebody_attests_of_their_own_tenant_counts_in_no_other_organisation(room: Room) -> None:
    ada, mallory = room.an_admin("ada"), room.an_admin("mallory")
    room.save(replace(ada, proven=ada.proven.with_evidence(STRONG)), PHR)  # type: ignore[attr-defined]  # a SignIn
    room.attest(room.map(mallory.organization_id, OTHER_TID), "c1", Strength.PHISHING_RESISTANT, NOW + 300 * DAY)
    room.join(ada.organization_id, mallory.account_id, Role.ADMIN)
    came = mallory.proven.by_tenant(OTHER_TID).with_evidence(ACRS)  # type: ignore[attr-defined]  # a SignIn
    assert standing(room, came, mallory.organization_id).met
    assert not standing(room, came, ada.organization_id).met
    operator_says = Tenant(guests=False, contexts=())
    room.configured.tenants[OTHER_TID] = operator_says
    assert not standing(room, came, ada.organization_id).met


def test_t4_what_somebody_attests_of_their_own_tenant_makes_no_operator(room: Room) -> None:
    mallory = room.an_admin("mallory")
    room.attest(room.map(mallory.organization_id, OTHER_TID), "c1", Strength.PHISHING_RESISTANT, NOW + 300 * DAY)
    olga = room.sign_in("olga").by_tenant(OTHER_TID).with_evidence(ACRS)
    with room.database.begin() as connection:
        room.operators.add(connection, olga.account_id, NOW)
    assert stands(room, olga)
    with room.database.read() as connection, pytest.raises(Denied):
        room.authority.operator(connection, olga, NOW)


def test_t4_the_providers_of_a_tenants_rule_hold_at_every_use_of_a_sign_in(room: Room) -> None:
    ada = room.an_admin("ada")
    worker = room.sign_in("worker").by_tenant(TID).with_evidence(MFA)
    room.map(ada.organization_id, TID)
    assert stands(room, worker)
    for rule in (Rule(guests=False, providers=frozenset({"github"})), Rule(tenants=frozenset({OTHER_TID}))):
        with room.database.begin() as connection:
            connection.execute(update(mappings).values(rule=dump(rule)))
        assert not stands(room, worker)


def test_t1_of_two_contexts_each_counts_by_itself(room: Room) -> None:
    ada = room.an_admin("ada")
    mapping_id = room.map(ada.organization_id, TID)
    room.attest(mapping_id, "c2", Strength.MFA, NOW + 300 * DAY)
    both = Evidence(
        kind=Kind.ACRS,
        values=("c1", "c2"),
        strength=Strength.MFA,
        binding=Binding.ATTESTED,
        observed_at=NOW,
        source="entra:id_token.acrs",
        renewed=True,
    )
    worker = room.sign_in("worker").by_tenant(TID)
    assert not stands(room, worker.with_evidence(both)), "nobody knows which of the two was given anew"
    assert stands(room, worker.with_evidence(replace(both, values=("c2",))))
