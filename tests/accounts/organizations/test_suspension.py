"""Memberships are suspended by sign-ins that do not meet the rules, and come back by those that do."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, event, update

from broker.accounts.organizations.belonging import Belonging
from broker.accounts.organizations.model import memberships, organizations
from broker.accounts.organizations.sign_ins import SignInsOfMembers
from broker.tenants.rules import Rule, dump
from claims.evidence import Strength
from tests.accounts.organizations.rooms import NOW, Room, SignIn, evidence

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def asked(room: Room) -> tuple[str, SignIn]:
    """An organisation that asks for phishing-resistant proof, and a member."""
    organization_id, _ = room.admins("ada")
    bob = room.sign_in("bob")
    room.join(organization_id, bob.account_id)
    with room.database.begin() as connection:
        rule = dump(Rule(strength=Strength.PHISHING_RESISTANT))
        connection.execute(update(organizations).where(organizations.c.id == organization_id).values(rule=rule))
    return organization_id, bob


def belongings(room: Room, sign_in: SignIn, now: datetime = NOW) -> list[Belonging]:
    with room.database.read() as connection:
        return room.belongings.of(connection, sign_in, now)


def note(room: Room, sign_in: SignIn, now: datetime) -> int:
    """Note a sign-in, and return how many statements that took beside the judging."""
    judged = belongings(room, sign_in, now)
    seen: list[str] = []

    def see(*given: Any) -> None:
        seen.append(given[2])

    with room.database.begin() as connection:
        event.listen(room.database.engine, "before_cursor_execute", see)
        room.suspensions.note(connection, sign_in, judged, now)
        event.remove(room.database.engine, "before_cursor_execute", see)
    return len(seen)


def suspended_at(room: Room, organization_id: str, account_id: str) -> datetime | None:
    with room.database.read() as connection:
        members = room.organizations.members(connection, organization_id)
    return next(each.suspended_at for each in members if each.account_id == account_id)


def test_a_membership_is_suspended_and_comes_back_and_what_does_not_differ_costs_nothing(
    room: Room, asked: tuple[str, SignIn]
) -> None:
    organization_id, bob = asked
    strong = bob.with_evidence(evidence(Strength.PHISHING_RESISTANT))
    assert note(room, strong, NOW) == 0
    assert note(room, bob, NOW) == 2
    assert suspended_at(room, organization_id, bob.account_id) == NOW
    assert note(room, bob, LATER) == 0
    assert suspended_at(room, organization_id, bob.account_id) == NOW
    assert note(room, strong, LATER) == 2
    assert suspended_at(room, organization_id, bob.account_id) is None
    detail = {"organization": organization_id, "member": bob.account_id}
    assert room.audited("membership.suspended", "membership.resumed") == [
        ("membership.suspended", bob.account_id, {**detail, "reason": "proof"}),
        ("membership.resumed", bob.account_id, detail),
    ]


def test_what_another_sign_in_noted_first_or_ended_is_not_noted_again(room: Room, asked: tuple[str, SignIn]) -> None:
    _, bob = asked
    judged = belongings(room, bob)
    with room.database.begin() as connection:
        for _ in range(2):
            room.suspensions.note(connection, bob, judged, NOW)
        connection.execute(delete(memberships).where(memberships.c.account_id == bob.account_id))
        room.suspensions.note(connection, bob, judged, NOW)
    assert len(room.audited("membership.suspended")) == 1


def test_a_sign_in_of_a_member_is_kept_and_noted_together(room: Room, asked: tuple[str, SignIn]) -> None:
    organization_id, bob = asked
    noting = SignInsOfMembers(room.last_sign_ins, room.belongings, room.suspensions)
    with room.database.begin() as connection:
        noting.note(connection, bob, NOW)
        assert room.last_sign_ins.of(connection, [bob.account_id]).keys() == {bob.account_id}
    assert suspended_at(room, organization_id, bob.account_id) == NOW
