"""Push-based delivery of security event tokens (RFC 8935)."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

import requests

from broker.events import streams
from broker.events.handling import NobodyThere, NotSent
from broker.events.streams import Untold
from broker.keys.signing import NoActiveKey
from broker.oidc.clients import Client, Clients
from broker.oidc.events.tokens import TYP, SecurityEventTokens, code_of
from broker.oidc.jose.strict_json import json_object
from broker.settings.migration import StreamSettings
from broker.storage.database import Database
from providers.guarded import AddressRefused, Fetched, guarded_send

BACK_OFF = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=30),
)
# Then other chores have their turn.
_PASS_SECONDS = 5.0
# The worker waits for it, and others wait for the worker.
_TIMEOUT = (3.05, 5.0)
_TOTAL_SECONDS = 6.0
_MAX_ERROR = 4096  # bytes
# What one event can be the matter with, and the next one not. Whatever else is answered, the next would be answered so.
_OF_THE_EVENT = frozenset({400, 413, 422, 500})
# Of RFC 8935 section 2.4: the receiver does not know us, or us it.
_OF_THE_STREAM = frozenset(
    {"invalid_key", "invalid_issuer", "invalid_audience", "authentication_failed", "access_denied"}
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """Sends the tokens of the streams that have an address. ``insecure_allow_private`` takes http and any address.

    Any number of workers may do it at a time.
    """

    database: Database
    clients: Clients
    tokens: SecurityEventTokens
    streams: Mapping[str, StreamSettings]
    insecure_allow_private: bool
    ca_bundle: Path | None = None
    back_off: tuple[timedelta, ...] = BACK_OFF

    def deliver(self, client_id: str, now: datetime) -> int:
        """Tell a client what is due, for some five seconds, and return how many events it took.

        One that is gone or switched off is told nothing; what it missed waits.
        """
        started, count = monotonic(), 0
        while monotonic() - started < _PASS_SECONDS:
            client = self.clients.get(client_id)
            if client is None:
                break
            with self.database.begin() as connection:
                untold = streams.take(connection, client_id, now)
            if untold is None:
                break
            count += self._attempt(client, untold, now)
        return count

    def _attempt(self, client: Client, untold: Untold, now: datetime) -> bool:
        try:
            self._send(client, untold, now)
        except NotSent as error:
            _log.warning(
                "event %s for %s not sent, attempt %d: %s", untold.jti, client.client_id, untold.attempt, error
            )
            until = now + self.back_off[min(untold.attempt, len(self.back_off)) - 1]
            with self.database.begin() as connection:
                streams.put_off(
                    connection, client.client_id, untold, str(error), until, rests=isinstance(error, NobodyThere)
                )
            return False
        with self.database.begin() as connection:
            streams.told(connection, client.client_id, untold, now)
        _log.info("event %s for %s sent, attempt %d", untold.jti, client.client_id, untold.attempt)
        return True

    def _send(self, client: Client, untold: Untold, now: datetime) -> None:
        """Send one token. Raises ``NobodyThere`` for what would happen to every other event too, or ``NotSent``."""
        stream = self.streams[client.client_id]
        headers = {"Content-Type": f"application/{TYP}", "Accept": "application/json"}
        if stream.authorization is not None:
            headers["Authorization"] = stream.authorization.get_secret_value()
        try:
            answer = guarded_send(
                str(stream.url),
                self.tokens.of(client, untold, now).encode(),
                headers,
                max_bytes=_MAX_ERROR,
                insecure_allow_private=self.insecure_allow_private,
                ca_bundle=self.ca_bundle,
                timeout=_TIMEOUT,
                total=_TOTAL_SECONDS,
            )
        except NoActiveKey as error:
            raise NobodyThere("no_active_key") from error
        except AddressRefused as error:
            raise NobodyThere("address_refused") from error
        except requests.RequestException as error:
            raise NobodyThere(type(error).__name__) from error
        # Section 2.2: 202 and nothing else. The page of some proxy in between is a 200, too.
        if answer.status != 202:
            raise _failure(answer)


def _failure(answer: Fetched) -> NotSent:
    """Return what went wrong. All of it is tried again (section 4): what a receiver refuses is mended over there."""
    code = (_code(answer.body) if answer.status == 400 else None) or f"http_{answer.status}"
    if answer.status in _OF_THE_EVENT and code not in _OF_THE_STREAM:
        return NotSent(code)
    return NobodyThere(code)


def _code(body: bytes) -> str | None:
    """Return the error code of a failure response (section 2.3)."""
    try:
        return code_of(json_object(body).get("err"))
    except ValueError:
        return None
