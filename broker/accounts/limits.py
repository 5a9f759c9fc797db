"""How many mails one account may cause, and how many one address may be sent."""

import structlog

from broker.limits.service import Limits, Of
from broker.limits.table import Name
from broker.storage.store import ShortLived

log = structlog.get_logger(__name__)

_DAY = 86_400  # seconds: as long as one address counts as one


class MailLimit:
    """Counts mails. Every method raises ``StoreUnavailable``.

    That others had an address sent enough is told to nobody who asks for one more (T12): it is not sent, and they
    are answered as if it were.
    """

    def __init__(self, limits: Limits, store: ShortLived) -> None:
        self._limits = limits
        self._store = store

    def room(self, *mails: tuple[str, str]) -> list[bool]:
        """Count mails that somebody has sent to others, and return of each whether it may go there.

        Each is the account it is sent for, and where it goes. Raises :class:`~broker.limits.errors.TooMany`, and
        counts none, where an account had its share.
        """
        self._limits.count(*(Of(Name.MAIL_ACCOUNT, account) for account, _ in mails))
        found = [self._limits.room(Of(Name.MAIL_ADDRESS, self._limits.of_email(email))) for _, email in mails]
        if not all(found):
            log.info("mails not sent", limit=Name.MAIL_ADDRESS.value, count=found.count(False))
        return found

    def wait_to_change(self, account_id: str, email: str) -> int:
        """Count a mail to an address that somebody wants to have, and return 0; or return a wait in seconds.

        Nobody else can use these up: more of them, but to few addresses.
        """
        to = self._limits.of_email(email)
        asked = f"email-asked:{account_id}:{to}"
        wanted = [Of(Name.EMAIL_CHANGE, account_id), Of(Name.EMAIL_LINK, account_id, to)]
        if self._store.get(asked) is None:
            wanted.append(Of(Name.EMAIL_ADD, account_id))
        wait = self._limits.wait(*wanted)
        if wait == 0:
            self._store.put(asked, b"1", _DAY)
        return wait
