"""What came of a soak: as Markdown for people, as JSON for programs, and whether it is as promised."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.soak.checks import Check
from tests.soak.ledger import Ledger, Seen
from tests.soak.phases import Phase

BACK = 0.95
"""The share of visits that succeed once a phase has passed."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """All that was counted. ``audit``: what the check of the chain said, or that it failed."""

    minutes: float
    rate: float
    phases: Sequence[Phase]
    ledger: Ledger
    checks: Sequence[Check]
    audit: str
    audit_ok: bool
    keys: int
    memory: Mapping[str, tuple[int, int]]

    def wrong(self) -> list[str]:
        """Return all that is not as promised."""
        found = [f"{each.what}: {each.missing} missing" for each in self.checks if each.missing]
        counts = self.ledger.counts()
        found += [
            f"{kind}: {each['honoured twice']} honoured twice"
            for kind, each in counts.items()
            if each["honoured twice"]
        ]
        found += [f"a token honoured after its session ended, in {phase}" for phase in self.ledger.ended_but_honoured]
        if not self.audit_ok:
            found.append("the audit chain does not verify")
        for phase in self.phases:
            found += _wrong(phase, self.ledger.seen[phase.name])
        return found

    def as_json(self) -> dict[str, Any]:
        """Return it all, for programs."""
        return {
            "minutes": self.minutes,
            "visits_a_second": self.rate,
            "phases": {
                phase.name: {
                    "what": phase.what,
                    "visits": dict(self.ledger.seen[phase.name].visits),
                    "visits_once_passed": dict(self.ledger.seen[phase.name].late),
                    "answers": {str(status): n for status, n in sorted(self.ledger.seen[phase.name].answers.items())},
                    "told_later": dict(self.ledger.seen[phase.name].reasons),
                    "odd": self.ledger.seen[phase.name].odd[:20],
                }
                for phase in self.phases
            },
            "single_use": {kind: dict(each) for kind, each in self.ledger.counts().items()},
            "acknowledged": [asdict(each) for each in self.checks],
            "audit": self.audit,
            "keys_that_signed": self.keys,
            "memory": {name: list(each) for name, each in self.memory.items()},
            "wrong": self.wrong(),
        }

    def as_markdown(self) -> str:
        """Return it all, for people."""
        phases: list[Sequence[str]] = [
            ("phase", "what", "visits", "done", "told later", "no answer", "odd", "done once passed", "503", "429")
        ]
        for phase in self.phases:
            seen = self.ledger.seen[phase.name]
            visits = seen.visits
            phases.append(
                (
                    phase.name,
                    phase.what,
                    *map(str, (visits.total(), visits["done"], visits["later"], visits["no answer"], visits["odd"])),
                    _share(seen),
                    *map(str, (seen.answers[503] + seen.answers[502] + seen.answers[504], seen.answers[429])),
                )
            )
        once: list[Sequence[str]] = [
            ("good for one use", "made", "uses", "honoured", "honoured twice", "without an answer")
        ]
        for kind, each in self.ledger.counts().items():
            once.append((kind, *map(str, each.values())))
        kept = [("acknowledged", "count", "missing")]
        kept += [(each.what, str(each.acknowledged), str(each.missing)) for each in self.checks]
        held = [("part", "MiB at the start", "MiB at the end")]
        held += [(name, str(first >> 20), str(last >> 20)) for name, (first, last) in self.memory.items()]
        wrong = self.wrong()
        said = "\n".join(f"- {each}" for each in wrong) if wrong else "Everything was as promised."
        tables = "\n\n".join(_table(rows) for rows in (phases, once, kept, held))
        return (
            f"# Soak: {self.minutes:g} minutes, {self.rate:g} visits a second\n\n{said}\n\n{tables}\n\n"
            f"Keys that signed: {self.keys}. {self.audit.splitlines()[0] if self.audit else ''}\n"
        )

    def write(self, path: Path) -> None:
        """Write both, the Markdown to ``path`` and the JSON beside it."""
        path.write_text(self.as_markdown(), encoding="utf-8")
        path.with_suffix(".json").write_text(json.dumps(self.as_json(), indent=2) + "\n", encoding="utf-8")


def _wrong(phase: Phase, seen: Seen) -> list[str]:
    found = [f"{phase.name}: {each}" for each in seen.odd]
    if seen.answers[0]:
        found.append(f"{phase.name}: {seen.answers[0]} requests to the front had no answer")
    failed = sum(number for status, number in seen.answers.items() if status >= 500 or status == 429)
    if phase.clear and failed:
        found.append(f"{phase.name}: {failed} requests failed, and none should")
    late = seen.late.total()
    if late and seen.late["done"] / late < BACK:
        found.append(f"{phase.name}: {_share(seen)} of the visits succeed after it has passed")
    return found


def _share(seen: Seen) -> str:
    late = seen.late.total()
    return f"{100 * seen.late['done'] / late:.0f} % of {late}" if late else "-"


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *rest = rows
    lines = [head, ["---", *["---:"] * (len(head) - 1)] if head[1] != "what" else ["---"] * len(head), *rest]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)
