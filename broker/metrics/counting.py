"""What the rest of the broker calls when something happens. Without :func:`on`, nothing is counted."""

from typing import TYPE_CHECKING

from broker.metrics import series
from broker.metrics.labels import CIRCUIT_STATES

if TYPE_CHECKING:
    from broker.metrics.numbers import Numbers

_CLASSES = tuple(f"{first}xx" for first in range(10))
_numbers: "Numbers | None" = None


def on(*, strict: bool = False) -> "Numbers":
    """Begin to count in this process, and return what counts. ``strict``: as :class:`Numbers` has it, for tests."""
    global _numbers  # noqa: PLW0603 - one of a process, as its log is
    from broker.metrics.numbers import Numbers

    if _numbers is None:
        _numbers = Numbers(strict=strict)
    return _numbers


def off() -> None:
    """Count no more, and forget what was counted in this process."""
    global _numbers  # noqa: PLW0603 - as above
    _numbers = None


def current() -> "Numbers | None":
    """Return what counts, or none."""
    return _numbers


def answered(endpoint: str, method: str, status: int, seconds: float) -> None:
    """A request was answered. ``endpoint`` is the name of its route, never its path."""
    if _numbers is not None:
        _numbers.observe(series.REQUESTS, seconds, endpoint, method, _CLASSES[status // 100 % 10])


def signed_in(provider: str, reason: str) -> None:
    """A proof was enough."""
    if _numbers is not None:
        _numbers.add(series.SIGN_INS, provider, reason)


def refused(provider: str, reason: str) -> None:
    """A proof was not enough."""
    if _numbers is not None:
        _numbers.add(series.REFUSALS, provider, reason)


def faulty(provider: str, fault: str) -> None:
    """Nobody was identified: the provider, or whoever came from there, said something else."""
    if _numbers is not None:
        _numbers.add(series.FAULTS, provider, fault)


def upstream(provider: str, outcome: str, seconds: float) -> None:
    """A provider was asked something. ``outcome`` is one of :data:`broker.metrics.labels.UPSTREAM_OUTCOMES`."""
    if _numbers is not None:
        _numbers.observe(series.UPSTREAM, seconds, provider, outcome)


def circuit(provider: str, state: str) -> None:
    """The circuit of this process to a provider is in ``state``: closed, half_open or open."""
    if _numbers is not None:
        for each in CIRCUIT_STATES:
            _numbers.set(series.CIRCUITS, float(each == state), provider, each)


def limit_hit(name: str) -> None:
    """A request was refused because the limit of this name was reached."""
    if _numbers is not None:
        _numbers.add(series.LIMITS, name)


def storage_away(storage: str) -> None:
    """The database or the store did not answer."""
    if _numbers is not None:
        _numbers.add(series.STORAGE_AWAY, storage)


def connections(change: int) -> None:
    """So many more connections of the database pool are in use."""
    if _numbers is not None:
        _numbers.add(series.CONNECTIONS, amount=change)


def chore_done(name: str, at: float) -> None:
    """A chore of the worker was done, at this time in seconds since 1970."""
    if _numbers is not None:
        _numbers.set(series.CHORE_DONE, at, name)


def chore_failed(name: str) -> None:
    """A chore of the worker failed."""
    if _numbers is not None:
        _numbers.add(series.CHORE_FAILED, name)
