"""What the load was told: the only witness of what was acknowledged."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

Outcome = Literal["honoured", "refused", "later", "no answer"]
"""``later``: 429, 502, 503 or 504. ``no answer``: the connection ended, or nothing came in time."""


@dataclass(kw_only=True)
class Seen:
    """What one phase brought.

    ``visits`` by how they ended, and ``late`` those that began once it was given the time to pass; ``answers`` by
    status; ``reasons`` of those who were told later; ``odd``: what nothing allows.
    """

    visits: Counter[str] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Acknowledged:
    """What a client was told has happened, and what must be there in the end."""

    accounts: set[str] = field(default_factory=set)
    links: Counter[str] = field(default_factory=Counter)
    consents: set[tuple[str, str]] = field(default_factory=set)
    sign_ins: Counter[tuple[str, str]] = field(default_factory=Counter)
    sign_outs: Counter[str] = field(default_factory=Counter)
    told: set[tuple[str, str]] = field(default_factory=set)
    emails: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    devices: Counter[tuple[str, str]] = field(default_factory=Counter)


class Ledger:
    """Safe to share between threads. ``phase`` is the one under way; ``settled``: it was given the time to pass."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.acknowledged = Acknowledged()
        self.seen: dict[str, Seen] = defaultdict(Seen)
        self.uses: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self.ended_but_honoured: list[str] = []
        self.logouts: Counter[tuple[str, str]] = Counter()
        self.phase = "calm"
        self.settled = False

    def answered(self, status: int) -> None:
        """Note an answer through the front; 0 is none."""
        with self.lock:
            self.seen[self.phase].answers[status] += 1

    def visited(self, end: str, *, began: str, settled: bool) -> None:
        """Note how a visit ended that ``began`` in some phase, ``settled`` or not; it counts where it ended."""
        with self.lock:
            seen = self.seen[self.phase]
            seen.visits[end] += 1
            if settled and began == self.phase:
                seen.late[end] += 1

    def told_later(self, why: str) -> None:
        """Note why a visit could not go on."""
        with self.lock:
            self.seen[self.phase].reasons[why] += 1

    def odd(self, what: str) -> None:
        """Note an answer that nothing allows."""
        with self.lock:
            self.seen[self.phase].odd.append(what)

    def used(self, kind: str, thing: str, outcome: Outcome) -> None:
        """Note a use of something that is good for one."""
        with self.lock:
            self.uses[kind][thing][outcome] += 1

    def heard(self, client_id: str, sid: str) -> None:
        """Note a logout token that a registry received."""
        with self.lock:
            self.logouts[client_id, sid] += 1

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Return, of each kind, how many were used, how often in all, and how many were honoured twice."""
        return {
            kind: {
                "things": len(things),
                "uses": sum(sum(each.values()) for each in things.values()),
                "honoured": sum(each["honoured"] >= 1 for each in things.values()),
                "honoured twice": sum(each["honoured"] > 1 for each in things.values()),
                "without an answer": sum(each["no answer"] for each in things.values()),
            }
            for kind, things in sorted(self.uses.items())
        }
