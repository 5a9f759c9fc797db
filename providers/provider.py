"""What the broker asks of every identity provider, and what it gets back.

A provider has three verbs. ``begin`` says where to send the browser and what must be remembered until it
returns; ``complete`` turns the browser's return into who signed in and what was proven; ``probe`` does the
same and tells, masked, what the provider really sent. A provider reports; it never decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from claims.evidence import Authentication, Binding, Kind
from claims.profile import Profile

if TYPE_CHECKING:
    from providers.tenants import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who the user is to a provider: never an email, a login or a UPN.

    ``issuer`` is a stable name of the provider (its issuer URL, or its API host), ``tenant`` an Entra ``tid`` or
    the empty string, ``id`` the provider's immutable id of the user.
    """

    issuer: str
    tenant: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can prove and what it can be asked for.

    ``can_force_mfa``: the provider can be told to insist on MFA. ``can_reauthenticate``: ``prompt=login`` and
    ``max_age`` (OpenID Connect Core 3.1.2.1) reach the provider, and ``auth_time`` comes back.
    """

    kinds: frozenset[Kind]
    bindings: frozenset[Binding]
    can_force_mfa: bool
    can_reauthenticate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What one redirect asks of the provider.

    ``max_age`` in seconds; 0 is not the same as none. ``widen_scope`` asks GitHub for its broader scope.

    The rest is for Entra, and the others take no notice of it. ``claims_challenge`` is what its token endpoint wanted
    repeated in the next request. ``tenant``: sign in at that very tenant (a ``tid``). ``domain_hint`` spares a user
    of that domain the question who they are; what is no domain is left out. ``consent`` asks the user to approve the
    permissions once more. ``mapping``: somebody shows that they may speak for ``tenant``, which need not be admitted
    yet; what comes back opens nothing else.
    """

    force_mfa: bool = False
    reauthenticate: bool = False
    select_account: bool = False
    max_age: int | None = None
    widen_scope: bool = False
    claims_challenge: str | None = None
    tenant: str | None = None
    domain_hint: str | None = None
    consent: bool = False
    mapping: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """Where to send the browser, and the private ``flow`` (JSON values only) to keep until it returns."""

    url: str
    state: str
    flow: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """The browser's return: HTTP method and parameters, none of which occurred twice."""

    method: str
    parameters: Mapping[str, str]


class Missing(StrEnum):
    """Why a provider that usually says something said nothing about MFA."""

    NOT_SENT = "not_sent"  # the provider sent no claim that could be evidence
    SCOPE_REFUSED = "scope_refused"  # the user granted too little for the provider to say
    MANAGED_ACCOUNT = "managed_account"  # the account has no factors of its own at this provider
    NOT_ATTESTED = "not_attested"  # an authentication context came, and nobody attested what it means


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """Who signed in, what may be suggested of them as a person, and what was proven.

    ``missing`` is a hint for the refusal page when no evidence came. ``again`` is what would be worth asking once
    more if the evidence does not do; none where asking again cannot help. The broker asks at most once more.

    ``guest``: the user's home is another tenant than the subject's. ``admitted`` is that tenant as the directory had it
    at this very moment; none without a tenant, and none for a mapping. ``mapping`` is that of the :class:`Ask` that led
    here; ``roles`` are filled for it alone: the tenant-wide directory roles of the user, by template id (lower-case
    GUIDs; :mod:`providers.microsoft.roles` names those that may speak for a tenant).
    """

    subject: Subject
    profile: Profile
    authentication: Authentication
    missing: Missing | None = None
    again: Ask | None = None
    guest: bool = False
    admitted: "Tenant | None" = None
    mapping: bool = False
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What one real sign-in brought. ``shown`` maps each claim to what an operator may see of it: what could be
    evidence verbatim, of everything else only its type and length."""

    identified: Identified
    shown: Mapping[str, str]


class Fault(StrEnum):
    """Stable codes of what can go wrong at a provider. Each has a sentence and a next step in the broker."""

    CANCELLED = "cancelled"  # the user said no at the provider
    CONSENT_REQUIRED = "consent_required"  # the user must approve the permissions
    ADMIN_CONSENT_REQUIRED = "admin_consent_required"  # an admin must approve the application
    MFA_REQUIRED = "mfa_required"  # the provider wants a second factor now; ask again
    MFA_SETUP_REQUIRED = "mfa_setup_required"  # the user has no second factor yet
    BLOCKED_BY_POLICY = "blocked_by_policy"  # the organisation's rules blocked the sign-in
    DEVICE_REQUIRED = "device_required"  # the organisation wants a managed device
    NOT_ASSIGNED = "not_assigned"  # the organisation has not given the user this application
    WRONG_ACCOUNT = "wrong_account"  # wrong account type or a directory it does not belong to
    GUEST_REFUSED = "guest_refused"  # a guest of a tenant that takes no guests here
    TENANT_NOT_ALLOWED = "tenant_not_allowed"  # nobody of the tenant may sign in here, or not now
    ACCOUNT_UNUSABLE = "account_unusable"  # suspended, or not a person's account
    EMAIL_UNVERIFIED = "email_unverified"  # the provider wants a verified email first
    LOGIN_REQUIRED = "login_required"  # no session at the provider for a silent request
    EXPIRED = "expired"  # the code was used, too old or of another flow
    INVALID_RESPONSE = "invalid_response"  # what came back failed validation
    UNAVAILABLE = "unavailable"  # down, slow or throttling; try again later
    MISCONFIGURED = "misconfigured"  # only the operator can mend it


class ProviderError(Exception):
    """A sign-in that did not come to an identity.

    ``code`` is for programs and the page, ``detail`` for the log (nothing personal, no token), ``upstream_code``
    the provider's own code (``AADSTS53003``) and ``correlation_id`` what its support asks for. ``again`` as in
    :class:`Identified`. ``retry_after``: the provider was not even asked, and may be again in so many seconds. The
    broker shows none of the provider's own text.
    """

    def __init__(
        self,
        code: Fault,
        detail: str,
        *,
        upstream_code: str | None = None,
        correlation_id: str | None = None,
        again: Ask | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.upstream_code = upstream_code
        self.correlation_id = correlation_id
        self.again = again
        self.retry_after = retry_after


class Provider(Protocol):
    """One configured provider. Implementations keep no state of a sign-in between ``begin`` and ``complete``."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def set_up_url(self) -> str | None:
        """Where the user turns on a second factor at this provider."""
        ...

    def begin(self, ask: Ask) -> Redirect:
        """Return where to send the browser. Raises :class:`ProviderError` when the provider cannot be reached."""
        ...

    def complete(self, flow: Mapping[str, object], returned: Return, now: datetime) -> Identified:
        """Return who signed in. ``state`` was already matched by the caller, and is checked again here.

        Raises :class:`ProviderError`; any other exception is a defect.
        """
        ...

    def probe(self, flow: Mapping[str, object], returned: Return, now: datetime) -> Probed:
        """Return what one real sign-in brought, masked. Raises as ``complete``."""
        ...
