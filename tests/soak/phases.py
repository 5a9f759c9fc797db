"""What goes wrong, one thing after the other, each for a while; then it has as long again to pass by itself."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, sleep

from providers.circuit import OPEN_SECONDS
from tests.soak.estate import BROKERS, Estate, wait_until_ready

_SMALL = 4096


@dataclass(frozen=True, kw_only=True)
class Phase:
    """``go`` does it, and returns when what it started is running again. ``clear``: nobody may be turned away.

    ``passes`` is how many seconds it may take at most until nothing shows of it any more.
    """

    name: str
    what: str
    go: Callable[[Estate, float], None]
    clear: bool = False
    passes: float = 0.0


def _calm(_: Estate, seconds: float) -> None:
    sleep(seconds)


def _kill(name: str) -> Callable[[Estate, float], None]:
    def go(estate: Estate, seconds: float) -> None:
        estate.parts[name].kill()
        sleep(seconds)
        estate.parts[name].start()

    return go


def _pause(name: str) -> Callable[[Estate, float], None]:
    def go(estate: Estate, seconds: float) -> None:
        estate.parts[name].pause()
        try:
            sleep(seconds)
        finally:
            estate.parts[name].resume()

    return go


def _cut(name: str) -> Callable[[Estate, float], None]:
    def go(estate: Estate, seconds: float) -> None:
        estate.network.pull(name)
        try:
            sleep(seconds)
        finally:
            estate.network.plug(name)

    return go


def _provider(mode: str) -> Callable[[Estate, float], None]:
    def go(estate: Estate, seconds: float) -> None:
        estate.provider_mode(mode)
        try:
            sleep(seconds)
        finally:
            estate.provider_mode("ok")

    return go


def _fill(estate: Estate, seconds: float) -> None:
    """Leave PostgreSQL's disk no room. It may end over it, as it does where it cannot write its log ahead."""
    filler = estate.disk / "filler"
    until = monotonic() + seconds
    try:
        while monotonic() < until:
            with suppress(OSError), filler.open("ab", buffering=0) as file:
                while True:
                    file.write(b"\0" * _SMALL * 16)
            sleep(0.2)
    finally:
        filler.unlink(missing_ok=True)
    if estate.parts["postgresql"].pid is None:
        estate.parts["postgresql"].start()


def _rolling(estate: Estate, seconds: float) -> None:
    """Replace one host's processes after the other's, as an upgrade does: each is told, and finishes what it has."""
    for name in BROKERS:
        part = estate.parts[name]
        part.stop(seconds=60)
        part.launch()
        wait_until_ready(name)
        sleep(seconds / len(BROKERS))


def _upgrade(estate: Estate, seconds: float) -> None:
    """Upgrade the database while the version before runs on both hosts, and then one host after the other."""
    estate.vestibule("db", "upgrade")
    estate.parts["worker"].start()
    sleep(seconds / (len(BROKERS) + 1))
    for name in BROKERS:
        estate.replace(name)
        wait_until_ready(name)
        sleep(seconds / (len(BROKERS) + 1))


def _rotation(_: Estate, seconds: float) -> None:
    """Go on while the new key, which was published before, takes over."""
    sleep(seconds)


PHASES = (
    Phase(name="calm", what="nothing", go=_calm, clear=True),
    Phase(name="broker-killed", what="broker host 1: SIGKILL", go=_kill("broker-1")),
    Phase(name="broker-paused", what="broker host 2: SIGSTOP", go=_pause("broker-2")),
    Phase(name="broker-cut", what="broker host 1: no network", go=_cut("broker-1")),
    Phase(name="redis-killed", what="Redis: SIGKILL", go=_kill("redis")),
    Phase(name="redis-paused", what="Redis: SIGSTOP", go=_pause("redis")),
    Phase(name="redis-cut", what="Redis: no network", go=_cut("redis")),
    Phase(name="postgresql-killed", what="PostgreSQL: SIGKILL of all its processes", go=_kill("postgresql")),
    Phase(name="postgresql-paused", what="PostgreSQL: SIGSTOP of all its processes", go=_pause("postgresql")),
    Phase(name="postgresql-cut", what="PostgreSQL: no network", go=_cut("postgresql")),
    Phase(name="disk-full", what="PostgreSQL's disk is full", go=_fill),
    Phase(name="worker-killed", what="the worker: SIGKILL", go=_kill("worker"), clear=True),
    Phase(name="worker-paused", what="the worker: SIGSTOP", go=_pause("worker"), clear=True),
    Phase(name="provider-slow", what="the provider takes 8 seconds", go=_provider("slow"), passes=OPEN_SECONDS + 3),
    Phase(name="provider-down", what="the provider answers 503", go=_provider("down"), passes=OPEN_SECONDS + 3),
    Phase(
        name="provider-rubbish", what="the provider answers rubbish", go=_provider("rubbish"), passes=OPEN_SECONDS + 3
    ),
    Phase(name="rolling", what="both broker hosts restarted in turn by SIGTERM", go=_rolling, clear=True),
    Phase(name="rotation", what="a new signing key takes over", go=_rotation, clear=True),
    Phase(name="calm-again", what="nothing", go=_calm, clear=True),
)
UPGRADE = Phase(
    name="upgrade", what="from the version before: the schema, then both hosts in turn", go=_upgrade, clear=True
)
BY_NAME: Mapping[str, Phase] = {phase.name: phase for phase in PHASES}
