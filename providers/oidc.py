"""Any OpenID provider, on Authlib: believed by the ``acr`` and ``amr`` that the operator accepts of it."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from claims import rules
from claims.clock import CLOCK_SKEW
from claims.evidence import Authentication, Binding, Kind, Strength
from claims.profile import Profile
from claims.vocabulary import instant
from providers.callback import check_state, code_of, new_secret, remembered, shown
from providers.catalog import OidcSettings
from providers.circuit import Circuit
from providers.discovery import Discovery, Metadata
from providers.http import outbound
from providers.id_token import InvalidToken, validate
from providers.jwks import JwksCache, KeysUnavailable
from providers.oidc_api import redeem, userinfo
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

_MOST_URLS = 64  # a registry may ask for any max_age


class OpenIDProvider:
    """Implements :class:`~providers.provider.Provider`. Source: OpenID Connect Core 1.0."""

    kind = "oidc"

    def __init__(
        self, provider_id: str, settings: OidcSettings, callback_url: str, circuit: Circuit | None = None
    ) -> None:
        self.id = provider_id
        self.name = settings.name
        self.set_up_url = settings.set_up_url
        self.capabilities = Capabilities(
            # Registered amr values are at least told of, even where none is accepted as MFA.
            kinds=frozenset({Kind.AMR, Kind.ACR} if settings.accept_acr else {Kind.AMR}),
            bindings=frozenset({Binding.SESSION}),
            can_force_mfa=bool(settings.acr_values),
            can_reauthenticate=settings.require_auth_time,
        )
        self._settings = settings
        self._callback_url = callback_url
        self._rules = rules.generic(
            {value: Strength.parse(label) for value, label in settings.accept_acr.items()},
            {value: Strength.parse(label) for value, label in settings.accept_amr.items()},
        )
        self._discovery = Discovery(settings.issuer, settings.ca_bundle, circuit=circuit)
        self._jwks = JwksCache(lambda: outbound(settings.ca_bundle, circuit=circuit))
        self._wire = Wire(settings.ca_bundle, circuit=circuit)
        self._urls: dict[tuple[Metadata, str | None, int | None, bool], str] = {}

    def begin(self, ask: Ask) -> Redirect:
        """Return the request, with PKCE S256 (RFC 7636) and a nonce. Raises :class:`ProviderError`."""
        metadata = self._discovery.metadata()
        state, nonce, verifier = new_secret(), new_secret(), new_secret()
        # What differs is in an alphabet that needs no quoting (RFC 4648, section 5).
        own = f"state={state}&nonce={nonce}&code_challenge={create_s256_code_challenge(verifier)}"
        flow = {"state": state, "nonce": nonce, "code_verifier": verifier, "forced": ask.force_mfa}
        return Redirect(url=f"{self._same_url(metadata, ask)}&{own}", state=state, flow=flow)

    def _same_url(self, metadata: Metadata, ask: Ask) -> str:
        """Return what is the same in every request that asks for the same, put together once."""
        key = (metadata, _prompt(ask), ask.max_age, ask.force_mfa)
        found = self._urls.get(key)
        if found is None:
            wanted = [age for age in (self._settings.max_age, ask.max_age) if age is not None]
            acr_values = " ".join(self._settings.acr_values)
            found = prepare_grant_uri(
                metadata.authorization_endpoint,
                client_id=self._settings.client_id,
                response_type="code",
                redirect_uri=self._callback_url,
                scope=self._settings.scopes,
                code_challenge_method="S256",
                prompt=_prompt(ask),
                max_age=min(wanted, default=None),
                # Section 5.5.1.1: never both ways of asking for the same claim.
                acr_values=None if ask.force_mfa and metadata.takes_claims else acr_values or None,
                claims=json.dumps({"id_token": self._claims(ask)}, separators=(",", ":")),
            )
            if len(self._urls) >= _MOST_URLS:
                self._urls.clear()
            self._urls[key] = found
        return found

    def complete(self, flow: Mapping[str, object], returned: Return, now: datetime) -> Identified:
        """Return who signed in. Raises :class:`ProviderError`."""
        return self._identify(flow, *self._claims_of(flow, returned, now), now)

    def probe(self, flow: Mapping[str, object], returned: Return, now: datetime) -> Probed:
        """Return what one real sign-in brought, masked. Raises :class:`ProviderError`."""
        claims, profile = self._claims_of(flow, returned, now)
        return Probed(
            identified=self._identify(flow, claims, profile, now),
            shown=shown(claims, ("acr", "amr", "auth_time")),
        )

    def _claims(self, ask: Ask) -> dict[str, object]:
        """Return what to ask of the ID token. An essential ``acr`` is the one that must be met (section 5.5.1.1)."""
        accept_acr, acr_values = self._settings.accept_acr, self._settings.acr_values
        claims: dict[str, object] = {}
        if self._settings.require_auth_time:
            claims["auth_time"] = {"essential": True}
        if self._settings.accept_amr:
            claims["amr"] = {"essential": True} if ask.force_mfa or not acr_values else None
        if ask.force_mfa and acr_values:
            accepted = [value for value in acr_values if value in accept_acr]
            claims["acr"] = {"essential": True, "values": accepted or acr_values}
        return claims

    def _claims_of(
        self, flow: Mapping[str, object], returned: Return, now: datetime
    ) -> tuple[dict[str, object], Profile]:
        check_state(flow, returned)
        metadata = self._discovery.metadata()
        self._check_issuer(metadata, returned)
        code, verifier = code_of(returned), remembered(flow, "code_verifier")
        tokens = redeem(self._settings, metadata, self._callback_url, code, verifier, self._wire)
        try:
            claims = validate(
                tokens.id_token,
                keys=lambda kid: self._jwks.keys(metadata.jwks_uri, kid, now),
                issuer=self._settings.issuer,
                audience=self._settings.client_id,
                nonce=remembered(flow, "nonce"),
                access_token=tokens.access_token,
                algorithms=self._settings.algorithms,
                now=now,
            )
        except InvalidToken as error:
            raise ProviderError(Fault.INVALID_RESPONSE, f"ID token: {error.code}") from error
        except KeysUnavailable as error:
            raise ProviderError(Fault.UNAVAILABLE, "the provider's keys cannot be had") from error
        # Section 5.4: with the code flow, a provider may keep the profile for its UserInfo endpoint.
        person = claims if "email" in claims else userinfo(metadata, tokens, str(claims["sub"]), self._wire)
        name = claims.get("name", person.get("name"))
        return claims, Profile.read(name, person.get("email"), person.get("email_verified"))

    def _check_issuer(self, metadata: Metadata, returned: Return) -> None:
        """RFC 9207, section 2.4: before anything of the response is believed, an error included."""
        issuer = returned.parameters.get("iss")
        if (metadata.sends_iss or issuer is not None) and issuer != self._settings.issuer:
            raise ProviderError(Fault.INVALID_RESPONSE, "the response is of another issuer")

    def _identify(
        self, flow: Mapping[str, object], claims: Mapping[str, object], profile: Profile, now: datetime
    ) -> Identified:
        auth_time = self._auth_time(claims, now)
        evidence = rules.read(self._rules, {"id_token": claims}, observed_at=now)
        proven = any(each.strength >= Strength.MFA for each in evidence)
        askable = not proven and bool(self._settings.acr_values) and flow.get("forced") is not True
        return Identified(
            subject=Subject(issuer=self._settings.issuer, tenant="", id=str(claims["sub"])),
            profile=profile,
            authentication=Authentication(evidence=evidence, auth_time=auth_time),
            missing=None if evidence else Missing.NOT_SENT,
            again=Ask(force_mfa=True) if askable else None,
        )

    def _auth_time(self, claims: Mapping[str, object], now: datetime) -> datetime | None:
        """Return when the user authenticated, as far as the provider says so and the operator needs it."""
        auth_time = instant(claims.get("auth_time"), now)
        max_age = self._settings.max_age
        if auth_time is None and "auth_time" in claims:
            raise ProviderError(Fault.INVALID_RESPONSE, "ID token: auth_time")
        if auth_time is None and (self._settings.require_auth_time or max_age is not None):
            raise ProviderError(Fault.MISCONFIGURED, "ID token: no auth_time, which the settings require")
        if auth_time is not None and max_age is not None and now - auth_time > timedelta(seconds=max_age) + CLOCK_SKEW:
            raise ProviderError(Fault.INVALID_RESPONSE, "ID token: auth_time is older than max_age")
        return auth_time


def _prompt(ask: Ask) -> str | None:
    if ask.reauthenticate or ask.force_mfa:
        return "login"
    return "select_account" if ask.select_account else None
