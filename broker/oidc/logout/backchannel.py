"""Telling a registry that a session is over (OpenID Connect Back-Channel Logout 1.0)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import requests

from broker.events.handling import Item, NobodyThere, NotSent
from broker.keys.signing import NoActiveKey
from broker.oidc.clients import Client, Clients
from broker.oidc.subjects import Subjects
from broker.oidc.tokens.signed import Signer
from providers.guarded import AddressRefused, guarded_post

TYP = "logout+jwt"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
LIFETIME = 120  # seconds; section 2.4 recommends two minutes at most
# Somebody may still be signed in there, so the first attempts follow soon.
BACK_OFF = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=30),
)
# The worker waits for it, and others wait for the worker.
_TIMEOUT = (3.05, 5.0)
_TOTAL_SECONDS = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BackchannelLogout:
    """Sends logout tokens. ``insecure_allow_private`` takes http and any address."""

    clients: Clients
    subjects: Subjects
    signer: Signer
    insecure_allow_private: bool
    ca_bundle: Path | None = None
    back_off: tuple[timedelta, ...] = BACK_OFF

    def deliver(self, item: Item, now: datetime) -> None:
        """Tell the registry, if it wants to know; done at once if it is gone, switched off or wants no word."""
        # Also to one that is switched off: a logout that it is not told of now it is never told of.
        client = self.clients.enabled(item.payload["client_id"])
        if client is None or client.backchannel_logout_uri is None:
            return
        form = {"logout_token": self._token(client, item, now)}
        try:
            status = guarded_post(
                client.backchannel_logout_uri,
                form,
                insecure_allow_private=self.insecure_allow_private,
                ca_bundle=self.ca_bundle,
                timeout=_TIMEOUT,
                total=_TOTAL_SECONDS,
            )
        except AddressRefused as error:
            raise NotSent("address_refused") from error
        except requests.RequestException as error:
            raise NobodyThere(type(error).__name__) from error
        # Section 2.8: 200 it is, and some frameworks make a 204 of it.
        if not 200 <= status < 300:
            raise NotSent(f"http_{status}")

    def _token(self, client: Client, item: Item, now: datetime) -> str:
        """Return a logout token (section 2.4), made anew for each attempt, because keys and times pass."""
        issued_at = int(now.timestamp())
        claims: dict[str, object] = {
            "aud": client.client_id,
            "iat": issued_at,
            "exp": issued_at + LIFETIME,
            "jti": item.payload["jti"],
            "events": {EVENT: {}},
            "sid": self.subjects.sid(client, item.payload["sid"]),
        }
        sub = self.subjects.known(client, item.payload["account_id"])
        if sub is not None:
            claims["sub"] = sub
        try:
            return self.signer.sign(claims, typ=TYP, algorithm=client.id_token_signed_response_alg, now=now)
        except NoActiveKey as error:
            raise NotSent("no_active_key") from error
