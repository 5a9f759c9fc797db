"""It must show 4: a process that is killed at any statement of a claim or an undo leaves the old state, or the new."""

from collections.abc import Callable

import pytest

from broker.storage.database import Database
from migrations.accounts import links
from migrations.accounts.cases import Case, CaseState
from migrations.accounts.links import Verb
from migrations.accounts.periods import HOLD, UNDO
from migrations.accounts.records import State
from tests.accounts.organizations.rooms import NOW
from tests.migrations.claiming.rooms import OLD, WIDELY_USED, ClaimRoom
from tests.migrations.crash import Death, killed_at_every_statement, state_of


@pytest.fixture
def both(database: Database) -> ClaimRoom:
    """On SQLite, and on PostgreSQL."""
    return ClaimRoom(database)


def killed(room: ClaimRoom, action: Callable[[], object]) -> list[Death]:
    """Kill it at every statement, see that each time nothing at all had happened, and return all but the end."""

    def quietly() -> None:
        action()

    before = state_of(room.database)
    deaths = killed_at_every_statement(room.database, quietly)
    *died, lived = deaths
    assert {each.at.partition(" ")[0] for each in died} >= {"SELECT", "INSERT", "UPDATE", "COMMIT"}
    assert [each.at for each in died if each.state != before] == []
    assert lived.state != before
    return died


def test_a_claim_that_is_killed_has_not_begun_or_is_done(both: ClaimRoom) -> None:
    room = both
    room.password_account()
    attempt, ada = room.proven(), room.somebody()
    killed(room, lambda: room.finish(attempt, ada))
    assert (room.get().state, room.carried(ada.account_id)) == (State.CLAIMED, ["42"])
    assert [(kind, data["account"]) for kind, _, data in room.events()] == [("account.claimed", ada.account_id)]
    assert room.link(Verb.UNDO), "one mail has one"
    assert len(room.audited("migration.claim_effective")) == 1


def test_a_claim_that_waits_and_its_effect_are_each_whole_or_not_there(room: ClaimRoom) -> None:
    room.password_account(downloads=WIDELY_USED)
    attempt, ada = room.proven(), room.somebody()
    killed(room, lambda: room.finish(attempt, ada))
    assert (room.get().state, room.events()) == (State.WAITING, [])
    killed(room, lambda: room.due.run(NOW + HOLD))
    assert (room.get().state, len(room.events())) == (State.CLAIMED, 1)
    killed(room, lambda: room.due.run(NOW + HOLD + UNDO))
    assert [kind for kind, _, _ in room.events()] == ["account.claimed", "password.closed"]
    assert room.get().hash_sealed is None


def test_an_undo_that_is_killed_leaves_the_claim_and_its_link_or_neither(room: ClaimRoom) -> None:
    room.password_account()
    room.operator("otto")
    case = room.claim()
    token = room.link(Verb.UNDO)

    def undo() -> Case:
        with room.database.begin() as connection:
            assert links.use(connection, token, NOW) is not None
            return room.effects.undo(connection, case, NOW)

    killed(room, undo)
    assert (room.get().state, room.carried(case.account_id)) == (State.FROZEN, [])
    assert [kind for kind, _, _ in room.events()] == ["account.claimed", "account.claim_undone"]
    assert room.case(case).state is CaseState.UNDONE
    assert len([text for text in room.mails_to(OLD) if "was undone" in text]) == 1
