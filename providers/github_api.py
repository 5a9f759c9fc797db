"""GitHub's back channel: a code goes in, what the API told of the user comes out, and no token is left anywhere."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

import requests
from requests_oauthlib import OAuth2Session

from providers.callback import checked_token_response
from providers.catalog import GitHubSettings
from providers.http import harden, json_of
from providers.provider import Fault, ProviderError
from providers.wire import Wire

# At DEBUG they log the client secret, the code, its verifier and the token.
for _name in ("requests_oauthlib", "oauthlib"):
    logging.getLogger(_name).setLevel(logging.WARNING)

log = logging.getLogger(__name__)

_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What GitHub told: ``GET /user``, the scopes that were granted, and the primary address if it is verified."""

    user: Mapping[str, object]
    scopes: frozenset[str]
    email: object


def account_of(code: str, verifier: str, settings: GitHubSettings, callback_url: str, wire: Wire) -> Account:
    """Return what the user's code lets us read. The token is deleted at GitHub before this returns.

    Raises :class:`ProviderError`.
    """
    token = _redeem(code, verifier, settings, callback_url, wire)
    with harden(requests.Session(), wire) as session:
        try:
            return _read(session, settings.api, {**_HEADERS, "Authorization": f"Bearer {token}"})
        finally:
            _delete(session, settings, token)


def _redeem(code: str, verifier: str, settings: GitHubSettings, callback_url: str, wire: Wire) -> str:
    # Without a scope: the library takes GitHub's comma-separated answer for another scope, and raises.
    session = harden(OAuth2Session(settings.client_id, redirect_uri=callback_url), wire)
    session.register_compliance_hook("access_token_response", checked_token_response)
    with session:
        try:
            token = session.fetch_token(
                settings.token_endpoint,
                code=code,
                code_verifier=verifier,
                client_secret=settings.client_secret.get_secret_value(),
                include_client_id=True,
            )
        except requests.RequestException as error:
            failure = type(error).__name__
        else:
            return str(token["access_token"])
    # Outside of the handler: that error holds the request, and the request the client secret.
    raise ProviderError(Fault.UNAVAILABLE, f"token endpoint: {failure}")


def _read(session: requests.Session, api: str, headers: Mapping[str, str]) -> Account:
    response = _get(session, f"{api}/user", headers)
    if response.status_code != 200:
        raise _api_refusal(response)
    user = json_of(response)
    if not isinstance(user, dict):
        raise ProviderError(Fault.INVALID_RESPONSE, "api: the user is not a JSON object")
    granted = re.split(r"[\s,]+", response.headers.get("X-OAuth-Scopes", ""))
    return Account(user=user, scopes=frozenset(filter(None, granted)), email=_email(session, api, headers))


def _email(session: requests.Session, api: str, headers: Mapping[str, str]) -> object:
    """Return the primary address if GitHub verified it. An address is a suggestion: its lack refuses nobody."""
    try:
        response = _get(session, f"{api}/user/emails?per_page=100", headers)
    except ProviderError as error:
        log.warning("github: no email: %s", error.detail)
        return None
    listed = json_of(response) if response.status_code == 200 else None
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict) and each.get("primary") is True and each.get("verified") is True:
            return each.get("email")
    return None


def _delete(session: requests.Session, settings: GitHubSettings, token: str) -> None:
    """Have GitHub forget the token, at best; the user's consent stays."""
    client_id, secret = settings.client_id, settings.client_secret.get_secret_value()
    url = f"{settings.api}/applications/{quote(client_id, safe='')}/token"
    try:
        response = session.delete(url, auth=(client_id, secret), json={"access_token": token}, headers=_HEADERS)
        outcome = f"HTTP {response.status_code}"
    except (requests.RequestException, ProviderError) as error:
        outcome = type(error).__name__
    if outcome != "HTTP 204":
        log.warning("github: token not deleted: %s", outcome)


def _get(session: requests.Session, url: str, headers: Mapping[str, str]) -> requests.Response:
    try:
        return session.get(url, headers=headers)
    except requests.RequestException as error:
        failure = type(error).__name__
    raise ProviderError(Fault.UNAVAILABLE, f"api: {failure}")  # outside of the handler: that error holds the token


def _api_refusal(response: requests.Response) -> ProviderError:
    status, headers = response.status_code, response.headers
    limited = status == 429 or headers.get("X-RateLimit-Remaining") == "0" or "Retry-After" in headers
    if status >= 500 or limited:
        fault = Fault.UNAVAILABLE
    else:
        fault = Fault.ACCOUNT_UNUSABLE if status == 403 else Fault.INVALID_RESPONSE
    reference = headers.get("X-GitHub-Request-Id", "")
    return ProviderError(
        fault,
        f"api: HTTP {status}",
        correlation_id=reference if re.fullmatch(r"[0-9A-Za-z:-]{1,64}", reference) else None,
    )
