"""What GitHub and any OpenID provider have in common: the way there, the way back, and what an operator may see."""

import hmac
import json
import re
import secrets
from collections.abc import Collection, Mapping

import requests

from providers.http import Content, json_of
from providers.provider import Fault, ProviderError, Return

_CODE_LIMIT = 4096  # characters
_ERROR = re.compile(r"[a-z0-9_]{1,64}")
_SHOWN_LIMIT = 200  # characters
_JSON_TYPES = {str: "string", bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}

# RFC 6749 4.1.2.1 and 5.2, OpenID Connect Core 1.0 3.1.2.6, Unmet Authentication Requirements 1.0, and GitHub's own.
FAULTS: Mapping[str, Fault] = {
    "access_denied": Fault.CANCELLED,
    "account_selection_required": Fault.LOGIN_REQUIRED,
    "application_suspended": Fault.MISCONFIGURED,
    "bad_verification_code": Fault.EXPIRED,
    "consent_required": Fault.CONSENT_REQUIRED,
    "incorrect_client_credentials": Fault.MISCONFIGURED,
    "interaction_required": Fault.LOGIN_REQUIRED,
    "invalid_client": Fault.MISCONFIGURED,
    "invalid_grant": Fault.EXPIRED,
    "invalid_request": Fault.MISCONFIGURED,
    "invalid_scope": Fault.MISCONFIGURED,
    "login_required": Fault.LOGIN_REQUIRED,
    "redirect_uri_mismatch": Fault.MISCONFIGURED,
    "request_not_supported": Fault.MISCONFIGURED,
    "server_error": Fault.UNAVAILABLE,
    "temporarily_unavailable": Fault.UNAVAILABLE,
    "unauthorized_client": Fault.MISCONFIGURED,
    "unmet_authentication_requirements": Fault.MFA_SETUP_REQUIRED,
    "unsupported_grant_type": Fault.MISCONFIGURED,
    "unsupported_response_type": Fault.MISCONFIGURED,
    "unverified_user_email": Fault.EMAIL_UNVERIFIED,
}


def new_secret() -> str:
    """Return 43 characters of 256 bits: a ``state``, a ``nonce``, a ``code_verifier`` (RFC 7636, section 4.1)."""
    return secrets.token_urlsafe(32)


def remembered(flow: Mapping[str, object], name: str) -> str:
    """Return what ``begin`` put into the flow. Raises :class:`ProviderError` for a flow of another version."""
    value = flow.get(name)
    if not isinstance(value, str):
        raise ProviderError(Fault.EXPIRED, f"the flow has no {name}")
    return value


def check_state(flow: Mapping[str, object], returned: Return) -> None:
    """Raise :class:`ProviderError` unless the browser came back by a plain redirect, and from this very flow."""
    if returned.method != "GET":
        raise ProviderError(Fault.INVALID_RESPONSE, "the response did not come by a redirect")
    state = returned.parameters.get("state", "")
    if not hmac.compare_digest(state.encode(errors="replace"), remembered(flow, "state").encode()):
        raise ProviderError(Fault.INVALID_RESPONSE, "the response belongs to another flow")


def code_of(returned: Return) -> str:
    """Return the authorization code. Raises :class:`ProviderError` for an error response, or one without a code."""
    if "error" in returned.parameters:
        raise refusal(returned.parameters["error"])
    code = returned.parameters.get("code", "")
    if not 0 < len(code) <= _CODE_LIMIT or not code.isascii() or not code.isprintable():
        raise ProviderError(Fault.INVALID_RESPONSE, "the response has neither a code nor an error")
    return code


def refusal(error: object) -> ProviderError:
    """Return what the ``error`` of an authorization or token response means. Nothing else of it is read."""
    name = error if isinstance(error, str) and _ERROR.fullmatch(error) else None
    if name is None:
        return ProviderError(Fault.INVALID_RESPONSE, "the provider refused, and does not say how")
    fault = FAULTS.get(name, Fault.INVALID_RESPONSE)
    return ProviderError(fault, f"the provider refused: {name}", upstream_code=name)


def token_of(status: int, answer: Content) -> Mapping[str, object]:
    """Return what a token response says. Raises :class:`ProviderError` for errors, and for what is no bearer token."""
    body = json_of(answer)
    if status >= 500 or status == 429 or status // 100 == 3 or (status >= 400 and not isinstance(body, dict)):
        raise ProviderError(Fault.UNAVAILABLE, f"token endpoint: HTTP {status}")
    if not isinstance(body, dict):
        raise ProviderError(Fault.INVALID_RESPONSE, "token endpoint: not a JSON object")
    if status != 200 or "error" in body:
        raise refusal(body.get("error"))
    if not _is_bearer(body):
        raise ProviderError(Fault.INVALID_RESPONSE, "token endpoint: not a bearer token")
    return body


def checked_token_response(response: requests.Response) -> requests.Response:
    """Return a token response that a library can read; on anything else each of them raises whatever comes.

    Raises :class:`ProviderError` as :func:`token_of`.
    """
    token_of(response.status_code, response)
    response.encoding = "utf-8"  # libraries take the text, whose encoding requests would guess
    return response


def _is_bearer(body: Mapping[str, object]) -> bool:
    """RFC 6749, section 5.1. Odd times make the libraries raise."""
    token, lifetime = body.get("access_token"), body.get("expires_in", 0)
    return (
        isinstance(token, str)
        and re.fullmatch(r"[!-~]+", token) is not None
        and str(body.get("token_type")).lower() == "bearer"
        and isinstance(body.get("scope", ""), str)
        and re.fullmatch(r"[0-9]{1,12}", str(lifetime)) is not None
        and "expires_at" not in body
    )


def shown(members: Mapping[str, object], verbatim: Collection[str]) -> dict[str, str]:
    """Return what an operator may see: the members in ``verbatim`` as they are, of others the type and length."""
    return {
        name: json.dumps(value)[:_SHOWN_LIMIT] if name in verbatim else _masked(value)
        for name, value in members.items()
    }


def _masked(value: object) -> str:
    kind = _JSON_TYPES.get(type(value), "null")
    return f"<{kind}, {len(value)}>" if isinstance(value, str | list | dict) else f"<{kind}>"
