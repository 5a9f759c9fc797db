"""Microsoft's errors: AADSTS codes in the shapes of its two endpoints (``upstreams.md``, 1.4, 1.5, 1.8)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from uuid import uuid4


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One error: the OAuth ``error``, Microsoft's number, its sentence, and more members of the response."""

    error: str
    number: int
    text: str
    more: Mapping[str, str] = field(default_factory=dict)

    def members(self) -> dict[str, object]:
        """Return the token endpoint's JSON error object."""
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        trace, correlation = str(uuid4()), str(uuid4())
        ids = f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {now}"
        return {
            "error": self.error,
            "error_description": f"AADSTS{self.number}: {self.text} {ids}",
            "error_codes": [self.number],
            "timestamp": now,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.number}",
            **self.more,
        }

    def fields(self) -> list[tuple[str, str]]:
        """Return the fields of an authorization error response, without ``state``."""
        members = self.members()
        return [
            *((name, str(members[name])) for name in ("error", "error_description", "error_uri")),
            *self.more.items(),
        ]


def _trouble(error: str, number: int, text: str, **more: str) -> Trouble:
    return Trouble(error=error, number=number, text=text, more=more)


LATE_CLAIMS = '{"access_token":{"capolids":{"essential":true,"values":["5f1e0c9a-3d7b-4a52-9d0e-2c8b6a4f1e37"]}}}'
"""What the token endpoint wants repeated as ``claims`` after AADSTS50076."""

TROUBLES: Mapping[str, Trouble] = MappingProxyType(
    {
        # Before anybody signs in
        "unknown_tenant": _trouble("invalid_tenant", 90002, "Tenant not found. Check with your administrator."),
        "unknown_client": _trouble("unauthorized_client", 700016, "Application was not found in the directory."),
        "redirect_uri": _trouble("invalid_request", 50011, "The redirect URI is none of the application's."),
        "entra_only": _trouble("invalid_request", 9002332, "For work accounts only; do not use /consumers."),
        "consumers_only": _trouble("invalid_request", 9002331, "For personal accounts only; use /consumers."),
        "parameter": _trouble("invalid_request", 901002, "The 'amr_values' parameter is not supported."),
        "response_type": _trouble("unsupported_response_type", 700054, "response_type is not enabled."),
        "response_mode": _trouble("invalid_request", 70007, "The response_mode is not supported."),
        "prompt": _trouble("invalid_request", 90023, "The prompt is not supported."),
        "max_age": _trouble("invalid_request", 90023, "The max_age is not a whole number."),
        "pkce": _trouble("invalid_request", 50147, "Missing or invalid code_challenge."),
        "claims": _trouble("invalid_request", 50146, "The claims parameter is not a JSON object."),
        "resource": _trouble("invalid_resource", 500011, "The resource principal was not found in the tenant."),
        "silent": _trouble("login_required", 50058, "A silent sign-in was asked for; nobody is signed in."),
        # While somebody does
        "declined": _trouble("access_denied", 65004, "User declined to consent.", error_subcode="cancel"),
        "factor_cancelled": _trouble("interaction_required", 50074, "Strong Authentication is required."),
        "no_factor": _trouble("interaction_required", 50079, "The user must enroll in multi-factor auth."),
        "blocked": _trouble("access_denied", 53003, "Blocked by Conditional Access policies."),
        "consent": _trouble("consent_required", 65001, "The user has not consented to use the application."),
        "unassigned": _trouble("access_denied", 50105, "The user is not assigned to the application."),
        "no_application": _trouble("unauthorized_client", 700016, "Application was not found in the directory."),
        "admin_consent": _trouble("access_denied", 90094, "Admin consent is required."),
        # At the token endpoint
        "mfa_at_token": _trouble(
            "invalid_grant",
            50076,
            "You must use multi-factor authentication to access the resource.",
            suberror="basic_action",
            claims=LATE_CLAIMS,
        ),
        "grant_type": _trouble("unsupported_grant_type", 70003, "The grant type is not supported."),
        "no_credential": _trouble("invalid_client", 7000218, "client_assertion or client_secret is missing."),
        "wrong_secret": _trouble("invalid_client", 7000215, "Invalid client secret provided."),
        "wrong_assertion": _trouble("invalid_client", 700027, "Client assertion failed validation."),
        "unknown_code": _trouble("invalid_grant", 70000, "The provided authorization code is invalid."),
        "used_code": _trouble("invalid_grant", 54005, "The authorization code was already redeemed."),
        "expired_code": _trouble("invalid_grant", 70008, "The authorization code has expired."),
        "other_authority": _trouble("invalid_grant", 700005, "The code is meant for another tenant."),
        "other_redirect_uri": _trouble("invalid_client", 500112, "The redirect URI is not that of the request."),
        "verifier": _trouble("invalid_grant", 501481, "The code_verifier does not match."),
    }
)
"""Every error the stand-in answers with, by its name here. The sentences are ours, the numbers Microsoft's."""
