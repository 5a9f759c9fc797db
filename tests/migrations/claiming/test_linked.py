"""Accounts with a linked identity: whoever signs in with it, with MFA itself, has them; nobody is kept out by it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
from sqlalchemy import Connection, event, func, insert, select, update

from broker.accounts.service import Resolved
from broker.keys.pseudonyms import Pseudonyms
from broker.settings import PolicySettings
from broker.signin.goals import SignedIn
from broker.signin.policy import Policy
from broker.signin.transactions import Goal, Transaction
from broker.storage.database import Database
from broker.tenants.admission import WITHOUT_TENANT
from broker.tenants.exceptions import Waiver
from claims.decision import Exemption, Purpose, Reason, decide
from claims.evidence import Authentication, Evidence, Strength
from claims.profile import Profile
from migrations.accounts.cases import CaseKind, CaseState
from migrations.accounts.claiming.linked import Linked
from migrations.accounts.links import Verb
from migrations.accounts.model import cases, legacy_accounts, legacy_identities
from migrations.accounts.periods import HOLD, UNDO
from migrations.accounts.records import State
from providers.provider import Identified, Subject
from providers.standins import Standins
from tests.accounts.organizations.rooms import NOW, evidence
from tests.migrations.claiming.rooms import OLD, WIDELY_USED, ClaimRoom
from tests.migrations.legacy import imported as import_rows
from tests.migrations.legacy import legacy, with_campaign
from tests.organizations import signed_in
from tests.storage.parallel import in_parallel
from tests.world import World, running

TARA = Subject(issuer="https://api.github.example", tenant="", id="583231001")
KEYS = {"v1": bytes(32), "v2": bytes(range(32))}
NEW, BEFORE = Pseudonyms(KEYS, "v2"), Pseudonyms({"v1": KEYS["v1"]})
POLICY = Policy(PolicySettings())


def link(room: ClaimRoom, registry_id: str = "42", pseudonyms: Pseudonyms = NEW, subject: Subject = TARA) -> None:
    with room.database.begin() as connection:
        connection.execute(
            insert(legacy_identities).values(pseudonym=pseudonyms.current(subject), registry_id=registry_id)
        )


def sign_in(room: ClaimRoom, *given: Evidence, subject: Subject = TARA, **changes: Any) -> Resolved:
    """Have somebody sign in: what the gate does in its transaction, without the session."""
    authentication = Authentication(evidence=given or (evidence(),), auth_time=None)
    profile = Profile(name="Tara", email="tara@example.org", email_verified=True)
    verdict = decide(POLICY.requirement(Purpose.SIGN_IN, NOW), authentication, NOW)
    signed = SignedIn(
        transaction=Transaction(id="t", goal=Goal.ACCOUNT, payload={}, browser="", started_at=NOW),
        provider_id="github",
        identified=Identified(subject=subject, profile=profile, authentication=authentication),
        verdict=replace(verdict, **changes.pop("verdict", {})),
        cookie=None,
        shown={},
        now=NOW,
        **changes,
    )
    linked = Linked(effects=room.effects, pseudonyms=NEW, policy=POLICY, widely_used=WIDELY_USED)
    with room.database.begin() as connection:
        account = room.accounts.resolve(connection, subject, "github", profile, NOW)
        linked.arrived(connection, signed, account)
    return account


def test_an_account_with_a_linked_identity_is_attached_at_once_and_its_old_address_can_undo_it(room: ClaimRoom) -> None:
    room.legacy("42", hash_sealed=None, downloads=WIDELY_USED - 1)
    link(room)
    tara = sign_in(room)
    assert room.carried(tara.account_id) == ["42"]
    (case,) = _cases(room)
    assert (case.kind, case.state, case.account_id) == (CaseKind.LINKED, CaseState.EFFECTIVE, tara.account_id)
    assert case.undo_until == NOW + UNDO
    assert [(kind, data["by"]) for kind, _, data in room.events()] == [("account.claimed", "linked")]
    assert room.link(Verb.UNDO)
    assert "the way it was linked to" in room.mails_to(OLD)[0]
    sign_in(room)
    assert len(_cases(room)) == 1


def test_where_many_rely_on_its_packages_it_waits_and_can_be_stopped_from_its_old_address(room: ClaimRoom) -> None:
    room.legacy("42", hash_sealed=None, downloads=WIDELY_USED)
    link(room)
    tara = sign_in(room)
    (case,) = _cases(room)
    assert (case.state, case.due_at, room.carried(tara.account_id)) == (CaseState.WAITING, NOW + HOLD, [])
    assert "the way it was linked to" in room.mails_to(OLD)[0]
    assert room.link(Verb.STOP)
    sign_in(room)
    assert len(_cases(room)) == 1, "nobody stops their own"
    room.due.run(NOW + HOLD)
    assert room.carried(tara.account_id) == ["42"]


def _cases(room: ClaimRoom) -> list[Any]:
    with room.database.read() as connection:
        return room.cases.of_registry_account(connection, "42")


def test_a_pseudonym_under_an_older_key_is_recognised(room: ClaimRoom) -> None:
    room.legacy("42")
    link(room, pseudonyms=BEFORE)
    assert room.carried(sign_in(room).account_id) == ["42"]


def test_several_accounts_of_one_identity_under_two_keys_are_all_attached(room: ClaimRoom) -> None:
    for registry_id, pseudonyms in (("1", NEW), ("2", BEFORE)):
        room.legacy(registry_id, email=None)
        link(room, registry_id, pseudonyms)
    assert room.carried(sign_in(room).account_id) == ["1", "2"]


def test_t3_nobody_elses_subject_attaches_anything(room: ClaimRoom) -> None:
    room.legacy("42")
    link(room)
    for other in (replace(TARA, id="583231002"), replace(TARA, issuer="https://other"), replace(TARA, tenant="x")):
        assert room.carried(sign_in(room, subject=other).account_id) == []
    assert room.get().state is State.PENDING


def test_t1_mfa_that_was_waived_or_not_proven_attaches_nothing(room: ClaimRoom) -> None:
    room.legacy("42")
    link(room)
    single = evidence(Strength.SINGLE, values=("pwd",))
    waiver = Waiver(exception_id="e", exemption=Exemption(organization="o", until=NOW + timedelta(days=1)), placed=True)
    sign_in(room, single, verdict={"reason": Reason.EXEMPT, "satisfied": True}, waiver=waiver)
    sign_in(room, waiver=waiver)
    sign_in(room, verdict={"reason": Reason.EXEMPT})
    # Whatever a verdict says: the evidence is judged again, for what it is wanted for.
    sign_in(room, single, verdict={"reason": Reason.SATISFIED, "satisfied": True})
    stricter = replace(WITHOUT_TENANT, rule=replace(WITHOUT_TENANT.rule, strength=Strength.PHISHING_RESISTANT))
    sign_in(room, admission=stricter)
    assert (_cases(room), room.get().state) == ([], State.PENDING)


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "alias", "alias": "confirmed"},
        {"kind": "alias"},
        {"alias": "proposed"},
        *({"state": state.value} for state in State if state is not State.PENDING),
    ],
    ids=lambda values: "-".join(values.values()),
)
def test_an_alias_with_a_linked_identity_and_what_is_not_free_are_not_attached(
    room: ClaimRoom, values: dict[str, str]
) -> None:
    room.legacy("42", **values)
    link(room)
    assert room.carried(sign_in(room).account_id) == []
    assert (_cases(room), room.events()) == ([], [])


def test_an_alias_that_a_person_has_found_to_be_nobodys_else_is_attached(room: ClaimRoom) -> None:
    room.legacy("42", kind="alias", alias="rejected")
    link(room)
    assert room.carried(sign_in(room).account_id) == ["42"]


@contextmanager
def meanwhile(room: ClaimRoom, **values: object) -> Iterator[None]:
    """Have the account be something else between the look-up of the sign-in and the moment that it is held."""
    held = room.effects.ledger.held

    def late(connection: Connection, registry_id: str) -> object:
        connection.execute(update(legacy_accounts).values(**values))
        return held(connection, registry_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(room.effects.ledger), "held", lambda _, *arguments: late(*arguments))
        yield


@pytest.mark.parametrize("values", [{"state": "waiting"}, {"alias": "confirmed"}, {"alias": "proposed"}])
def test_t7_whoever_is_slower_signs_in_all_the_same_and_gets_nothing(
    room: ClaimRoom, values: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    room.legacy("42")
    link(room)
    caplog.set_level("INFO", logger="migrations.accounts.claiming.linked")
    with meanwhile(room, **values):
        tara = sign_in(room)
    assert room.carried(tara.account_id) == []
    assert (_cases(room), room.events(), room.get().state) == ([], [], State.PENDING), "the savepoint took it back"
    assert caplog.messages == [f"registry account 42 is not attached to account {tara.account_id}"]


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_t1_a_recovery_by_somebody_else_is_stopped_by_who_the_account_was_linked_to_and_attached_to_them_if_it_is_open(
    room: ClaimRoom, closed: bool
) -> None:
    values: dict[str, Any] = {"state": "closed", "closed_at": NOW, "hash_sealed": None} if closed else {}
    room.legacy("42", **values)
    link(room)
    recovery = room.asked(room.sign_in("mallory"))
    with room.database.begin() as connection:
        room.effects.wait(connection, recovery, NOW, due_at=NOW + HOLD)
    tara = sign_in(room)
    assert (room.case(recovery).state, room.case(recovery).decided_by) == (CaseState.REFUSED, tara.account_id)
    assert room.get().state is (State.CLOSED if closed else State.CLAIMED)
    assert room.carried(tara.account_id) == ([] if closed else ["42"])
    assert "was stopped" in room.mails_to("mallory@example.org")[0]


def test_t1_a_recovery_that_nobody_has_granted_does_not_keep_the_account_from_whom_it_was_linked_to(
    room: ClaimRoom,
) -> None:
    room.legacy("42")
    link(room)
    recovery = room.asked(room.sign_in("mallory"))
    assert room.carried(sign_in(room).account_id) == ["42"]
    assert room.case(recovery).state is CaseState.LAPSED


@pytest.mark.parametrize("kind", [CaseKind.CLAIM, CaseKind.CONVERSION])
def test_t1_a_claim_or_a_conversion_by_somebody_else_is_stopped_and_an_operator_decides(
    room: ClaimRoom, kind: CaseKind
) -> None:
    room.legacy("42")
    link(room)
    room.operator("otto")
    case = room.begin(room.sign_in("mallory"), kind=kind, due_at=NOW + HOLD, details={"organization": "Mallory's"})
    tara = sign_in(room)
    assert (room.case(case).state, room.get().state) == (CaseState.STOPPED, State.FROZEN)
    ((_, who, _),) = room.audited(f"migration.{kind.value}_stopped")
    assert who == tara.account_id
    assert room.mails_to("otto@example.org")
    sign_in(room)
    assert (room.carried(tara.account_id), len(_cases(room))) == ([], 1)
    # What an operator has let go on is stopped no more.
    stopped, olga = room.case(case), room.operator("olga")
    with room.database.begin() as connection:
        room.effects.uphold(connection, stopped, olga)
    sign_in(room)
    assert room.case(case).state is CaseState.WAITING


def test_nobody_stops_by_signing_in_what_they_have_a_part_in(room: ClaimRoom) -> None:
    tara, mallory = sign_in(room), room.sign_in("mallory")
    as_tara = replace(mallory, account_id=tara.account_id, identity_id=tara.identity_id)
    for registry_id in ("42", "43"):
        room.legacy(registry_id)
        link(room, registry_id, NEW if registry_id == "42" else BEFORE)
    own = room.begin(as_tara, due_at=NOW + HOLD)
    accepted = room.converting(mallory, [as_tara], "43")
    sign_in(room)
    assert [room.case(each).state for each in (own, accepted)] == [CaseState.WAITING] * 2
    assert room.carried(tara.account_id) == []


def test_t1_a_shared_account_is_not_kept_from_becoming_an_organisation_by_one_of_those_behind_it(
    room: ClaimRoom,
) -> None:
    room.legacy("42", kind="alias", alias="confirmed")
    link(room)
    case = room.converting(room.sign_in("mallory"), [])
    sign_in(room)
    assert room.case(case).state is CaseState.WAITING


def test_t5_a_way_that_is_shut_meanwhile_attaches_nothing(room: ClaimRoom) -> None:
    room.legacy("42")
    link(room)
    room.effects = replace(room.effects, standing=replace(room.standing, providers=frozenset()))
    tara = sign_in(room)
    assert (room.carried(tara.account_id), _cases(room)) == ([], [])


def test_t7_two_sign_ins_at_once_attach_it_once(database: Database) -> None:
    room = ClaimRoom(database)
    room.legacy("42")
    link(room)
    sign_in(room, subject=replace(TARA, id="warm"))
    accounts = in_parallel(4, lambda: sign_in(room).account_id)
    assert len(set(accounts)) == 1
    assert room.carried(accounts[0]) == ["42"]
    assert len(room.events()) == 1


def test_a_sign_in_at_the_real_surface_attaches_what_was_imported_and_one_without_mfa_nothing(
    old_world: World,
) -> None:
    rows = [
        {"registry_id": name, "name": name, "email": f"{name}@old.example", "email_confirmed": True, "kind": kind,
         "identities": [identity]}
        for name, kind, identity in (
            ("tara", "person", {"provider": "github", "id": "583231001"}),
            ("fay", "person", {"provider": "github", "id": "583231002"}),
        )
    ]  # fmt: skip
    import_rows(old_world, rows)
    tara = signed_in(old_world, "2fa-true", "github")
    refused = old_world.visitor().sign_in("2fa-false", "github")
    assert not hasattr(refused, "parameters")
    with old_world.parts.database.read() as connection:
        found = connection.execute(select(cases.c.registry_id, cases.c.kind, cases.c.account_id)).all()
    assert [tuple(row) for row in found] == [("tara", "linked", tara.account_id)]
    assert "tara" in tara.visitor.get("/account").text


def test_an_imported_alias_is_left_to_its_conversion_though_somebody_had_linked_themself(old_world: World) -> None:
    identity = {"provider": "github", "id": "583231001"}
    legacy(old_world, "team", kind="alias", password=None, identities=[identity])
    signed_in(old_world, "2fa-true", "github")
    with old_world.parts.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(cases)).scalar_one() == 0


def _statements(world: World) -> int:
    """Return how many statements the second sign-in of somebody takes."""
    signed_in(world, "2fa-true", "github")
    seen: list[str] = []

    def count(_: Connection, __: object, statement: str, *___: object, into: list[str]) -> None:
        into.append(statement)

    counting = partial(count, into=seen)
    event.listen(world.parts.database.engine, "before_cursor_execute", counting)
    try:
        signed_in(world, "2fa-true", "github")
    finally:
        event.remove(world.parts.database.engine, "before_cursor_execute", counting)
    return len([each for each in seen if not each.startswith(("BEGIN", "SAVEPOINT"))])


def test_a_sign_in_costs_one_statement_more_where_there_is_an_old_world_and_none_where_there_is_not(
    world: World, tmp_path: Path, standins: Standins, migrated_sqlite: Path
) -> None:
    folder = tmp_path / "with"
    folder.mkdir()
    copy(migrated_sqlite, folder / "vestibule.db")
    with running(folder, standins=standins, change=with_campaign) as old_world:
        legacy(old_world, "1", identities=[{"provider": "github", "id": "999"}])
        assert _statements(old_world) == _statements(world) + 1
