"""What the stand-ins know besides people: Entra tenants, and the applications registered with each provider."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from secrets import token_urlsafe
from types import MappingProxyType
from typing import Literal

MSA = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant id of every personal Microsoft account: the same as Microsoft's own."""
CONTOSO = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
FABRIKAM = "3f6a2b10-6c1e-4a1b-9c2d-f4b21c0de001"
NORTHWIND = "b0a7d1e2-51c3-4f0e-8a9b-6d5c4b3a2f10"
OPERATOR = "0b9e3a44-7c1d-4d55-9f3e-2f1a6c7d8e90"

EVIDENCE_API = "api://6f1e2d3c-4b5a-4968-8776-655443322110"
"""Application-id URI, and ``aud``, of the API whose version-1 access token carries ``amr``."""
EVIDENCE_SCOPE = f"{EVIDENCE_API}/mfa_evidence"

Kind = Literal["microsoft_account", "entra", "github", "oidc"]
KINDS: tuple[Kind, ...] = ("microsoft_account", "entra", "github", "oidc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """An Entra directory. ``contexts``: the authentication contexts it has a policy for."""

    tid: str
    name: str
    domain: str
    contexts: frozenset[str] = frozenset()


TENANTS: Mapping[str, Tenant] = MappingProxyType(
    {
        tenant.tid: tenant
        for tenant in (
            Tenant(tid=CONTOSO, name="Contoso", domain="contoso.example", contexts=frozenset({"c1", "c2"})),
            Tenant(tid=FABRIKAM, name="Fabrikam", domain="fabrikam.example"),
            Tenant(tid=NORTHWIND, name="Northwind", domain="northwind.example", contexts=frozenset({"c1", "c2"})),
            Tenant(tid=OPERATOR, name="Operator", domain="operator.example", contexts=frozenset({"c1"})),
        )
    }
)

MULTI_TENANT = ("common", "organizations")
CONSUMERS = ("consumers", MSA)


def tenant_id(selector: str) -> str | None:
    """Return the tenant GUID a path's first segment means; none for an unknown tenant and for ``common`` and
    ``organizations``, which mean many."""
    if selector in CONSUMERS:
        return MSA
    if selector in TENANTS:
        return selector
    return next((tenant.tid for tenant in TENANTS.values() if tenant.domain == selector), None)


OPTIONAL_CLAIMS = frozenset(
    {
        "acct",
        "acrs",
        "auth_time",
        "email",
        "family_name",
        "given_name",
        "ipaddr",
        "login_hint",
        "sid",
        "upn",
        "xms_edov",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """An application registered with one provider.

    ``kind`` says with which: a Microsoft registration is either for personal accounts or for Entra tenants.
    ``certificate`` is the PEM of the certificate that verifies client assertions (RFC 7523), Microsoft only.
    ``optional_claims`` and ``group_membership_claims`` are those of a Microsoft application's manifest; the
    latter, as ``DirectoryRole`` or ``All``, brings ``wids``. ``id_token_alg`` is for ``oidc`` only.
    """

    kind: Kind
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uris: tuple[str, ...]
    certificate: str | None = None
    optional_claims: frozenset[str] = OPTIONAL_CLAIMS
    group_membership_claims: Literal["None", "SecurityGroup", "DirectoryRole", "All"] = "DirectoryRole"
    id_token_alg: Literal["RS256", "PS256", "ES256"] = "RS256"  # noqa: S105 - an algorithm


CLIENT_IDS: Mapping[Kind, str] = MappingProxyType(
    {
        "microsoft_account": "11111111-2222-4333-8444-555555555555",
        "entra": "22222222-3333-4444-8555-666666666666",
        "github": "Ov23liStandInExample",
        "oidc": "vestibule-standin",
    }
)


def register_all(redirect_uris: Iterable[str]) -> tuple[Registration, ...]:
    """Return one registration per kind of provider, each with a fresh secret and all of ``redirect_uris``."""
    uris = tuple(redirect_uris)
    return tuple(
        Registration(kind=kind, client_id=CLIENT_IDS[kind], client_secret=token_urlsafe(24), redirect_uris=uris)
        for kind in KINDS
    )
