"""The process is killed at every statement: afterwards there is what was before, or all that was to be."""

from collections.abc import Callable

import pytest

from migrations.accounts import links
from migrations.accounts.links import Verb
from migrations.accounts.periods import OBJECTION
from migrations.accounts.records import State
from tests.accounts.organizations.rooms import NOW
from tests.migrations.conversion.rooms import ConversionRoom, address
from tests.migrations.crash import killed_at_every_statement, state_of

DUE = NOW + OBJECTION


def starts(room: ConversionRoom) -> Callable[[], None]:
    room.shared()
    ada = room.sign_in("ada")
    return lambda: _nothing(room.start(ada, address("ada"), address("bob")))


def accepts(room: ConversionRoom) -> Callable[[], None]:
    start = starts(room)
    start()
    bob = room.sign_in("bob")
    return lambda: _nothing(room.accept(bob, address("bob")))


def takes_effect(room: ConversionRoom) -> Callable[[], None]:
    room.two()
    return lambda: _nothing(room.due.run(DUE))


def is_stopped(room: ConversionRoom) -> Callable[[], None]:
    room.two()
    return lambda: _nothing(room.object())


def is_undone(room: ConversionRoom) -> Callable[[], None]:
    *_, case = room.two()
    room.due.run(DUE)
    token = room.link(Verb.UNDO)

    def undo() -> None:
        with room.database.begin() as connection:
            assert links.use(connection, token, DUE) is not None
            room.effects.undo(connection, room.cases.get(connection, case.id), DUE)

    return undo


def _nothing(_: object) -> None:
    """What came of it is looked for in the database."""


@pytest.mark.parametrize(
    "what, state, events",
    [
        (starts, State.WAITING, 0),
        (accepts, State.WAITING, 0),
        (takes_effect, State.CONVERTED, 1),
        (is_stopped, State.FROZEN, 0),
        (is_undone, State.FROZEN, 2),
    ],
    ids=lambda each: each.__name__ if callable(each) else "",
)
def test_t7_killed_at_every_statement_a_conversion_is_where_it_was_or_where_it_was_to_be(
    room: ConversionRoom, what: Callable[[ConversionRoom], Callable[[], None]], state: State, events: int
) -> None:
    action = what(room)
    before = state_of(room.database)
    *deaths, last = killed_at_every_statement(room.database, action)
    assert len(deaths) >= 5
    assert {each.at for each in deaths if each.state != before} == set(), "all or nothing"
    assert last.at == "its end"
    assert last.state != before
    assert (room.get().state, len(room.events())) == (state, events)
