"""Pushed authorization requests (RFC 9126): kept here, fetched by a reference, gone once their code is issued."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from broker.signin.transactions import LIFETIME
from broker.storage.sealed import SealedRecords, Sealer
from broker.storage.store import ShortLived

PREFIX = "urn:ietf:params:oauth:request_uri:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A request as it was pushed. ``jkt``: of the key that was proven when it was (RFC 9449 section 10.1)."""

    handle: str
    parameters: Mapping[str, list[str]]
    jkt: str | None


class PushedRequests:
    """Pushed requests in the short-lived store. ``lifetime`` in seconds, until a browser comes with one."""

    def __init__(self, store: ShortLived, sealer: Sealer, lifetime: int) -> None:
        self._store = store
        self._records = SealedRecords(store, sealer, "pushed")
        self.lifetime = lifetime

    def push(self, client_id: str, parameters: Mapping[str, list[str]], jkt: str | None) -> str:
        """Return the ``request_uri`` of a request that has passed every check. Raises ``StoreUnavailable``."""
        handle = secrets.token_urlsafe(32)
        record = {"client_id": client_id, "parameters": dict(parameters), "jkt": jkt, "fetched": False}
        self._records.put(handle, record, self.lifetime)
        return PREFIX + handle

    def find(self, request_uri: str, client_id: str) -> Pushed | None:
        """Return a request of this client; none if it was used, expired or is another's (RFC 9126 section 2.2).

        Whoever comes with it in time may take as long as a sign-in takes, and may reload.
        """
        handle = request_uri.removeprefix(PREFIX)
        record = self._records.get(handle)
        if record is None or record["client_id"] != client_id:
            return None
        if not record["fetched"]:
            entry = self._records.entry(handle, {**record, "fetched": True}, int(LIFETIME.total_seconds()))
            if not self._store.commit(take=[entry[0]], put=[entry]):
                return None
        return Pushed(
            handle=handle,
            parameters=cast(Mapping[str, list[str]], record["parameters"]),
            jkt=cast(str | None, record["jkt"]),
        )

    def key(self, handle: str) -> str:
        """Return the store key, to be taken in one step with the code that answers the request."""
        return self._records.key(handle)
