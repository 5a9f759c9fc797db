"""Attestations: signed by an admin, evidence a day later, and for a year."""

from datetime import datetime

import pytest

from broker.accounts.organizations.changes import ChangeKind
from broker.storage.database import Database
from broker.tenants.attestations import REMINDED_BEFORE, Signed
from broker.tenants.errors import BadInput, Conflict, NotFound
from broker.tenants.model import attestations
from claims.evidence import Strength
from claims.rules import Attestation
from tests.accounts.organizations.rooms import DAY, NOW, OTHER_TID, TID
from tests.tenants.rooms import Room, at

YEAR = 365 * DAY
LATER = NOW + DAY


def contexts(room: Room, now: datetime = LATER) -> tuple[Attestation, ...]:
    found = room.admissions.find("entra", TID, now)
    assert found is not None
    return found.contexts


def signed(room: Room, mapping_id: str) -> list[Signed]:
    with room.database.read() as connection:
        return room.attestations.of_mapping(connection, mapping_id)


def remind(room: Room, now: datetime) -> int:
    with room.database.begin() as connection:
        return room.attestations.remind(connection, now)


def test_an_attestation_counts_a_day_after_it_was_signed_and_until_its_review(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    change = room.sign(ada, mapping_id, "c2", "phishing_resistant", every_time=True)
    assert (change.kind, change.target) == (ChangeKind.ATTEST, f"{mapping_id}:c2")
    assert contexts(room) == ()
    assert room.pass_a_day() == 1
    assert contexts(room) == (Attestation(context="c2", strength=Strength.PHISHING_RESISTANT, every_time=True),)
    (found,) = signed(room, mapping_id)
    assert (found.signed_by, found.signed_at, found.review_by) == (ada.account_id, NOW, NOW + YEAR)
    assert contexts(room, NOW + YEAR) == ()
    assert contexts(room, NOW + YEAR - DAY / 86400) != ()
    detail = {"organization": ada.organization_id, "tenant": TID, "context": "c2"}
    assert room.audited("attestation.signed") == [("attestation.signed", ada.account_id, detail)]


def test_signing_again_renews_and_the_old_word_counts_until_then(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    room.sign(ada, mapping_id)
    room.pass_a_day()
    again = NOW + 340 * DAY
    room.sign(at(ada, again), mapping_id, strength="phishing_resistant")
    assert contexts(room, again) == (Attestation(context="c1", strength=Strength.MFA),)
    assert room.pass_a_day(again + DAY) == 1
    assert contexts(room, again + DAY) == (Attestation(context="c1", strength=Strength.PHISHING_RESISTANT),)
    assert [each.review_by for each in signed(room, mapping_id)] == [again + YEAR]


@pytest.mark.parametrize("state", ["requested", "proven", "suspended", "released", "refused"])
def test_t5_only_of_an_active_tenant_is_anything_attested(room: Room, state: str) -> None:
    ada = room.an_admin()
    with pytest.raises(Conflict, match=r"^state$"):
        room.sign(ada, room.map(ada.organization_id, state=state))
    assert room.waiting(ada) == []


def test_t5_of_a_tenant_that_was_suspended_meanwhile_nothing_is_attested(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    room.sign(ada, mapping_id)
    room.suspend(ada, mapping_id)
    assert room.pass_a_day() == 0
    assert room.count(attestations) == 0


def test_t2_only_the_contexts_and_strengths_there_are_can_be_attested(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    for context in ("", "c0", "c100", "c01", "C1", "c1 ", "c1\n", "p1", "1", "c1,c2", "c١"):
        with pytest.raises(BadInput, match=r"^context: "):
            room.sign(ada, mapping_id, context)
    for strength in ("", "none", "single", "MFA", "mfa "):
        with pytest.raises(BadInput, match=r"^strength: "):
            room.sign(ada, mapping_id, "c1", strength)
    for context in ("c1", "c9", "c10", "c99"):
        room.sign(ada, mapping_id, context)
    assert len(room.waiting(ada)) == 4


def test_t4_an_admin_of_another_organisation_attests_and_revokes_nothing(room: Room) -> None:
    ada, bob = room.an_admin("ada"), room.an_admin("bob")
    mapping_id = room.map(ada.organization_id)
    room.attest(mapping_id, "c1", Strength.MFA, NOW + YEAR)
    for target in (mapping_id, "unknown"):
        with pytest.raises(NotFound):
            room.sign(bob, target)
        with pytest.raises(NotFound), room.database.begin() as connection:
            room.attestations.revoke(connection, bob, target, "c1")
    assert len(signed(room, mapping_id)) == 1


def test_what_is_revoked_counts_no_more_at_once_and_what_waits_never_will(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    room.attest(mapping_id, "c1", Strength.MFA, NOW + YEAR)
    room.sign(ada, mapping_id, "c1")
    room.sign(ada, mapping_id, "c2")
    with room.database.begin() as connection:
        room.attestations.revoke(connection, ada, mapping_id, "c1")
        room.attestations.revoke(connection, ada, mapping_id, "c2")
        for context in ("c2", "c3", "c0", "\x00"):
            with pytest.raises(NotFound):
                room.attestations.revoke(connection, ada, mapping_id, context)
    assert contexts(room) == ()
    assert room.pass_a_day() == 0
    assert [detail["context"] for _, _, detail in room.audited("attestation.revoked")] == ["c1", "c2"]


def test_admins_are_reminded_once_a_month_before_the_review(database: Database) -> None:
    room = Room(database)
    ada = room.an_admin()
    mapping_id, other = room.map(ada.organization_id), room.map(ada.organization_id, OTHER_TID)
    due = NOW + YEAR
    room.attest(mapping_id, "c1", Strength.MFA, due)
    room.attest(other, "c2", Strength.MFA, due + DAY)
    assert remind(room, due - REMINDED_BEFORE - DAY) == 0
    assert [remind(room, due - REMINDED_BEFORE) for _ in range(2)] == [1, 0]
    assert remind(room, due + DAY) == 1  # late, as no worker ran
    mails = [mail["text"] for mail in room.mails() if mail["subject"] == "An attestation is due"]
    assert len(mails) == 2
    assert any("context c1" in text and TID in text and due.date().isoformat() in text for text in mails)


def test_what_was_signed_again_is_reminded_of_again(room: Room) -> None:
    ada = room.an_admin()
    mapping_id = room.map(ada.organization_id)
    room.attest(mapping_id, "c1", Strength.MFA, NOW + DAY)
    assert remind(room, NOW) == 1
    room.sign(ada, mapping_id)
    room.pass_a_day()
    assert remind(room, NOW + DAY) == 0
    assert remind(room, NOW + YEAR - REMINDED_BEFORE) == 1


def test_of_an_organisation_that_is_switched_off_nobody_is_reminded(room: Room) -> None:
    ada = room.an_admin()
    room.attest(room.map(ada.organization_id), "c1", Strength.MFA, NOW + DAY)
    with room.database.begin() as connection:
        room.organizations.disable(connection, ada.organization_id, NOW)
    assert remind(room, NOW) == 0


def test_an_attestation_is_of_one_tenant(room: Room) -> None:
    ada = room.an_admin()
    room.attest(room.map(ada.organization_id, OTHER_TID), "c1", Strength.MFA, NOW + YEAR)
    room.map(ada.organization_id)
    assert contexts(room) == ()
