"""The back channel to any OpenID provider: a code goes in, tokens come out."""

import logging
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus

import requests

from providers.callback import token_of
from providers.catalog import OidcSettings
from providers.discovery import Metadata
from providers.http import HEADERS, json_of
from providers.provider import Fault, ProviderError
from providers.wire import Wire

log = logging.getLogger(__name__)

_JSON = {**HEADERS, "Accept": "application/json"}
_FORM = {**_JSON, "Content-Type": "application/x-www-form-urlencoded"}
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a code was worth, none of it validated."""

    id_token: object = field(repr=False)
    access_token: str = field(repr=False)


def redeem(
    settings: OidcSettings, metadata: Metadata, callback_url: str, code: str, verifier: str, wire: Wire
) -> Tokens:
    """Return the tokens for an authorization code (OpenID Connect Core 1.0, section 3.1.3).

    Raises :class:`ProviderError`.
    """
    form = {"grant_type": "authorization_code", "redirect_uri": callback_url, "code": code, "code_verifier": verifier}
    headers = dict(_FORM)
    client_id, secret = settings.client_id, settings.client_secret.get_secret_value()
    if metadata.auth_method == "client_secret_basic":
        credentials = f"{_quoted(client_id)}:{_quoted(secret)}"  # RFC 6749, section 2.3.1; Authlib does not
        headers["Authorization"] = f"Basic {b64encode(credentials.encode()).decode()}"
    else:
        form |= {"client_id": client_id, "client_secret": secret}
    try:
        answer = wire.exchange("POST", metadata.token_endpoint, headers, _encoded(form))
    except requests.RequestException as error:
        failure = type(error).__name__
    else:
        token = token_of(answer.status, answer)
        return Tokens(id_token=token.get("id_token"), access_token=str(token["access_token"]))
    # Outside of the handler, so that nothing of the request is behind it.
    raise ProviderError(Fault.UNAVAILABLE, f"token endpoint: {failure}")


def _encoded(form: Mapping[str, str]) -> bytes:
    return "&".join([f"{name}={_quoted(value)}" for name, value in form.items()]).encode()


def _quoted(text: str) -> str:
    # Most of it is in an alphabet that needs no quoting, which takes a tenth of the time to see.
    return text if _PLAIN.fullmatch(text) else quote_plus(text)


def userinfo(metadata: Metadata, tokens: Tokens, subject: str, wire: Wire) -> Mapping[str, object]:
    """Return what the UserInfo endpoint says of the subject (section 5.3), or nothing: it is a suggestion only."""
    if metadata.userinfo_endpoint is None:
        return {}
    headers = {**_JSON, "Authorization": f"Bearer {tokens.access_token}"}
    try:
        answer = wire.exchange("GET", metadata.userinfo_endpoint, headers)
    except (requests.RequestException, ProviderError) as error:
        log.warning("no userinfo: %s", type(error).__name__)
        return {}
    members = json_of(answer) if answer.status == 200 else None
    # Section 5.3.2: of another subject, nothing may be used.
    if not isinstance(members, dict) or members.get("sub") != subject:
        log.warning("no userinfo: HTTP %s, or of another subject", answer.status)
        return {}
    return members
