"""What was found by attacking the verbs of tenants, exceptions and rules: each once, as the sentence that holds."""

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.accounts.organizations.capabilities import Denial, Denied, FreshAdmin, FreshOperator, Person, Role, Shell
from broker.storage.database import Database
from broker.tenants.errors import BadInput, Conflict, Conflicting
from broker.tenants.exception_records import State
from broker.tenants.parties import own_rule, set_own_rule
from broker.tenants.rules import NOTHING_MORE, OF_A_NEW_TENANT, Rule
from claims.evidence import Binding, Strength
from tests.accounts.organizations.rooms import (
    DAY,
    NOW,
    OTHER_TID,
    TID,
    SignIn,
    evidence,
    fresh_admin,
    leaver,
    person_of,
)
from tests.tenants.rooms import SILENT, Room, at

THIRD_TID = "40000000-0000-4000-8000-000000000000"


def by_tenant(admin: FreshAdmin, tid: str = TID) -> FreshAdmin:
    """Return the same admin, who came by a tenant."""
    came = admin.proven
    assert isinstance(came, SignIn)
    return replace(admin, proven=came.by_tenant(tid))


def whose(acting: FreshAdmin | FreshOperator) -> Person:
    assert isinstance(acting.proven, SignIn)
    return person_of(acting.proven)


def rule_of(room: Room, organization_id: str) -> Rule:
    with room.database.read() as connection:
        return own_rule(connection, organization_id)


def signed_in(room: Room, admin: FreshAdmin) -> None:
    """Have it be known how the admin signed in."""
    with room.database.begin() as connection:
        room.last_sign_ins.record(connection, admin.proven, NOW)


# Attestations


def test_t12_an_attestation_that_was_revoked_is_reminded_of_by_nobody_and_holds_up_none_of_the_others(
    room: Room,
) -> None:
    ada = room.an_admin("ada")
    mapping_id = room.map(ada.organization_id)
    for context in ("c1", "c2"):
        room.attest(mapping_id, context, Strength.MFA, NOW + 20 * DAY)
    with room.database.begin() as connection:
        room.attestations.revoke(connection, ada, mapping_id, "c1")
    with room.database.begin() as connection:
        assert room.attestations.remind(connection, NOW) == 1
    (mail,) = [each for each in room.mails() if each["subject"] == "An attestation is due"]
    assert "context c2" in mail["text"]


# Operators who are on a side


def rivals(room: Room) -> tuple[FreshAdmin, str, FreshAdmin, str]:
    """Return an admin with an active tenant, and one who claims it."""
    bea, ada = room.an_admin("bea"), room.an_admin("ada")
    held = room.proven(bea)
    room.approve(room.operator("impartial"), held)
    return bea, held, ada, room.proven(ada)


@pytest.mark.parametrize("verb", ["release", "suspend", "resume"])
def test_t4_an_operator_does_nothing_to_the_rival_of_their_own_organisation(room: Room, verb: str) -> None:
    bea, held, ada, _ = rivals(room)
    if verb == "resume":
        room.suspend(room.operator("other"), held)
    before = room.state(bea, held)
    olga = room.operator()
    room.join(ada.organization_id, olga.account_id)
    for operator in (olga, FreshOperator(account_id=ada.account_id, proven=ada.proven, now=NOW, fresh=True)):
        with pytest.raises(Denied) as denied:
            getattr(room, verb)(operator, held)
        assert denied.value.denial is Denial.OWN_REQUEST
    assert room.state(bea, held) == before


def test_t4_the_command_line_suspends_resumes_and_releases_what_is_contested(room: Room) -> None:
    bea, held, *_ = rivals(room)
    for verb, state in (("suspend", "suspended"), ("resume", "active"), ("release", "released")):
        getattr(room, verb)(Shell(now=NOW), held)
        assert room.state(bea, held) == state


def test_t4_the_way_around_an_approval_does_not_end_with_the_tenant_in_the_operators_own_organisation(
    sqlite: Database,
) -> None:
    room = Room(sqlite, self_service=True)
    bea, ada = room.an_admin("bea"), room.an_admin("ada")
    held, claim = room.proven(bea), room.proven(ada)
    assert (room.state(bea, held), room.state(ada, claim)) == ("active", "proven")
    olga = room.operator()
    room.join(ada.organization_id, olga.account_id, Role.ADMIN)
    with pytest.raises(Denied):
        room.release(olga, held)
    room.prove(ada, claim)
    assert (room.state(bea, held), room.state(ada, claim)) == ("active", "proven")


