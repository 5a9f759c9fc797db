"""How many mails one account may cause, and how many one address may be sent."""

from broker.limits.service import Limits, Of
from broker.limits.table import Name
from broker.storage.store import ShortLived

_DAY = 86_400  # seconds: as long as one address counts as one


class MailLimit:
    """Counts mails, each in all of its limits or in none. Every method raises ``StoreUnavailable``."""

    def __init__(self, limits: Limits, store: ShortLived) -> None:
        self._limits = limits
        self._store = store

    def wait(self, *mails: tuple[str, str]) -> int:
        """Count mails that somebody has sent to others, and return 0; or count none, and return a wait in seconds.

        Each is the account it is sent for, and where it goes.
        """
        wanted = [(Of(Name.MAIL_ACCOUNT, account), self._to(email)) for account, email in mails]
        return self._limits.wait(*(each for pair in wanted for each in pair))

    def wait_to_change(self, account_id: str, email: str) -> int:
        """Do the same for a mail to an address that somebody wants to have: more of them, but to few addresses."""
        asked = f"email-asked:{account_id}:{self._limits.of_email(email)}"
        wanted = [Of(Name.EMAIL_CHANGE, account_id), self._to(email)]
        if self._store.get(asked) is None:
            wanted.append(Of(Name.EMAIL_ADD, account_id))
        wait = self._limits.wait(*wanted)
        if wait == 0:
            self._store.put(asked, b"1", _DAY)
        return wait

    def _to(self, email: str) -> Of:
        return Of(Name.MAIL_ADDRESS, self._limits.of_email(email))
