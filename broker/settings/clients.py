"""One client's settings: the metadata of RFC 7591 section 2, by their names, and what we add to them.

What a client registers by itself, over RFC 7591, is checked by the same class as what an operator writes.
"""

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.util import base64_to_int
from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from broker.settings.section import MinimumStrength, Section
from broker.settings.values import client_secret, display_name, redirect_uri, resource, web_url
from claims.evidence import Binding
from providers.catalog import ProviderId

AuthMethod = Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
GrantType = Literal[
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code",
]
Scope = Literal[
    "openid",
    "profile",
    "email",
    "offline_access",
    "organizations",
    "registry_accounts",
    "organizations.read",
    "organizations.manage",
    "operator",
    "introspection",
    "events",
]
SigningAlgorithm = Literal["RS256", "PS256", "ES256", "EdDSA"]

ALGORITHMS = "RS256", "PS256", "ES256", "EdDSA"
SECRET_METHODS = frozenset({"client_secret_basic", "client_secret_post"})
_ANY_ALGORITHM = '"RS256", "PS256", "ES256" or "EdDSA"'
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_BY_ACCOUNT = frozenset({"organizations.read", "organizations.manage", "operator"})
"""The scopes of the management API, in which people are known by the id of their account."""
MAX_KEYS = 20
MAX_AGE = 31_536_000
_RSA_BITS = 2048  # RFC 7518 section 3.3

RedirectUri = Annotated[str, AfterValidator(redirect_uri)]
WebUrl = Annotated[str, AfterValidator(web_url)]
Resource = Annotated[str, AfterValidator(resource)]


