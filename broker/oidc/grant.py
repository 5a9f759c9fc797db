"""What a person let a client have, and the proof behind it: the same from code, device or refresh token to tokens."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, cast

from claims.evidence import Authentication, dump, load

_LONG_AGO = "1970-01-01T00:00:00+00:00"
# The scope under which each claim of a person is released (OpenID Connect Core section 5.4).
SCOPE_OF_CLAIM = {"name": "profile", "email": "email", "email_verified": "email"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """``id`` names it in marks and families; ``sid`` is the session it came from, ``jkt`` the key it is bound to,
    ``sector`` the client's when it was granted.

    ``id_token_claims`` and ``userinfo_claims`` are the person's claims asked for by name, ``resources`` the
    audiences allowed (RFC 8707).
    """

    id: str
    client_id: str
    account_id: str
    identity_id: str
    provider_id: str
    tenant: str
    guest: bool
    signed_in_at: datetime
    sid: str
    scope: tuple[str, ...]
    authentication: Authentication
    resources: tuple[str, ...] = ()
    nonce: str | None = None
    requested_acr: tuple[str, ...] = ()
    essential_acr: tuple[str, ...] = ()
    id_token_claims: tuple[str, ...] = ()
    userinfo_claims: tuple[str, ...] = ()
    jkt: str | None = None
    sector: str | None = None

    @property
    def consent_scopes(self) -> tuple[str, ...]:
        """What its owner consented to: scopes, those of claims asked for by name included, and resources."""
        return consent_scopes(self.scope, (*self.id_token_claims, *self.userinfo_claims), self.resources)

    def get_scope(self) -> str:
        return " ".join(self.scope)


def consent_scopes(scope: Iterable[str], claims: Iterable[str], resources: Iterable[str]) -> tuple[str, ...]:
    """Return scopes, those under which claims asked for by name are released, and resources, which are URIs."""
    return tuple(dict.fromkeys((*scope, *(SCOPE_OF_CLAIM[name] for name in claims), *resources)))


def dump_grant(grant: Grant) -> dict[str, object]:
    """Return the grant as JSON values."""
    # Not asdict, which copies deeply what is flat but for these two. What says nothing is left out.
    record = {name: value for name, default in _DEFAULTS.items() if (value := getattr(grant, name)) != default}
    return record | {"authentication": dump(grant.authentication), "signed_in_at": grant.signed_in_at.isoformat()}


_DEFAULTS = {field.name: field.default for field in fields(Grant)}


def load_grant(record: object) -> Grant:
    """Return the grant of :func:`dump_grant`. Only what we stored ourselves, sealed, comes here."""
    # Not in records from before tenants were kept: those of a tenant are of no use any more.
    stored = {"tenant": "", "guest": False, "signed_in_at": _LONG_AGO, **cast(Mapping[str, object], record)}
    values: dict[str, object] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()
    }
    values["authentication"] = load(stored["authentication"])
    values["signed_in_at"] = datetime.fromisoformat(cast(str, stored["signed_in_at"]))
    return Grant(**cast(dict[str, Any], values))
