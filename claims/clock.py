"""The two rules about time that every file of this room shares."""

from datetime import datetime, timedelta

CLOCK_SKEW = timedelta(seconds=120)
"""How far another machine's clock may run ahead of ours."""
_ZERO = timedelta(0)


def require_utc(moment: datetime) -> None:
    """Raise ``ValueError`` unless ``moment`` is aware and in UTC; a naive one would mean the local zone."""
    if moment.utcoffset() != _ZERO:
        raise ValueError("an aware UTC datetime is needed")


def in_future(moment: datetime, now: datetime) -> bool:
    """Return whether ``moment`` lies further ahead of ``now`` than clocks may differ."""
    return moment - now > CLOCK_SKEW
