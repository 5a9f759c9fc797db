"""Personal Microsoft accounts: asked for MFA by ``acr_values``, believed by ``acr``."""

from collections.abc import Mapping
from datetime import datetime

from claims import rules
from claims.evidence import Binding, Kind, Strength
from providers.catalog import CONSUMERS, MicrosoftAccountSettings
from providers.circuit import Circuit
from providers.microsoft.app import Registration, ask_again
from providers.microsoft.identity import identified, shown
from providers.microsoft.tokens import Claims, TokenReader
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
)

_SELECTOR = "consumers"
_MFA = "urn:microsoft:policies:mfa"
_DEFAULT = "urn:microsoft:policies:default"


class MicrosoftAccount:
    """Implements :class:`~providers.provider.Provider`."""

    kind = "microsoft_account"
    capabilities = Capabilities(
        kinds=frozenset({Kind.ACR}),
        bindings=frozenset({Binding.SESSION}),
        can_force_mfa=True,
        can_reauthenticate=True,
    )
    set_up_url = "https://account.microsoft.com/security"

    def __init__(
        self, provider_id: str, settings: MicrosoftAccountSettings, callback_url: str, circuit: Circuit | None = None
    ) -> None:
        self.id = provider_id
        self.name = settings.name
        self._instance = settings.instance
        self._registration = Registration(
            client_id=settings.client_id,
            client_secret=settings.client_secret.get_secret_value(),
            instance=settings.instance,
            selector=_SELECTOR,
            issuer=f"{settings.instance}/{CONSUMERS}/v2.0",
            callback_url=callback_url,
            ca_bundle=settings.ca_bundle,
            circuit=circuit,
        )
        self._tokens = TokenReader(
            client_id=settings.client_id,
            instance=settings.instance,
            ca_bundle=settings.ca_bundle,
            circuit=circuit,
        )

    def begin(self, ask: Ask) -> Redirect:
        """Return the request for MFA: first with the default policy beside it, then without.

        Raises :class:`ProviderError`.
        """
        acr_values = _MFA if ask.force_mfa else f"{_MFA} {_DEFAULT}"
        return self._registration.begin(ask, scopes=["email"], extra={"acr_values": acr_values})

    def complete(self, flow: Mapping[str, object], returned: Return, now: datetime) -> Identified:
        """Return who signed in. Raises :class:`ProviderError`."""
        return self._identify(flow, self._read(flow, returned, now), now)

    def probe(self, flow: Mapping[str, object], returned: Return, now: datetime) -> Probed:
        """Return what one real sign-in brought, masked. Raises :class:`ProviderError`."""
        claims = self._read(flow, returned, now)
        return Probed(identified=self._identify(flow, claims, now), shown=shown({"id_token": claims}))

    def _read(self, flow: Mapping[str, object], returned: Return, now: datetime) -> Claims:
        claims = self._tokens.id_token(self._registration.redeem(flow, returned), now)
        if claims["tid"] != CONSUMERS:
            raise ProviderError(Fault.WRONG_ACCOUNT, "a work account at the sign-in for personal accounts")
        return claims

    def _identify(self, flow: Mapping[str, object], claims: Claims, now: datetime) -> Identified:
        evidence = rules.read(rules.MICROSOFT_ACCOUNT, {"id_token": claims}, observed_at=now)
        proven = any(each.strength >= Strength.MFA for each in evidence)
        return identified(
            self._instance,
            claims,
            evidence,
            now,
            missing=None if evidence else Missing.NOT_SENT,
            again=None if proven else ask_again(flow),
        )
