"""What is measured: numbers for Prometheus, sign-ins by the hour for the operator's page, spans for OpenTelemetry.

Enter by the functions here, which anybody may call: each does nothing until ``on`` was called, and then costs a few
microseconds, takes no lock that another process holds, and does no I/O. ``exposed`` serves the numbers, ``state``
reads those that only the database knows (a chore of the worker), ``counts`` keeps the hours, ``watch`` times
requests and writes the line of each, ``tracing`` makes spans.

What always holds: every label has a closed set of values (``labels``), to which settings add ids of their own; what is
not in it is counted as "other", so nothing that strangers send, and no text of an error, is ever a label (T12).
"""

from broker.metrics.counting import (
    answered,
    chore_done,
    chore_failed,
    circuit,
    connections,
    faulty,
    limit_hit,
    off,
    on,
    refused,
    signed_in,
    storage_away,
    upstream,
)
from broker.metrics.labels import OTHER, UnknownLabel, know

__all__ = [
    "OTHER",
    "UnknownLabel",
    "answered",
    "chore_done",
    "chore_failed",
    "circuit",
    "connections",
    "faulty",
    "know",
    "limit_hit",
    "off",
    "on",
    "refused",
    "signed_in",
    "storage_away",
    "upstream",
]
