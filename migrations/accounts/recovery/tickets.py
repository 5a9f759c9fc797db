"""The address of a request, which is the same kind of thing whether there is an account behind it or not.

A request that leads nowhere is kept nowhere: its id alone says when it was made. Ids are sealed for whoever asked, so
that nobody can tell one kind from the other, and nobody else's address opens anything.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from datetime import UTC, datetime
from uuid import UUID

from broker.keys.cipher import FieldCipher, Undecryptable
from broker.keys.pseudonyms import BlindIndex

_TIME_BYTES = 4


class Tickets:
    """Writes and reads addresses. The index names markers."""

    def __init__(self, cipher: FieldCipher, index: BlindIndex) -> None:
        self._cipher = cipher
        self._index = index

    def write(self, account_id: str, request_id: UUID) -> str:
        """Return the part of the path: 63 characters, or a few more under a key of many a version."""
        return urlsafe_b64encode(self._cipher.seal(request_id.bytes, _context(account_id))).rstrip(b"=").decode()

    def read(self, account_id: str, text: str) -> UUID | None:
        """Return the request, or none where it is not this account's."""
        try:
            sealed = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
            return UUID(bytes=self._cipher.open(sealed, _context(account_id)))
        except (UnicodeEncodeError, Error, Undecryptable):
            return None

    def marker(self, request_id: UUID) -> str:
        """Return the branch that speaks for a request: nobody can guess it, and it says nothing."""
        return f"vestibule-{self._index.of(f'recovery-marker:{request_id}')[:20]}"


def nowhere(now: datetime) -> UUID:
    """Return the id of a request that leads nowhere."""
    return UUID(bytes=secrets.token_bytes(16 - _TIME_BYTES) + int(now.timestamp()).to_bytes(_TIME_BYTES))


def asked_at(request_id: UUID) -> datetime:
    """Return when a request was made that leads nowhere, to the second."""
    return datetime.fromtimestamp(int.from_bytes(request_id.bytes[-_TIME_BYTES:]), UTC)


def _context(account_id: str) -> str:
    return f"recovery.ticket:{account_id}"
