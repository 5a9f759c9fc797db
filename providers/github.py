"""GitHub, by an OAuth App on requests-oauthlib: believed by the account's ``two_factor_authentication``.

It speaks of the account and never of the sign-in: GitHub sends no ID token, no ``auth_time`` and no ``acr``, and
cannot be asked for any. Source: GitHub's "Authorizing OAuth apps" and its REST API reference, "Users" and "Apps".
"""

import os
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode, urlsplit

from oauthlib.oauth2 import WebApplicationClient  # type: ignore[import-untyped]  # ships no types

from claims import rules
from claims.evidence import Authentication, Binding, Evidence, Kind
from claims.profile import Profile
from providers.callback import check_state, code_of, new_secret, remembered, shown
from providers.catalog import GitHubSettings
from providers.circuit import Circuit
from providers.github_api import Account, account_of
from providers.provider import (
    Ask,
    Capabilities,
    Fault,
    Identified,
    Missing,
    Probed,
    ProviderError,
    Redirect,
    Return,
    Subject,
)
from providers.wire import Wire

_SCOPE = "read:user user:email"
_WIDE_SCOPE = "user user:email"  # "user" may also write the profile, so it is asked for only where needed
_SHOWS_PRIVATE_PART = frozenset({"user", "read:user"})
_TWO_FACTOR = "two_factor_authentication"


class GitHub:
    """Implements :class:`~providers.provider.Provider`."""

    kind = "github"
    capabilities = Capabilities(
        kinds=frozenset({Kind.ACCOUNT_SETTING}),
        bindings=frozenset({Binding.ACCOUNT_STATE}),
        can_force_mfa=False,
        can_reauthenticate=False,
    )

    def __init__(
        self, provider_id: str, settings: GitHubSettings, callback_url: str, circuit: Circuit | None = None
    ) -> None:
        if os.environ.get("OAUTHLIB_INSECURE_TRANSPORT"):
            raise ValueError("OAUTHLIB_INSECURE_TRANSPORT lets secrets go in clear, even when it is 0: unset it")
        self.id = provider_id
        self.name = settings.name
        self.set_up_url = f"https://{settings.host}/settings/security"
        self._settings = settings
        self._callback_url = callback_url
        self._wire = Wire(settings.ca_bundle, circuit=circuit)

    def begin(self, ask: Ask) -> Redirect:
        """Return the request, with PKCE S256 (RFC 7636)."""
        state, verifier = new_secret(), new_secret()
        client = WebApplicationClient(self._settings.client_id)
        parameters = {
            "allow_signup": "false",
            "code_challenge": client.create_code_challenge(verifier, "S256"),
            "code_challenge_method": "S256",
        }
        if ask.select_account or ask.reauthenticate:
            parameters["prompt"] = "select_account"  # the nearest it has to "log in again"
        scope = _WIDE_SCOPE if ask.widen_scope else _SCOPE
        return Redirect(
            url=self._authorization_url(client, scope, state, parameters),
            state=state,
            flow={"state": state, "code_verifier": verifier, "widened": ask.widen_scope},
        )

    def complete(self, flow: Mapping[str, object], returned: Return, now: datetime) -> Identified:
        """Return who signed in. Raises :class:`ProviderError`."""
        return self._identify(flow, self._account(flow, returned), now)

    def probe(self, flow: Mapping[str, object], returned: Return, now: datetime) -> Probed:
        """Return what one real sign-in brought, masked. Raises :class:`ProviderError`."""
        account = self._account(flow, returned)
        members = {**account.user, "scopes": sorted(account.scopes)}
        return Probed(
            identified=self._identify(flow, account, now), shown=shown(members, (_TWO_FACTOR, "scopes", "type"))
        )

    def _authorization_url(
        self, client: WebApplicationClient, scope: str, state: str, parameters: Mapping[str, str]
    ) -> str:
        endpoint = self._settings.authorization_endpoint
        if endpoint.startswith("http://"):  # a stand-in's, on loopback: the library refuses those
            required = {
                "response_type": "code",
                "client_id": self._settings.client_id,
                "redirect_uri": self._callback_url,
                "scope": scope,
                "state": state,
            }
            return f"{endpoint}?{urlencode({**required, **parameters})}"
        return str(
            client.prepare_request_uri(
                endpoint, redirect_uri=self._callback_url, scope=scope, state=state, **parameters
            )
        )

    def _account(self, flow: Mapping[str, object], returned: Return) -> Account:
        check_state(flow, returned)
        code, verifier = code_of(returned), remembered(flow, "code_verifier")
        return account_of(code, verifier, self._settings, self._callback_url, self._wire)

    def _identify(self, flow: Mapping[str, object], account: Account, now: datetime) -> Identified:
        user = account.user
        number, login = user.get("id"), user.get("login")
        if type(number) is not int or number <= 0 or not isinstance(login, str):
            raise ProviderError(Fault.INVALID_RESPONSE, "api: the user has no id or no login")
        if user.get("type") != "User" or user.get("suspended_at") is not None:
            raise ProviderError(Fault.ACCOUNT_UNUSABLE, "not a person's account, or suspended")
        evidence = rules.read(rules.GITHUB, {"user": user}, observed_at=now)
        managed = "_" in login  # only an Enterprise Managed User has one, before the company's short code
        askable = _TWO_FACTOR not in user and not managed and flow.get("widened") is not True
        return Identified(
            subject=Subject(issuer=urlsplit(self._settings.api).netloc, tenant="", id=str(number)),
            profile=Profile.read(user.get("name"), account.email, account.email is not None),
            authentication=Authentication(evidence=evidence, auth_time=None),
            missing=_missing(evidence, account, managed=managed),
            again=Ask(widen_scope=True) if askable else None,
        )


def _missing(evidence: tuple[Evidence, ...], account: Account, *, managed: bool) -> Missing | None:
    if evidence:
        return None
    if managed:
        return Missing.MANAGED_ACCOUNT
    return Missing.NOT_SENT if account.scopes & _SHOWS_PRIVATE_PART else Missing.SCOPE_REFUSED