def test_t4_an_operator_who_left_since_it_was_asked_for_decides_nothing(room: Room) -> None:
    ada, olga = room.an_admin("ada"), room.operator()
    room.join(ada.organization_id, olga.account_id, Role.ADMIN)
    room.map(ada.organization_id)
    asked, claim = room.ask(ada, people=5), room.proven(ada, OTHER_TID, SILENT)
    with room.database.begin() as connection:
        room.organizations.leave(connection, leaver(whose(olga), ada.organization_id))
    with pytest.raises(Denied):
        room.grant(olga, asked.id)
    with pytest.raises(Denied):
        room.approve(olga, claim)
    later = at(ada, NOW + timedelta(seconds=1))
    with room.database.begin() as connection:
        again = room.exceptions.ask(
            connection, later, tid=TID, members=(), people=5, reason="x", ends_at=NOW + 30 * DAY
        )
    assert room.grant(olga, again.id).state is State.APPROVED, "what was asked for afterwards is none of their own"


def test_t4_to_come_and_go_again_makes_no_operator_impartial(room: Room) -> None:
    ada, olga = room.an_admin("ada"), room.operator()
    room.map(ada.organization_id)
    for moment in (NOW - DAY, NOW):
        room.join(ada.organization_id, olga.account_id)
        person = replace(whose(olga), now=moment)
        with room.database.begin() as connection:
            room.organizations.leave(connection, leaver(person, ada.organization_id))
    with pytest.raises(Denied):
        room.grant(olga, room.ask(ada).id)


# What an operator took away


@pytest.mark.parametrize("how", ["refused", "released", "lost to another"])
def test_t4_what_an_operator_took_away_nobody_has_again_without_one(sqlite: Database, how: str) -> None:
    room = Room(sqlite, self_service=True)
    mallory, operator = room.an_admin("mallory"), room.operator()
    if how == "refused":
        claimed = room.proven(mallory, roles=SILENT)
        with room.database.begin() as connection:
            room.mappings.refuse(connection, operator, claimed)
    elif how == "released":
        room.release(operator, room.proven(mallory))
    else:
        room.proven(mallory)
        bea = room.an_admin("bea")
        claim = room.proven(bea)
        room.approve(operator, claim)
        room.release(bea, claim)
        room.pass_a_day()
        assert room.state(bea, claim) == "released"
    person = whose(mallory)
    second = fresh_admin(person, room.organization(person, "Another house"))
    claims = [(each, room.proven(each)) for each in (second, room.an_admin("carl"))]
    assert [room.state(*each) for each in claims] == ["proven", "proven"]
    with room.database.begin() as connection:
        room.mappings.release(connection, claims[1][0], claims[1][1])
    room.approve(operator, claims[0][1])
    room.release(second, claims[0][1])
    room.pass_a_day()
    dora = room.an_admin("dora")
    assert room.state(dora, room.proven(dora)) == "active", "an operator has approved it for somebody since"


# Nobody is locked out for good


def test_t12_a_looser_rule_that_its_admin_would_not_meet_is_not_saved(room: Room) -> None:
    ada = room.an_admin("ada")
    for tid in (TID, OTHER_TID):
        room.map(ada.organization_id, tid)
    came = by_tenant(ada)
    room.save(came, Rule(tenants=frozenset({TID})))
    with pytest.raises(Conflict, match=r"^shuts_out$"):
        room.save(came, Rule(tenants=frozenset({OTHER_TID})))
    # Stricter and looser at once.
    with pytest.raises(Conflict, match=r"^shuts_out$"):
        room.save(came, Rule(tenants=frozenset({OTHER_TID}), strength=Strength.MFA))
    assert (rule_of(room, ada.organization_id), room.waiting(ada)) == (Rule(tenants=frozenset({TID})), [])
    assert room.save(came, Rule(tenants=frozenset({TID, OTHER_TID}))).waiting is not None


def test_t12_a_rule_of_a_tenant_that_its_admin_would_not_meet_is_not_saved(room: Room) -> None:
    ada = room.an_admin("ada")
    mapping_id = room.map(ada.organization_id, TID, Rule(providers=frozenset({"entra"})))
    with pytest.raises(Conflict, match=r"^shuts_out$"):
        room.save(by_tenant(ada), Rule(providers=frozenset({"github"})), mapping_id)
    assert room.mapping(ada, mapping_id).rule == Rule(providers=frozenset({"entra"}))


def test_t12_an_exception_is_no_way_for_an_admin_to_meet_the_rule_they_save(room: Room) -> None:
    ada = room.an_admin("ada")
    room.excuse(ada.organization_id, ada.account_id)
    with pytest.raises(Conflict, match=r"^shuts_out$"):
        room.save(ada, Rule(strength=Strength.PHISHING_RESISTANT))


