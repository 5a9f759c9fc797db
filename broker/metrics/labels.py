"""What a label may say: closed sets, of which some are known here, and others once the settings are read."""

from collections import defaultdict
from collections.abc import Iterable

from broker.settings.clients import ALGORITHMS
from claims.decision import Reason
from providers.circuit import Outcome, State
from providers.provider import Fault

OTHER = "other"
UNROUTED = "unrouted"
"""The endpoint of a request that leads nowhere."""

UPSTREAM_OUTCOMES = tuple(each.value for each in Outcome)
CIRCUIT_STATES = tuple(each.value for each in State)
SWITCH_KINDS = ("provider", "tenant", "client", "read_only", "sign_up")
STORAGES = ("database", "store")

_known: dict[str, set[str]] = defaultdict(
    set,
    alg=set(ALGORITHMS),
    endpoint={UNROUTED},
    fault={each.value for each in Fault},
    method={"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"},
    outcome=set(UPSTREAM_OUTCOMES),
    reason={each.value for each in Reason},
    state=set(CIRCUIT_STATES),
    status={f"{first}xx" for first in range(1, 6)},
    storage=set(STORAGES),
    switch=set(SWITCH_KINDS),
)


class UnknownLabel(ValueError):
    """A value that is in no closed set. Only tests meet it."""


def know(label: str, values: Iterable[str]) -> None:
    """Let a label say these as well: what the settings name, and nothing that a request brings."""
    _known[label].update(values)


def is_known(label: str, value: str) -> bool:
    """Return whether the label may say this."""
    return value == OTHER or value in _known[label]
