"""A form's way round SameSite.

A form that is posted from another site comes without our Lax cookies, so nobody can know whose it is. It is answered
with a redirect to ourselves that carries what was posted, sealed and good for one minute; the browser follows it by
GET, with its cookies. Sealed, because URLs end up in logs and histories, and what was posted was not meant to.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast

from broker.keys.cipher import Undecryptable
from broker.storage.sealed import Sealer

PARAMETER = "relay"
LIFETIME = timedelta(minutes=1)
# The host that opens a relay may be a little behind the one that sealed it.
CLOCK_TOLERANCE = timedelta(seconds=30)


class NoRelay(Exception):
    """The text was not sealed here, not for this place, or too long ago. Its own text is for the log."""


class Relay:
    """Seals what was posted into a URL parameter, and opens it again. ``place`` is where it was posted to."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, place: str, parameters: Mapping[str, Sequence[str]], now: datetime) -> str:
        """Return the sealed form of a post to this place."""
        record = {"at": now.timestamp(), "parameters": {name: list(values) for name, values in parameters.items()}}
        sealed = self._sealer.seal(json.dumps(record).encode(), _context(place))
        return base64.urlsafe_b64encode(sealed).decode()

    def open(self, place: str, text: str, now: datetime) -> Mapping[str, list[str]]:
        """Return what was posted there, as names and all their values. Raises :class:`NoRelay`."""
        try:
            sealed = base64.b64decode(text, altchars=b"-_", validate=True)
            record = json.loads(self._sealer.open(sealed, _context(place)))
        except (binascii.Error, ValueError, Undecryptable) as error:
            raise NoRelay("relay not sealed by us") from error
        age = timedelta(seconds=now.timestamp() - record["at"])
        if not -CLOCK_TOLERANCE <= age <= LIFETIME:
            raise NoRelay("relay too old")
        return cast(Mapping[str, list[str]], record["parameters"])


def _context(place: str) -> str:
    return f"relay:{place}"
