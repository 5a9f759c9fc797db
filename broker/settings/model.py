"""The settings, section by section. A field's description says what would be right; mistakes quote it."""

import hmac
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationInfo, field_validator

from broker.settings.clients import ClientSettings
from broker.settings.limits import LimitSettings
from broker.settings.metrics import MetricsSettings, TracingSettings
from broker.settings.migration import MigrationSettings, StreamSettings
from broker.settings.section import MinimumStrength, Seconds, Section, ShortSeconds
from broker.settings.values import (
    ClientId,
    Key,
    KeyVersion,
    address,
    database_url,
    decode_key,
    issuer_url,
    mail_url,
    replica_url,
    store_url,
)
from claims.evidence import Binding
from providers.catalog import CONSUMERS, Guid, ProviderId, ProviderSettings

_DAY = 86_400  # seconds


class ListenSettings(Section):
    host: str = Field(default="127.0.0.1", min_length=1, description="a host name or address to listen on")
    port: int = Field(default=8000, ge=1, le=65535, description="a port from 1 to 65535")
    workers: int = Field(default=1, ge=1, le=256, description="a number of processes from 1 to 256")
    threads: int = Field(default=8, ge=1, le=256, description="a number of threads from 1 to 256")
    backpressure: int = Field(default=64, ge=1, le=65536, description="a number of requests from 1 to 65536")
    drain: int = Field(default=5, ge=0, le=600, description="a number of seconds from 0 to 600")
    tls_certificate: Path | None = Field(default=None, description="the path of a PEM file")
    tls_key: Path | None = Field(
        default=None,
        validate_default=True,
        description="both listen.tls_certificate and listen.tls_key, or neither",
    )

    @field_validator("tls_key")
    @classmethod
    def _both_or_none(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if "tls_certificate" in info.data and (value is None) != (info.data["tls_certificate"] is None):
            raise ValueError("is set without the other half of the pair, or the other half without it")
        return value


class DatabaseSettings(Section):
    url: Annotated[str, AfterValidator(database_url)] = Field(
        default="sqlite:///vestibule.db",
        repr=False,
        description="sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE",
    )
    replica_url: Annotated[str, AfterValidator(replica_url)] | None = Field(
        default=None, repr=False, description="postgresql://USER:PASSWORD@HOST/DATABASE of a streaming replica"
    )

    @field_validator("replica_url")
    @classmethod
    def _of_the_same_kind(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and str(info.data.get("url", value)).startswith("sqlite"):
            raise ValueError("is there, and database.url is SQLite, which has no replicas")
        return value


class StoreSettings(Section):
    url: Annotated[str, AfterValidator(store_url)] = Field(
        default="memory://",
        repr=False,
        description="memory://, redis://HOST:PORT/0, redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/0 or "
        "redis+cluster://HOST:PORT,HOST:PORT (rediss for TLS)",
    )


class SecretSettings(Section):
    """Versioned keys encrypt and name people; the newest version writes, all of them read.

    In the file each of them may be a table that says where it comes from: :mod:`broker.settings.secret_sources`.
    """

    encryption: dict[KeyVersion, Key] = Field(min_length=1, description='a table of keys by version, such as v1 = "…"')
    pseudonym: dict[KeyVersion, Key] = Field(min_length=1, description='a table of keys by version, such as v1 = "…"')
    encryption_writes: KeyVersion | None = Field(
        default=None, description="a version of secrets.encryption: the old one until every host has the new"
    )
    pseudonym_writes: KeyVersion | None = Field(
        default=None, description="a version of secrets.pseudonym: the old one until every host has the new"
    )
    index: Key
    audit: Key
    cookies: Key

    @field_validator("encryption_writes", "pseudonym_writes")
    @classmethod
    def _is_a_version(cls, value: str | None, info: ValidationInfo) -> str | None:
        keys = info.data.get((info.field_name or "").removesuffix("_writes"))
        if value is not None and keys is not None and value not in keys:
            raise ValueError("is not a version of those keys")
        return value

    @field_validator("encryption", "pseudonym", "index", "audit", "cookies")
    @classmethod
    def _used_once(cls, value: object, info: ValidationInfo) -> object:
        earlier = [key for each in info.data.values() for key in _values(each)]
        keys = _values(value)
        if len(set(keys)) < len(keys) or set(keys) & set(earlier):
            raise ValueError("repeats a key that is used elsewhere")
        return value

    def encryption_keys(self) -> Mapping[str, bytes]:
        """Return the field encryption keys by version, oldest first."""
        return _by_version(self.encryption)

    def pseudonym_keys(self) -> Mapping[str, bytes]:
        """Return the pseudonym keys by version, oldest first."""
        return _by_version(self.pseudonym)

    def index_key(self) -> bytes:
        """Return the key of the blind index over email addresses."""
        return decode_key(self.index)

    def lasting_key(self, purpose: str) -> bytes:
        """Return a key for what is kept for years, made from that of the blind index, which is never replaced."""
        return hmac.digest(self.index_key(), purpose.encode(), "sha256")

    def audit_key(self) -> bytes:
        """Return the key of the audit chain."""
        return decode_key(self.audit)

    def derived_key(self, purpose: str) -> bytes:
        """Return a key for what lives no longer than a session, made from that of the cookies."""
        return hmac.digest(self.cookies_key(), purpose.encode(), "sha256")

    def cookies_key(self) -> bytes:
        """Return the key that signs cookies and forms."""
        return decode_key(self.cookies)


def _values(keys: object) -> list[str]:
    each = keys.values() if isinstance(keys, Mapping) else [keys]
    return [key.get_secret_value() for key in each if isinstance(key, SecretStr)]


def _by_version(keys: Mapping[str, SecretStr]) -> Mapping[str, bytes]:
    return {version: decode_key(keys[version]) for version in sorted(keys, key=lambda name: int(name[1:]))}


class SessionSettings(Section):
    lifetime: Seconds = 43_200


class PolicySettings(Section):
    strength: MinimumStrength = Field(default="mfa", description='"mfa" or "phishing_resistant"')
    bindings: tuple[Binding, ...] = Field(
        default=tuple(Binding), min_length=1, description='a list of "session", "attested", "account_state"'
    )
    account_state_lifetime: Seconds = 28_800
    evidence_lifetime: Seconds = 86_400
    fresh: Annotated[int, Field(gt=0, le=600, description="a whole number of seconds from 1 to 600")] = 600


class TokenSettings(Section):
    access: ShortSeconds = 600
    id_token: ShortSeconds = 600
    code: Annotated[int, Field(gt=0, le=600, description="a whole number of seconds from 1 to 600")] = 60
    refresh: Seconds = 2_592_000
    device_code: ShortSeconds = 600
    pushed_request: Annotated[int, Field(ge=5, lt=600, description="a whole number of seconds from 5 to 599")] = 60


def _never_or_daily(seconds: int) -> int:
    if 0 < seconds < _DAY:
        raise ValueError("is less than a day")
    return seconds


class KeySettings(Section):
    """How the keys that sign tokens are replaced: :mod:`broker.keys.rotation`."""

    rotate_after: Annotated[int, AfterValidator(_never_or_daily)] = Field(
        default=90 * _DAY, ge=0, le=3650 * _DAY, description="0 for never, or a number of seconds from 86400 (a day)"
    )
    # Other processes learn of a key within a minute, and registries may keep the JWKS for five.
    publish_for: int = Field(default=_DAY, ge=600, le=365 * _DAY, description="a number of seconds from 600")
    overlap: int = Field(default=_DAY, gt=0, le=365 * _DAY, description="a number of seconds above 0")


class OrganizationSettings(Section):
    """Who makes organisations, and whether a proof alone maps the first tenant of one."""

    self_service_mapping: bool = False
    creation: Literal["people", "operators"] = Field(default="people", description='"people" or "operators"')


def _of_an_organization(tid: str) -> str:
    if tid == CONSUMERS:
        raise ValueError("is the tenant of all personal accounts")
    return tid


class OperatorSettings(Section):
    """How operators may sign in: by these tenants, or else with a phishing-resistant proof."""

    tenants: tuple[Annotated[Guid, AfterValidator(_of_an_organization)], ...] = Field(
        default=(), description="a list of ids of Entra tenants, which are GUIDs"
    )


class MailSettings(Section):
    url: Annotated[str, AfterValidator(mail_url)] = Field(
        repr=False, description="smtp://HOST:PORT, smtps://USER:PASSWORD@HOST or directory:PATH"
    )
    sender: Annotated[str, AfterValidator(address)] = Field(
        description="the address mail is sent from, such as vestibule@example.org"
    )


class LogSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description='"debug", "info", "warning" or "error"'
    )
    format: Literal["json", "console"] = Field(default="json", description='"json" or "console"')
    requests: bool = True


class Settings(Section):
    """Everything the operator decides."""

    issuer: Annotated[str, AfterValidator(issuer_url)] = Field(
        description="an https origin without a trailing slash, such as https://login.example.org"
    )
    listen: ListenSettings = ListenSettings()
    trusted_proxies: int = Field(default=0, ge=0, le=10, description="how many proxies stand in front, 0 to 10")
    database: DatabaseSettings = Field(
        default=DatabaseSettings(),
        validate_default=True,
        description="postgresql://USER:PASSWORD@HOST/DATABASE in database.url, or 1 in listen.workers",
    )
    store: StoreSettings = Field(
        default=StoreSettings(),
        validate_default=True,
        description="redis://HOST:PORT/0 in store.url, or 1 in listen.workers",
    )
    secrets: SecretSettings = Field(description="the table [secrets], as `vestibule init` writes it")
    session: SessionSettings = SessionSettings()
    policy: PolicySettings = PolicySettings()
    tokens: TokenSettings = TokenSettings()
    keys: KeySettings = Field(
        default=KeySettings(), description="the table [keys], overlap longer than tokens.access and tokens.id_token"
    )
    mail: MailSettings = Field(description="the table [mail] with url and sender")
    clients: dict[ClientId, ClientSettings] = Field(default_factory=dict)
    providers: dict[ProviderId, ProviderSettings] = Field(default_factory=dict)
    organizations: OrganizationSettings = OrganizationSettings()
    operators: OperatorSettings = OperatorSettings()
    migration: MigrationSettings | None = Field(
        default=None, description="the table [migration], with the registry's name and the dates of the campaign"
    )
    streams: dict[ClientId, StreamSettings] = Field(default_factory=dict)
    limits: LimitSettings = LimitSettings()
    ca_bundle: Path | None = Field(default=None, description="the path of a PEM file")
    insecure_allow_private_addresses: bool = False
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = Field(
        default=MetricsSettings(), description="the table [metrics], with another port than that of listen"
    )
    tracing: TracingSettings = TracingSettings()

    @field_validator("database", "store")
    @classmethod
    def _for_all_processes(cls, value: DatabaseSettings | StoreSettings, info: ValidationInfo) -> object:
        listen = info.data.get("listen")
        of_one = value.url.startswith(("sqlite", "memory"))
        if listen is not None and listen.workers > 1 and of_one:
            raise ValueError(f"is for one process, and listen.workers (serve --workers) is {listen.workers}")
        return value

    @field_validator("keys")
    @classmethod
    def _outlive_tokens(cls, value: KeySettings, info: ValidationInfo) -> KeySettings:
        tokens = info.data.get("tokens")
        if tokens is not None and value.overlap <= max(tokens.access, tokens.id_token):
            raise ValueError("has an overlap that is no longer than tokens.access or tokens.id_token")
        return value

    @field_validator("metrics")
    @classmethod
    def _not_where_strangers_come(cls, value: MetricsSettings, info: ValidationInfo) -> MetricsSettings:
        listen = info.data.get("listen")
        addresses = (value.address, value.worker_address)
        if listen is not None and any(each is not None and each[1] == listen.port for each in addresses):
            raise ValueError("has the port that the broker itself listens on")
        return value

    def insecure(self) -> tuple[str, ...]:
        """Return the dotted keys of every unsafe switch that is on."""
        return tuple(_switched_on(self, ()))


def _switched_on(value: object, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name.startswith("insecure_") and each is True:
                yield ".".join((*path, name))
            else:
                yield from _switched_on(each, (*path, name))
