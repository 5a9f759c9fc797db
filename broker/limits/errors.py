"""What somebody is told who is over a limit: for how long, and what else they can do."""

from collections.abc import Mapping

from broker.limits.table import Name
from broker.web.errors import BrokerError

STATUS = 429  # RFC 6585 section 4

_ELSE: Mapping[Name, str] = {
    Name.SIGN_IN_ADDRESS: "Many people may share your address: another network, such as a telephone's, will do too.",
    Name.SIGN_IN_PROVIDER: "Another way to sign in is open to you now.",
    Name.DEVICE_CODE_ADDRESS: "If you have an account, sign in first: then what others typed does not count.",
    Name.DEVICE_CODE_ALL: "If you have an account, sign in first: then what others typed does not count.",
}


class TooMany(BrokerError):
    """No more of it for now: ``retry_after`` seconds. Nothing was done, and nothing was counted.

    ``limit`` is which, for whoever says something better of it; it goes to the log, and no more does.
    """

    def __init__(self, limit: Name, retry_after: int) -> None:
        wait = f"Wait {in_words(retry_after)}, then try again."
        super().__init__(
            status=STATUS,
            code="too_many_requests",
            sentence="There was too much of this in a short time. Nothing was done.",
            next_step=" ".join(filter(None, (wait, _ELSE.get(limit)))),
            detail=limit.value,
            retry_after=retry_after,
        )
        self.limit = limit
        self.wait = retry_after


def in_words(seconds: int) -> str:
    """Return a time to wait, rounded up to whole minutes, or to hours where it is more than two of them."""
    minutes = max(1, -(-seconds // 60))
    if minutes <= 120:
        return "a minute" if minutes == 1 else f"{minutes} minutes"
    return f"{-(-minutes // 60)} hours"
