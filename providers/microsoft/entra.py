"""Work accounts of Entra tenants: believed by the ``amr`` of an access token for our own API, and by ``acrs``.

Entra's ID tokens say nothing of MFA. A version-1 access token does, and whether it is one is for the API to say: so
a sign-in asks for a scope of an API of ours, and reads the token as that API would.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import cast
from urllib.parse import urlencode

from claims import rules
from claims.evidence import Binding, Kind, Strength
from claims.rules import Attestation
from claims.vocabulary import text_list
from providers.catalog import CONSUMERS, EntraSettings
from providers.circuit import Circuit
from providers.microsoft.app import Registration, ask_again, is_mapping, tenant_of
from providers.microsoft.domains import is_domain, tenant_of_domain
from providers.microsoft.guids import is_guid
from providers.microsoft.identity import identified, is_guest, shown
from providers.microsoft.roles import directory_roles
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
from providers.tenants import Tenant, TenantDirectory

_Request = dict[str, dict[str, object]]  # OpenID Connect Core 1.0, section 5.5
_CONTEXT = re.compile(r"c[1-9][0-9]?", re.ASCII)
_CHALLENGE_LIMIT = 4096  # characters; it travels in a URL
_UNMAPPED = Tenant(guests=False, contexts=())
"""A tenant that somebody means to speak for: nothing was attested of it, and a guest speaks for no one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _SignIn:
    """What one sign-in brought, all of it validated; ``tenant`` as it stands now."""

    documents: Mapping[str, Claims]
    tenant: Tenant
    guest: bool


