"""From validated claims to what the broker is told: who, how they may be called, and what may be shown of it."""

import json
from collections.abc import Mapping
from datetime import datetime

from claims.evidence import Authentication, Evidence
from claims.profile import Profile
from claims.vocabulary import instant
from providers.microsoft.tokens import Claims
from providers.provider import Ask, Identified, Missing, Subject
from providers.tenants import Tenant

# What could be evidence, and where the user's home is. Of the person they say nothing.
_VERBATIM = frozenset({"acct", "acr", "acrs", "amr", "idp", "ver", "xms_edov"})
_SHOWN_LIMIT = 200  # characters
_TYPES = {str: "string", list: "array", dict: "object", bool: "boolean", type(None): "null"}


def identified(
    instance: str,
    claims: Claims,
    evidence: tuple[Evidence, ...],
    now: datetime,
    *,
    missing: Missing | None,
    again: Ask | None,
    guest: bool = False,
    admitted: Tenant | None = None,
    roles: frozenset[str] | None = None,
) -> Identified:
    """Return who the ID token with these claims speaks of. The key is (``tid``, ``oid``), never an address.

    ``roles`` are those of a mapping sign-in; none for any other.
    """
    # Microsoft's word that the address belongs to who signed in; seen as 1, "1" and true, which equals 1.
    verified = claims.get("xms_edov") in (1, "1")
    return Identified(
        subject=Subject(issuer=instance, tenant=str(claims["tid"]), id=str(claims["oid"])),
        profile=Profile.read(claims.get("name"), claims.get("email"), verified),
        authentication=Authentication(evidence=evidence, auth_time=instant(claims.get("auth_time"), now)),
        missing=missing,
        again=again,
        guest=guest,
        admitted=admitted,
        mapping=roles is not None,
        roles=roles or frozenset(),
    )


def is_guest(claims: Claims, own_issuers: tuple[str, ...]) -> bool:
    """Return whether the user's home may be elsewhere: ``acct`` is not 0, or ``idp`` not the tenant's own."""
    return str(claims.get("acct", 0)) != "0" or claims.get("idp", own_issuers[0]) not in own_issuers


def shown(documents: Mapping[str, Claims]) -> dict[str, str]:
    """Return every claim, such as ``access_token.amr``, with what an operator may see of it."""
    return {
        f"{document}.{claim}": json.dumps(value)[:_SHOWN_LIMIT] if claim in _VERBATIM else _masked(value)
        for document, claims in documents.items()
        for claim, value in claims.items()
    }


def _masked(value: object) -> str:
    name = _TYPES.get(type(value), "number")
    return f"<{name}, {len(value)}>" if isinstance(value, str | list | dict) else f"<{name}>"
