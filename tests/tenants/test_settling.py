"""In the first days of what several people had shared, no rule shuts an admin out that another one saves."""

from dataclasses import replace
from datetime import datetime

import pytest

from broker.accounts.carried import attach
from broker.accounts.organizations.capabilities import FreshAdmin
from broker.accounts.organizations.change_records import SETTLING
from broker.tenants.errors import Conflict
from broker.tenants.rules import NOTHING_MORE, OF_A_NEW_TENANT, Rule
from claims.evidence import Binding, Evidence, Strength
from tests.accounts.organizations.rooms import NOW, TID, SignIn, evidence
from tests.tenants.rooms import HOUR, Room, at

STRICT = Rule(strength=Strength.PHISHING_RESISTANT)
ONE, OTHER = (frozenset({each}) for each in (Binding.SESSION, Binding.ACCOUNT_STATE))


def two(room: Room, *, seen: bool = True) -> tuple[FreshAdmin, FreshAdmin]:
    """Return who has the strongest proof, and who has MFA, in an organisation that was just converted."""
    organization_id, (ada, bob) = room.admins("ada", "bob")
    with room.database.begin() as connection:
        attach(connection, "42", organization_id, NOW)
    strong = strongest(ada, NOW)
    signs_in(room, strong, *([bob] if seen else []))
    return strong, bob


def showing(admin: FreshAdmin, *proofs: Evidence) -> FreshAdmin:
    assert isinstance(admin.proven, SignIn)
    return replace(admin, proven=admin.proven.with_evidence(*proofs))


def strongest(admin: FreshAdmin, now: datetime) -> FreshAdmin:
    return showing(at(admin, now), evidence(Strength.PHISHING_RESISTANT, at=now))


def signs_in(room: Room, *admins: FreshAdmin) -> None:
    with room.database.begin() as connection:
        for each in admins:
            room.last_sign_ins.record(connection, each.proven, NOW)


def own_rule(room: Room, admin: FreshAdmin) -> Rule:
    with room.database.read() as connection:
        return room.organizations.get(connection, admin.organization_id).rule


def refused(room: Room, admin: FreshAdmin, rule: Rule, mapping_id: str | None = None) -> None:
    with pytest.raises(Conflict, match=r"^settling$"):
        room.save(admin, rule, mapping_id)


def test_t4_nobody_shuts_another_admin_out_before_it_is_settled(room: Room) -> None:
    ada, _ = two(room)
    refused(room, ada, STRICT)
    late = strongest(ada, NOW + SETTLING - HOUR)
    refused(room, late, Rule(providers=frozenset({"github"}), strength=STRICT.strength))
    assert (own_rule(room, ada), room.waiting(ada), room.audited("rule.changed")) == (NOTHING_MORE, [], [])
    both_meet = Rule(strength=Strength.MFA, providers=frozenset({"github"}))
    assert room.save(ada, both_meet).rule == both_meet
    assert room.save(strongest(ada, NOW + SETTLING), STRICT).rule.strength is STRICT.strength


def test_t4_nor_by_the_rule_of_a_tenant(room: Room) -> None:
    ada, _ = two(room)
    mapping_id = room.map(ada.organization_id, TID)
    refused(room, ada, replace(OF_A_NEW_TENANT, strength=Strength.PHISHING_RESISTANT), mapping_id)
    assert room.mapping(ada, mapping_id).rule == OF_A_NEW_TENANT


def test_t4_an_admin_of_whom_no_sign_in_is_known_counts_as_shut_out_by_what_is_stricter(room: Room) -> None:
    ada, bob = two(room, seen=False)
    refused(room, ada, Rule(strength=Strength.MFA))
    signs_in(room, bob)
    room.save(ada, Rule(strength=Strength.MFA))
    assert room.save(ada, NOTHING_MORE).waiting is not None, "what is looser shuts nobody out"


def test_who_does_not_meet_the_rules_as_they_are_is_not_shut_out_by_a_stricter_one(room: Room) -> None:
    ada, bob = two(room)
    with room.database.begin() as connection:
        room.rule_changes.save(connection, ada, Rule(strength=Strength.MFA), mapping_id=None)
    signs_in(room, showing(bob))
    assert room.save(ada, STRICT).rule == STRICT


def test_t4_what_waits_does_not_take_effect_once_it_would_shut_another_admin_out(room: Room) -> None:
    ada, bob = two(room)
    proofs = [evidence(binding=next(iter(each))) for each in (ONE, OTHER)]
    both = [showing(each, *proofs) for each in (ada, bob)]
    signs_in(room, *both)
    room.save(both[0], Rule(bindings=ONE))
    assert room.save(both[0], Rule(bindings=OTHER)).waiting is not None
    signs_in(room, showing(bob, proofs[0]))
    assert room.pass_a_day() == 0
    assert own_rule(room, ada) == Rule(bindings=ONE)
    assert [detail["reason"] for _, _, detail in room.audited("change.failed")] == ["settling"]
