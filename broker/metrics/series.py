"""Every number there is: name, kind, labels, and what it tells. Names as Prometheus' own guide has them."""

from dataclasses import dataclass
from typing import Literal

PREFIX = "vestibule_"
# Seconds. Pages and tokens take a few milliseconds; from a quarter of a second on people notice.
FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
# What is asked of providers, over the internet: a call is given up after 20 seconds.
FAR = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)

Mode = Literal["livesum", "mostrecent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """``buckets`` make a histogram, ``mode`` a gauge, and says how those of several processes become one.

    ``livesum``: the sum over processes that live. ``mostrecent``: what was set last. Without either: a counter.
    """

    name: str
    told: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    mode: Mode | None = None


def _counter(name: str, told: str, *labels: str) -> Series:
    return Series(name=f"{PREFIX}{name}_total", told=told, labels=labels)


def _histogram(name: str, told: str, buckets: tuple[float, ...], *labels: str) -> Series:
    return Series(name=f"{PREFIX}{name}_seconds", told=told, labels=labels, buckets=buckets)


def _of_each(name: str, told: str, *labels: str) -> Series:
    return Series(name=f"{PREFIX}{name}", told=told, labels=labels, mode="livesum")


def _of_all(name: str, told: str, *labels: str) -> Series:
    return Series(name=f"{PREFIX}{name}", told=told, labels=labels, mode="mostrecent")


BUILD = _of_all("build_info", "1, with the version that runs.", "version")

REQUESTS = _histogram("request", "Time until an answer was ready.", FAST, "endpoint", "method", "status")

SIGN_INS = _counter("sign_ins", "Sign-ins that passed, by the reason of their verdict.", "provider", "reason")
REFUSALS = _counter("refusals", "Sign-ins refused, by the reason of their verdict.", "provider", "reason")
FAULTS = _counter("provider_faults", "Returns from a provider by which nobody was identified.", "provider", "fault")

UPSTREAM = _histogram("upstream", "Calls to providers.", FAR, "provider", "outcome")
CIRCUITS = _of_each("circuits", "Processes whose circuit to a provider is in a state.", "provider", "state")

LIMITS = _counter("limits_hit", "Requests refused because a limit was reached.", "limit")
STORAGE_AWAY = _counter("storage_errors", "Requests answered with 503, as storage did not answer.", "storage")
CONNECTIONS = _of_each("database_connections", "Connections of the database pool in use.")

CHORE_DONE = _of_all("chore_last_success_timestamp_seconds", "When a chore was last done.", "chore")
CHORE_FAILED = _counter("chore_failures", "Chores that failed.", "chore")

STATE_READ = _of_all("state_read_timestamp_seconds", "When the numbers below were read.")
OUTBOX_WAITING = _of_all("outbox_waiting", "Items in the outbox.", "kind")
OUTBOX_AGE = _of_all("outbox_oldest_age_seconds", "Age of the oldest item in the outbox.", "kind")
EVENTS_WAITING = _of_all("events_waiting", "Security events that a registry has not taken.", "client")
EVENTS_AGE = _of_all("events_oldest_age_seconds", "Age of the oldest event that a registry has not taken.", "client")
KEY_AGE = _of_all("signing_key_age_seconds", "How long the key that signs has done so.", "alg")
KEY_ROTATION = _of_all(
    "signing_key_rotation_seconds", "Time to the next key, below 0 if it is overdue; +Inf without a plan.", "alg"
)
AUDIT_UNSEALED = _of_all("audit_unsealed", "Audit entries that await their seal.")
AUDIT_AGE = _of_all("audit_unsealed_oldest_age_seconds", "Age of the oldest of them.")
AUDIT_CUT = _of_all("audit_chain_cut", "1 if the chain of seals became shorter, which it never may.")
SWITCHES = _of_all("switches_thrown", "Kill switches that are thrown.", "switch")
CLOCK_SKEW = _of_all("clock_skew_seconds", "How far this clock is ahead of the database's.")
DISK_FREE = _of_all("disk_free_ratio", "Free part of the disk of an SQLite database, 0 to 1.")
CERTIFICATE_ENDS = _of_all("tls_certificate_expiry_timestamp_seconds", "When the certificate of `listen` ends.")

ALL = (
    *(BUILD, REQUESTS, SIGN_INS, REFUSALS, FAULTS, UPSTREAM, CIRCUITS, LIMITS, STORAGE_AWAY, CONNECTIONS),
    *(CHORE_DONE, CHORE_FAILED, STATE_READ, OUTBOX_WAITING, OUTBOX_AGE, EVENTS_WAITING, EVENTS_AGE),
    *(KEY_AGE, KEY_ROTATION, AUDIT_UNSEALED, AUDIT_AGE, AUDIT_CUT, SWITCHES, CLOCK_SKEW, DISK_FREE, CERTIFICATE_ENDS),
)


def names() -> frozenset[str]:
    """Return every name that can stand in a query, with the parts of histograms."""
    parts = {f"{each.name}{part}" for each in ALL if each.buckets for part in ("_bucket", "_sum", "_count")}
    return frozenset(parts | {each.name for each in ALL if not each.buckets})
