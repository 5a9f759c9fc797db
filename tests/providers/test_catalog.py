"""Settings of providers: every mistake refused with what would be right, and none of them guessed away."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from providers.catalog import (
    CONSUMERS,
    EntraSettings,
    GitHubSettings,
    MicrosoftAccountSettings,
    OidcSettings,
    ProviderId,
    ProviderSettings,
    build,
    fingerprint,
)
from providers.provider import Provider
from providers.tenants import ConfiguredTenants

ADAPTER: TypeAdapter[ProviderSettings] = TypeAdapter(ProviderSettings)
TENANT = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
OTHER_TENANT = "3f6a2b10-6c1e-4a1b-9c2d-f4b21c0de001"

COMMON = {"name": "A provider", "client_id": "client", "client_secret": "secret"}
RAW: dict[str, dict[str, Any]] = {
    "microsoft_account": {**COMMON, "kind": "microsoft_account"},
    "entra": {
        **COMMON,
        "kind": "entra",
        "evidence_scope": "api://evidence/mfa_evidence",
        "evidence_audience": "api://evidence",
        "tenants": {TENANT: {"name": "Contoso"}},
    },
    "github": {**COMMON, "kind": "github"},
    "oidc": {**COMMON, "kind": "oidc", "issuer": "https://issuer.example"},
}
ATTESTED = {"name": "Contoso", "contexts": {"c1": "mfa"}, "contexts_attested_on": "2026-11-21"}
KINDS = {
    "microsoft_account": MicrosoftAccountSettings,
    "entra": EntraSettings,
    "github": GitHubSettings,
    "oidc": OidcSettings,
}


def settings(kind: str, **changes: Any) -> Any:
    merged = {**RAW[kind], **changes}
    return ADAPTER.validate_python({name: value for name, value in merged.items() if value is not ...})


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_says_which_settings_they_are(kind: str) -> None:
    assert type(settings(kind)) is KINDS[kind]


@pytest.mark.parametrize("kind", [..., "twitter", "", None, 1])
def test_another_kind_is_refused(kind: object) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python({**COMMON, **({} if kind is ... else {"kind": kind})})


@pytest.mark.parametrize("kind", KINDS)
def test_settings_build_the_provider_of_their_kind_without_any_request(kind: str) -> None:
    tenants = ConfiguredTenants({})
    provider: Provider = build("some-id", settings(kind), "https://broker.example/callback/some-id", tenants)
    assert (provider.id, provider.name, provider.kind) == ("some-id", "A provider", kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "changes",
    [
        {"unknown": 1},
        {"name": ...},
        {"name": ""},
        {"name": " blanks around "},
        {"name": "n" * 201},
        {"client_id": ...},
        {"client_id": ""},
        {"client_id": "two words"},
        {"client_id": "clïent"},
        {"client_secret": ...},
        {"client_secret": ""},
        {"client_secret": "sécret"},
        {"client_secret": "line\nbreak"},
        {"enabled": "perhaps"},
    ],
)
def test_a_mistake_in_what_every_provider_has_is_refused(kind: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(kind, **changes)


@pytest.mark.parametrize(
    "kind, changes",
    [
        ("microsoft_account", {"instance": "http://localhost:8443"}),
        ("microsoft_account", {"instance": "https://login.example/"}),
        ("microsoft_account", {"instance": "login.example"}),
        ("entra", {"v1_issuer": "https://sts.windows.net/"}),
        ("entra", {"authority": "common"}),
        ("entra", {"authority": "consumers"}),
        ("entra", {"authority": OTHER_TENANT}),
        ("entra", {"authority": CONSUMERS, "tenants": {}}),
        ("entra", {"tenants": {"contoso.example": {"name": "Contoso"}}}),
        ("entra", {"tenants": {CONSUMERS: {"name": "Everybody"}}}),
        ("entra", {"tenants": {TENANT: {}}}),
        ("entra", {"tenants": {TENANT: {**ATTESTED, "contexts": {"c0": "mfa"}}}}),
        ("entra", {"tenants": {TENANT: {**ATTESTED, "contexts": {"c100": "mfa"}}}}),
        ("entra", {"tenants": {TENANT: {**ATTESTED, "contexts": {"c1": "single"}}}}),
        ("entra", {"tenants": {TENANT: {"name": "Contoso", "contexts": {"c1": "mfa"}}}}),
        ("entra", {"tenants": {TENANT: {**ATTESTED, "contexts_attested_on": "21.11.2026"}}}),
        ("entra", {"tenants": {TENANT: {**ATTESTED, "contexts_attested_on": "2026-02-30"}}}),
        ("entra", {"tenants": {TENANT: {**ATTESTED, "contexts_attested_on": 1795219200}}}),
        ("entra", {"tenants": {TENANT: {**ATTESTED, "contexts_attested_on": datetime(2026, 11, 21, tzinfo=UTC)}}}),
        ("entra", {"evidence_scope": "two words"}),
        ("entra", {"evidence_audience": ""}),
        ("github", {"host": "https://github.com"}),
        ("github", {"host": "GitHub.com"}),
        ("github", {"host": "github.com/"}),
        ("github", {"authorize_url": "http://github.com/login/oauth/authorize"}),
        ("github", {"token_url": "http://localhost/login/oauth/access_token"}),
        ("github", {"api_url": "http://127.0.0.1/api/v3"}),
        ("github", {"api_url": "https://github.example/api/v3/"}),
        ("oidc", {"issuer": ...}),
        ("oidc", {"issuer": "http://issuer.example"}),
        ("oidc", {"issuer": "https://user@issuer.example"}),
        ("oidc", {"issuer": "https://issuer.example?tenant=a"}),
        ("oidc", {"issuer": "https://issuer.example#a"}),
        ("oidc", {"issuer": "https://issuer.example/a b"}),
        ("oidc", {"issuer": "https://[::1"}),
        ("oidc", {"issuer": "https://issuer.example:port"}),
        ("oidc", {"issuer": "https://"}),
        ("oidc", {"scopes": "profile email"}),
        ("oidc", {"scopes": "openid offline_access"}),
        ("oidc", {"acr_values": ["two words"]}),
        ("oidc", {"accept_acr": {"phr": "single"}}),
        ("oidc", {"accept_amr": {"mfa": 2}}),
        ("oidc", {"accept_acr": {}, "accept_amr": {}}),
        ("oidc", {"max_age": -1}),
        ("oidc", {"algorithms": []}),
        ("oidc", {"algorithms": ["HS256"]}),
        ("oidc", {"algorithms": ["none"]}),
        ("oidc", {"set_up_url": "javascript:alert(1)"}),
    ],
)
def test_a_mistake_in_what_one_kind_has_is_refused(kind: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(kind, **changes)


def test_no_secret_is_shown() -> None:
    assert "the-secret-itself" not in repr(settings("github", client_secret="the-secret-itself"))


def test_a_tenant_is_known_by_its_guid_in_lower_case() -> None:
    entra = settings("entra", tenants={TENANT.upper(): {"name": "Contoso"}}, authority=TENANT.upper())
    assert list(entra.tenants) == [entra.authority] == [TENANT]


def test_a_tenants_contexts_need_the_day_they_were_attested_and_the_message_says_so() -> None:
    with pytest.raises(ValidationError, match="contexts_attested_on must say when"):
        settings("entra", tenants={TENANT: {"name": "Contoso", "contexts": {"c1": "mfa"}}})
    for day in ("2026-11-21", date(2026, 11, 21)):
        entra = settings("entra", tenants={TENANT: {**ATTESTED, "contexts_attested_on": day}})
        assert entra.tenants[TENANT].contexts_attested_on == date(2026, 11, 21)


@pytest.mark.parametrize("authority", ["organizations", TENANT])
def test_no_tenant_need_be_configured_because_organisations_bring_theirs(authority: str) -> None:
    assert settings("entra", authority=authority, tenants=...).tenants == {}


@pytest.mark.parametrize(
    "host, api",
    [
        ("github.com", "https://api.github.com"),
        ("contoso.ghe.com", "https://api.contoso.ghe.com"),
        ("github.contoso.example", "https://github.contoso.example/api/v3"),
        ("github.contoso.example:8443", "https://github.contoso.example:8443/api/v3"),
    ],
)
def test_the_addresses_of_a_github_follow_from_its_host(host: str, api: str) -> None:
    github = settings("github", host=host)
    assert github.api == api
    assert github.authorization_endpoint == f"https://{host}/login/oauth/authorize"
    assert github.token_endpoint == f"https://{host}/login/oauth/access_token"


def test_the_addresses_of_a_github_can_be_given() -> None:
    github = settings(
        "github",
        authorize_url="http://127.0.0.1:8002/login/oauth/authorize",
        token_url="https://localhost:8443/login/oauth/access_token",
        api_url="https://localhost:8443/api/v3",
    )
    assert github.authorization_endpoint.startswith("http://127.0.0.1:8002/")
    assert github.token_endpoint.startswith("https://localhost:8443/")
    assert github.api == "https://localhost:8443/api/v3"


def test_scopes_are_kept_with_one_blank_between_them() -> None:
    assert settings("oidc", scopes=" openid  email ").scopes == "openid email"


def test_an_issuer_may_be_http_on_loopback() -> None:
    assert settings("oidc", issuer="http://localhost:9000/oidc").issuer == "http://localhost:9000/oidc"


class TestFingerprint:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize(
        "changes",
        [{"name": "Renamed"}, {"enabled": False}, {"client_secret": "renewed"}, {"insecure_allow_unproven": True}],
    )
    def test_it_stays_where_nothing_changes_what_is_proven(self, kind: str, changes: dict[str, Any]) -> None:
        assert fingerprint(settings(kind)) == fingerprint(settings(kind, **changes))

    @pytest.mark.parametrize(
        "kind, changes",
        [
            ("microsoft_account", {"client_id": "another"}),
            ("microsoft_account", {"instance": "https://login.example"}),
            ("microsoft_account", {"ca_bundle": "/another/authority.pem"}),
            ("entra", {"evidence_scope": "api://evidence/another"}),
            ("github", {"host": "github.example"}),
            ("github", {"api_url": "https://github.example/api"}),
            ("oidc", {"issuer": "https://issuer.example/"}),
            ("oidc", {"accept_amr": {"mfa": "mfa", "otp": "mfa"}}),
            ("oidc", {"max_age": 300}),
        ],
    )
    def test_it_changes_with_everything_else(self, kind: str, changes: dict[str, Any]) -> None:
        assert fingerprint(settings(kind)) != fingerprint(settings(kind, **changes))

    def test_it_is_64_hex_digits_and_does_not_depend_on_the_order(self) -> None:
        one = fingerprint(settings("oidc", accept_amr={"mfa": "mfa", "otp": "mfa"}))
        two = fingerprint(settings("oidc", accept_amr={"otp": "mfa", "mfa": "mfa"}))
        assert one == two
        assert len(bytes.fromhex(one)) == 32

    def test_another_tenant_does_not_make_the_registration_unproven(self) -> None:
        more = {
            TENANT: {"name": "Contoso", "contexts": {"c1": "mfa"}, "contexts_attested_on": "2026-11-21"},
            OTHER_TENANT: {"name": "Fabrikam", "guests": True},
        }
        assert fingerprint(settings("entra", tenants=more)) == fingerprint(settings("entra"))

    def test_neither_a_new_attestation_nor_its_date_does(self) -> None:
        dates = ["2026-11-21", "2027-11-20"]
        tenants = [{TENANT: {**ATTESTED, "contexts_attested_on": day}} for day in dates]
        prints = {fingerprint(settings("entra", tenants=each)) for each in (*tenants, {})}
        assert prints == {fingerprint(settings("entra"))}

    def test_kinds_never_share_one(self) -> None:
        assert len({fingerprint(settings(kind)) for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("name", ["", "GitHub", "1github", "git hub", "a" * 33, "-a", "a/b"])
def test_a_providers_id_is_a_plain_word(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(ProviderId).validate_python(name)