@pytest.mark.parametrize("target", ["organisation", "tenant"])
def test_t12_a_waiting_rule_that_no_admin_would_meet_by_then_does_not_take_effect(room: Room, target: str) -> None:
    ada = room.an_admin("ada")
    mapping_id = room.map(ada.organization_id) if target == "tenant" else None
    one, other = (frozenset({each}) for each in (Binding.SESSION, Binding.ACCOUNT_STATE))
    came = ada.proven
    assert isinstance(came, SignIn)
    by_one = replace(ada, proven=came.with_evidence(evidence(binding=Binding.SESSION)))
    both = replace(ada, proven=came.with_evidence(*(evidence(binding=each) for each in (*one, *other))))
    if mapping_id is not None:
        both, by_one = by_tenant(both), by_tenant(by_one)
    room.save(both, Rule(guests=False, bindings=one), mapping_id)
    for last, applied in ((by_one, 0), (both, 1)):
        room.save(both, Rule(guests=False, bindings=other), mapping_id)
        signed_in(room, last)
        assert room.pass_a_day() == applied
    assert [detail["reason"] for _, _, detail in room.audited("change.failed")] == ["shuts_out"]


def test_t12_of_a_rule_that_nobody_is_known_to_meet_only_what_is_looser_takes_effect(room: Room) -> None:
    ada = room.an_admin("ada")
    with room.database.begin() as connection:
        set_own_rule(connection, ada.organization_id, Rule(max_age=timedelta(hours=8)))
    room.save(ada, NOTHING_MORE)
    assert room.pass_a_day() == 1
    room.save(ada, Rule(max_age=timedelta(hours=8)))
    room.save(ada, Rule(max_age=timedelta(hours=9)))
    with room.database.begin() as connection:
        set_own_rule(connection, ada.organization_id, NOTHING_MORE)
    assert room.pass_a_day(NOW + 3 * DAY) == 0, "by then it tightens"


def test_t12_an_operator_who_takes_a_required_tenant_away_takes_it_out_of_the_rule(room: Room) -> None:
    ada = room.an_admin("ada")
    first, second = room.map(ada.organization_id), room.map(ada.organization_id, OTHER_TID)
    with room.database.begin() as connection:
        set_own_rule(connection, ada.organization_id, Rule(tenants=frozenset({TID, OTHER_TID})))
    operator = room.operator()
    room.release(operator, first)
    assert rule_of(room, ada.organization_id) == Rule(tenants=frozenset({OTHER_TID}))
    room.release(Shell(now=NOW), second)
    assert rule_of(room, ada.organization_id) == NOTHING_MORE
    with room.database.read() as connection:
        (found,) = room.belongings.of(connection, ada.proven, NOW)
    assert found.standing.met
    detail = {"organization": ada.organization_id, "field": "tenants"}
    assert room.audited("rule.changed") == [
        ("rule.changed", operator.account_id, detail | {"tenant": TID}),
        ("rule.changed", None, detail | {"tenant": OTHER_TID}),
    ]
    told = [mail["text"] for mail in room.mails() if mail["subject"] == "A tenant was given up"]
    assert ["required it" in text for text in told] == [True, True]


def test_t12_a_tenant_lost_to_a_rival_goes_out_of_the_rule(room: Room) -> None:
    bea, _, ada, claim = rivals(room)
    with room.database.begin() as connection:
        set_own_rule(connection, bea.organization_id, Rule(tenants=frozenset({TID})))
    room.approve(room.operator(), claim)
    assert rule_of(room, bea.organization_id) == NOTHING_MORE
    assert room.state(ada, claim) == "active"


def test_t4_to_take_a_claim_back_loosens_no_rule(room: Room) -> None:
    ada = room.an_admin("ada")
    mapping_id = room.request(ada)
    with room.database.begin() as connection:
        set_own_rule(connection, ada.organization_id, Rule(tenants=frozenset({TID})))
    assert room.release(ada, mapping_id) is None
    assert rule_of(room, ada.organization_id) == Rule(tenants=frozenset({TID}))


def test_t4_what_waits_names_no_tenant_that_is_gone(room: Room) -> None:
    ada = room.an_admin("ada")
    first, second = (room.map(ada.organization_id, each) for each in (TID, OTHER_TID))
    third = room.map(ada.organization_id, THIRD_TID)
    came = by_tenant(ada)
    room.save(came, Rule(tenants=frozenset({TID})))
    room.save(came, Rule(tenants=frozenset({TID, OTHER_TID, THIRD_TID})))
    room.release(Shell(now=NOW), second)
    assert room.pass_a_day() == 1
    assert rule_of(room, ada.organization_id) == Rule(tenants=frozenset({TID, THIRD_TID}))
    with room.database.begin() as connection:
        set_own_rule(connection, ada.organization_id, Rule(tenants=frozenset({TID})))
    room.save(came, Rule(tenants=frozenset({TID, THIRD_TID})))
    for each in (first, third):
        room.release(Shell(now=NOW), each)
    assert room.pass_a_day() == 0
    assert rule_of(room, ada.organization_id) == NOTHING_MORE


