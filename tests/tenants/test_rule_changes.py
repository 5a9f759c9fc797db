"""Saving rules: what tightens holds at once, what loosens waits a day, and a wish is saved as a whole or not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.accounts.organizations.capabilities import Denied, FreshAdmin
from broker.accounts.organizations.changes import ChangeKind
from broker.storage.database import Database
from broker.tenants.errors import Conflict, NotFound
from broker.tenants.parties import own_rule, set_own_rule
from broker.tenants.rules import NOTHING_MORE, OF_A_NEW_TENANT, Rule
from claims.evidence import Binding, Strength
from tests.accounts.organizations.rooms import NOW, OTHER_TID, TID, SignIn, evidence, fresh_admin
from tests.storage.parallel import in_parallel
from tests.tenants.rooms import HOUR, Room, at

STRICT = Rule(strength=Strength.MFA, max_age=timedelta(hours=8), guests=False, providers=frozenset({"github", "entra"}))
BOTH = frozenset({Binding.SESSION, Binding.ATTESTED})


def rule_of(room: Room, admin: FreshAdmin, mapping_id: str | None = None) -> Rule:
    if mapping_id is not None:
        return room.mapping(admin, mapping_id).rule
    with room.database.read() as connection:
        return own_rule(connection, admin.organization_id)


def begin_with(room: Room, admin: FreshAdmin, rule: Rule) -> None:
    with room.database.begin() as connection:
        set_own_rule(connection, admin.organization_id, rule)


def test_what_tightens_holds_at_once(room: Room) -> None:
    ada = room.an_admin()
    saved = room.save(ada, STRICT)
    assert (saved.rule, saved.waiting) == (STRICT, None)
    assert saved.tightened == {"strength", "max_age", "guests", "providers"}
    assert rule_of(room, ada) == STRICT
    detail = {"organization": ada.organization_id, "field": "guests+max_age+providers+strength"}
    assert room.audited("rule.changed") == [("rule.changed", ada.account_id, detail)]


def test_what_loosens_waits_a_day_and_is_told(room: Room) -> None:
    ada = room.an_admin()
    begin_with(room, ada, STRICT)
    saved = room.save(ada, NOTHING_MORE)
    assert (saved.rule, saved.tightened) == (STRICT, frozenset())
    assert rule_of(room, ada) == STRICT
    (waiting,) = room.waiting(ada)
    assert waiting == saved.waiting
    assert waiting.payload == {"strength": None, "max_age": None, "guests": True, "providers": None}
    assert room.subjects() == ["Asked for: looser rules for the organisation"]
    assert room.pass_a_day() == 1
    assert rule_of(room, ada) == NOTHING_MORE


def test_a_wish_that_does_both_is_split(room: Room) -> None:
    ada = room.an_admin()
    begin_with(room, ada, Rule(max_age=timedelta(hours=8), bindings=BOTH))
    wish = Rule(
        strength=Strength.MFA,
        max_age=timedelta(hours=24),
        bindings=frozenset({Binding.SESSION, Binding.ACCOUNT_STATE}),
    )
    saved = room.save(ada, wish)
    assert saved.rule == Rule(strength=Strength.MFA, max_age=timedelta(hours=8), bindings=frozenset({Binding.SESSION}))
    assert saved.tightened == {"strength", "bindings"}
    assert saved.waiting is not None
    assert saved.waiting.payload == {"max_age": 86400, "bindings": ["account_state", "session"]}
    assert room.pass_a_day() == 1
    assert rule_of(room, ada) == wish


def test_a_set_exchanged_for_quite_another_waits_as_a_whole_and_locks_nobody_out(room: Room) -> None:
    ada = room.an_admin()
    came = ada.proven
    assert isinstance(came, SignIn)
    both = replace(ada, proven=came.with_evidence(*(evidence(binding=each) for each in BOTH)))
    with room.database.begin() as connection:
        room.last_sign_ins.record(connection, both.proven, NOW)
    one, other = (frozenset({each}) for each in sorted(BOTH))
    begin_with(room, ada, Rule(bindings=one))
    saved = room.save(both, Rule(bindings=other))
    assert (saved.rule.bindings, saved.tightened) == (one, frozenset())
    assert room.pass_a_day() == 1
    assert rule_of(room, ada).bindings == other


def test_a_newer_wish_takes_the_place_of_the_one_that_waits(room: Room) -> None:
    ada = room.an_admin()
    begin_with(room, ada, STRICT)
    room.save(ada, NOTHING_MORE)
    later = at(ada, NOW + HOUR)
    again = room.save(later, Rule(strength=Strength.MFA, max_age=timedelta(hours=8), providers=STRICT.providers))
    assert [each.payload for each in room.waiting(ada)] == [{"guests": True}]
    assert again.waiting is not None
    assert again.waiting.effective_at == NOW + HOUR + timedelta(days=1)
    assert room.save(later, STRICT).waiting is None
    assert room.waiting(ada) == []
    assert room.pass_a_day(NOW + timedelta(days=3)) == 0
    assert rule_of(room, ada) == STRICT


def test_what_waits_is_applied_onto_the_rule_as_it_is_by_then(room: Room) -> None:
    ada = room.an_admin()
    begin_with(room, ada, STRICT)
    room.save(ada, Rule(strength=Strength.MFA, max_age=STRICT.max_age, guests=True, providers=STRICT.providers))
    begin_with(room, ada, Rule(strength=Strength.PHISHING_RESISTANT, guests=False))
    assert room.pass_a_day() == 1
    assert rule_of(room, ada) == Rule(strength=Strength.PHISHING_RESISTANT, guests=True)


def test_a_tenant_has_a_rule_of_its_own(room: Room) -> None:
    ada = room.an_admin()
    first, second = room.map(ada.organization_id), room.map(ada.organization_id, OTHER_TID)
    room.save(ada, NOTHING_MORE, first)
    room.save(ada, Rule(guests=False, strength=Strength.MFA), second)
    room.save(ada, Rule(session_length=timedelta(hours=8)))
    assert [(each.kind, each.target) for each in room.waiting(ada)] == [(ChangeKind.TENANT_RULE, first)]
    assert rule_of(room, ada, first) == OF_A_NEW_TENANT
    assert room.pass_a_day() == 1
    assert rule_of(room, ada, first) == NOTHING_MORE
    assert rule_of(room, ada, second) == Rule(guests=False, strength=Strength.MFA)
    assert rule_of(room, ada) == Rule(session_length=timedelta(hours=8))
    assert [detail.get("tenant") for _, _, detail in room.audited("rule.changed")] == [OTHER_TID, None, TID]


def test_t5_the_rule_of_a_tenant_that_is_gone_stays_as_it_was(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    waiting = room.save(ada, NOTHING_MORE, mapping_id).waiting
    assert waiting is not None
    room.release(room.operator(), mapping_id)
    with pytest.raises(Conflict, match=r"^state$"):
        room.save(ada, NOTHING_MORE, mapping_id)
    with room.database.begin() as connection, pytest.raises(Exception, match=r"^state$"):
        room.rule_changes.appliers()[ChangeKind.TENANT_RULE](connection, waiting, NOW)
    assert rule_of(room, ada, mapping_id) == OF_A_NEW_TENANT


def test_t4_an_admin_saves_rules_of_their_own_organisation_only(room: Room) -> None:
    ada, bob = room.an_admin("ada"), room.an_admin("bob")
    mapping_id = room.map(ada.organization_id)
    for target in (mapping_id, "unknown"):
        with pytest.raises(NotFound):
            room.save(bob, STRICT, target)
    with pytest.raises(Denied):
        room.save(fresh_admin(room.person("carl"), ada.organization_id), STRICT)
    assert rule_of(room, ada, mapping_id) == OF_A_NEW_TENANT
    assert rule_of(room, ada) == NOTHING_MORE


@pytest.mark.parametrize(
    "rule",
    [
        Rule(strength=Strength.PHISHING_RESISTANT),
        Rule(tenants=frozenset({TID})),
        Rule(providers=frozenset({"entra"})),
        Rule(bindings=frozenset({Binding.ATTESTED})),
        Rule(guests=True, strength=Strength.MFA, tenants=frozenset({OTHER_TID})),
    ],
)
def test_a_rule_that_shuts_out_who_saves_it_is_refused(room: Room, rule: Rule) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    for target in (None, mapping_id):
        with room.database.begin() as connection, pytest.raises(Conflict, match=r"^shuts_out$"):
            room.rule_changes.save(connection, ada, rule, mapping_id=target)
    assert rule_of(room, ada) == NOTHING_MORE
    assert rule_of(room, ada, mapping_id) == OF_A_NEW_TENANT
    assert room.audited("rule.changed") == []


def test_of_parallel_wishes_one_holds_and_not_a_mixture(database: Database) -> None:
    room = Room(database)
    ada = room.an_admin()
    begin_with(room, ada, STRICT)
    wishes = [
        Rule(strength=Strength.MFA, max_age=timedelta(hours=1), guests=True, providers=STRICT.providers),
        Rule(strength=None, max_age=timedelta(hours=2), guests=False, providers=frozenset({"github"})),
        Rule(strength=Strength.MFA, max_age=timedelta(hours=3), guests=False, providers=None),
    ]
    waiting = iter(wishes)
    in_parallel(len(wishes), lambda: room.save(ada, next(waiting)))
    assert len(room.waiting(ada)) == 1
    assert room.pass_a_day() == 1
    assert rule_of(room, ada) in wishes
