"""A marker that was seen is shown to the operators, and gives nothing by itself."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from migrations.accounts.cases import CaseState
from migrations.accounts.periods import ASKING
from migrations.accounts.records import Package, State, dump_packages
from migrations.accounts.recovery.shown import evidence_of
from tests.accounts.organizations.rooms import NOW, SignIn
from tests.migrations.recovery.git_server import GitServer, git_server
from tests.migrations.recovery.rooms import RecoveryRoom


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with git_server(tmp_path_factory.mktemp("git")) as running:
        yield running


def with_packages(room: RecoveryRoom, *packages: Package) -> None:
    room.legacy(packages=dump_packages(packages))


def widget(git: GitServer, role: str = "owner") -> Package:
    return Package(name="widget", role=role, downloads=10, repository=git.url)


def shown(room: RecoveryRoom, sign_in: SignIn, ticket: str, name: str = "otto") -> dict[str, object]:
    case, operator = room.find(sign_in, ticket).case, room.deciding(name)
    assert case is not None
    with room.database.read() as connection:
        return evidence_of(room.recovery, connection, room.cases.get(connection, case.id), operator)


def test_the_marker_alone_gives_nothing(room: RecoveryRoom, git: GitServer) -> None:
    with_packages(room, widget(git))
    eve = room.sign_in("eve")
    ticket = room.ask(eve, package="widget")
    room.look(eve, ticket)
    assert room.looks.deliver(NOW) == 1
    assert room.find(eve, ticket).seen is None
    assert shown(room, eve, ticket)["looked_at"] == NOW
    git.push(room.find(eve, ticket).marker)
    assert room.find(eve, ticket).seen is None, "we look when we are asked to"
    room.now += timedelta(minutes=1)
    room.look(eve, ticket)
    room.looks.deliver(room.now)
    found = room.find(eve, ticket)
    assert found.seen == {"repository": git.url, "seen_at": room.now.isoformat()}
    told = shown(room, eve, ticket, "olga")
    assert told["seen"] == {"repository": git.url, "at": room.now}
    assert (told["package"], told["owns_package"], told["repositories"]) == ("widget", True, (git.url,))
    assert (told["evidence"], told["approvals"], told["partial"]) == ("I wrote it.", 0, False)
    room.passes(ASKING)
    assert room.find(eve, ticket).state is CaseState.LAPSED
    assert room.get().state is State.PENDING
    assert room.carried(eve.account_id) == []


def test_once_seen_it_stays_seen(room: RecoveryRoom, git: GitServer) -> None:
    with_packages(room, widget(git))
    eve = room.sign_in("eve")
    ticket = room.ask(eve)
    git.push(room.find(eve, ticket).marker)
    room.look(eve, ticket)
    room.looks.deliver(NOW)
    with room.database.begin() as connection:
        room.ledger.write(connection, "42", packages=dump_packages([]))
    room.look(eve, ticket)
    room.looks.deliver(NOW + timedelta(minutes=1))
    seen = room.find(eve, ticket).seen
    assert seen is not None
    assert datetime.fromisoformat(seen["seen_at"]) == NOW


def test_t4_the_repository_of_a_package_that_the_account_does_not_own_shows_nothing(
    room: RecoveryRoom, git: GitServer
) -> None:
    with_packages(room, widget(git, "contributor"))
    eve = room.sign_in("eve")
    ticket = room.ask(eve, package="widget")
    git.push(room.find(eve, ticket).marker)
    room.look(eve, ticket)
    room.looks.deliver(NOW)
    assert room.find(eve, ticket).seen is None
    told = shown(room, eve, ticket)
    assert (told["owns_package"], told["repositories"]) == (False, ())


def test_t4_the_marker_of_one_request_shows_nothing_for_another(room: RecoveryRoom, git: GitServer) -> None:
    with_packages(room, widget(git))
    eve, ada = room.sign_in("eve"), room.sign_in("ada")
    first, second = room.ask(eve), room.ask(ada)
    git.push(room.find(ada, second).marker)
    room.look(eve, first)
    room.looks.deliver(NOW)
    assert room.find(eve, first).seen is None
    assert shown(room, eve, first)["rivals"] == 1


def test_what_has_ended_before_we_came_to_look_is_not_looked_for(room: RecoveryRoom, git: GitServer) -> None:
    with_packages(room, widget(git))
    eve = room.sign_in("eve")
    ticket = room.ask(eve)
    room.look(eve, ticket)
    room.withdraw(eve, ticket)
    assert room.looks.deliver(NOW) == 1
    assert room.find(eve, ticket).seen is None
    told = shown(room, eve, ticket)
    assert (told["evidence"], told["missing"], told["can_refuse"]) == (None, None, False)


def test_what_ends_while_we_look_keeps_nothing(
    room: RecoveryRoom, git: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_packages(room, widget(git))
    eve = room.sign_in("eve")
    ticket = room.ask(eve)
    case = room.find(eve, ticket).case
    assert case is not None
    room.look(eve, ticket)
    where = type(room.recovery).where

    def slow(*arguments: object) -> object:
        room.withdraw(eve, ticket)
        return where(*arguments)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(type(room.recovery), "where", slow)
    room.looks.deliver(NOW)
    assert room.details(case) == {}


def test_operators_see_who_has_decided_and_whether_they_may(room: RecoveryRoom) -> None:
    room.legacy()
    eve = room.sign_in("eve")
    ticket = room.ask(eve)
    case = room.find(eve, ticket).case
    assert case is not None
    otto = room.deciding("otto")
    room.approve(case, otto)
    with room.database.read() as connection:
        own = evidence_of(room.recovery, connection, room.cases.get(connection, case.id), otto)
    assert (own["approvals"], own["needed"], own["approved"], own["can_approve"]) == (1, 2, True, True)
    told = shown(room, eve, ticket, "olga")
    assert (told["approved"], told["seen"], told["looked_at"]) == (False, None, None)


@pytest.mark.parametrize("part", ["asks", "address", "mailbox"])
def test_t4_an_operator_who_wants_the_account_reads_nothing_of_what_speaks_for_others(
    room: RecoveryRoom, git: GitServer, part: str
) -> None:
    """They could write the same, or push another's marker."""
    package = widget(git)
    room.legacy(packages=dump_packages([package]), email="otto@example.org" if part == "mailbox" else "old@old.example")
    eve, otto = room.sign_in("eve"), room.deciding("otto")
    ticket = room.ask(eve, package="widget")
    case = room.find(eve, ticket).case
    assert case is not None
    if part == "asks":
        assert isinstance(otto.proven, SignIn)
        room.ask(otto.proven)
    if part == "address":
        room.ask(room.sign_in("otto-at-home", email="otto@example.org"))
    with room.database.read() as connection:
        told = evidence_of(room.recovery, connection, case, otto)
    assert told["partial"]
    hidden = ("missing", "evidence", "package", "marker", "looked_at", "seen")
    assert [told[name] for name in hidden] == [None] * len(hidden)
    assert told["repositories"] == ()
    marker = room.find(eve, ticket).marker
    assert not any(each in repr(told) for each in (marker, "I wrote it."))
