"""T1: what takes effect days after somebody's word is judged again then, over the proof as it was given."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from secrets import token_bytes

import pytest
from sqlalchemy import delete, func, select, update

from broker.accounts.organizations.changes import WAIT, Change, ChangeKind
from broker.accounts.organizations.model import changes
from broker.audit.model import audit_entries
from broker.keys.cipher import FieldCipher, Undecryptable
from broker.settings.model import PolicySettings
from broker.signin.kept import KeptProofs, reseal_proofs
from broker.signin.model import kept_proofs
from broker.signin.policy import Policy
from broker.storage.database import Database
from broker.switches.service import Kind as Switch
from broker.tenants.model import mappings
from broker.tenants.rules import Rule, dump
from claims.decision import Purpose
from claims.evidence import Binding, Strength
from migrations.accounts import links
from migrations.accounts.admins import Admins
from migrations.accounts.cases import CaseKind, CaseState
from migrations.accounts.links import Verb
from migrations.accounts.periods import UNDO
from migrations.accounts.records import State
from tests.accounts.organizations.rooms import NOW, TID, fresh_admin, person_of
from tests.migrations.rooms import WEEK, OldRoom

HOLD = timedelta(hours=72)
STRICTER = {
    "strength": PolicySettings(strength="phishing_resistant"),
    "bindings": PolicySettings(bindings=(Binding.ACCOUNT_STATE,)),
}


@pytest.fixture
def room(tmp_path: Path, migrated_sqlite: Path) -> Iterator[OldRoom]:
    database = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    yield OldRoom(database)
    database.dispose()


def under(room: OldRoom, settings: PolicySettings) -> KeptProofs:
    """Return what judges kept proofs after the operator has changed the policy."""
    return replace(room.proofs, policy=Policy(settings))


def kept(room: OldRoom) -> int:
    with room.database.read() as connection:
        return connection.execute(select(func.count()).select_from(kept_proofs)).scalar_one()


@pytest.mark.parametrize("kind", [CaseKind.CLAIM, CaseKind.LINKED])
@pytest.mark.parametrize("policy", STRICTER)
def test_t1_a_claim_that_the_rules_of_today_would_refuse_comes_to_nothing(
    room: OldRoom, policy: str, kind: CaseKind
) -> None:
    room.legacy()
    case = room.begin(room.sign_in("ada"), kind=kind, due_at=NOW + HOLD)
    effects = replace(room.effects, proofs=under(room, STRICTER[policy]))
    with room.database.begin() as connection:
        assert effects.take_effect(connection, case, NOW + HOLD).state is CaseState.LAPSED
    assert (room.get().state, room.get().account_id) == (State.PENDING, None)
    assert kept(room) == 0


def test_t1_a_claim_that_waited_as_it_was_told_to_is_not_too_late(room: OldRoom) -> None:
    room.legacy()
    case = room.begin(room.sign_in("ada"), due_at=NOW + HOLD)
    with room.database.begin() as connection:
        assert room.effects.take_effect(connection, case, NOW + HOLD).state is CaseState.EFFECTIVE
    assert kept(room) == 1, "it can be undone and upheld still"


def test_t1_a_recovery_rests_on_the_proof_of_who_asked(room: OldRoom) -> None:
    room.legacy()
    person = room.sign_in("ada")
    case = room.asked(person)
    with room.database.begin() as connection:
        room.proofs.keep(connection, case.id, person, NOW)
    granted = room.granted(case)
    effects = replace(room.effects, proofs=under(room, STRICTER["strength"]))
    with room.database.begin() as connection:
        assert effects.take_effect(connection, granted, NOW + WEEK).state is CaseState.LAPSED


def test_t1_a_tenant_that_asks_for_more_by_now_is_heard(room: OldRoom) -> None:
    room.legacy()
    organization_id, _ = room.admins("olga", "oscar")
    mapping_id = room.map(organization_id, TID)
    case = room.begin(room.sign_in("ada").by_tenant(TID), due_at=NOW + HOLD)
    stricter = dump(Rule(strength=Strength.PHISHING_RESISTANT))
    with room.database.begin() as connection:
        connection.execute(update(mappings).where(mappings.c.id == mapping_id).values(rule=stricter))
    with room.database.begin() as connection:
        assert room.effects.take_effect(connection, case, NOW + HOLD).state is CaseState.LAPSED


def test_t1_admins_of_a_conversion_count_while_their_proof_does(room: OldRoom) -> None:
    room.legacy(alias="confirmed", kind="alias")
    ada, bob = room.sign_in("ada"), room.sign_in("bob")
    case = room.begin(ada, kind=CaseKind.CONVERSION, due_at=NOW + WEEK, details={"organization": "Contoso"})
    with room.database.begin() as connection:
        for (named, _), person in zip(
            room.named.name(connection, case, ["ada@example.org", "bob@example.org"]), (ada, bob), strict=True
        ):
            assert room.named.accept(connection, named, person, NOW)
            assert not room.named.accept(connection, named, person, NOW)
    stricter = Admins(
        cipher=room.cipher, index=room.index, standing=room.standing, proofs=under(room, STRICTER["bindings"])
    )
    with room.database.begin() as connection:
        waiting = replace(room.effects, admins=stricter).take_effect(connection, case, NOW + WEEK)
    assert (waiting.state, waiting.organization_id) == (CaseState.WAITING, None)
    with room.database.begin() as connection:
        assert room.effects.take_effect(connection, case, NOW + WEEK).state is CaseState.EFFECTIVE


def proposed(room: OldRoom) -> Change:
    ada = room.sign_in("ada")
    organization_id = room.organization(person_of(ada))
    with room.database.begin() as connection:
        asking = fresh_admin(person_of(ada), organization_id)
        return room.changes.propose(connection, asking, ChangeKind.RULE, "", {"guests": True})


def applied(room: OldRoom) -> list[str]:
    done: list[str] = []
    room.changes.apply_due(room.database, NOW + WAIT, {ChangeKind.RULE: lambda _, change, __: done.append(change.id)})
    return done


@pytest.mark.parametrize("policy", STRICTER)
def test_t1_a_change_that_waited_takes_a_proof_by_the_rules_of_today(room: OldRoom, policy: str) -> None:
    change = proposed(room)
    room.changes._proofs = under(room, STRICTER[policy])
    assert applied(room) == []
    with room.database.read() as connection:
        state = connection.execute(select(changes.c.state).where(changes.c.id == change.id)).scalar_one()
        details = connection.execute(
            select(audit_entries.c.detail).where(audit_entries.c.action == "change.failed")
        ).scalars()
        assert (state, "proof_not_enough" in str(details.one())) == ("failed", True)
    assert kept(room) == 0


def test_t1_a_change_whose_proof_counts_still_is_made_once(room: OldRoom) -> None:
    proposed(room)
    assert len(applied(room)) == 1
    assert kept(room) == 0, "what is done rests on nothing any more"


def test_what_began_before_proofs_were_kept_goes_on_by_its_way_alone(room: OldRoom) -> None:
    room.legacy()
    case = room.begin(room.sign_in("ada"), due_at=NOW + HOLD)
    with room.database.begin() as connection:
        connection.execute(delete(kept_proofs))
        assert room.effects.take_effect(connection, case, NOW + HOLD).state is CaseState.EFFECTIVE


def test_a_proof_opens_for_what_rests_on_it_and_for_nothing_else(room: OldRoom) -> None:
    room.legacy()
    case = room.begin(room.sign_in("ada"), due_at=NOW + HOLD)
    with room.database.begin() as connection:
        connection.execute(update(kept_proofs).values(reference="another"))
    with room.database.begin() as connection, pytest.raises(Undecryptable):
        room.proofs.still_hold(connection, "another", Purpose.CLAIM, NOW)
    with room.database.begin() as connection:
        connection.execute(update(kept_proofs).values(reference=case.id))
        newer = FieldCipher({"v1": token_bytes(32), "v2": token_bytes(32)})
        newer._ciphers[b"v1"] = room.cipher._ciphers[b"v1"]
        assert (reseal_proofs(connection, newer), reseal_proofs(connection, newer)) == (1, 0)


@pytest.mark.parametrize("kind", [Switch.PROVIDER, Switch.TENANT])
def test_t5_what_waits_is_not_lost_while_a_kill_switch_shuts_its_way(room: OldRoom, kind: Switch) -> None:
    room.legacy()
    organization_id, _ = room.admins("olga", "oscar")
    room.map(organization_id, TID)
    ada = room.sign_in("ada").by_tenant(TID)
    own = room.organization(person_of(ada), "Ada's")
    case = room.begin(ada, due_at=NOW + HOLD)
    with room.database.begin() as connection:
        asking = fresh_admin(person_of(ada), own)
        change = room.changes.propose(connection, asking, ChangeKind.RULE, "", {"guests": True})
    off = "entra" if kind is Switch.PROVIDER else TID
    room.switches.throw(kind, off, NOW)
    room.due.run(NOW + HOLD)
    assert room.case(case).state is CaseState.WAITING
    assert applied(room) == []
    room.switches.restore(kind, off, NOW + HOLD)
    room.due.run(NOW + HOLD + timedelta(hours=1))
    assert room.case(case).state is CaseState.EFFECTIVE
    assert applied(room) == [change.id]


def test_t3_the_time_in_which_nothing_could_be_changed_is_given_back_to_who_may_object(room: OldRoom) -> None:
    room.legacy()
    room.legacy("43", email="other@old.example")
    waiting = room.begin(room.sign_in("ada"), due_at=NOW + HOLD)
    effective = room.claimed(room.sign_in("bob"), "43")
    with room.database.begin() as connection:
        token = links.make(connection, waiting.id, Verb.STOP, NOW + HOLD)
    day = timedelta(days=1)
    room.switches.when_restored(room.effects.after_switch)
    room.switches.throw(Switch.SIGN_UP, "", NOW)
    room.switches.restore(Switch.SIGN_UP, "", NOW + day)
    assert room.case(waiting).due_at == NOW + HOLD, "this one kept nobody from anything"
    room.switches.throw(Switch.READ_ONLY, "", NOW)
    room.switches.restore(Switch.READ_ONLY, "", NOW + day)
    assert room.case(waiting).due_at == NOW + HOLD + day
    assert room.case(effective).undo_until == NOW + UNDO + day
    with room.database.read() as connection:
        assert links.find(connection, token, NOW + HOLD + day - timedelta(seconds=1)) is not None
        assert links.find(connection, token, NOW + HOLD + day) is None
