"""A registry's authorization request once every check has passed (OpenID Connect Core 3.1.2.1)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from broker.oidc.errors import RedirectError
from broker.oidc.grant import consent_scopes
from broker.signin.policy import Demand
from broker.web.destinations import Destination
from broker.web.text import quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How a registry is answered: where, with which ``state``, by redirect or by a form that posts itself."""

    redirect_uri: str
    state: str | None
    form_post: bool
    issuer: str

    def code(self, code: str) -> Destination:
        """Return where the user takes a code (RFC 6749 section 4.1.2)."""
        return self._with(code=code)

    def error(self, error: RedirectError) -> Destination:
        """Return where the user takes an error (RFC 6749 section 4.1.2.1)."""
        return self._with(error=error.error, error_description=error.description)

    def _with(self, **parameters: str) -> Destination:
        # iss: RFC 9207 section 2.
        fields = {**parameters, **({"state": self.state} if self.state is not None else {}), "iss": self.issuer}
        if self.form_post:
            return Destination(url=self.redirect_uri, fields=fields)
        if "?" not in self.redirect_uri and "#" not in self.redirect_uri:
            told = "&".join([f"{name}={quoted(value)}" for name, value in fields.items()])
            return Destination(url=f"{self.redirect_uri}?{told}")
        parts = urlsplit(self.redirect_uri)
        query = [*parse_qsl(parts.query, keep_blank_values=True), *fields.items()]
        return Destination(url=urlunsplit(parts._replace(query=urlencode(query))))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """JSON values only, so that it survives the user's way through the provider.

    ``max_age`` in seconds, none when absent; ``essential_acr`` from the ``claims`` parameter; ``id_token_claims``
    and ``userinfo_claims`` are the person's claims it asked for by name; ``sub`` is the user it means, as its client
    knows them; ``jkt`` the key that its code is bound to; ``pushed`` the handle of a pushed request.
    """

    client_id: str
    redirect_uri: str
    scope: tuple[str, ...]
    code_challenge: str | None = None
    state: str | None = None
    form_post: bool = False
    nonce: str | None = None
    prompt: tuple[str, ...] = ()
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()
    essential_acr: tuple[str, ...] = ()
    auth_time_essential: bool = False
    id_token_claims: tuple[str, ...] = ()
    userinfo_claims: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    provider: str | None = None
    sub: str | None = None
    jkt: str | None = None
    pushed: str | None = None

    def reply(self, issuer: str) -> Reply:
        """Return how to answer it."""
        return Reply(redirect_uri=self.redirect_uri, state=self.state, form_post=self.form_post, issuer=issuer)

    def demand(self, asked_at: datetime) -> Demand:
        """Return what the request demands of the proof."""
        return Demand(
            asked_at=asked_at,
            max_age=None if self.max_age is None else timedelta(seconds=self.max_age),
            reauthenticate="login" in self.prompt,
            auth_time=self.auth_time_essential,
            acr=self.essential_acr,
        )

    @property
    def requested_acr(self) -> tuple[str, ...]:
        """The acr values in the order of preference: the essential ones first."""
        return self.essential_acr + self.acr_values

    @property
    def consent_scopes(self) -> tuple[str, ...]:
        """What a person consents to: scopes, those of claims asked for by name included, and resources."""
        return consent_scopes(self.scope, (*self.id_token_claims, *self.userinfo_claims), self.resources)


def dump(request: AuthorizationRequest) -> dict[str, object]:
    """Return the request as JSON values."""
    # Not asdict, which copies deeply what is flat. What was not asked for is not carried along, either.
    return {name: value for name, default in _DEFAULTS.items() if (value := getattr(request, name)) != default}


_DEFAULTS = {field.name: field.default for field in fields(AuthorizationRequest)}


def load(record: Mapping[str, object]) -> AuthorizationRequest:
    """Return the request of :func:`dump`. Only what we stored ourselves, sealed, comes here."""
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}
    return AuthorizationRequest(**cast(dict[str, Any], values))
