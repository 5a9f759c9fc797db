"""What is noted of members when they sign in: how they did, and which memberships are suspended by it or come back."""

from datetime import datetime

from sqlalchemy import Connection

from broker.accounts.organizations.belonging import Belongings
from broker.accounts.organizations.last_sign_ins import LastSignIns
from broker.accounts.organizations.suspension import Suspensions
from broker.signin.proven import Proven


class SignInsOfMembers:
    """Notes them. For people who belong to no organisation nothing is kept."""

    def __init__(self, last_sign_ins: LastSignIns, belongings: Belongings, suspensions: Suspensions) -> None:
        self._last_sign_ins = last_sign_ins
        self._belongings = belongings
        self._suspensions = suspensions

    def note(self, connection: Connection, proven: Proven, now: datetime) -> None:
        """Note the sign-in of a member, in the transaction that makes it one."""
        self._last_sign_ins.record(connection, proven, now)
        self._suspensions.note(connection, proven, self._belongings.of(connection, proven, now), now)
