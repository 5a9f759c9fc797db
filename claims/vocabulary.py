"""The words providers and we use for authentication, and the strict reading of raw claims.

A parser returns none for whatever is missing, null or of the wrong type, and never raises on raw input.
"""

from datetime import UTC, datetime

from claims.clock import in_future, require_utc

AMR_REGISTRY = frozenset(
    {
        *("face", "fpt", "geo", "hwk", "iris", "kba", "mca", "mfa", "otp", "pin", "pop"),
        *("pwd", "rba", "retina", "sc", "sms", "swk", "tel", "user", "vbm", "wia"),
    }
)
"""RFC 8176, section 2: the registered authentication method reference values."""

ACR_PHRH = "phrh"
"""OpenID EAP ACR Values 1.0: phishing-resistant, with a hardware-protected key."""
ACR_PHR = "phr"
"""OpenID EAP ACR Values 1.0: phishing-resistant."""
ACR_MFA = "https://refeds.org/profile/mfa"
"""REFEDS MFA Profile: MFA was proven for this sign-in."""
ACR_MFA_ENROLLED = "urn:vestibule:acr:mfa-enrolled"
"""MFA is switched on for the account, and not proven for this sign-in."""
ACR_EXEMPT = "urn:vestibule:acr:exempt"
"""An organisation's exception let this sign-in pass."""

ACR_SUPPORTED = (ACR_PHRH, ACR_PHR, ACR_MFA, ACR_MFA_ENROLLED, ACR_EXEMPT)
"""Every ``acr`` we issue, strongest first."""

TEXT_LIMIT = 1024
LIST_LIMIT = 64


def text(raw: object) -> str | None:
    """Return a string of 1 to 1024 characters, exactly as it stands."""
    if not isinstance(raw, str) or not 0 < len(raw) <= TEXT_LIMIT:
        return None
    return raw


def text_list(raw: object) -> tuple[str, ...] | None:
    """Return a JSON array of 1 to 64 distinct texts; one item that is not makes the whole array worthless."""
    if not isinstance(raw, list) or not 0 < len(raw) <= LIST_LIMIT:
        return None
    items = [item for item in raw if isinstance(item, str) and 0 < len(item) <= TEXT_LIMIT]
    if len(set(items)) != len(raw):
        return None
    return tuple(items)


def flag(raw: object) -> bool | None:
    """Return a JSON boolean; 1, "true" and their like are none."""
    return raw if isinstance(raw, bool) else None


def instant(raw: object, now: datetime) -> datetime | None:
    """Return a NumericDate (RFC 7519, section 2): whole seconds, at most 120 of them after ``now``.

    Raises ``ValueError`` if ``now`` is not aware UTC.
    """
    require_utc(now)
    if not isinstance(raw, int) or isinstance(raw, bool) or raw <= 0:
        return None
    try:
        moment = datetime.fromtimestamp(raw, UTC)
    except (OverflowError, OSError, ValueError):  # further ahead than the calendar goes
        return None
    return None if in_future(moment, now) else moment
