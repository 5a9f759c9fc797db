"""T7: many at a time, over PostgreSQL: one conversion starts, and everybody who accepts has a place of their own."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TypeVar

import pytest

from broker.storage.database import Database
from migrations.accounts.cases import Case, CaseState
from migrations.accounts.conversion.service import NotAccepted, Refusal
from migrations.accounts.effects import TooLate
from migrations.accounts.model import case_admins, cases
from migrations.accounts.periods import OBJECTION
from tests.accounts.organizations.rooms import NOW
from tests.migrations.conversion.rooms import ConversionRoom, address, just_now

T = TypeVar("T")


@pytest.fixture
def crowd(fresh_postgres_url: str) -> Iterator[ConversionRoom]:
    database = Database(fresh_postgres_url)
    yield ConversionRoom(database)
    database.dispose()


def at_once(tasks: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """Return what came of each task, all of which begin together."""
    start = Barrier(len(tasks))

    def run(task: Callable[[], T]) -> T | Exception:
        start.wait()
        try:
            return task()
        except (TooLate, NotAccepted) as error:
            return error

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


def test_t7_of_several_who_start_at_once_one_does(crowd: ConversionRoom) -> None:
    crowd.shared()
    people = [crowd.sign_in(name) for name in ("ada", "bob", "eve")]
    done = at_once([partial(crowd.start, each, address("x"), address("y")) for each in people])
    assert sorted(type(each).__name__ for each in done) == ["Case", "TooLate", "TooLate"]
    assert (crowd.count(cases), crowd.count(case_admins)) == (1, 2)


def test_t7_two_who_accept_at_once_both_do_and_one_account_takes_one_place(crowd: ConversionRoom) -> None:
    crowd.shared()
    ada, bob = crowd.sign_in("ada"), crowd.sign_in("bob")
    case = crowd.start(ada, address("ada"), address("bob"))
    tokens = {each.account_id: crowd.token(address(name)) for each, name in ((ada, "ada"), (bob, "bob"))}

    def accepts(account_id: str) -> Callable[[], Case]:
        who = ada if account_id == ada.account_id else bob

        def accept() -> Case:
            with crowd.database.begin() as connection:
                return crowd.conversions.accept(connection, just_now(who), tokens[account_id])

        return accept

    # Each of them pushes the button twice.
    done = at_once([accepts(each) for each in (*tokens, *tokens)])
    assert all(isinstance(each, Case) for each in done)
    with crowd.database.read() as connection:
        accepted = [each.account_id for each in crowd.named.accepted(connection, case)]
    assert sorted(accepted) == sorted(tokens)


def test_t7_stopping_and_accepting_at_once_end_stopped(crowd: ConversionRoom) -> None:
    crowd.shared()
    ada = crowd.sign_in("ada")
    case = crowd.start(ada, address("ada"), address("bob"))
    done = at_once([lambda: crowd.accept(ada, address("ada")), lambda: crowd.object()])
    assert crowd.case(case).state is CaseState.STOPPED
    refused = [each.refusal for each in done if isinstance(each, NotAccepted)]
    assert refused in ([], [Refusal.OVER])
    assert not any(isinstance(each, TooLate) for each in done)


def test_t7_two_workers_bring_about_one_organisation(crowd: ConversionRoom) -> None:
    ada, bob, case = crowd.two()
    at_once([lambda: crowd.due.run(NOW + OBJECTION)] * 2)
    done = crowd.case(case)
    assert done.state is CaseState.EFFECTIVE
    assert len(crowd.events()) == 1
    assert [crowd.role(str(done.organization_id), each.account_id) for each in (ada, bob)] == ["admin", "admin"]
