"""Mapping a tenant: its states, who may move it from one to the next, and what each move leaves behind."""

from collections.abc import Callable

import pytest
from sqlalchemy import update

from broker.accounts.organizations.capabilities import Denial, Denied, FreshAdmin, FreshOperator, Role, Shell
from broker.accounts.organizations.changes import ChangeKind
from broker.storage.database import Database
from broker.tenants.errors import BadInput, Conflict, Conflicting, NotFound
from broker.tenants.mapping_records import TRANSITIONS, Side, State, Verb
from broker.tenants.mappings import Road
from broker.tenants.model import attestations, mappings, tenant_domains
from broker.tenants.parties import set_own_rule
from broker.tenants.rules import OF_A_NEW_TENANT, Rule
from claims.evidence import Strength
from providers.catalog import CONSUMERS
from providers.microsoft.roles import PRIVILEGED_ROLE_ADMINISTRATOR
from tests.accounts.organizations.rooms import DAY, NOW, OTHER_TID, TID, fresh_admin, stopper
from tests.tenants.rooms import HOUR, SILENT, Room, at


def conflict(code: Conflicting) -> "pytest.RaisesExc[Conflict]":
    return pytest.raises(Conflict, match=f"^{code.value}$")


def test_a_requested_mapping_admits_nobody_and_stands_in_the_audit(room: Room) -> None:
    ada = room.an_admin()
    mapping = room.mapping(ada, room.request(ada))
    assert (mapping.state, mapping.rule, mapping.speaks) == (State.REQUESTED, OF_A_NEW_TENANT, False)
    assert room.admissions.find("entra", TID, NOW) is None
    detail = {"organization": ada.organization_id, "tenant": TID, "state": "requested"}
    assert room.audited("tenant.requested") == [("tenant.requested", ada.account_id, detail)]


BAD_REQUESTS = [
    ("github", TID, "Contoso", "provider"),
    ("", TID, "Contoso", "provider"),
    ("entra", CONSUMERS, "Contoso", "tid"),
    ("entra", "contoso.example", "Contoso", "tid"),
    ("entra", "common", "Contoso", "tid"),
    ("entra", TID + "\n0", "Contoso", "tid"),
    ("entra", TID, " ", "name"),
    ("entra", TID, "Con\u202etoso", "name"),
    ("entra", TID, "x" * 201, "name"),
]


def test_t4_only_a_tenant_by_its_id_can_be_asked_for(room: Room) -> None:
    ada = room.an_admin()
    for provider, tid, name, field in BAD_REQUESTS:
        with room.database.begin() as connection, pytest.raises(BadInput) as refused:
            room.mappings.request(connection, ada, provider, tid, name)
        assert refused.value.field == field
    assert room.count(mappings) == 0


def test_a_tenant_is_asked_for_once_however_its_id_is_spelt(room: Room) -> None:
    ada = room.an_admin()
    first = room.request(ada, "aaaaaaaa-0000-4000-8000-000000000000")
    with conflict(Conflicting.ASKED_ALREADY):
        room.request(ada, " AAAAAAAA-0000-4000-8000-000000000000 ")
    with room.database.read() as connection:
        assert [each.id for each in room.mappings.of_organization(connection, ada.organization_id)] == [first]


