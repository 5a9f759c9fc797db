"""Work accounts of Entra tenants: believed by the ``amr`` of an access token for our own API, and by ``acrs``.

Entra's ID tokens say nothing of MFA. A version-1 access token does, and whether it is one is for the API to say: so
a sign-in asks for a scope of an API of ours, and reads the token as that API would.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime

from claims import rules
from claims.evidence import Binding, Kind, Strength
from claims.vocabulary import text_list
from providers.catalog import CONSUMERS, EntraSettings, TenantSettings
from providers.microsoft.app import Registration, ask_again
from providers.microsoft.identity import identified, is_guest, shown
from providers.microsoft.tokens import Claims, EvidenceApi, TokenReader
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

_Request = dict[str, dict[str, object]]  # OpenID Connect Core 1.0, section 5.5
_CONTEXT = re.compile(r"c[1-9][0-9]?", re.ASCII)
_CHALLENGE_LIMIT = 4096  # characters; it travels in a URL


class Entra:
    """Implements :class:`~providers.provider.Provider`."""

    kind = "entra"
    capabilities = Capabilities(
        kinds=frozenset({Kind.AMR, Kind.ACRS}),
        bindings=frozenset({Binding.SESSION, Binding.ATTESTED}),
        can_force_mfa=True,
        can_reauthenticate=True,
    )
    set_up_url = "https://mysignins.microsoft.com/security-info"

    def __init__(self, provider_id: str, settings: EntraSettings, callback_url: str) -> None:
        self.id = provider_id
        self.name = settings.name
        self._settings = settings
        tenant = "{tenantid}" if settings.authority == "organizations" else settings.authority
        self._registration = Registration(
            client_id=settings.client_id,
            client_secret=settings.client_secret.get_secret_value(),
            instance=settings.instance,
            selector=settings.authority,
            issuer=f"{settings.instance}/{tenant}/v2.0",
            callback_url=callback_url,
            ca_bundle=settings.ca_bundle,
        )
        self._tokens = TokenReader(
            client_id=settings.client_id,
            instance=settings.instance,
            selector=settings.authority,
            ca_bundle=settings.ca_bundle,
        )
        self._api = EvidenceApi(
            issuer=settings.v1_issuer,
            audience=settings.evidence_audience,
            scope=settings.evidence_scope.rpartition("/")[2],
        )

    def begin(self, ask: Ask) -> Redirect:
        """Return the request for ``amr``, and for the authentication context where the tenant is known to have one.

        Raises :class:`ProviderError`.
        """
        amr: dict[str, object] = {"values": ["mfa"]}
        if ask.force_mfa:
            amr["essential"] = True
        claims: _Request = {"access_token": {"amr": amr}}
        tenant = self._settings.tenants.get(self._settings.authority)
        for more in (_context_request(tenant, Strength.MFA), _challenge(ask.claims_challenge)):
            for token, wanted in more.items():
                claims[token] = {**claims.get(token, {}), **wanted}
        return self._registration.begin(ask, scopes=["email", self._settings.evidence_scope], claims=claims)

    def complete(self, flow: Mapping[str, object], returned: Return, now: datetime) -> Identified:
        """Return who signed in. Raises :class:`ProviderError`."""
        return self._identify(flow, self._read(flow, returned, now), now)

    def probe(self, flow: Mapping[str, object], returned: Return, now: datetime) -> Probed:
        """Return what one real sign-in brought, masked. Raises :class:`ProviderError`."""
        documents = self._read(flow, returned, now)
        return Probed(identified=self._identify(flow, documents, now), shown=shown(documents))

    def _read(self, flow: Mapping[str, object], returned: Return, now: datetime) -> dict[str, Claims]:
        tokens = self._registration.redeem(flow, returned)
        identity = self._tokens.id_token(tokens, now)
        tenant = self._tenant(identity)
        evidence = self._tokens.evidence(tokens.access_token, identity, self._api, now)
        documents = {"id_token": identity} | ({} if evidence is None else {"access_token": evidence})
        own = (self._tokens.issuer_for(identity["tid"]), self._api.issuer_for(identity["tid"]))
        if not tenant.guests and any(is_guest(claims, own) for claims in documents.values()):
            raise ProviderError(Fault.GUEST_REFUSED, "a guest of a tenant that takes none")
        return documents

    def _tenant(self, identity: Claims) -> TenantSettings:
        if identity["tid"] == CONSUMERS:
            raise ProviderError(Fault.WRONG_ACCOUNT, "a personal account at the sign-in for work accounts")
        tenant = self._settings.tenants.get(str(identity["tid"]))
        if tenant is None:
            raise ProviderError(Fault.TENANT_NOT_ALLOWED, "the tenant is not on the list")
        return tenant

    def _identify(self, flow: Mapping[str, object], documents: Mapping[str, Claims], now: datetime) -> Identified:
        identity = documents["id_token"]
        tenant = self._tenant(identity)
        attestations = [
            rules.Attestation(context=context, strength=Strength.parse(label))
            for context, label in tenant.contexts.items()
        ]
        evidence = rules.read(rules.ENTRA + rules.attested(attestations), documents, observed_at=now)
        proven = max((each.strength for each in evidence), default=Strength.NONE)
        return identified(
            self._settings.instance,
            identity,
            evidence,
            now,
            missing=None if evidence else _missing(identity, tenant),
            again=_again(flow, tenant, proven),
        )


def _again(flow: Mapping[str, object], tenant: TenantSettings, proven: Strength) -> Ask | None:
    """Return the request for one strength more; none where the tenant attested nothing that could prove it."""
    if proven >= Strength.PHISHING_RESISTANT:
        return None
    context = _context_request(tenant, Strength.MFA if proven < Strength.MFA else Strength.PHISHING_RESISTANT)
    if proven >= Strength.MFA and not context:
        return None
    return ask_again(flow, json.dumps(context) if context else None)


def _context_request(tenant: TenantSettings | None, strength: Strength) -> _Request:
    """Return the request for the tenant's authentication context of this strength; empty where there is none.

    Not for a stronger one: whoever has no passkey, and needs none, would be stopped at Entra.
    """
    contexts = sorted(c for c, label in tenant.contexts.items() if label == strength.label) if tenant else []
    return {"id_token": {"acrs": {"essential": True, "value": contexts[0]}}} if contexts else {}


def _challenge(raw: str | None) -> _Request:
    """Return what Entra wants repeated in the next request, as far as it is a claims request; otherwise nothing."""
    if raw is None or len(raw) > _CHALLENGE_LIMIT:
        return {}
    try:
        parsed = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    members = parsed if isinstance(parsed, dict) else {}
    return {token: members[token] for token in ("access_token", "id_token") if isinstance(members.get(token), dict)}


def _missing(identity: Claims, tenant: TenantSettings) -> Missing:
    # Entra puts more into acrs than authentication contexts, such as p1.
    contexts = {each for each in text_list(identity.get("acrs")) or () if _CONTEXT.fullmatch(each)}
    return Missing.NOT_ATTESTED if contexts - tenant.contexts.keys() else Missing.NOT_SENT
