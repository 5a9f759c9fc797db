"""Client metadata as it is on the wire, and as we keep it.

The names are those of RFC 7591 section 2, OpenID Connect Dynamic Client Registration 1.0 section 2, RFC 9101 section
10.5, RFC 9126 section 6, RFC 9449 section 5.2, RFC 9701 section 6, and OpenID Connect RP-Initiated Logout 1.0 and
Back-Channel Logout 1.0. What has no name there cannot be set from outside.
"""

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from pydantic import ValidationError

from broker.settings import ClientMetadata
from broker.settings.values import is_loopback

# Name on the wire -> name in our settings.
_FIELDS: Mapping[str, str] = {
    "client_name": "name",
    "redirect_uris": "redirect_uris",
    "grant_types": "grant_types",
    "token_endpoint_auth_method": "auth_method",
    "token_endpoint_auth_signing_alg": "token_endpoint_auth_signing_alg",
    "scope": "scopes",
    "jwks": "jwks",
    "jwks_uri": "jwks_uri",
    "id_token_signed_response_alg": "id_token_signed_response_alg",
    "introspection_signed_response_alg": "introspection_signed_response_alg",
    "subject_type": "subject_type",
    "sector_identifier_uri": "sector_identifier_uri",
    "request_object_signing_alg": "request_object_signing_alg",
    "require_signed_request_object": "require_signed_request_object",
    "require_pushed_authorization_requests": "require_pushed_authorization_requests",
    "dpop_bound_access_tokens": "dpop_bound_access_tokens",
    "post_logout_redirect_uris": "post_logout_redirect_uris",
    "backchannel_logout_uri": "backchannel_logout_uri",
    "backchannel_logout_session_required": "backchannel_logout_session_required",
    "default_max_age": "max_age",
}
_WIRE = {ours: wire for wire, ours in _FIELDS.items()}
_OPERATORS = frozenset(ClientMetadata.model_fields) - set(_WIRE)


class Unacceptable(Exception):
    """What cannot be registered. ``error`` is of RFC 7591 section 3.2.2, ``description`` a sentence for a developer."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        # RFC 6749 section 5.2 has neither in a description.
        self.description = description.replace('"', "'").replace("\\", "/")


def wrong(member: str, what: str) -> Unacceptable:
    """Return the error for a member that is not as it must be."""
    error = "invalid_redirect_uri" if member == "redirect_uris" else "invalid_client_metadata"
    return Unacceptable(error, f"{member} {what}.")


def parse(document: Mapping[str, object], client_id: str, before: ClientMetadata | None) -> ClientMetadata:
    """Return the metadata that a client asks for. Raises :class:`Unacceptable`.

    What is unknown is ignored (RFC 7591 section 2). What is the operator's alone stays as it was ``before``: a client
    can neither give it to itself nor take it from itself.
    """
    asked = {_FIELDS[name]: value for name, value in document.items() if name in _FIELDS}
    # RFC 7591 section 2: people may be shown the client id where there is no name.
    asked.setdefault("name", client_id)
    grants = asked.get("grant_types")
    if "scopes" in asked:
        asked["scopes"] = _words(asked["scopes"])
    elif isinstance(grants, list) and "refresh_token" in grants:
        asked["scopes"] = [*ClientMetadata.model_fields["scopes"].default, "offline_access"]
    if before is not None:
        asked |= before.model_dump(mode="json", include=set(_OPERATORS))
    try:
        # JSON, and strict: the string "true" is no boolean, and 1 is none either.
        return ClientMetadata.model_validate_json(json.dumps(asked), strict=True)
    except ValidationError as error:
        raise _unacceptable(error) from None


def describe(metadata: ClientMetadata) -> dict[str, object]:
    """Return all registered metadata by its names on the wire (RFC 7591 section 3.2.1)."""
    kept = metadata.model_dump(mode="json")
    document = {wire: kept[ours] for wire, ours in _FIELDS.items() if kept[ours] is not None}
    document["scope"] = " ".join(metadata.scopes)
    document["response_types"] = ["code"] if "authorization_code" in metadata.grant_types else []
    document["application_type"] = "native" if any(map(on_loopback, metadata.redirect_uris)) else "web"
    return document


def on_loopback(url: str) -> bool:
    """Return whether a URL is one of the machine that its reader runs on."""
    return is_loopback(urlsplit(url).hostname)


def _words(scope: object) -> list[str]:
    """Return a space-separated list (RFC 7591 section 2) in its order, each word once."""
    if not isinstance(scope, str):
        raise wrong("scope", "is not a string of words with a space between")
    return list(dict.fromkeys(scope.split(" ")))


def _unacceptable(error: ValidationError) -> Unacceptable:
    problems: dict[str, str] = {}
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        field, *place = each["loc"]
        what = each["msg"].removeprefix("Value error, ")
        if what[:1].isupper():
            what = f"is wrong: {what[0].lower()}{what[1:]}"
        right = ClientMetadata.model_fields[str(field)].description
        index = f"[{place[0]}]" if place else ""
        sentence = f"{_WIRE[str(field)]}{index} {what}" + (f"; right would be: {right}." if right else ".")
        problems.setdefault(_WIRE[str(field)], sentence)
    code = "invalid_redirect_uri" if "redirect_uris" in problems else "invalid_client_metadata"
    return Unacceptable(code, " ".join(problems.values()))