def test_a_proof_is_of_the_very_tenant_and_of_none_of_its_guests(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.request(ada)
    with conflict(Conflicting.OTHER_TENANT):
        room.prove(ada, mapping_id, tid=OTHER_TID)
    with conflict(Conflicting.GUEST):
        room.prove(ada, mapping_id, guest=True)
    assert room.state(ada, mapping_id) == "requested"


@pytest.mark.parametrize("self_service", [False, True])
def test_without_a_role_that_speaks_for_the_tenant_an_operator_decides(sqlite: Database, self_service: bool) -> None:
    room = Room(sqlite, self_service=self_service)
    ada = room.an_admin()
    mapping_id = room.request(ada)
    for roles in (SILENT, frozenset({"88d8e3e3-8f55-4a1e-953a-9b9898b8876b"})):
        assert room.prove(ada, mapping_id, roles=roles) is Road.OPERATOR
    assert room.state(ada, mapping_id) == "proven"
    assert room.approve(room.operator(), mapping_id).state is State.ACTIVE


def test_an_operator_decides_on_the_first_tenant_of_an_organisation(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.request(ada)
    assert room.prove(ada, mapping_id) is Road.OPERATOR
    assert room.mapping(ada, mapping_id).speaks
    assert room.pass_a_day() == 0
    operator = room.operator()
    active = room.approve(operator, mapping_id)
    assert (active.state, active.decided_at) == (State.ACTIVE, NOW)
    assert room.admissions.find("entra", TID, NOW) is not None
    assert [(action, who) for action, who, _ in room.audited("tenant.proven", "tenant.approved")] == [
        ("tenant.proven", ada.account_id),
        ("tenant.approved", operator.account_id),
    ]
    assert room.subjects() == ["A tenant is active"]


def test_with_self_service_the_proof_makes_the_first_tenant_active(sqlite: Database) -> None:
    room = Room(sqlite, self_service=True)
    ada = room.an_admin()
    mapping_id = room.request(ada)
    assert room.prove(ada, mapping_id, roles=frozenset({PRIVILEGED_ROLE_ADMINISTRATOR})) is Road.AT_ONCE
    assert room.state(ada, mapping_id) == "active"
    assert len(room.audited("tenant.activated")) == 1
    with conflict(Conflicting.STATE):
        room.prove(ada, mapping_id)


@pytest.mark.parametrize("self_service", [False, True])
def test_another_tenant_waits_a_day_and_can_be_stopped(sqlite: Database, self_service: bool) -> None:
    room = Room(sqlite, self_service=self_service)
    ada = room.an_admin()
    room.map(ada.organization_id, OTHER_TID)
    mapping_id = room.request(ada)
    assert room.prove(ada, mapping_id) is Road.WAITS
    with conflict(Conflicting.STATE):
        room.approve(room.operator(), mapping_id)
    (waiting,) = room.waiting(ada)
    assert (waiting.kind, waiting.target) == (ChangeKind.TENANT, mapping_id)
    with room.database.begin() as connection:
        room.changes.stop(connection, stopper(ada, ada.organization_id), waiting.id)
    assert room.pass_a_day() == 0
    assert room.state(ada, mapping_id) == "proven"
    assert room.prove(ada, mapping_id) is Road.WAITS
    assert room.pass_a_day() == 1
    assert room.state(ada, mapping_id) == "active"


def test_an_organisation_that_gave_its_tenant_up_waits_for_the_next_one(sqlite: Database) -> None:
    room = Room(sqlite, self_service=True)
    ada = room.an_admin()
    room.release(ada, room.proven(ada, OTHER_TID))
    assert room.pass_a_day() == 1
    assert room.prove(ada, room.request(ada)) is Road.WAITS


def test_to_take_a_request_back_is_no_tenant_that_was_had(sqlite: Database) -> None:
    room = Room(sqlite, self_service=True)
    ada = room.an_admin()
    assert room.release(ada, room.request(ada)) is None
    again = room.request(ada)
    assert room.prove(ada, again) is Road.AT_ONCE


def test_a_claim_made_within_the_day_leaves_the_decision_to_an_operator(room: Room) -> None:
    ada, bob = room.an_admin("ada"), room.an_admin("bob")
    room.map(ada.organization_id, OTHER_TID)
    mapping_id = room.proven(ada)
    room.proven(bob)
    assert room.pass_a_day() == 0
    assert [reason["reason"] for _, _, reason in room.audited("change.failed")] == ["state"]
    assert room.state(ada, mapping_id) == "proven"


def test_what_an_operator_refused_or_took_away_an_operator_decides_again(sqlite: Database) -> None:
    room = Room(sqlite, self_service=True)
    ada, operator = room.an_admin(), room.operator()
    refused = room.proven(ada, roles=SILENT)
    with room.database.begin() as connection:
        assert room.mappings.refuse(connection, operator, refused).state is State.REFUSED
    second = room.request(ada)
    assert room.prove(ada, second) is Road.OPERATOR
    room.approve(operator, second)
    assert room.release(operator, second) is None
    assert room.prove(ada, room.request(ada)) is Road.OPERATOR
    assert "A tenant was refused" in room.subjects()


def test_t4_another_tenant_that_an_operator_took_away_is_no_reason_to_ask_one(sqlite: Database) -> None:
    room = Room(sqlite, self_service=True)
    ada = room.an_admin()
    room.release(room.operator(), room.proven(ada, OTHER_TID))
    assert room.prove(ada, room.request(ada)) is Road.WAITS


def test_nobody_approves_what_they_asked_for_or_what_is_their_own_organisations(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.proven(ada)
    insider = room.operator()
    room.join(ada.organization_id, insider.account_id)
    requester = FreshOperator(account_id=ada.account_id, proven=ada.proven, now=NOW, fresh=True)
    for each in (insider, requester):
        with pytest.raises(Denied) as denied:
            room.approve(each, mapping_id)
        assert denied.value.denial is Denial.OWN_REQUEST
    assert room.state(ada, mapping_id) == "proven"


@pytest.mark.parametrize("verb", ["resume", "release"])
def test_an_operator_takes_no_short_cut_for_their_own_organisation(room: Room, verb: str) -> None:
    ada, insider = room.an_admin(), room.operator()
    mapping_id = room.map(ada.organization_id)
    room.suspend(ada, mapping_id)
    room.join(ada.organization_id, insider.account_id)
    with pytest.raises(Denied), room.database.begin() as connection:
        getattr(room.mappings, verb)(connection, insider, mapping_id)
    assert room.state(ada, mapping_id) == "suspended"


def test_t5_a_suspended_tenant_admits_nobody_at_once(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    assert room.suspend(ada, mapping_id).suspended_by is Side.ADMIN
    assert room.admissions.find("entra", TID, NOW) is None
    assert room.subjects() == ["A tenant is suspended"]
    with conflict(Conflicting.STATE):
        room.suspend(ada, mapping_id)


def test_what_an_admin_suspended_comes_back_after_a_day(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    room.suspend(ada, mapping_id)
    change = room.resume(ada, mapping_id)
    assert change is not None
    assert room.state(ada, mapping_id) == "suspended"
    assert room.pass_a_day() == 1
    assert room.mapping(ada, mapping_id).suspended_by is None
    assert room.state(ada, mapping_id) == "active"


def test_t5_what_an_operator_suspended_only_an_operator_brings_back(room: Room) -> None:
    ada, operator = room.an_admin(), room.operator()
    mapping_id = room.map(ada.organization_id)
    room.suspend(operator, mapping_id)
    with conflict(Conflicting.OPERATOR_ONLY):
        room.resume(ada, mapping_id)
    with conflict(Conflicting.OPERATOR_ONLY):
        room.release(ada, mapping_id)
    with conflict(Conflicting.STATE):
        room.suspend(operator, mapping_id)
    assert room.waiting(ada) == []
    assert room.resume(operator, mapping_id) is None
    assert room.state(ada, mapping_id) == "active"


def test_t5_an_operator_makes_a_suspension_their_own_and_what_waits_to_undo_it_ends(room: Room) -> None:
    ada, operator = room.an_admin(), room.operator()
    mapping_id = room.map(ada.organization_id)
    room.suspend(ada, mapping_id)
    room.resume(ada, mapping_id)
    room.release(ada, mapping_id)
    assert room.suspend(operator, mapping_id).suspended_by is Side.OPERATOR
    assert [each.kind for each in room.waiting(ada)] == [ChangeKind.RELEASE]
    assert room.pass_a_day() == 0
    assert room.state(ada, mapping_id) == "suspended"


def test_a_resumption_that_waits_ends_when_an_operator_resumes(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    room.suspend(ada, mapping_id)
    room.resume(ada, mapping_id)
    room.resume(room.operator(), mapping_id)
    assert room.waiting(ada) == []
    with conflict(Conflicting.STATE):
        room.resume(ada, mapping_id)


def test_at_the_command_line_an_operators_word_is_spoken_without_a_sign_in(room: Room) -> None:
    ada, shell = room.an_admin(), Shell(now=NOW)
    mapping_id = room.map(ada.organization_id)
    assert room.suspend(shell, mapping_id).suspended_by is Side.OPERATOR
    with conflict(Conflicting.OPERATOR_ONLY):
        room.resume(ada, mapping_id)
    assert room.resume(shell, mapping_id) is None
    assert room.state(ada, mapping_id) == "active"
    assert room.release(shell, mapping_id) is None
    assert room.mapping(ada, mapping_id).suspended_by is Side.OPERATOR
    verbs = ("tenant.suspended", "tenant.resumed", "tenant.released")
    assert [(action, who) for action, who, _ in room.audited(*verbs)] == [(each, None) for each in verbs]


def test_a_resumption_that_is_late_resumes_nothing(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    room.suspend(ada, mapping_id)
    room.resume(ada, mapping_id)
    with room.database.begin() as connection:  # as if an operator's hand had come between
        connection.execute(update(mappings).values(suspended_by=Side.OPERATOR))
    assert room.pass_a_day() == 0
    assert room.state(ada, mapping_id) == "suspended"


def test_a_tenant_is_given_up_after_a_day_and_nothing_of_it_stays(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id, rule=Rule(strength=Strength.MFA))
    kept = room.map(ada.organization_id, OTHER_TID)
    for each, domain in ((mapping_id, "example.org"), (kept, "example.com")):
        room.attest(each, "c1", Strength.MFA, NOW + DAY)
        with room.database.begin() as connection:
            room.mappings.set_domains(connection, ada, each, [domain])
    exception = room.ask(ada)
    room.grant(room.operator(), exception.id)
    room.sign(ada, mapping_id, "c2")
    room.sign(ada, kept, "c2")
    assert room.release(at(ada, NOW + HOUR), mapping_id) is not None
    assert room.state(ada, mapping_id) == "active"
    assert room.pass_a_day(NOW + DAY + HOUR) == 3
    released = room.mapping(ada, mapping_id)
    assert (released.state, released.rule) == (State.RELEASED, OF_A_NEW_TENANT)
    assert (room.count(tenant_domains), room.count(attestations)) == (1, 2)
    with room.database.read() as connection:
        assert room.exceptions.get(connection, exception.id).state == "ended"


def test_what_waits_about_a_tenant_ends_when_it_is_given_up(room: Room) -> None:
    ada = room.an_admin()
    mapping_id, other = room.map(ada.organization_id), room.map(ada.organization_id, OTHER_TID)
    for each in (mapping_id, other):
        room.sign(ada, each)
    room.save(ada, Rule(), mapping_id)
    room.release(ada, mapping_id)
    room.release(room.operator(), mapping_id)
    assert [each.target for each in room.waiting(ada)] == [f"{other}:c1"]
    assert len(room.audited("change.replaced")) == 3


def test_a_tenant_that_the_organisations_rule_requires_is_not_given_up(room: Room) -> None:
    ada = room.an_admin()
    mapping_id, other = room.map(ada.organization_id), room.map(ada.organization_id, OTHER_TID)
    room.release(ada, mapping_id)
    require(room, ada, TID)
    assert room.pass_a_day() == 0
    with conflict(Conflicting.IN_RULE):
        room.release(ada, mapping_id)
    assert room.release(ada, other) is not None


def require(room: Room, admin: FreshAdmin, tid: str) -> None:
    with room.database.begin() as connection:
        set_own_rule(connection, admin.organization_id, Rule(tenants=frozenset({tid})))


def test_a_release_that_is_late_releases_nothing(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    room.release(ada, mapping_id)
    with room.database.begin() as connection:
        connection.execute(update(mappings).values(state="refused"))
    assert room.pass_a_day() == 0
    assert room.state(ada, mapping_id) == "refused"


VERBS: dict[str, Callable[[Room, FreshAdmin, str], object]] = {
    "prove": lambda room, admin, mapping_id: room.prove(admin, mapping_id),
    "suspend": lambda room, admin, mapping_id: room.suspend(admin, mapping_id),
    "resume": lambda room, admin, mapping_id: room.resume(admin, mapping_id),
    "release": lambda room, admin, mapping_id: room.release(admin, mapping_id),
}


@pytest.mark.parametrize("verb", VERBS)
def test_t4_an_admin_of_another_organisation_finds_no_mapping(room: Room, verb: str) -> None:
    ada, bob = room.an_admin("ada"), room.an_admin("bob")
    for state in ("active", "suspended"):
        mapping_id = room.map(ada.organization_id, TID if state == "active" else OTHER_TID, state=state)
        for target in (mapping_id, "unknown"):
            with pytest.raises(NotFound):
                VERBS[verb](room, bob, target)
        with pytest.raises(NotFound):
            room.mapping(bob, mapping_id)
        assert room.state(ada, mapping_id) == state
    assert room.audited("tenant.proven", "tenant.suspended", "tenant.released", "change.proposed") == []


@pytest.mark.parametrize("verb", VERBS)
def test_t4_who_was_removed_a_moment_ago_changes_nothing(room: Room, verb: str) -> None:
    ada = room.an_admin()
    outsider = room.person("carl")
    mapping_id = room.map(ada.organization_id)
    with pytest.raises(Denied) as denied:
        VERBS[verb](room, fresh_admin(outsider, ada.organization_id), mapping_id)
    assert denied.value.denial is Denial.UNKNOWN
    room.join(ada.organization_id, outsider.account_id, Role.MEMBER)
    with pytest.raises(Denied) as denied:
        VERBS[verb](room, fresh_admin(outsider, ada.organization_id), mapping_id)
    assert denied.value.denial is Denial.NOT_ADMIN
    assert room.state(ada, mapping_id) == "active"


@pytest.mark.parametrize("state", State)
def test_a_mapping_moves_by_the_table_and_not_otherwise(room: Room, state: State) -> None:
    ada, operator = room.an_admin(), room.operator()
    for number, verb in enumerate(set(Verb) - {Verb.REQUESTED}):
        mapping_id = room.map(ada.organization_id, f"{number}0000000-0000-4000-8000-00000000000a", state=state.value)
        expected = TRANSITIONS.get((state, verb))
        if expected is None:
            with conflict(Conflicting.STATE):
                do(room, verb, ada, operator, mapping_id)
        else:
            do(room, verb, ada, operator, mapping_id)
        assert room.state(ada, mapping_id) == (expected or state)


def do(room: Room, verb: Verb, admin: FreshAdmin, operator: FreshOperator, mapping_id: str) -> None:
    tid = room.mapping(admin, mapping_id).tid
    with room.database.begin() as connection:
        match verb:
            case Verb.PROVEN:
                room.mappings.prove(connection, admin, mapping_id, tid=tid, roles=SILENT, guest=False)
            case Verb.APPROVED | Verb.ACTIVATED:
                connection.execute(update(mappings).where(mappings.c.id == mapping_id).values(speaks=False))
                room.mappings.approve(connection, operator, mapping_id)
            case Verb.REFUSED:
                room.mappings.refuse(connection, operator, mapping_id)
            case Verb.SUSPENDED:
                room.mappings.suspend(connection, operator, mapping_id)
            case Verb.RESUMED:
                room.mappings.resume(connection, operator, mapping_id)
            case _:
                room.mappings.release(connection, operator, mapping_id)


def test_domains_are_an_active_tenants(room: Room) -> None:
    ada = room.an_admin()
    for number, state in enumerate(State):
        mapping_id = room.map(ada.organization_id, f"{number}0000000-0000-4000-8000-00000000000a", state=state.value)
        with room.database.begin() as connection:
            if state is State.ACTIVE:
                found = room.mappings.set_domains(connection, ada, mapping_id, ["Example.ORG."])
                assert found == ("example.org",)
                continue
            with conflict(Conflicting.STATE):
                room.mappings.set_domains(connection, ada, mapping_id, ["example.com"])
    assert [detail["count"] for _, _, detail in room.audited("tenant.domains")] == [1]
    assert room.count(tenant_domains) == 1
