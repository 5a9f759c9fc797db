"""Attacks and failures a test can switch on, by name, for one provider or for all that know it."""

from dataclasses import dataclass
from threading import Event, Lock
from typing import Literal

Who = Literal["microsoft", "github", "oidc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Toggle:
    """One attack: its name, the providers that can carry it out, and what it does in one line."""

    name: str
    providers: frozenset[Who]
    description: str


def _toggles(providers: tuple[Who, ...], descriptions: dict[str, str]) -> tuple[Toggle, ...]:
    known = frozenset(providers)
    return tuple(Toggle(name=name, providers=known, description=text) for name, text in descriptions.items())


TOGGLES: tuple[Toggle, ...] = (
    *_toggles(
        ("microsoft", "oidc"),
        {
            "alg_none": "the ID token is unsigned, alg none",
            "hs256_public_key": "the ID token is signed with HS256, the public key's PEM as secret",
            "unknown_kid": "the ID token is signed by a key that is not in the JWKS, under its own kid",
            "borrowed_kid": "the ID token is signed by a foreign key under a published kid",
            "no_kid": "the ID token's header has no kid",
            "bad_signature": "one bit of the ID token's signature is flipped",
            "header_jwk": "the ID token is signed by a foreign key that its header carries as jwk",
            "header_jku": "the ID token is signed by a foreign key that its header points to with jku",
            "header_x5u": "the ID token is signed by a foreign key that its header points to with x5u",
            "crit": "the ID token's header demands an extension nobody knows",
            "wrong_iss": "the ID token names another issuer",
            "wrong_aud": "the ID token is for another client",
            "more_aud": "the ID token's aud is a list of this client and another",
            "no_aud": "the ID token has no aud",
            "expired": "the ID token expired an hour ago",
            "no_exp": "the ID token has no exp",
            "future_nbf": "the ID token is valid from tomorrow",
            "future_iat": "the ID token was issued tomorrow",
            "future_auth_time": "the ID token's auth_time is tomorrow",
            "text_auth_time": "the ID token's auth_time is a string",
            "missing_nonce": "the ID token has no nonce",
            "wrong_nonce": "the ID token has another nonce",
            "no_sub": "the ID token has no sub",
            "no_id_token": "the token response has no id_token",
            "truncated_id_token": "the ID token ends before its signature",
            "jwks_500": "the JWKS answers 500",
            "jwks_slow": "the JWKS does not answer for as long as slow_seconds",
            "jwks_huge": "the JWKS is 8 MiB long",
            "jwks_redirect": "the JWKS redirects elsewhere",
            "jwks_garbage": "the JWKS is not JSON",
            "discovery_500": "the discovery document answers 500",
            "discovery_huge": "the discovery document is 8 MiB long",
            "discovery_redirect": "the discovery document redirects elsewhere",
            "discovery_host": "the discovery document sends token and key requests to another host",
            "discovery_issuer": "the discovery document names another issuer",
        },
    ),
    *_toggles(
        ("microsoft",),
        {
            "msa_key": "an Entra ID token is signed by the key for personal accounts",
            "entra_key": "a personal account's ID token is signed by the Entra key",
            "iss_tid_mismatch": "the ID token's tid is not the tenant of its iss",
            "tid_not_guid": "the ID token's tid, and the tenant in its iss, is no GUID",
            "swapped_tid": "the ID token is of another tenant, in tid and iss",
            "no_tid": "the ID token has no tid",
            "no_acct": "the ID token does not say whether the user is a guest",
            "no_wids": "the ID token has no wids",
            "wids_text": "the ID token's wids is one string, with blanks between the roles",
            "wids_null": "the ID token's wids is null",
            "wids_nested": "the ID token's wids is a list in a list",
            "wids_doubled": "the ID token's wids names every role twice",
            "no_oid": "the ID token has no oid",
            "access_alg_none": "the evidence access token is unsigned, alg none",
            "access_hs256_public_key": "the evidence access token is signed with HS256 and the public key",
            "access_unknown_kid": "the evidence access token is signed by a key that is not in the JWKS",
            "access_bad_signature": "one bit of the evidence access token's signature is flipped",
            "access_wrong_iss": "the evidence access token names another tenant's issuer",
            "access_wrong_aud": "the evidence access token is for another API",
            "access_wrong_appid": "the evidence access token was given to another application",
            "access_wrong_tid": "the evidence access token is of another tenant",
            "access_wrong_oid": "the evidence access token is of another user",
            "access_expired": "the evidence access token expired an hour ago",
            "access_stale": "the evidence access token was issued two hours ago and is still valid",
            "access_v2": "the evidence access token says it is version 2",
            "access_opaque": "the evidence access token is opaque",
        },
    ),
    *_toggles(
        ("oidc",),
        {
            "no_response_iss": "the authorization response has no iss (RFC 9207)",
            "wrong_response_iss": "the authorization response has another issuer's iss",
            "wrong_azp": "the ID token's azp is another client",
            "wrong_at_hash": "the ID token's at_hash is of another access token",
            "userinfo_wrong_sub": "userinfo is of another subject",
            "no_s256": "discovery no longer offers PKCE with S256",
        },
    ),
    *_toggles(
        ("microsoft", "github", "oidc"),
        {
            "code_reusable": "an authorization code can be redeemed more than once",
            "duplicate_parameters": "the authorization response carries code and state twice",
            "wrong_state": "the authorization response carries another state",
            "no_state": "the authorization response carries no state",
            "token_500": "the token endpoint answers 500",
            "token_slow": "the token endpoint does not answer for as long as slow_seconds",
            "token_huge": "the token endpoint answers with 8 MiB",
            "token_redirect": "the token endpoint redirects elsewhere",
            "token_garbage": "the token endpoint answers 200 with HTML",
        },
    ),
    *_toggles(
        ("github",),
        {
            "application_suspended": "the authorization response says the application is suspended",
            "ten_tokens_an_hour": "the eleventh sign-in of a user in an hour shows the reauthorization page",
            "rate_limited": "the API answers 403, no requests left",
            "rate_limited_secondary": "the API answers 429 with Retry-After",
            "api_401": "the API answers 401",
            "api_500": "the API answers 500",
            "api_slow": "the API does not answer for as long as slow_seconds",
            "api_huge": "the API answers with 8 MiB",
            "api_redirect": "the API redirects elsewhere",
            "api_garbage": "the API answers 200 with HTML",
            "user_id_text": "the user's id is a string",
            "user_id_missing": "the user has no id",
            "user_id_bool": "the user's id is true",
            "user_id_zero": "the user's id is 0",
            "user_is_list": "the user is a list",
            "user_type_missing": "the user has no type",
            "emails_object": "the e-mail addresses are one object",
            "emails_odd": "the list of e-mail addresses holds things that are none",
            "emails_500": "the e-mail addresses answer 500",
            "no_token": "the token response has no access_token",
            "no_scope": "the token response does not say which scopes were granted",
            "revoke_500": "deleting a token answers 500",
        },
    ),
)

_BY_NAME = {toggle.name: toggle for toggle in TOGGLES}


class Toggles:
    """Which attacks are on. Safe to change while requests are being served."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._on: set[tuple[Who, str]] = set()
        self._hurry = Event()
        self.slow_seconds = 12.0
        """How long a slow answer takes; a little more than the broker's own time limit."""

    def set(self, name: str, provider: Who | None = None) -> None:
        """Switch ``name`` on for one provider, or for all that know it.

        Raises ValueError when no toggle has this name, or the provider does not know it.
        """
        with self._lock:
            self._on |= _pairs(name, provider)

    def clear(self, name: str, provider: Who | None = None) -> None:
        """Switch ``name`` off again. Raises as :meth:`set`."""
        with self._lock:
            self._on -= _pairs(name, provider)

    def reset(self) -> None:
        """Switch everything off, and let slow answers go at once."""
        with self._lock:
            self._on.clear()
            self._hurry.set()
            self._hurry = Event()

    def on(self, name: str, provider: Who) -> bool:
        """Return whether ``name`` is on for ``provider``."""
        with self._lock:
            return (provider, name) in self._on

    def wait(self) -> None:
        """Return after ``slow_seconds``, or as soon as the toggles are reset."""
        with self._lock:
            hurry = self._hurry
        hurry.wait(self.slow_seconds)


def _pairs(name: str, provider: Who | None) -> set[tuple[Who, str]]:
    toggle = _BY_NAME.get(name)
    if toggle is None:
        raise ValueError(f"no such toggle: {name}")
    if provider is None:
        return {(known, name) for known in toggle.providers}
    if provider not in toggle.providers:
        raise ValueError(f"{provider} does not know the toggle {name}")
    return {(provider, name)}
