"""The user's session with the broker: one proof, reusable until it ages out or the session ends.

The cookie holds a random token; the store holds the record under the token's hash, and an index per account,
so that the owner can list and end their sessions. A session remembers the proof, never decides on it.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

from broker.storage.sealed import Entry, SealedRecords, Sealer, digest
from broker.storage.store import ShortLived
from broker.switches.service import Switches
from claims.evidence import Authentication, dump, load

COOKIE = "vestibule"
# Seconds: a code that is being redeemed while its session ends still becomes a token; the mark outlives that one too.
REDEMPTION_GRACE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the provider says of name and email where it differs from what the account has."""

    name: str | None
    email: str | None
    email_verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """``sid`` is what registries see of it (OpenID Connect Back-Channel Logout 2.1); ``key`` is its hashed token.

    ``sealed``: as the store had it.
    """

    sid: str
    key: str
    account_id: str
    identity_id: str
    provider_id: str
    tenant: str
    guest: bool
    authentication: Authentication
    started_at: datetime
    expires_at: datetime
    offer: Offer | None = None
    sealed: bytes | None = field(default=None, repr=False, compare=False)

    @property
    def signed_in_at(self) -> datetime:
        """Return when it began: a session that goes on after another sign-in begins anew."""
        return self.started_at


class Sessions:
    """Sessions in the short-lived store. Lifetime is absolute: use does not prolong it."""

    def __init__(self, store: ShortLived, sealer: Sealer, lifetime: timedelta, switches: Switches) -> None:
        self._store = store
        self._records = SealedRecords(store, sealer, "session")
        self._lifetime = lifetime
        self._switches = switches

    def new(
        self,
        *,
        account_id: str,
        identity_id: str,
        provider_id: str,
        tenant: str,
        guest: bool,
        authentication: Authentication,
        offer: Offer | None,
        now: datetime,
        sid: str | None = None,
        most: timedelta | None = None,
    ) -> tuple[str, Session]:
        """Return a fresh token for the cookie and its session. Nothing is stored yet: see :meth:`entries`.

        ``sid``: of the session that this one goes on with. ``most``: the longest that its tenant lets it live.
        """
        token = secrets.token_urlsafe(32)
        session = Session(
            sid=sid or secrets.token_urlsafe(16),
            key=digest(token),
            account_id=account_id,
            identity_id=identity_id,
            provider_id=provider_id,
            tenant=tenant,
            guest=guest,
            authentication=authentication,
            started_at=now,
            expires_at=now + min(self._lifetime, most or self._lifetime),
            offer=offer,
        )
        return token, session

    def entries(self, token: str, session: Session, now: datetime) -> tuple[Entry, tuple[str, str, int]]:
        """Return what storing the session takes: its entry, and its place in the account's index."""
        ttl = _ttl(session, now)
        return self._records.entry(token, _dump(session), ttl), (_index(session.account_id), session.key, ttl)

    def find(self, token: str | None, now: datetime) -> Session | None:
        """Return the live session of a cookie, or none. Raises ``StoreUnavailable``."""
        if not token:
            return None
        key, also = self._records.key(token), self._switches.also()
        value, *more = self._store.get_many([key, *also])
        self._switches.saw(more, now)
        record = self._records.open(key, value)
        session = _load(record, digest(token), value) if record else None
        return session if session and now < session.expires_at else None

    def of_account(self, account_id: str, now: datetime) -> list[Session]:
        """Return the account's live sessions, newest first. Raises ``StoreUnavailable``."""
        keys = sorted(self._store.members(_index(account_id)))
        records = self._records.get_by_digests(keys) if keys else []
        sessions = [_load(record, key) for key, record in zip(keys, records, strict=True) if record]
        live = [session for session in sessions if now < session.expires_at]
        return sorted(live, key=lambda session: session.started_at, reverse=True)

    def end(self, session: Session, token_lifetime: int) -> None:
        """End a session now, with its codes and its access tokens, which live ``token_lifetime`` seconds at most."""
        self._store.commit(
            delete=[self._records.key_of_digest(session.key)],
            put=[(revocation_key(session.sid), b"1", token_lifetime + REDEMPTION_GRACE)],
            unindex=[(_index(session.account_id), session.key)],
        )
        # Without the session no further code can be made, so these are all there are.
        self._store.delete(*self._store.members(codes_index(session.sid)))

    def unchanged(self, token: str, session: Session, now: datetime) -> tuple[str, Entry]:
        """Return the session's key and entry: taken and put in one commit, they make it fail if the session ended."""
        if session.sealed is None:
            entry, _ = self.entries(token, session, now)
        else:
            entry = (self._records.key_of_digest(session.key), session.sealed, _ttl(session, now))
        return entry[0], entry

    def kept_clients(self, session: Session, now: datetime) -> list[tuple[str, str, int]]:
        """Return what keeps the clients of a session listed for as long as it lives now."""
        index, ttl = clients_index(session.sid), _ttl(session, now)
        return [(index, client_id, ttl) for client_id in self._store.members(index)]

    def replaced(self, token: str | None) -> list[str]:
        """Return the store keys to delete when a new session takes the place of this cookie's."""
        return [self._records.key(token)] if token else []

    def without_offer(self, token: str, session: Session, now: datetime) -> None:
        """Store the session without its offer, which its owner has answered. One that ended stays ended."""
        key, entry = self.unchanged(token, replace(session, offer=None, sealed=None), now)
        self._store.commit(take=[key], put=[entry])


def _ttl(session: Session, now: datetime) -> int:
    return max(1, int((session.expires_at - now).total_seconds()))


def revocation_key(sid: str) -> str:
    """Return the store key that says every access token of this session, or of this grant, has ended."""
    return f"revoked:{digest(sid)}"


def codes_index(sid: str) -> str:
    """Return the index of the store keys of the codes that a session has led to."""
    return f"codes:{digest(sid)}"


def clients_index(sid: str) -> str:
    """Return the index of the ids of the clients that a session has led to: whom to tell when it ends."""
    return f"clients:{digest(sid)}"


def _index(account_id: str) -> str:
    return f"sessions:{account_id}"


def _dump(session: Session) -> dict[str, object]:
    offer = session.offer
    return {
        "sid": session.sid,
        "account_id": session.account_id,
        "identity_id": session.identity_id,
        "provider_id": session.provider_id,
        "tenant": session.tenant,
        "guest": session.guest,
        "authentication": dump(session.authentication),
        "started_at": session.started_at.isoformat(),
        "expires_at": session.expires_at.isoformat(),
        "offer": [offer.name, offer.email, offer.email_verified] if offer else None,
    }


def _load(record: Mapping[str, object], key: str, sealed: bytes | None = None) -> Session:
    offer = cast(list[object] | None, record["offer"])
    return Session(
        sid=cast(str, record["sid"]),
        key=key,
        account_id=cast(str, record["account_id"]),
        identity_id=cast(str, record["identity_id"]),
        provider_id=cast(str, record["provider_id"]),
        # Not in records from before tenants were kept: those of a tenant are of no use any more.
        tenant=cast(str, record.get("tenant", "")),
        guest=record.get("guest") is True,
        authentication=load(record["authentication"]),
        started_at=datetime.fromisoformat(cast(str, record["started_at"])),
        expires_at=datetime.fromisoformat(cast(str, record["expires_at"])),
        offer=Offer(name=cast(str | None, offer[0]), email=cast(str | None, offer[1]), email_verified=offer[2] is True)
        if offer
        else None,
        sealed=sealed,
    )
