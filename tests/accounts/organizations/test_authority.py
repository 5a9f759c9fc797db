"""Who is given a capability, and each reason why not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from broker.accounts.model import accounts, identities
from broker.accounts.organizations.belonging import Unmet
from broker.accounts.organizations.capabilities import Admin, Denial, Denied, FreshAdmin, FreshOperator, Person, Role
from broker.accounts.organizations.model import organizations
from broker.storage.database import Database
from broker.tenants.rules import Rule, dump
from claims.decision import Purpose
from claims.evidence import Binding, Kind, Strength
from providers.tenants import Tenant
from tests.accounts.organizations.rooms import NOW, OPERATORS_TID, TID, Room, SignIn, evidence

STALE = NOW + timedelta(minutes=10, seconds=1)
ENROLLED = evidence(binding=Binding.ACCOUNT_STATE, kind=Kind.ACCOUNT_SETTING, values=("two_factor_authentication",))
SINGLE = evidence(Strength.SINGLE, values=("pwd",))
STRONG = evidence(Strength.PHISHING_RESISTANT, values=("hwk",))


@pytest.fixture
def ada(room: Room) -> SignIn:
    return room.sign_in("ada")


@pytest.fixture
def example(room: Room, ada: SignIn) -> str:
    return room.organization(Person(account_id=ada.account_id, proven=ada, now=NOW))


def denied(room: Room, verb: Callable[..., object], *given: object, **more: object) -> Denied:
    with room.database.read() as connection, pytest.raises(Denied) as refused:
        verb(connection, *given, **more)
    return refused.value


def ask(room: Room, organization_id: str, rule: Rule) -> None:
    with room.database.begin() as connection:
        changed = update(organizations).where(organizations.c.id == organization_id)
        connection.execute(changed.values(rule=dump(rule)))


def test_an_admin_is_fresh_for_ten_minutes_and_an_admin_for_longer(room: Room, ada: SignIn, example: str) -> None:
    with room.database.read() as connection:
        fresh = room.authority.fresh_admin(connection, ada, example, NOW + timedelta(minutes=10))
        admin = room.authority.admin(connection, ada, example, STALE)
    assert type(fresh) is FreshAdmin
    assert (fresh.account_id, fresh.organization_id, fresh.role, fresh.fresh) == (
        ada.account_id,
        example,
        Role.ADMIN,
        True,
    )
    assert type(admin) is Admin
    assert not admin.fresh
    assert denied(room, room.authority.fresh_admin, ada, example, STALE).denial is Denial.STALE
    with room.database.read() as connection:
        assert room.authority.fresh_admin(connection, ada, example, STALE, grace=timedelta(minutes=1)).fresh


def test_t12_an_organisation_is_unknown_to_who_is_no_member_and_when_it_is_switched_off(
    room: Room, ada: SignIn, example: str
) -> None:
    eve = room.sign_in("eve")
    for verb in (room.authority.member, room.authority.admin, room.authority.fresh_admin):
        assert denied(room, verb, eve, example, NOW).denial is Denial.UNKNOWN
        assert denied(room, verb, ada, "nobody", NOW).denial is Denial.UNKNOWN
    with room.database.begin() as connection:
        room.organizations.disable(connection, example, NOW)
    assert denied(room, room.authority.member, ada, example, NOW).denial is Denial.UNKNOWN


def test_a_member_is_no_admin(room: Room, example: str) -> None:
    bob = room.sign_in("bob")
    room.join(example, bob.account_id)
    with room.database.read() as connection:
        assert not isinstance(room.authority.member(connection, bob, example, NOW), Admin)
    for verb in (room.authority.admin, room.authority.fresh_admin):
        assert denied(room, verb, bob, example, NOW).denial is Denial.NOT_ADMIN


@pytest.mark.parametrize("how", ["aged", "weak", "closed", "unlinked", "provider_off", "tenant_off"])
def test_who_is_signed_out_by_now_is_nobody(room: Room, ada: SignIn, example: str, how: str) -> None:
    signed_in, now = ada, NOW
    with room.database.begin() as connection:
        if how == "aged":
            now = NOW + timedelta(days=1, seconds=1)
        elif how == "weak":
            signed_in = ada.with_evidence(SINGLE)
        elif how == "closed":
            connection.execute(update(accounts).where(accounts.c.id == ada.account_id).values(status="disabled"))
        elif how == "unlinked":
            connection.execute(delete(identities))
        elif how == "provider_off":
            signed_in = replace(ada, provider_id="gone")
        else:
            signed_in = ada.by_tenant(TID)
    for verb in (room.authority.member, room.authority.admin, room.authority.fresh_admin):
        assert denied(room, verb, signed_in, example, now).denial is Denial.SIGNED_OUT
    for of_anybody in (room.authority.person, room.authority.operator, room.authority.fresh_operator):
        assert denied(room, of_anybody, signed_in, now).denial is Denial.SIGNED_OUT


def test_t5_an_admin_whose_membership_is_suspended_is_denied_and_told_why(
    room: Room, ada: SignIn, example: str
) -> None:
    ask(room, example, Rule(strength=Strength.PHISHING_RESISTANT))
    for verb in (room.authority.member, room.authority.admin, room.authority.fresh_admin):
        refused = denied(room, verb, ada, example, NOW)
        assert refused.denial is Denial.SUSPENDED
        assert refused.standing is not None
        assert refused.standing.unmet is Unmet.PROOF
    with room.database.read() as connection:
        room.authority.admin(connection, ada.with_evidence(STRONG), example, NOW)
        person = room.authority.person(connection, ada, NOW)
        (belonging,) = room.authority.belongings(connection, person)
    assert not belonging.standing.met


def test_a_suspended_member_may_still_leave_with_a_fresh_proof(room: Room, ada: SignIn, example: str) -> None:
    ask(room, example, Rule(strength=Strength.PHISHING_RESISTANT))
    with room.database.read() as connection:
        assert room.authority.leaver(connection, ada, example, NOW).organization_id == example
    later = NOW + timedelta(minutes=11)
    assert denied(room, room.authority.leaver, ada, example, later).denial is Denial.STALE
    assert denied(room, room.authority.leaver, ada, "elsewhere", NOW).denial is Denial.UNKNOWN


@pytest.mark.parametrize(
    "rule,unmet",
    [
        (Rule(tenants=frozenset({OPERATORS_TID})), Unmet.TENANT),
        (Rule(guests=False), Unmet.GUEST),
        (Rule(providers=frozenset({"github"})), Unmet.PROVIDER),
        (Rule(session_length=timedelta(minutes=5)), Unmet.SESSION_LENGTH),
        (Rule(bindings=frozenset({Binding.ATTESTED})), Unmet.PROOF),
        (Rule(max_age=timedelta(minutes=4)), Unmet.PROOF),
        (Rule(tenants=frozenset({TID}), providers=frozenset({"entra"}), session_length=timedelta(minutes=6)), None),
    ],
)
def test_t5_each_member_of_a_rule_suspends_by_itself(
    room: Room, ada: SignIn, example: str, rule: Rule, unmet: Unmet | None
) -> None:
    room.configured.tenants[TID] = Tenant(guests=True, contexts=())
    ask(room, example, rule)
    guest, later = ada.by_tenant(TID, guest=True), NOW + timedelta(minutes=5)
    with room.database.read() as connection:
        (belonging,) = room.belongings.of(connection, guest, later)
    assert belonging.standing.unmet is unmet
    if unmet is not None:
        assert denied(room, room.authority.fresh_admin, guest, example, later).denial is Denial.SUSPENDED


def test_t5_an_exception_with_room_left_covers_nobody_before_they_sign_in_by_it(
    room: Room, ada: SignIn, example: str
) -> None:
    room.map(example, TID)
    room.excuse(example, tid=TID)
    exempt = ada.with_evidence(SINGLE).by_tenant(TID)
    with room.database.read() as connection:
        (waiver,) = room.exceptions.waivers(connection, TID, ada.account_id, NOW)
        (belonging,) = room.belongings.of(connection, exempt, NOW)
    assert not waiver.placed
    assert belonging.standing.unmet is Unmet.PROOF


def test_t5_a_sign_in_that_rests_on_an_exception_is_a_members_session_but_no_admins(
    room: Room, ada: SignIn, example: str
) -> None:
    room.excuse(example, ada.account_id)
    exempt = ada.with_evidence(SINGLE)
    with room.database.read() as connection:
        room.authority.person(connection, exempt, NOW, Purpose.SESSION)
        (belonging,) = room.belongings.of(connection, exempt, NOW)
    assert belonging.standing.met
    for verb in (room.authority.member, room.authority.admin, room.authority.fresh_admin):
        assert denied(room, verb, exempt, example, NOW).denial is Denial.EXEMPT


def test_a_setting_of_the_account_makes_an_admin_where_policy_takes_that_binding_and_nowhere_else(
    sqlite: Database,
) -> None:
    for bindings, takes in ((tuple(Binding), True), ((Binding.SESSION, Binding.ATTESTED), False)):
        room = Room(sqlite, bindings=bindings)
        ada = room.sign_in("ada").with_evidence(ENROLLED)
        example = room.organization(Person(account_id=ada.account_id, proven=ada, now=NOW), f"Example {takes}")
        if takes:
            with room.database.read() as connection:
                room.authority.fresh_admin(connection, ada, example, NOW)
        else:
            assert denied(room, room.authority.admin, ada, example, NOW).denial is Denial.SIGNED_OUT


def test_an_organisation_may_ask_more_of_its_admins_than_policy_does(room: Room, ada: SignIn, example: str) -> None:
    ask(room, example, Rule(bindings=frozenset({Binding.SESSION})))
    enrolled = ada.with_evidence(ENROLLED)
    assert denied(room, room.authority.admin, enrolled, example, NOW).denial is Denial.SUSPENDED


def operator(room: Room, name: str = "olga") -> SignIn:
    made = room.sign_in(name)
    with room.database.begin() as connection:
        room.operators.add(connection, made.account_id, NOW)
    return made


def test_an_operator_signs_in_with_phishing_resistant_proof_or_by_an_allowed_tenant(room: Room) -> None:
    room.configured.tenants[OPERATORS_TID] = Tenant(guests=True, contexts=())
    room.configured.tenants[TID] = Tenant(guests=True, contexts=())
    olga = operator(room)
    for sign_in in (olga.with_evidence(STRONG), olga.by_tenant(OPERATORS_TID)):
        with room.database.read() as connection:
            fresh = room.authority.fresh_operator(connection, sign_in, NOW)
            assert type(fresh) is FreshOperator
            assert not room.authority.operator(connection, sign_in, STALE).fresh
        assert denied(room, room.authority.fresh_operator, sign_in, STALE).denial is Denial.STALE
    refused = (olga, olga.by_tenant(TID), olga.by_tenant(OPERATORS_TID, guest=True))
    for sign_in in refused:
        assert denied(room, room.authority.operator, sign_in, NOW).denial is Denial.NOT_OPERATOR
        assert denied(room, room.authority.fresh_operator, sign_in, NOW).denial is Denial.NOT_OPERATOR


def test_t5_proof_of_the_account_or_by_an_exception_makes_no_operator(room: Room, example: str) -> None:
    olga = operator(room)
    room.join(example, olga.account_id)
    room.excuse(example, olga.account_id)
    assert denied(room, room.authority.operator, olga.with_evidence(SINGLE), NOW).denial is Denial.EXEMPT
    assert denied(room, room.authority.operator, olga.with_evidence(ENROLLED), NOW).denial is Denial.NOT_OPERATOR


def test_nobody_is_an_operator_whose_account_is_not_on_the_list(room: Room, ada: SignIn) -> None:
    strong = ada.with_evidence(STRONG)
    assert denied(room, room.authority.operator, strong, NOW).denial is Denial.NOT_OPERATOR
    with room.database.begin() as connection:
        for _ in range(2):
            room.operators.add(connection, ada.account_id, NOW)
        assert [each.account_id for each in room.operators.all(connection)] == [ada.account_id]
    with room.database.read() as connection:
        room.authority.operator(connection, strong, NOW)
    with room.database.begin() as connection:
        room.operators.remove(connection, ada.account_id, NOW)
        with pytest.raises(LookupError):
            room.operators.remove(connection, ada.account_id, NOW)
    assert denied(room, room.authority.operator, strong, NOW).denial is Denial.NOT_OPERATOR
    assert [each[0] for each in room.audited("operator.added", "operator.removed")] == [
        "operator.added",
        "operator.removed",
    ]
