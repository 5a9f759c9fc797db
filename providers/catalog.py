"""Configuration -> providers: what an operator writes for each kind of provider, and what comes of it."""

import hashlib
import json
import re
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)

from providers.http import is_loopback
from providers.provider import Provider

if TYPE_CHECKING:
    from providers.circuit import Circuit
    from providers.tenants import TenantDirectory

CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant that all personal Microsoft accounts live in. A public constant of Microsoft's."""

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _url(value: str, *, http_on_loopback: bool) -> str:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError("must be a URL") from error
    plain = parts.scheme == "http" and http_on_loopback and host is not None and is_loopback(host)
    if not host or not (parts.scheme == "https" or plain):
        raise ValueError("must be an https URL" + (", or http on loopback" if http_on_loopback else ""))
    if "@" in parts.netloc or "?" in value or "#" in value or re.search(r"[\s\x00-\x1f\\]", value):
        raise ValueError("must be a URL without user, query, fragment or blanks")
    return value


def _https_url(value: str) -> str:
    return _url(value, http_on_loopback=False)


def _https_base(value: str) -> str:
    if value.endswith("/"):
        raise ValueError("must not end with a slash")
    return _https_url(value)


def _web_url(value: str) -> str:
    return _url(value, http_on_loopback=True)


def _guid(value: str) -> str:
    if not _GUID.fullmatch(value.lower()):
        raise ValueError("must be a GUID")
    return value.lower()


def _authority(value: str) -> str:
    return value if value == "organizations" else _guid(value)


def _scopes(value: str) -> str:
    scopes = value.split()
    if "openid" not in scopes:
        raise ValueError("must contain openid")
    if "offline_access" in scopes:
        raise ValueError("must not contain offline_access: no provider token outlives a sign-in")
    return " ".join(scopes)


