"""``python -m tests.soak``: run it, print the report, and return 0 if everything was as promised."""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from broker.audit.service import Audit
from broker.keys.cipher import FieldCipher
from broker.keys.rotation import Rotation
from broker.keys.signing import SigningKeys
from broker.settings import load
from broker.settings.clients import ALGORITHMS
from broker.settings.model import KeySettings
from broker.storage.database import Database
from tests.reliability.parts import memory_of
from tests.reliability.served import ROOT
from tests.soak import checks, estate, network
from tests.soak.estate import BROKERS, Estate
from tests.soak.ledger import Ledger
from tests.soak.people import Crowd, Load, Logouts
from tests.soak.phases import BY_NAME, UPGRADE, Phase
from tests.soak.report import Result

# Running processes learn of a key within a minute, and the registries of the soak keep theirs for one.
LEARNT_SECONDS = 130
SETTLE = 0.5
"""The share of the time after a fault in which it may still show."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Everything fails in turn, under load.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=6, help="visits a second")
    parser.add_argument("--phases", default=",".join(BY_NAME), help="some of them, separated by commas")
    parser.add_argument("--report", type=Path, default=Path("soak.md"), help="where the report goes, and its JSON")
    parser.add_argument(
        "--previous", metavar="COMMIT", help="begin with the version of this commit, and upgrade it first"
    )
    options = parser.parse_args(arguments)
    phases = [BY_NAME[name] for name in options.phases.split(",")]
    with ExitStack() as stack:
        previous = None
        if options.previous is not None:
            phases.insert(0, UPGRADE)
            previous = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vestibule-previous-")))
            archive = subprocess.run(["git", "archive", options.previous], cwd=ROOT, stdout=subprocess.PIPE, check=True)
            subprocess.run(["tar", "-x", "-C", str(previous)], input=archive.stdout, check=True)
        result = soak(phases, options.minutes * 60, options.rate, previous)
    result.write(options.report)
    sys.stdout.write(result.as_markdown())
    return 1 if result.wrong() else 0


def soak(phases: Sequence[Phase], seconds: float, rate: float, previous: Path | None = None) -> Result:
    """Run these phases, each for its share of ``seconds``, and return what came of it.

    ``previous``: the folder of the version that the brokers begin with, if it is another.
    """
    ledger = Ledger()
    with network.network() as hosts:
        hosts.enter("people")
        with estate.running(hosts, previous) as running:
            logouts = Logouts(ledger, running.folder / "cert.pem", running.folder / "key.pem")
            crowd = Crowd(
                issuer=estate.ISSUER,
                registries=running.registries,
                cli=running.cli,
                mail=running.mail,
                rate=rate,
            )
            load = Load(crowd, ledger)
            share = seconds / len(phases)
            before = _memory(running)
            _rotate(running, phases, share)
            load.start()
            for phase in phases:
                _go(running, ledger, phase, share)
            load.stop()
            after = _memory(running)
            found = checks.check(running, ledger, patience=30)
            audit, audit_ok = _audit(running)
            logouts.stop()
            return Result(
                minutes=seconds / 60,
                rate=rate,
                phases=phases,
                ledger=ledger,
                checks=found,
                audit=audit,
                audit_ok=audit_ok,
                keys=len(load.keys.signed),
                memory={name: (before[name], after[name]) for name in before},
            )


def _go(running: Estate, ledger: Ledger, phase: Phase, seconds: float) -> None:
    began = time.monotonic()
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {phase.name}: {phase.what}\n")
    ledger.settled, ledger.phase = phase.clear, phase.name
    phase.go(running, seconds * (0.9 if phase.clear else 0.35))
    left = seconds - (time.monotonic() - began)
    # However long it took, what comes after has time to show that it has passed.
    left = max(left, seconds * 0.4)
    time.sleep(max(left * SETTLE, phase.passes))
    ledger.settled = True
    time.sleep(left * (1 - SETTLE))
    seen = ledger.seen[phase.name]
    sys.stderr.write(
        f"         {dict(seen.visits)} {dict(sorted(seen.answers.items()))} {dict(seen.reasons)} {seen.odd[:3]}\n"
    )


def _rotate(running: Estate, phases: Sequence[Phase], share: float) -> None:
    """Publish a key now that signs from the middle of the phase of that name."""
    names = [phase.name for phase in phases]
    if "rotation" not in names:
        return
    seconds = (names.index("rotation") + 0.5) * share
    if seconds < LEARNT_SECONDS:
        sys.stderr.write(f"the new key would sign before everybody knows it: it waits for {LEARNT_SECONDS} seconds\n")
    settings = load(running.config)
    cipher = FieldCipher(settings.secrets.encryption_keys(), settings.secrets.encryption_writes)
    database = Database(settings.database.url)
    plan = KeySettings.model_construct(rotate_after=0, publish_for=max(seconds, LEARNT_SECONDS), overlap=3600)
    rotation = Rotation(
        database,
        cipher,
        SigningKeys(database, cipher, ALGORITHMS),
        Audit(database, settings.secrets.audit_key()),
        plan,
    )
    rotation.rotate("ES256", datetime.now(UTC))
    database.dispose()


def _memory(running: Estate) -> dict[str, int]:
    pids = {name: running.parts[name].pid for name in (*BROKERS, "worker")}
    return {name: memory_of(pid) for name, pid in pids.items() if pid is not None}


def _audit(running: Estate) -> tuple[str, bool]:
    try:
        return checks.audit_verifies(running), True
    except RuntimeError as error:
        return str(error), False


if __name__ == "__main__":
    sys.exit(main())
