"""A browser's return from a provider, and its way round SameSite.

A provider that answers by form post does so from its own site: the browser sends no Lax cookie with it, and so
we cannot know whose flow it is. The post is answered with a redirect to ourselves that carries what was posted,
sealed and good for one minute; the browser follows it by GET, with its cookies.
"""

import base64
import binascii
import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from broker.keys.cipher import Undecryptable
from broker.storage.sealed import Sealer
from broker.web.errors import BrokerError
from providers.provider import Return

RELAY_LIFETIME = timedelta(minutes=1)
# The host that opens a relay may be a little behind the one that sealed it.
CLOCK_TOLERANCE = timedelta(seconds=30)
MAX_LENGTH = 4096
# What providers send back. Anything else (session_state, scope, ...) is of no use and not carried along.
PARAMETERS = frozenset({"code", "state", "error", "error_subcode", "error_description", "client_info", "iss"})


def read(method: str, lists: Iterable[tuple[str, list[str]]]) -> Return:
    """Return what the browser brought. Raises ``BrokerError`` if a parameter came twice or is oversized."""
    parameters = {}
    for name, values in lists:
        if name not in PARAMETERS:
            continue
        if len(values) != 1:
            raise _bad("a parameter came twice")
        if len(values[0]) > MAX_LENGTH:
            raise _bad("a parameter is oversized")
        parameters[name] = values[0]
    return Return(method=method, parameters=parameters)


class Relay:
    """Seals a posted return into a URL parameter, and opens it again."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, provider_id: str, returned: Return, now: datetime) -> str:
        """Return the sealed form of a post to this provider's callback."""
        record = {"at": now.timestamp(), "parameters": dict(returned.parameters)}
        sealed = self._sealer.seal(json.dumps(record).encode(), _context(provider_id))
        return base64.urlsafe_b64encode(sealed).decode()

    def open(self, provider_id: str, text: str, now: datetime) -> Return:
        """Return the post. Raises ``BrokerError`` unless we sealed it for this provider within the last minute."""
        try:
            record = json.loads(
                self._sealer.open(base64.b64decode(text, altchars=b"-_", validate=True), _context(provider_id))
            )
        except (binascii.Error, ValueError, Undecryptable) as error:
            raise _bad("relay not sealed by us") from error
        age = timedelta(seconds=now.timestamp() - record["at"])
        if not -CLOCK_TOLERANCE <= age <= RELAY_LIFETIME:
            raise _bad("relay too old")
        return Return(method="POST", parameters=record["parameters"])


def _context(provider_id: str) -> str:
    return f"relay:{provider_id}"


def _bad(detail: str) -> BrokerError:
    return BrokerError(
        status=400,
        code="invalid_response",
        sentence="What came back from the sign-in service is not what it should be.",
        next_step="Go back to where you came from and sign in again.",
        detail=detail,
    )