def test_t12_an_admin_does_not_suspend_the_tenant_that_the_rule_requires(room: Room) -> None:
    ada = room.an_admin("ada")
    mapping_id = room.map(ada.organization_id)
    came = by_tenant(ada)
    room.save(came, Rule(tenants=frozenset({TID})))
    with pytest.raises(Conflict) as refused:
        room.suspend(came, mapping_id)
    assert refused.value.code is Conflicting.IN_RULE
    assert room.suspend(room.operator(), mapping_id).state.value == "suspended"


@pytest.mark.parametrize("waits", [False, True])
def test_t12_the_command_line_gives_a_tenant_back_the_rule_of_a_new_one(room: Room, waits: bool) -> None:
    ada = room.an_admin("ada")
    strict = Rule(strength=Strength.PHISHING_RESISTANT)
    mapping_id = room.map(ada.organization_id, TID, strict)
    came = ada.proven
    assert isinstance(came, SignIn)
    if waits:
        strong = replace(ada, proven=came.with_evidence(evidence(Strength.PHISHING_RESISTANT)))
        assert room.save(strong, NOTHING_MORE, mapping_id).waiting is not None
    with room.database.begin() as connection:
        room.rule_changes.reset(connection, Shell(now=NOW), mapping_id)
    assert room.mapping(ada, mapping_id).rule == OF_A_NEW_TENANT
    assert [each.kind for each in room.waiting(ada)] == []
    assert len(room.audited("change.replaced")) == waits
    detail = {"organization": ada.organization_id, "tenant": TID, "field": "guests+strength"}
    assert room.audited("rule.changed") == [("rule.changed", None, detail)]
    assert "The rule of a tenant was reset" in room.subjects()
    room.release(Shell(now=NOW), mapping_id)
    with room.database.begin() as connection, pytest.raises(Conflict, match=r"^state$"):
        room.rule_changes.reset(connection, Shell(now=NOW), mapping_id)


# What is no id


@pytest.mark.parametrize("odd", ["a\0b", "\0", "", "nobody", "x" * 500, f"{TID}\n"])
def test_t12_what_is_no_id_is_looked_up_in_no_database(each_room: Room, odd: str) -> None:
    ada = each_room.an_admin("ada")
    with pytest.raises(BadInput, match=r"^tid: "):
        each_room.ask(ada, tid=odd)
    with pytest.raises(BadInput, match=r"^members: "):
        each_room.ask(ada, tid=None, members=(ada.account_id, odd))


# Whose word counts


@pytest.mark.parametrize("how", ["removed", "closed"])
def test_t5_the_word_of_who_is_no_operator_any_more_does_not_count(room: Room, how: str) -> None:
    ada = room.an_admin("ada")
    room.map(ada.organization_id)
    asked = room.ask(ada, people=30)
    rogue, honest, other = (room.operator(each) for each in ("rogue", "honest", "other"))
    room.grant(rogue, asked.id)
    with room.database.begin() as connection:
        if how == "removed":
            room.operators.remove(connection, rogue.account_id, NOW)
        else:
            room.accounts.set_status(connection, rogue.account_id, "disabled")
    given = room.grant(honest, asked.id)
    assert (given.state, given.approvals) == (State.REQUESTED, (honest.account_id,))
    given = room.grant(other, asked.id)
    assert given.state is State.APPROVED
    assert set(given.approvals) == {each.account_id for each in (rogue, honest, other)}, "as it was decided"


def test_t12_nobody_has_a_big_exception_in_small_pieces_over_many_organisations(room: Room) -> None:
    person, olga = room.person("ada"), room.operator()
    outcomes: list[State] = []
    for number in range(3):
        organization_id = room.organization(person, f"House {number}")
        tid = f"5000000{number}-0000-4000-8000-000000000000"
        room.map(organization_id, tid)
        asked = room.ask(fresh_admin(person, organization_id), tid=tid, people=20)
        outcomes.append(room.grant(olga, asked.id).state)
    assert outcomes == [State.APPROVED, State.REQUESTED, State.REQUESTED]
    bob = room.an_admin("bob")
    room.map(bob.organization_id)
    assert room.ask(bob, people=20).approvals_needed == 1, "it is not theirs"