def _visible(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[ -~]+", value.get_secret_value()):
        raise ValueError("must be printable ASCII (RFC 6749, appendix A.2), and not empty")
    return value


def read_date(value: object) -> date:
    """Return a date. Raises ``ValueError``."""
    # A TOML date, or what stands for one in the environment: pydantic alone would take moments and numbers, too.
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("must be a date, such as 2026-11-21")
    return date.fromisoformat(value)


def _host(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?", value):
        raise ValueError("must be a host name in lower case")
    return value


ProviderId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
"""The name of a provider in configuration; it is the last part of its callback URL."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^\S+$")]
Guid = Annotated[str, AfterValidator(_guid)]
HttpsUrl = Annotated[str, AfterValidator(_https_url)]
HttpsBase = Annotated[str, AfterValidator(_https_base)]
WebUrl = Annotated[str, AfterValidator(_web_url)]
AcceptedStrength = Literal["mfa", "phishing_resistant"]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CommonSettings(_Settings):
    """What every kind of provider has. ``ca_bundle`` replaces the public certificate authorities."""

    name: Text
    enabled: bool = True
    client_id: Annotated[str, StringConstraints(max_length=200, pattern=r"^[!-~]+$")]
    client_secret: Annotated[SecretStr, AfterValidator(_visible)]
    ca_bundle: Path | None = None
    insecure_allow_unproven: bool = False


class MicrosoftAccountSettings(CommonSettings):
    """Personal Microsoft accounts. ``instance`` is where they sign in; a stand-in is elsewhere."""

    kind: Literal["microsoft_account"] = "microsoft_account"
    instance: HttpsBase = "https://login.microsoftonline.com"


class TenantSettings(_Settings):
    """One Entra tenant that may sign in.

    ``guests`` takes users whose home is elsewhere. ``contexts`` is what the tenant's admin attested, and
    ``contexts_attested_on`` when: an authentication context (``c1`` to ``c99``) and the strength that its policy
    enforces. It counts for a year (:data:`providers.tenants.REVIEW_AFTER`).
    """

    name: Text
    guests: bool = False
    contexts: dict[Annotated[str, StringConstraints(pattern=r"^c[1-9][0-9]?$")], AcceptedStrength] = {}
    contexts_attested_on: Annotated[date, BeforeValidator(read_date)] | None = None

    @model_validator(mode="after")
    def _attestations_have_a_date(self) -> Self:
        if self.contexts and self.contexts_attested_on is None:
            raise ValueError("contexts: contexts_attested_on must say when the tenant's admin attested them")
        return self


class EntraSettings(CommonSettings):
    """Work accounts of the tenants listed, and of those that organisations bring.

    ``authority`` is ``organizations``, or the one tenant at which people sign in. ``evidence_scope`` is the scope of
    our own evidence API, and ``evidence_audience`` what its access tokens carry as ``aud``. ``v1_issuer`` issues them,
    with ``/{tid}/`` appended.
    """

    kind: Literal["entra"] = "entra"
    instance: HttpsBase = "https://login.microsoftonline.com"
    v1_issuer: HttpsBase = "https://sts.windows.net"
    authority: Annotated[str, AfterValidator(_authority)] = "organizations"
    evidence_scope: Word
    evidence_audience: Word
    tenants: dict[Guid, TenantSettings] = {}

    @model_validator(mode="after")
    def _tenants_fit(self) -> Self:
        if CONSUMERS in self.tenants:
            raise ValueError("tenants: personal accounts are a microsoft_account provider, not a tenant")
        if self.authority != "organizations" and not self.tenants.keys() <= {self.authority}:
            raise ValueError("tenants: must list no other tenant than the one that is the authority")
        if self.authority == CONSUMERS:
            raise ValueError("authority: personal accounts are a microsoft_account provider, not a tenant")
        return self


class GitHubSettings(CommonSettings):
    """GitHub, GitHub Enterprise Server or a data-residency host, by its ``host``.

    The three URLs replace what follows from the host; ``authorize_url`` may be http on loopback, because only
    the browser goes there.
    """

    kind: Literal["github"] = "github"
    host: Annotated[str, AfterValidator(_host)] = "github.com"
    authorize_url: WebUrl | None = None
    token_url: HttpsUrl | None = None
    api_url: HttpsBase | None = None

    @property
    def authorization_endpoint(self) -> str:
        return self.authorize_url or f"https://{self.host}/login/oauth/authorize"

    @property
    def token_endpoint(self) -> str:
        return self.token_url or f"https://{self.host}/login/oauth/access_token"

    @property
    def api(self) -> str:
        """The root of the REST API, without a trailing slash."""
        if self.api_url is not None:
            return self.api_url
        if self.host == "github.com" or self.host.endswith(".ghe.com"):
            return f"https://api.{self.host}"
        return f"https://{self.host}/api/v3"


class OidcSettings(CommonSettings):
    """Any OpenID provider.

    ``acr_values`` are asked for; ``accept_acr`` and ``accept_amr`` are what its words are worth here.
    ``max_age`` in seconds is asked for at every sign-in and must have been met. ``require_auth_time`` refuses an
    ID token that does not say when the user authenticated. ``set_up_url`` is where users turn on a second factor.
    """

    kind: Literal["oidc"] = "oidc"
    issuer: WebUrl
    scopes: Annotated[str, AfterValidator(_scopes)] = "openid profile email"
    acr_values: list[Word] = []
    accept_acr: dict[Word, AcceptedStrength] = {"phr": "phishing_resistant", "phrh": "phishing_resistant"}
    accept_amr: dict[Word, AcceptedStrength] = {"mfa": "mfa"}
    max_age: Annotated[int, Field(ge=0)] | None = None
    require_auth_time: bool = True
    algorithms: Annotated[list[Literal["RS256", "ES256", "PS256"]], Field(min_length=1)] = ["RS256"]
    set_up_url: WebUrl | None = None

    @model_validator(mode="after")
    def _something_is_accepted(self) -> Self:
        if not self.accept_acr and not self.accept_amr:
            raise ValueError("accept_acr, accept_amr: at least one must list a value, or nobody can sign in")
        return self


ProviderSettings = Annotated[
    MicrosoftAccountSettings | EntraSettings | GitHubSettings | OidcSettings, Field(discriminator="kind")
]


def fingerprint(settings: CommonSettings) -> str:
    """Return 64 hex digits that change with everything that could change what the provider proves.

    The secret has no part in it: renewing one proves nothing anew, and nothing of it may be kept. Nor have Entra's
    tenants: what one sign-in proves is the registration, and another tenant must not shut out those there are.
    """
    unproven = {"name", "enabled", "client_secret", "insecure_allow_unproven", "tenants"}
    proven = settings.model_dump(mode="json", exclude=unproven)
    return hashlib.sha256(json.dumps(proven, sort_keys=True).encode()).hexdigest()


def build(
    provider_id: str,
    settings: ProviderSettings,
    callback_url: str,
    tenants: "TenantDirectory",
    circuit: "Circuit | None" = None,
) -> Provider:
    """Return the provider that ``settings`` describe. Makes no network call.

    ``callback_url`` is the absolute redirect URI registered there. ``tenants`` is asked in every sign-in with a work
    account, ``circuit`` before the provider is asked anything. Raises ``ValueError`` when the environment makes its
    library unsafe.
    """
    # Imported here because each of them takes its settings from this module, and MSAL is slow to import.
    match settings:
        case MicrosoftAccountSettings():
            from providers.microsoft.account import MicrosoftAccount

            return MicrosoftAccount(provider_id, settings, callback_url, circuit)
        case EntraSettings():
            from providers.microsoft.entra import Entra

            return Entra(provider_id, settings, callback_url, tenants, circuit)
        case GitHubSettings():
            from providers.github import GitHub

            return GitHub(provider_id, settings, callback_url, circuit)
        case _:  # the last of the union
            from providers.oidc import OpenIDProvider

            return OpenIDProvider(provider_id, settings, callback_url, circuit)
