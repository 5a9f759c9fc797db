"""A streaming replica: a copy of the database, some seconds old, that spares the primary what is only looked at."""

import logging
from time import monotonic

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

# Until then whoever reads does not wait for it to be found away once more.
_LEFT_ALONE_SECONDS = 30.0

_log = logging.getLogger(__name__)


class Replica:
    """Leads to the replica while it is there."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._away_until = float("-inf")

    def connect(self) -> Connection | None:
        """Return a connection, or none if the replica is away, or was in the last half minute."""
        if monotonic() < self._away_until:
            return None
        try:
            return self._engine.connect()
        except (OperationalError, PoolExhausted) as error:
            self.leave_alone(error)
            return None

    def leave_alone(self, error: Exception) -> None:
        """Read from the primary for half a minute."""
        _log.warning("replica is away, the primary is read: error=%s", type(error).__name__)
        self._away_until = monotonic() + _LEFT_ALONE_SECONDS

    def dispose(self) -> None:
        """Close every pooled connection."""
        self._engine.dispose()
