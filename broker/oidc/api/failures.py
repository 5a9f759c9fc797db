"""Programs that fail too often: in place of why, they are told when to come back (RFC 6585 section 4).

Only what could be guessing counts, and only once it has failed: whoever has what it takes is never refused, and costs
no question to the store. The Flask blueprint and whatever answers below it ask here alike.
"""

from collections.abc import Mapping

from werkzeug.datastructures import Headers

from broker.limits.service import Limits
from broker.oidc.jose.assertions import client_id_of
from broker.oidc.strict import BadRequest, basic_client_id

GUESSES = frozenset({"invalid_client", "invalid_grant", "invalid_token"})
"""The codes of RFC 6749 section 5.2 and RFC 6750 section 3.1 that say that something presented is none of ours."""


def wait_of(limits: Limits, error: object, *, remote: str | None, form: Mapping[str, str], headers: Headers) -> int:
    """Count an answer with this code, and return 0; or for how many seconds the answer is another: :func:`document`.

    ``remote`` is the address of the client. Raises ``StoreUnavailable``.
    """
    if error not in GUESSES:
        return 0
    if error == "invalid_client":
        return limits.failed(remote, _claimed(form, headers))
    # A client is looked at before its codes and tokens: with credentials, it has proven itself by now.
    proven = error == "invalid_grant" and _has_credentials(form, headers)
    return limits.failed(remote, _claimed(form, headers) if proven else None, proven=proven)


def document() -> Mapping[str, str]:
    """Return the body of the answer, which goes with 429 and Retry-After."""
    return {"error": "too_many_requests", "error_description": "Too much failed in a short time. Wait, then try again."}


def _has_credentials(form: Mapping[str, str], headers: Headers) -> bool:
    return "Authorization" in headers or "client_secret" in form or "client_assertion" in form


def _claimed(form: Mapping[str, str], headers: Headers) -> str | None:
    """Return which client it says it is, or none where it does not say."""
    if "Authorization" in headers:
        try:
            return basic_client_id(headers["Authorization"]) or None
        except BadRequest:
            return None
    if "client_id" in form or "client_assertion" not in form:
        return form.get("client_id") or None
    return client_id_of(form["client_assertion"])
