"""Circuits: who is asked, who is told to come again, and who learns of it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier, Event, Thread

import pytest

from providers.circuit import (
    CROWDED_SECONDS,
    FAILURES,
    OPEN_SECONDS,
    QUICK_SECONDS,
    Circuit,
    Outcome,
    State,
)
from providers.provider import Fault, ProviderError


@dataclass
class Clock:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Heard:
    """Implements :class:`~providers.circuit.Listener`."""

    outcomes: list[tuple[str, Outcome]] = field(default_factory=list)
    turns: list[State] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def asked(self, provider_id: str, outcome: Outcome, seconds: float) -> None:
        self.outcomes.append((provider_id, outcome))
        self.seconds.append(seconds)

    def turned(self, provider_id: str, state: State) -> None:
        assert provider_id == "example"
        self.turns.append(state)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def circuit(clock: Clock, heard: Heard) -> Circuit:
    return Circuit("example", most=2, listener=heard, clock=clock)


def ask(circuit: Circuit, *, fine: bool | None = True) -> None:
    """Ask once. ``fine`` none: no answer comes."""
    try:
        with circuit.asking() as asked:
            if fine is None:
                raise TimeoutError
            asked.answered(fine=fine)
    except TimeoutError:
        assert fine is None


def refused(circuit: Circuit) -> ProviderError:
    with pytest.raises(ProviderError) as error, circuit.asking():
        raise AssertionError("it was asked")
    return error.value


@pytest.mark.parametrize("fine", [False, None])
def test_it_opens_after_failures_in_a_row_and_then_says_when_to_come_again(
    circuit: Circuit, clock: Clock, fine: bool | None
) -> None:
    for _ in range(FAILURES):
        assert (circuit.state, circuit.wait) == (State.CLOSED, 0)
        ask(circuit, fine=fine)
    assert circuit.state is State.OPEN
    clock.seconds += 0.5
    error = refused(circuit)
    assert (error.code, error.retry_after) == (Fault.UNAVAILABLE, OPEN_SECONDS)
    with pytest.raises(ProviderError), circuit.passage():
        raise AssertionError("there was a way through")


def test_one_answer_in_between_keeps_it_closed(circuit: Circuit) -> None:
    for _ in range(3):
        for _ in range(FAILURES - 1):
            ask(circuit, fine=None)
        ask(circuit)
    assert circuit.state is State.CLOSED


def test_after_a_while_one_call_probes_and_an_answer_closes_it(circuit: Circuit, clock: Clock, heard: Heard) -> None:
    for _ in range(FAILURES):
        ask(circuit, fine=None)
    clock.seconds += OPEN_SECONDS
    assert (circuit.state, circuit.wait) == (State.HALF_OPEN, 0)
    with circuit.asking() as probe:
        with ThreadPoolExecutor(1) as other:
            error = other.submit(refused, circuit).result()
        probe.answered(fine=True)
    assert error.retry_after == CROWDED_SECONDS
    assert circuit.state is State.CLOSED
    ask(circuit)
    assert heard.turns == [State.OPEN, State.HALF_OPEN, State.CLOSED]
    assert [outcome for _, outcome in heard.outcomes[FAILURES:]] == [
        Outcome.OPEN,
        Outcome.ANSWERED,
        Outcome.ANSWERED,
    ]


def test_a_probe_that_fails_opens_it_once_more(circuit: Circuit, clock: Clock) -> None:
    for _ in range(FAILURES):
        ask(circuit, fine=None)
    clock.seconds += OPEN_SECONDS
    ask(circuit, fine=False)
    assert (circuit.state, circuit.wait) == (State.OPEN, OPEN_SECONDS)
    clock.seconds += OPEN_SECONDS
    ask(circuit)
    assert circuit.state is State.CLOSED


def test_whoever_goes_there_without_asking_is_let_through_while_it_is_half_open(circuit: Circuit, clock: Clock) -> None:
    for _ in range(FAILURES):
        ask(circuit, fine=None)
    clock.seconds += OPEN_SECONDS
    with circuit.passage():
        pass
    assert circuit.state is State.HALF_OPEN


def test_who_began_before_it_opened_and_fails_late_opens_it_no_further(circuit: Circuit, clock: Clock) -> None:
    begun, go_on = Event(), Event()

    def late() -> None:
        with circuit.asking():
            begun.set()
            go_on.wait(20)

    slow = Thread(target=late)
    slow.start()
    assert begun.wait(20)
    for _ in range(FAILURES):
        ask(circuit, fine=None)
    clock.seconds += OPEN_SECONDS / 2
    go_on.set()
    slow.join()
    assert circuit.wait == pytest.approx(OPEN_SECONDS / 2, abs=1)


def test_t12_a_provider_that_hangs_keeps_no_more_threads_than_its_share(
    circuit: Circuit, clock: Clock, heard: Heard
) -> None:
    everybody, release = Barrier(3), Event()

    def hang() -> None:
        with circuit.passage(), circuit.passage(), circuit.asking():  # one place for all three
            everybody.wait(20)
            release.wait(20)

    hanging = [Thread(target=hang) for _ in range(2)]
    for each in hanging:
        each.start()
    everybody.wait(20)
    clock.seconds += QUICK_SECONDS
    assert refused(circuit).retry_after == CROWDED_SECONDS
    release.set()
    for each in hanging:
        each.join()
    ask(circuit)
    assert heard.outcomes[0] == ("example", Outcome.OPEN)
    assert heard.seconds[1] == QUICK_SECONDS


def test_while_it_is_quick_whoever_finds_no_place_waits_for_one(circuit: Circuit) -> None:
    reached = Barrier(3)

    def quick() -> None:
        with circuit.passage():
            reached.wait(20)

    first = [Thread(target=quick) for _ in range(2)]
    with ThreadPoolExecutor(1) as pool:
        for each in first:
            each.start()
        while len(circuit._inside) < 2:  # both have their place
            Event().wait(0.001)
        third = pool.submit(ask, circuit)
        reached.wait(20)
        third.result()
    for each in first:
        each.join()
    assert not circuit._inside


def test_without_a_limit_and_a_listener_it_is_just_a_circuit(clock: Clock) -> None:
    circuit = Circuit("example", clock=clock)
    for _ in range(FAILURES):
        ask(circuit, fine=None)
    assert refused(circuit).retry_after == OPEN_SECONDS


def test_a_place_is_given_back_whatever_happens(circuit: Circuit) -> None:
    for _ in range(5):
        with pytest.raises(ValueError, match="mistake"), circuit.passage():
            raise ValueError("mistake")
    assert not circuit._inside
