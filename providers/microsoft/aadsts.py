"""Microsoft's error codes (AADSTS numbers), and what each means to us.

Source: "Microsoft Entra authentication and authorization error codes". The numbers choose the help a person
gets; where a number is unknown, OAuth's ``error`` does. The text of an error is never reacted to: it is read
only for the number and the correlation id, which on the way back through the browser stand nowhere else.
"""

import re
from collections.abc import Mapping

from providers.provider import Ask, Fault, ProviderError

_CODES: Mapping[Fault, tuple[int, ...]] = {
    # Mended by asking again, with the claims that came with the error.
    Fault.MFA_REQUIRED: (50074, 50076, 50078),
    # Mended by the user.
    Fault.MFA_SETUP_REQUIRED: (50072, 50079),
    Fault.CANCELLED: (65004,),
    Fault.CONSENT_REQUIRED: (65001,),
    Fault.WRONG_ACCOUNT: (16000, 50014, 50020, 50034, 51004, 90072, 500208),
    Fault.ACCOUNT_UNUSABLE: (50053, 50055, 50057, 50126),
    Fault.LOGIN_REQUIRED: (50058, 50168),
    Fault.EXPIRED: (50089, 54005, 70008, 501481, 700005),
    # Mended by the organisation's admin.
    Fault.ADMIN_CONSENT_REQUIRED: (90008, 90094, 90095),
    Fault.DEVICE_REQUIRED: (53000, 53001, 53002),
    Fault.NOT_ASSIGNED: (50105,),
    Fault.BLOCKED_BY_POLICY: (
        *(53003, 53011, 530032, 530035),  # conditional access, security defaults, risk
        *(53004, 53010),  # a second factor may only be registered from a trusted place
        *(50131, 50158),  # a challenge outside Entra was not met
        *(500021, 500212, 500213),  # between organisations
        7000112,  # the admin has switched the application off
    ),
    # Mended by nobody but the operator.
    Fault.MISCONFIGURED: (
        *(50011, 500113, 900971),  # redirect URI
        *(50194, 90124, 90130, 9002332),  # the registration's account types
        *(70002, 700027, 7000215, 7000218, 7000222),  # secret or certificate wrong or expired
        *(700011, 700016, 90002),  # no such application, or tenant
        *(90027, 901002),  # asked for what this endpoint does not know
        50196,  # a loop: we ask for the same thing again and again
    ),
    # Mended by waiting.
    Fault.UNAVAILABLE: (50000, 50033, 70012, 90006, 90012, 90024, 90033, 90055),
}
FAULTS: Mapping[int, Fault] = {code: fault for fault, codes in _CODES.items() for code in codes}

# RFC 6749 4.1.2.1 and 5.2, OpenID Connect Core 3.1.2.6, and Microsoft's own.
_ERRORS: Mapping[str, Fault] = {
    "access_denied": Fault.BLOCKED_BY_POLICY,
    "consent_required": Fault.CONSENT_REQUIRED,
    "interaction_required": Fault.MFA_REQUIRED,
    "invalid_client": Fault.MISCONFIGURED,
    "invalid_grant": Fault.EXPIRED,
    "invalid_request": Fault.MISCONFIGURED,
    "invalid_resource": Fault.MISCONFIGURED,
    "invalid_scope": Fault.MISCONFIGURED,
    "login_required": Fault.LOGIN_REQUIRED,
    "server_error": Fault.UNAVAILABLE,
    "temporarily_unavailable": Fault.UNAVAILABLE,
    "unauthorized_client": Fault.MISCONFIGURED,
    "unsupported_grant_type": Fault.MISCONFIGURED,
    "unsupported_response_type": Fault.MISCONFIGURED,
}

# No such application in the directory: at one tenant, its admin has not approved it; elsewhere we named a wrong one.
_UNKNOWN_APPLICATION = frozenset({700011, 700016})

ADMIN_FAULTS = frozenset({Fault.ADMIN_CONSENT_REQUIRED, Fault.DEVICE_REQUIRED, Fault.NOT_ASSIGNED})
"""What only an admin of the user's organisation can mend, whatever number came with it."""

_NUMBER = re.compile(r"\bAADSTS(\d{4,9})\b", re.ASCII)
_GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_CORRELATION_ID = re.compile(rf"\bCorrelation ID: ?({_GUID})\b")


def needs_admin(upstream_code: str | None, fault: Fault) -> bool:
    """Return whether the refusal with this code and fault means that the user's admin must do something.

    A rule that blocked counts only with its number, by which the admin can find it.
    """
    if fault is Fault.BLOCKED_BY_POLICY:
        return upstream_code is not None and _NUMBER.fullmatch(upstream_code) is not None
    return fault in ADMIN_FAULTS


def refusal(
    error: Mapping[str, object],
    *,
    again: Ask | None = None,
    consent: Ask | None = None,
    at_tenant: bool = False,
) -> ProviderError:
    """Return what an error of the authorization or token endpoint means.

    ``again`` is what to ask next where asking for MFA again can help, ``consent`` where asking for the user's approval
    can; each goes only with the errors that it can mend. ``at_tenant``: a tenant was named, and not by configuration.
    """
    numbers = _numbers(error)
    number = next((each for each in numbers if each in FAULTS), numbers[0] if numbers else None)
    fault = _fault(number, error.get("error"))
    if at_tenant and number in _UNKNOWN_APPLICATION:
        fault = Fault.ADMIN_CONSENT_REQUIRED
    return ProviderError(
        fault,
        "Microsoft refused the sign-in" if number is None else f"Microsoft refused the sign-in: AADSTS{number}",
        upstream_code=None if number is None else f"AADSTS{number}",
        correlation_id=_correlation_id(error),
        again={Fault.MFA_REQUIRED: again, Fault.CONSENT_REQUIRED: consent}.get(fault),
    )


def _fault(number: int | None, error: object) -> Fault:
    if number is not None and number in FAULTS:
        return FAULTS[number]
    if not isinstance(error, str):
        return Fault.INVALID_RESPONSE
    if error == "access_denied" and number is None:
        return Fault.CANCELLED  # a policy that blocks comes with its number, a press on "Cancel" without
    return _ERRORS.get(error, Fault.INVALID_RESPONSE)


def _numbers(error: Mapping[str, object]) -> tuple[int, ...]:
    listed = error.get("error_codes")
    if isinstance(listed, list):
        numbers = tuple(each for each in listed if type(each) is int and 0 < each < 10**9)
        if numbers:
            return numbers
    return tuple(int(each) for each in _NUMBER.findall(_text(error, "error_description")))


def _correlation_id(error: Mapping[str, object]) -> str | None:
    stated = _text(error, "correlation_id")
    if re.fullmatch(_GUID, stated):
        return stated
    found = _CORRELATION_ID.search(_text(error, "error_description"))
    return found[1] if found else None


def _text(error: Mapping[str, object], name: str) -> str:
    value = error.get(name)
    return value if isinstance(value, str) else ""
