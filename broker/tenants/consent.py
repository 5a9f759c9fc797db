"""Admin consent on its way: which browser went to Microsoft for which mapping, and may come back once."""

import secrets
from typing import cast

from broker.signin.transactions import LIFETIME, Transaction
from broker.storage.sealed import SealedRecords, Sealer
from broker.storage.store import ShortLived


class Consents:
    """States in the short-lived store. A state is good for one return, and leads to one transaction."""

    def __init__(self, store: ShortLived, sealer: Sealer) -> None:
        self._records = SealedRecords(store, sealer, "admin-consent")

    def begin(self, transaction: Transaction, provider_id: str) -> str:
        """Return the ``state`` for the way to Microsoft. Raises ``StoreUnavailable``."""
        state = secrets.token_urlsafe(32)
        record = {"transaction": transaction.id, "provider_id": provider_id}
        self._records.put(state, record, int(LIFETIME.total_seconds()))
        return state

    def take(self, state: str, provider_id: str) -> str | None:
        """Return the id of the transaction that ``state`` leads to, once; none for a state that is over.

        Whether it is this browser's is for ``Transactions.find`` to say. Raises ``StoreUnavailable``.
        """
        record = self._records.take(state)
        if record is None or record["provider_id"] != provider_id:
            return None
        return cast(str, record["transaction"])
