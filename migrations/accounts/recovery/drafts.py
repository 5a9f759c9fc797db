"""What somebody typed whose sign-in had grown too old meanwhile: kept for an hour, so that they need not again."""

from collections.abc import Mapping

from broker.storage.sealed import SealedRecords, Sealer
from broker.storage.store import ShortLived

FIELDS = ("account", "missing", "evidence", "package")

_HOUR = 3600  # seconds
_LONGEST = 5000  # characters of one field: what is longer is refused anyway


class Drafts:
    """Keeps one for each account. Every method raises ``StoreUnavailable``."""

    def __init__(self, store: ShortLived, sealer: Sealer) -> None:
        self._records = SealedRecords(store, sealer, "recovery-draft")

    def keep(self, account_id: str, form: Mapping[str, str]) -> None:
        """Keep what a form says."""
        self._records.put(account_id, {name: form.get(name, "")[:_LONGEST] for name in FIELDS}, _HOUR)

    def of(self, account_id: str) -> Mapping[str, str]:
        """Return what is kept, every field of it empty where nothing is."""
        kept = self._records.get(account_id) or {}
        return {name: str(kept.get(name, "")) for name in FIELDS}

    def forget(self, account_id: str) -> None:
        """Forget it."""
        self._records.take(account_id)