class Entra:
    """Implements :class:`~providers.provider.Provider`. ``tenants`` says who may sign in, and is asked each time."""

    kind = "entra"
    capabilities = Capabilities(
        kinds=frozenset({Kind.AMR, Kind.ACRS}),
        bindings=frozenset({Binding.SESSION, Binding.ATTESTED}),
        can_force_mfa=True,
        can_reauthenticate=True,
    )
    set_up_url = "https://mysignins.microsoft.com/security-info"

    def __init__(
        self,
        provider_id: str,
        settings: EntraSettings,
        callback_url: str,
        tenants: TenantDirectory,
        circuit: Circuit | None = None,
    ) -> None:
        self.id = provider_id
        self.name = settings.name
        self._settings = settings
        self._tenants = tenants
        self._circuit = circuit
        self._only = None if settings.authority == "organizations" else settings.authority
        self._registration = Registration(
            client_id=settings.client_id,
            client_secret=settings.client_secret.get_secret_value(),
            instance=settings.instance,
            selector=settings.authority,
            issuer=f"{settings.instance}/{self._only or '{tenantid}'}/v2.0",
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
        self._api = EvidenceApi(
            issuer=settings.v1_issuer,
            audience=settings.evidence_audience,
            scope=settings.evidence_scope.rpartition("/")[2],
        )

    @property
    def any_tenant(self) -> bool:
        """Return whether people of any tenant can be sent to sign in, and not of one alone."""
        return self._only is None

    def begin(self, ask: Ask) -> Redirect:
        """Return the request for ``amr``, and for the authentication context where the tenant is known to have one.

        Raises :class:`ProviderError`: ``TENANT_NOT_ALLOWED`` where ``ask`` names a tenant that nobody can sign in at
        here, such as another than the one in the configuration. Raises ``ValueError`` for a mapping without a tenant.
        """
        if ask.mapping and ask.tenant is None:
            raise ValueError("who speaks for a tenant signs in at that tenant")
        tenant = None if ask.tenant is None else self._tenant_here(ask.tenant)
        amr: dict[str, object] = {"values": ["mfa"]}
        if ask.force_mfa:
            amr["essential"] = True
        claims: _Request = {"access_token": {"amr": amr}}
        known = None if ask.mapping else self._known(tenant or self._only)
        wanted = _context_request(known.contexts if known else (), Strength.MFA)
        for more in (wanted, _challenge(ask.claims_challenge)):
            for token, requested in more.items():
                claims[token] = {**claims.get(token, {}), **requested}
        hint = ask.domain_hint
        return self._registration.begin(
            ask,
            scopes=["email", self._settings.evidence_scope],
            claims=claims,
            tenant=tenant,
            domain_hint=hint if hint is not None and is_domain(hint) else None,
        )

    def complete(self, flow: Mapping[str, object], returned: Return, now: datetime) -> Identified:
        """Return who signed in. Raises :class:`ProviderError`."""
        return self._identify(flow, self._read(flow, returned, now), now)

    def probe(self, flow: Mapping[str, object], returned: Return, now: datetime) -> Probed:
        """Return what one real sign-in brought, masked. Raises :class:`ProviderError`."""
        sign_in = self._read(flow, returned, now)
        return Probed(identified=self._identify(flow, sign_in, now), shown=shown(sign_in.documents))

    def admin_consent_url(self, tid: str, redirect_uri: str, state: str) -> str:
        """Return where an admin of the tenant approves what a sign-in asks for, for everybody in it.

        ``redirect_uri`` must be registered; :func:`~providers.microsoft.consent.parse_admin_consent` reads what comes
        back there. Raises :class:`ProviderError` as ``begin``.
        """
        query = {
            "client_id": self._settings.client_id,
            "scope": f"openid profile email {self._settings.evidence_scope}",
            "redirect_uri": redirect_uri,
            "state": state,
        }
        page = self._registration.beside_authorization("/v2.0/adminconsent", self._tenant_here(tid))
        return f"{page}?{urlencode(query)}"

    def tenant_of_domain(self, domain: str) -> str | None:
        """Return the ``tid`` of the tenant that has verified ``domain``; none where no tenant has, or it is no domain.

        It tells where to ask, and proves nothing. Raises :class:`ProviderError` when Microsoft cannot be asked.
        """
        return tenant_of_domain(self._settings.instance, domain, self._settings.ca_bundle, self._circuit)

    def _tenant_here(self, tid: str) -> str:
        if not is_guid(tid) or tid == CONSUMERS or self._only not in (None, tid):
            raise ProviderError(Fault.TENANT_NOT_ALLOWED, "nobody signs in here at the tenant that was named")
        return tid

    def _known(self, tid: str | None) -> Tenant | None:
        # Only to know what is worth asking for; what counts is for complete to say, which is told the time.
        return None if tid is None else self._tenants.find(self.id, tid, datetime.now(UTC))

    def _read(self, flow: Mapping[str, object], returned: Return, now: datetime) -> _SignIn:
        tokens = self._registration.redeem(flow, returned)
        identity = self._tokens.id_token(tokens, now)
        tenant = self._admitted(flow, identity, now)
        evidence = self._tokens.evidence(tokens, identity, self._api, now)
        documents = {"id_token": identity} | ({} if evidence is None else {"access_token": evidence})
        own = (self._tokens.issuer_for(identity["tid"]), self._api.issuer_for(identity["tid"]))
        guest = any(is_guest(claims, own) for claims in documents.values())
        if guest and not tenant.guests:
            raise ProviderError(Fault.GUEST_REFUSED, "a guest of a tenant that takes none")
        if is_mapping(flow) and "acct" not in identity:
            # Without it a guest may look like a member, and a guest may even have the role that speaks.
            raise ProviderError(Fault.MISCONFIGURED, "the registration does not ask for the optional claim acct")
        return _SignIn(documents=documents, tenant=tenant, guest=guest)

    def _admitted(self, flow: Mapping[str, object], identity: Claims, now: datetime) -> Tenant:
        tid = str(identity["tid"])
        if tid == CONSUMERS:
            raise ProviderError(Fault.WRONG_ACCOUNT, "a personal account at the sign-in for work accounts")
        if tid != (tenant_of(flow) or self._only or tid):
            raise ProviderError(Fault.WRONG_ACCOUNT, "an account of another tenant than the one that was asked")
        tenant = _UNMAPPED if is_mapping(flow) else self._tenants.find(self.id, tid, now)
        if tenant is None:
            raise ProviderError(Fault.TENANT_NOT_ALLOWED, "nobody of the tenant may sign in now")
        return tenant

    def _identify(self, flow: Mapping[str, object], sign_in: _SignIn, now: datetime) -> Identified:
        identity, asked = sign_in.documents["id_token"], _context_asked(flow)
        # A context that was not asked for may have been met earlier in the session, whatever its policy says.
        attestations = [
            replace(each, every_time=each.every_time and each.context == asked) for each in sign_in.tenant.contexts
        ]
        evidence = rules.read(rules.ENTRA + rules.attested(attestations), sign_in.documents, observed_at=now)
        proven = max((each.strength for each in evidence), default=Strength.NONE)
        return identified(
            self._settings.instance,
            identity,
            evidence,
            now,
            missing=None if evidence else _missing(identity, sign_in.tenant),
            again=_again(flow, sign_in.tenant, proven),
            guest=sign_in.guest,
            admitted=None if is_mapping(flow) else sign_in.tenant,
            roles=directory_roles(identity.get("wids")) if is_mapping(flow) else None,
        )


def _again(flow: Mapping[str, object], tenant: Tenant, proven: Strength) -> Ask | None:
    """Return the request for one strength more, or else for the factor anew.

    None where the tenant attested nothing that could prove it.
    """
    stronger = Strength.MFA if proven < Strength.MFA else Strength.PHISHING_RESISTANT
    context = _context_request(tenant.contexts, stronger) if proven < stronger else {}
    if not context and proven >= Strength.MFA:
        asked = _context_asked(flow)
        anew = (each for each in tenant.contexts if each.every_time and each.context != asked)
        context = _context_request(anew, proven)
    if proven >= Strength.MFA and not context:
        return None
    return ask_again(flow, json.dumps(context) if context else None)


def _context_request(contexts: Iterable[Attestation], strength: Strength) -> _Request:
    """Return the request for the tenant's authentication context of this strength; empty where there is none.

    Not for a stronger one: whoever has no passkey, and needs none, would be stopped at Entra.
    """
    fitting = sorted(each.context for each in contexts if each.strength == strength)
    return {"id_token": {"acrs": {"essential": True, "value": fitting[0]}}} if fitting else {}


def _context_asked(flow: Mapping[str, object]) -> str | None:
    """Return the authentication context that the request of ``flow`` wanted met."""
    kept = cast(Mapping[str, str], flow["msal"])
    requested = _challenge(kept["claims_challenge"]).get("id_token", {}).get("acrs")
    value = requested.get("value") if isinstance(requested, dict) else None
    return value if isinstance(value, str) else None


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


def _missing(identity: Claims, tenant: Tenant) -> Missing:
    # Entra puts more into acrs than authentication contexts, such as p1.
    contexts = {each for each in text_list(identity.get("acrs")) or () if _CONTEXT.fullmatch(each)}
    attested = {each.context for each in tenant.contexts}
    return Missing.NOT_ATTESTED if contexts - attested else Missing.NOT_SENT