class ClientMetadata(Section):
    """Everything of a client but its secret and whether it is switched on."""

    name: Annotated[str, AfterValidator(display_name)] = Field(
        min_length=1, max_length=100, description="the name people know it by, up to 100 characters"
    )
    grant_types: tuple[GrantType, ...] = Field(
        default=("authorization_code",),
        min_length=1,
        description='a list of "authorization_code", "refresh_token", "client_credentials", '
        '"urn:ietf:params:oauth:grant-type:device_code"',
    )
    redirect_uris: tuple[RedirectUri, ...] = Field(
        default=(),
        validate_default=True,
        max_length=50,
        description="https URLs, compared as exact strings; http only for this machine",
    )
    auth_method: AuthMethod = Field(
        default="client_secret_basic",
        description='"client_secret_basic", "client_secret_post", "private_key_jwt" or "none"',
    )
    jwks: Mapping[str, object] | None = Field(
        default=None, description="a JWK Set (RFC 7517) with the client's public keys, and no private ones"
    )
    jwks_uri: WebUrl | None = Field(
        default=None,
        validate_default=True,
        description='an https URL of the client\'s JWK Set, or jwks itself; one of them for "private_key_jwt"',
    )
    token_endpoint_auth_signing_alg: SigningAlgorithm | None = Field(default=None, description=_ANY_ALGORITHM)
    scopes: tuple[Scope, ...] = Field(
        default=("openid", "profile", "email"),
        validate_default=True,
        description='a list of "openid", "profile", "email", "offline_access" (with grant "refresh_token"), '
        '"organizations", "registry_accounts", "organizations.read", "organizations.manage", "operator", '
        '"introspection", "events" (with grant "client_credentials")',
    )
    id_token_signed_response_alg: SigningAlgorithm = Field(default="RS256", description=_ANY_ALGORITHM)
    id_token_claims: tuple[Literal["name", "email"], ...] = Field(
        default=(), description='a list of "name", "email" that the ID token is to carry as well'
    )
    access_token_format: Literal["opaque", "jwt"] = Field(default="opaque", description='"opaque" or "jwt" (RFC 9068)')
    introspection_signed_response_alg: SigningAlgorithm = Field(default="RS256", description=_ANY_ALGORITHM)
    subject_type: Literal["public", "pairwise"] = Field(default="public", description='"public" or "pairwise"')
    sector_identifier_uri: WebUrl | None = Field(
        default=None,
        validate_default=True,
        description="an https URL; needed by a pairwise client whose redirect URIs are on several hosts",
    )
    first_party: bool = Field(default=False, description="true for a client that needs nobody's consent")
    require_pushed_authorization_requests: bool = False
    require_signed_request_object: bool = Field(
        default=False, validate_default=True, description="true only with jwks or jwks_uri"
    )
    request_object_signing_alg: SigningAlgorithm | None = Field(default=None, description=_ANY_ALGORITHM)
    dpop_bound_access_tokens: bool = False
    insecure_pkce_optional: bool = Field(
        default=False, validate_default=True, description="true only for a confidential client"
    )
    post_logout_redirect_uris: tuple[RedirectUri, ...] = Field(
        default=(), max_length=50, description="https URLs, compared as exact strings; http only for this machine"
    )
    backchannel_logout_uri: RedirectUri | None = Field(
        default=None, description="an https URL without a fragment; http only for this machine"
    )
    backchannel_logout_session_required: bool = False
    resources: tuple[Resource, ...] = Field(
        default=(), max_length=50, description="absolute URIs of the resources it may ask tokens for (RFC 8707)"
    )
    serves: tuple[Resource, ...] = Field(
        default=(), max_length=50, description="absolute URIs of the resources it is, whose tokens it may introspect"
    )
    providers: tuple[ProviderId, ...] | None = Field(
        default=None, min_length=1, description="a list of provider ids; leave it out to allow them all"
    )
    bindings: tuple[Binding, ...] | None = Field(
        default=None, min_length=1, description='a list of "session", "attested", "account_state"'
    )
    strength: MinimumStrength | None = Field(default=None, description='"mfa" or "phishing_resistant"')
    max_age: int | None = Field(default=None, ge=0, le=MAX_AGE, description="a whole number of seconds, 0 to a year")

    @field_validator("redirect_uris")
    @classmethod
    def _somewhere_to_return_to(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not value and "authorization_code" in info.data.get("grant_types", ()):
            raise ValueError("is missing")
        return value

    @field_validator("auth_method")
    @classmethod
    def _secrets_for_machines(cls, value: str, info: ValidationInfo) -> str:
        if value == "none" and "client_credentials" in info.data.get("grant_types", ()):
            raise ValueError("is none, and client_credentials needs a client that can authenticate")
        return value

    @field_validator("jwks")
    @classmethod
    def _public_keys(cls, value: Mapping[str, object] | None) -> Mapping[str, object] | None:
        if value is not None:
            check_public_keys(value)
        return value

    @field_validator("jwks_uri")
    @classmethod
    def _one_source_of_keys(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("jwks") is not None:
            raise ValueError("is set beside jwks")
        if info.data.get("auth_method") == "private_key_jwt" and value is None and info.data.get("jwks", 0) is None:
            raise ValueError("is missing")
        return value

    @field_validator("scopes")
    @classmethod
    def _scopes_fit_grants(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        grants = info.data.get("grant_types")
        if grants is None:
            return value
        if {"authorization_code", DEVICE_CODE} & set(grants) and "openid" not in value:
            raise ValueError('lacks "openid"')
        if ("offline_access" in value) != ("refresh_token" in grants):
            raise ValueError('has "offline_access" without grant "refresh_token", or the other way round')
        for each in ("introspection", "events"):
            if each in value and "client_credentials" not in grants:
                raise ValueError(f'has "{each}" without grant "client_credentials"')
        return value

    @field_validator("subject_type")
    @classmethod
    def _one_id_of_each_person(cls, value: str, info: ValidationInfo) -> str:
        if value == "pairwise" and _BY_ACCOUNT & set(info.data.get("scopes") or ()):
            raise ValueError(
                'is "pairwise", and "organizations.read", "organizations.manage" and "operator" '
                "open resources that name people by the id of their account"
            )
        return value

    @field_validator("sector_identifier_uri")
    @classmethod
    def _one_sector(cls, value: str | None, info: ValidationInfo) -> str | None:
        uris = info.data.get("redirect_uris")
        if uris is None or info.data.get("subject_type") != "pairwise":
            return value
        if value is None and len({urlsplit(uri).hostname for uri in uris}) != 1:
            raise ValueError("is missing")
        return value

    @field_validator("require_signed_request_object")
    @classmethod
    def _keys_to_check_with(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("jwks", 0) is None and info.data.get("jwks_uri", 0) is None:
            raise ValueError("is set without keys to check a signature with")
        return value

    @field_validator("insecure_pkce_optional")
    @classmethod
    def _never_for_public_clients(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("auth_method") == "none":
            raise ValueError("is set for a public client")
        return value


class ClientSettings(ClientMetadata):
    """One registry: an OpenID Connect relying party, as the configuration has it."""

    secret: SecretStr | None = Field(
        default=None,
        validate_default=True,
        description="32 or more random characters; none at all for a client that authenticates otherwise",
    )
    enabled: bool = True

    @field_validator("secret")
    @classmethod
    def _fits_auth_method(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        method = info.data.get("auth_method")
        if value is None:
            if method not in SECRET_METHODS:
                return None
            raise ValueError("is missing")
        if method is not None and method not in SECRET_METHODS:
            raise ValueError("is set for a client that has no use for it")
        return client_secret(value)


def check_public_keys(document: Mapping[str, object]) -> None:
    """Raise ``ValueError`` unless ``document`` is a JWK Set of at most 20 public, asymmetric keys (RFC 7517)."""
    keys = document.get("keys")
    if not isinstance(keys, list) or not 0 < len(keys) <= MAX_KEYS:
        raise ValueError("is not a JWK Set with 1 to 20 keys")
    for key in keys:
        if not isinstance(key, Mapping) or key.get("kty") not in ("RSA", "EC", "OKP"):
            raise ValueError("has a key that is not RSA, EC or OKP")
        if _PRIVATE_MEMBERS & set(key):
            raise ValueError("has a private key")
    try:
        if any(key["kty"] == "RSA" and base64_to_int(key["n"]).bit_length() < _RSA_BITS for key in keys):
            raise ValueError("too short")
        KeySet.import_key_set({"keys": [dict(key) for key in keys]})
    except (JoseError, ValueError, TypeError, KeyError):
        raise ValueError("has a key that is too short, or cannot be read") from None
