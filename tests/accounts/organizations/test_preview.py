"""What a rule would make of the members, from how each signed in last."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from sqlalchemy import event, update

from broker.accounts.organizations.belonging import Unmet
from broker.accounts.organizations.model import organizations
from broker.accounts.organizations.preview import Previewed
from broker.tenants.rules import Rule, dump
from claims.evidence import Binding, Kind, Strength
from providers.tenants import Tenant
from tests.accounts.organizations.rooms import NOW, OTHER_TID, TID, Room, SignIn, evidence

GUESTS = Rule()
NO_GUESTS = Rule(guests=False)


def joined(room: Room, organization_id: str, sign_in: SignIn) -> SignIn:
    """Have somebody join and sign in."""
    room.join(organization_id, sign_in.account_id, at=NOW + timedelta(minutes=1))
    with room.database.begin() as connection:
        room.last_sign_ins.record(connection, sign_in, sign_in.signed_in_at)
    return sign_in


def preview(
    room: Room, organization_id: str, own: Rule | None = None, tenant_rules: Mapping[str, Rule] | None = None
) -> dict[str, Previewed]:
    with room.database.read() as connection:
        found = room.preview.of(connection, organization_id, own=own, tenant_rules=tenant_rules)
    return {each.account_id: each for each in found}


def unmet(previewed: Previewed) -> tuple[Unmet | None, Unmet | None]:
    assert previewed.before is not None
    assert previewed.after is not None
    return previewed.before.unmet, previewed.after.unmet


def test_a_stricter_rule_shows_whom_it_would_refuse_and_changes_nothing(room: Room) -> None:
    organization_id, (ada,) = room.admins("ada")
    weak = joined(room, organization_id, room.sign_in("bob"))
    strong = room.sign_in("carl").with_evidence(evidence(Strength.PHISHING_RESISTANT))
    joined(room, organization_id, strong)
    shown = preview(room, organization_id, own=Rule(strength=Strength.PHISHING_RESISTANT))
    assert unmet(shown[weak.account_id]) == (None, Unmet.PROOF)
    assert unmet(shown[strong.account_id]) == (None, None)
    never = shown[ada.account_id]
    assert (never.role.value, never.last, never.before, never.after) == ("admin", None, None, None)
    assert [unmet(each) for each in preview(room, organization_id).values() if each.last] == [(None, None)] * 2


def test_a_looser_rule_shows_who_would_come_back(room: Room) -> None:
    organization_id, _ = room.admins("ada")
    bob = joined(room, organization_id, room.sign_in("bob"))
    with room.database.begin() as connection:
        rule = dump(Rule(providers=frozenset({"entra"})))
        connection.execute(update(organizations).where(organizations.c.id == organization_id).values(rule=rule))
    assert unmet(preview(room, organization_id, own=Rule())[bob.account_id]) == (Unmet.PROVIDER, None)


def test_each_sign_in_is_judged_as_of_its_own_moment(room: Room) -> None:
    organization_id, _ = room.admins("ada")
    old = NOW - timedelta(days=30)
    bob = room.sign_in("bob").with_evidence(evidence(at=old))
    room.join(organization_id, bob.account_id)
    with room.database.begin() as connection:
        room.last_sign_ins.record(connection, bob, old)
    shown = preview(room, organization_id, own=Rule(max_age=timedelta(hours=1)))
    assert unmet(shown[bob.account_id]) == (None, None)


@pytest.mark.parametrize(
    "stored,proposed,configured,expected",
    [
        (NO_GUESTS, GUESTS, None, (Unmet.GUEST, None)),
        (GUESTS, NO_GUESTS, None, (None, Unmet.GUEST)),
        (NO_GUESTS, GUESTS, False, (Unmet.GUEST, Unmet.GUEST)),
        (NO_GUESTS, GUESTS, True, (Unmet.GUEST, None)),
    ],
)
def test_a_rule_of_a_tenant_is_previewed_with_what_the_settings_say_of_it(
    room: Room, stored: Rule, proposed: Rule, configured: bool | None, expected: tuple[Unmet | None, Unmet | None]
) -> None:
    organization_id, _ = room.admins("ada")
    room.map(organization_id, TID, stored)
    if configured is not None:
        room.configured.tenants[TID] = Tenant(guests=configured, contexts=())
    bob = joined(room, organization_id, room.sign_in("bob").by_tenant(TID, guest=True))
    assert unmet(preview(room, organization_id, tenant_rules={TID: proposed})[bob.account_id]) == expected


def test_a_tenant_rule_meets_those_who_came_another_way_too_and_one_not_in_force_meets_nobody(room: Room) -> None:
    organization_id, _ = room.admins("ada")
    room.map(organization_id, TID, GUESTS)
    room.map(organization_id, OTHER_TID, GUESTS, state="proven")
    bob = joined(room, organization_id, room.sign_in("bob"))
    strict = Rule(strength=Strength.PHISHING_RESISTANT)
    assert unmet(preview(room, organization_id, tenant_rules={TID: strict})[bob.account_id]) == (None, Unmet.PROOF)
    assert unmet(preview(room, organization_id, tenant_rules={OTHER_TID: strict})[bob.account_id]) == (None, None)


def test_who_came_by_a_way_that_is_closed_by_now_would_be_refused(room: Room) -> None:
    organization_id, _ = room.admins("ada")
    bob = joined(room, organization_id, room.sign_in("bob").by_tenant(TID))
    shown = preview(room, organization_id, own=Rule(guests=False))
    assert unmet(shown[bob.account_id]) == (Unmet.WAY_CLOSED, Unmet.WAY_CLOSED)


def test_an_exception_of_this_organisation_is_counted_and_asked_for_only_where_the_proof_does_not_do(
    room: Room,
) -> None:
    organization_id, _ = room.admins("ada")
    other_id = room.organization(room.person("eve"), "Other")
    bob = joined(room, organization_id, room.sign_in("bob").with_evidence(evidence(Strength.SINGLE)))
    carl = joined(room, organization_id, room.sign_in("carl").with_evidence(evidence(Strength.SINGLE)))
    joined(room, organization_id, room.sign_in("dan"))
    room.join(other_id, carl.account_id)
    room.excuse(organization_id, bob.account_id)
    room.excuse(other_id, carl.account_id)
    shown = preview(room, organization_id)
    assert unmet(shown[bob.account_id]) == (None, None)
    assert unmet(shown[carl.account_id]) == (Unmet.PROOF, Unmet.PROOF)
    seen: list[str] = []
    with room.database.read() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: seen.append(given[2]))
        room.preview.of(connection, organization_id)
    assert len([each for each in seen if "exception" in each]) == 2


def test_an_attested_context_counts_in_the_preview(room: Room) -> None:
    organization_id, _ = room.admins("ada")
    mapping_id = room.map(organization_id, TID, GUESTS)
    given = evidence(Strength.PHISHING_RESISTANT, Binding.ATTESTED, kind=Kind.ACRS, values=("c1",))
    bob = joined(room, organization_id, room.sign_in("bob").by_tenant(TID).with_evidence(given))
    assert unmet(preview(room, organization_id)[bob.account_id]) == (Unmet.PROOF, Unmet.PROOF)
    room.attest(mapping_id, "c1", Strength.PHISHING_RESISTANT, NOW + timedelta(days=1))
    strict = Rule(strength=Strength.PHISHING_RESISTANT)
    assert unmet(preview(room, organization_id, tenant_rules={TID: strict})[bob.account_id]) == (None, None)


def test_there_is_no_preview_of_an_organisation_that_is_not_there(room: Room) -> None:
    with pytest.raises(LookupError):
        preview(room, "nobody")
