"""Device codes: asked for by a device, decided on by a person, polled for, and redeemed once (RFC 8628)."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import cast

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidGrantError
from authlib.oauth2.rfc8628 import AuthorizationPendingError, ExpiredTokenError, SlowDownError

from broker.keys.pseudonyms import BlindIndex
from broker.oidc.clients import Client
from broker.oidc.device.user_codes import new_user_code
from broker.oidc.grant import Grant, dump_grant, load_grant
from broker.signin.sessions import Session, clients_index, codes_index
from broker.storage.sealed import Entry, SealedRecords, Sealer, digest
from broker.storage.store import ShortLived

INTERVAL = 5  # seconds between two polls (RFC 8628 section 3.2)
SLOWER_BY = 5  # seconds (section 3.5)
# Seconds for which an expired code is still known as one, to whoever polls on.
KEPT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRequest:
    """What a device asked for, and the two codes it got for it. ``user_code`` is without its dash."""

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)
    client_id: str
    scope: tuple[str, ...]
    resources: tuple[str, ...]
    requested_acr: tuple[str, ...]
    asked_at: datetime
    expires_at: datetime


class _State(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"


class Devices:
    """Device and user codes in the short-lived store. ``lifetime`` in seconds."""

    def __init__(
        self,
        *,
        store: ShortLived,
        sealer: Sealer,
        index: BlindIndex,
        lifetime: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._devices = SealedRecords(store, sealer, "device")
        self._user_codes = SealedRecords(store, sealer, "user-code")
        self._index = index
        self.lifetime = lifetime
        self._clock = clock

    def begin(
        self,
        client: Client,
        *,
        scope: tuple[str, ...],
        resources: tuple[str, ...],
        requested_acr: tuple[str, ...],
        now: datetime,
    ) -> DeviceRequest:
        """Return a new request, which waits for somebody to decide on it. Raises ``StoreUnavailable``."""
        while True:
            request = DeviceRequest(
                device_code=secrets.token_urlsafe(32),
                user_code=new_user_code(),
                client_id=client.client_id,
                scope=scope,
                resources=resources,
                requested_acr=requested_acr,
                asked_at=now,
                expires_at=now + timedelta(seconds=self.lifetime),
            )
            # A user code is short, so it may be somebody's already.
            if self._store.add(*self._user_codes.entry(self._handle(request.user_code), _dump(request), self.lifetime)):
                break
        self._store.put(*self._device_entry(request, _State.PENDING, now))
        return request

    def find(self, user_code: str, now: datetime) -> DeviceRequest | None:
        """Return the request that nobody has decided on yet, or none. Raises ``StoreUnavailable``."""
        record = self._user_codes.get(self._handle(user_code))
        request = _load(record) if record is not None else None
        return request if request is not None and now < request.expires_at else None

    def approve(
        self,
        request: DeviceRequest,
        session: Session,
        *,
        unchanged: tuple[str, Entry],
        confirmation: str,
        sector: str | None,
        now: datetime,
    ) -> bool:
        """Let the device in as the session's person. Returns false, and does nothing, where that came too late.

        ``unchanged`` is what ``Sessions`` returns of the session, ``confirmation`` the store key of the question:
        both must still be there. ``sector`` is the client's. The approval ends with the session, like a code.
        """
        grant = Grant(
            id=secrets.token_hex(32),
            client_id=request.client_id,
            account_id=session.account_id,
            identity_id=session.identity_id,
            provider_id=session.provider_id,
            tenant=session.tenant,
            guest=session.guest,
            signed_in_at=session.signed_in_at,
            sid=session.sid,
            scope=request.scope,
            authentication=session.authentication,
            resources=request.resources,
            requested_acr=request.requested_acr,
            sector=sector,
        )
        device = self._device_entry(request, _State.APPROVED, now, grant)
        session_key, session_entry = unchanged
        left = max(1, int((session.expires_at - now).total_seconds()))
        return self._store.commit(
            take=[self._user_codes.key(self._handle(request.user_code)), confirmation, session_key],
            put=[session_entry, device],
            index=[
                (codes_index(session.sid), device[0], device[2]),
                (clients_index(session.sid), request.client_id, left),
            ],
        )

    def deny(self, request: DeviceRequest, *, confirmation: str, now: datetime) -> bool:
        """Turn the device away. Returns false, and does nothing, where somebody has decided already."""
        return self._store.commit(
            take=[self._user_codes.key(self._handle(request.user_code)), confirmation],
            put=[self._device_entry(request, _State.DENIED, now)],
        )

    def redeem(self, device_code: str, client: Client) -> Grant:
        """Return what was granted, and use the code up: of any number of polls one gets it.

        Raises the ``OAuth2Error`` of RFC 8628 section 3.5 that says why there is nothing, or ``StoreUnavailable``.
        """
        record = self._devices.get(device_code)
        if record is None or record["client_id"] != client.client_id:
            raise InvalidGrantError("The device code is not known, or was used.")
        if self._clock() >= datetime.fromisoformat(cast(str, record["expires_at"])):
            raise ExpiredTokenError("The device code has expired.")
        if record["state"] == _State.DENIED:
            raise AccessDeniedError("The user turned the device away.")
        if record["state"] == _State.PENDING:
            raise self._still_pending(device_code)
        taken = self._devices.take(device_code)
        if taken is None:
            raise InvalidGrantError("The device code was just used.")
        return load_grant(taken["grant"])

    def _still_pending(self, device_code: str) -> OAuth2Error:
        """Return what a device is told that has to wait on, and longer the more impatient it is."""
        polled, pace = f"device-polled:{digest(device_code)}", f"device-pace:{digest(device_code)}"
        slower = self._store.get(pace)
        interval = int(slower) if slower is not None else INTERVAL
        # Held to a second less than it was told: the way through a network does not always take the same time.
        if self._store.add(polled, b"1", interval - 1):
            return AuthorizationPendingError("Nobody has decided yet.")
        self._store.put(pace, str(interval + SLOWER_BY).encode(), self.lifetime)
        return SlowDownError(f"Wait {interval + SLOWER_BY} seconds between two polls from now on.")

    def _handle(self, user_code: str) -> str:
        # Keyed, since a plain hash of so short a code can be undone by trying them all.
        return self._index.of(user_code)

    def _device_entry(self, request: DeviceRequest, state: _State, now: datetime, grant: Grant | None = None) -> Entry:
        record = {
            "client_id": request.client_id,
            "expires_at": request.expires_at.isoformat(),
            "state": state.value,
            "grant": dump_grant(grant) if grant is not None else None,
        }
        left = max(0, int((request.expires_at - now).total_seconds()))
        return self._devices.entry(request.device_code, record, left + KEPT)


def _dump(request: DeviceRequest) -> dict[str, object]:
    return {
        "device_code": request.device_code,
        "user_code": request.user_code,
        "client_id": request.client_id,
        "scope": request.scope,
        "resources": request.resources,
        "requested_acr": request.requested_acr,
        "asked_at": request.asked_at.isoformat(),
        "expires_at": request.expires_at.isoformat(),
    }


def _load(record: Mapping[str, object]) -> DeviceRequest:
    return DeviceRequest(
        device_code=cast(str, record["device_code"]),
        user_code=cast(str, record["user_code"]),
        client_id=cast(str, record["client_id"]),
        scope=tuple(cast(list[str], record["scope"])),
        resources=tuple(cast(list[str], record["resources"])),
        requested_acr=tuple(cast(list[str], record["requested_acr"])),
        asked_at=datetime.fromisoformat(cast(str, record["asked_at"])),
        expires_at=datetime.fromisoformat(cast(str, record["expires_at"])),
    )
