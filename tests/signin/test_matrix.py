"""It must show 1: how each persona ends, at the real HTTP surface, as the evidence matrix says."""

from dataclasses import dataclass

import pytest

from claims.vocabulary import ACR_MFA, ACR_MFA_ENROLLED, ACR_PHR, ACR_PHRH
from providers.standins import Canary, people
from tests.world import PROVIDERS, Arrival, Page, World

MSA_SECURITY = "https://account.microsoft.com/security"
ENTRA_SECURITY = "https://mysignins.microsoft.com/security-info"
GITHUB_SECURITY = "https://github.com/settings/security"


@dataclass(frozen=True, kw_only=True)
class In:
    """Signed in, with this ``acr``, this ``amr`` (none: the claim is absent) and ``auth_time`` or not."""

    acr: str
    amr: frozenset[str] | None
    auth_time: bool = True


@dataclass(frozen=True, kw_only=True)
class Out:
    """Refused, for this reason, with this remedy, and this link on the page (none: no link is due)."""

    reason: str
    remedy: str
    link: str | None = None
    code: str | None = None


def mfa(*amr: str) -> In:
    return In(acr=ACR_MFA, amr=frozenset({"mfa", *amr}))


ENROLLED = In(acr=ACR_MFA_ENROLLED, amr=None, auth_time=False)


def weak(link: str | None) -> Out:
    return Out(reason="too_weak", remedy="turn_on_mfa", link=link)


def silent(link: str | None = None) -> Out:
    return Out(reason="not_disclosed", remedy="use_another_provider", link=link)


def fault(reason: str, remedy: str, link: str | None = None, code: str | None = None) -> Out:
    return Out(reason=reason, remedy=remedy, link=link, code=code)


MATRIX: dict[tuple[str, str], In | Out] = {
    # Microsoft accounts: acr of the ID token.
    ("msa", "msa-mfa"): mfa(),
    ("msa", "msa-when-forced"): mfa(),
    ("msa", "msa-stale"): mfa(),
    ("msa", "msa-same-email"): mfa(),
    ("msa", "msa-nomfa"): weak(MSA_SECURITY),
    ("msa", "msa-noacr"): silent(MSA_SECURITY),
    ("msa", "msa-declines"): fault("cancelled", "sign_in_again"),
    # Entra tenants: amr of the version-1 access token, and acrs where it is attested.
    ("entra", "entra-mfa"): mfa("pwd"),
    ("entra", "entra-ngcmfa"): mfa("pwd"),
    ("entra", "entra-phr"): In(acr=ACR_PHR, amr=frozenset({"mfa"})),
    ("entra", "entra-when-forced"): mfa("pwd"),
    ("entra", "entra-stale"): mfa("pwd"),
    ("entra", "entra-noemail"): mfa("pwd"),
    ("entra", "entra-edov-false"): mfa("pwd"),
    ("entra", "entra-mfa-demanded"): mfa("pwd"),
    ("entra", "entra-pwd"): weak(ENTRA_SECURITY),
    ("entra", "entra-rsa-only"): weak(ENTRA_SECURITY),
    ("entra", "entra-otp"): weak(ENTRA_SECURITY),
    ("entra", "entra-fed"): weak(ENTRA_SECURITY),
    ("entra", "entra-wiaormfa"): weak(ENTRA_SECURITY),
    ("entra", "entra-acrs-nopolicy"): weak(ENTRA_SECURITY),
    ("entra", "entra-amr-missing"): silent(ENTRA_SECURITY),
    ("entra", "entra-amr-string"): silent(ENTRA_SECURITY),
    ("entra", "entra-guest-of-R"): fault("guest_refused", "use_another_provider"),
    ("entra", "entra-guest-refused"): fault("guest_refused", "use_another_provider"),
    ("entra", "entra-other-tenant"): fault("tenant_not_allowed", "use_another_provider"),
    ("entra", "entra-admin"): mfa("pwd"),
    ("entra", "entra-reader"): mfa("pwd"),
    ("entra", "entra-consent"): mfa("pwd"),
    ("entra", "entra-unassigned"): fault("not_assigned", "ask_admin", code="AADSTS50105"),
    ("entra", "entra-no-application"): fault("misconfigured", "use_another_provider", code="AADSTS700016"),
    # Nobody has mapped Northwind here.
    ("entra", "northwind-admin"): fault("tenant_not_allowed", "use_another_provider"),
    ("entra", "northwind-mfa"): fault("tenant_not_allowed", "use_another_provider"),
    ("entra", "northwind-pwd"): fault("tenant_not_allowed", "use_another_provider"),
    ("entra", "northwind-c1"): fault("tenant_not_allowed", "use_another_provider"),
    ("entra", "northwind-c2"): fault("tenant_not_allowed", "use_another_provider"),
    ("entra", "northwind-guest"): fault("tenant_not_allowed", "use_another_provider"),
    ("entra", "entra-declines"): fault("cancelled", "sign_in_again"),
    ("entra", "entra-no-factor"): fault("mfa_setup_required", "turn_on_mfa", ENTRA_SECURITY, "AADSTS50079"),
    ("entra", "entra-blocked"): fault("blocked_by_policy", "ask_admin", code="AADSTS53003"),
    ("entra", "entra-admin-consent"): fault("admin_consent_required", "ask_admin"),
    # A personal account as a guest of the operator's own tenant (upstreams.md, 1.7, option F).
    ("operator", "entra-msa-guest"): mfa("pwd"),
    # GitHub: a setting of the account, never MFA of the session.
    ("github", "2fa-true"): ENROLLED,
    ("github", "2fa-needs-user"): ENROLLED,
    ("github", "gh-same-email"): ENROLLED,
    ("github", "gh-unverified-email"): ENROLLED,
    ("github", "gh-before"): ENROLLED,
    ("github", "gh-renamed"): ENROLLED,
    ("github", "gh-recycled"): ENROLLED,
    ("github", "2fa-false"): weak(GITHUB_SECURITY),
    ("github", "2fa-null"): silent(),
    ("github", "2fa-absent"): silent(),
    ("github", "2fa-text"): silent(),
    ("github", "gh-reduced"): silent(),
    ("github", "gh-managed"): silent(),
    ("github", "gh-suspended"): fault("account_unusable", "use_another_provider"),
    ("github", "gh-bot"): fault("account_unusable", "use_another_provider"),
    ("github", "gh-email-refused"): fault("email_unverified", "sign_in_again", "https://github.com/settings/emails"),
    ("github", "gh-declines"): fault("cancelled", "sign_in_again"),
    # Any OpenID provider: the acr and amr values the operator takes.
    ("generic", "oidc-mfa"): mfa("pwd", "otp"),
    ("generic", "oidc-when-forced"): mfa("pwd", "otp"),
    ("generic", "oidc-stale"): mfa("pwd", "otp"),
    ("generic", "oidc-unverified-email"): mfa("pwd", "otp"),
    ("generic", "oidc-same-email"): mfa("pwd", "otp"),
    ("generic", "oidc-phr"): In(acr=ACR_PHR, amr=frozenset({"pop", "user", "mfa"})),
    ("generic", "oidc-phrh"): In(acr=ACR_PHRH, amr=frozenset({"hwk", "user", "mfa"})),
    ("generic", "oidc-pwd"): weak(None),
    ("generic", "oidc-silent"): silent(),
    ("generic", "oidc-amr-string"): silent(),
    ("generic", "oidc-no-auth-time"): fault("misconfigured", "use_another_provider"),
    ("generic", "oidc-declines"): fault("cancelled", "sign_in_again"),
}


def test_the_table_names_every_persona_of_every_provider() -> None:
    kinds = {kind for _, kind in PROVIDERS.items()}
    everybody = {persona.id for persona in people(Canary()) if persona.provider in kinds}
    assert {persona for _, persona in MATRIX} == everybody


@pytest.mark.parametrize("provider, persona", MATRIX, ids=[f"{a}-{b}" for a, b in MATRIX])
def test_each_persona_ends_as_the_evidence_matrix_says(world: World, provider: str, persona: str) -> None:
    expected = MATRIX[provider, persona]
    visitor = world.visitor()
    ended = visitor.sign_in(persona, provider)
    if isinstance(expected, In):
        assert isinstance(ended, Arrival), (ended.meta("reason"), ended.text)
        claims = world.registry().redeem(ended, visitor.last_request).claims
        assert claims["acr"] == expected.acr
        assert (None if "amr" not in claims else frozenset(claims["amr"])) == expected.amr
        assert ("auth_time" in claims) is expected.auth_time
    else:
        assert isinstance(ended, Page), ended
        assert ended.status == 403
        assert (ended.meta("reason"), ended.meta("remedy")) == (expected.reason, expected.remedy)
        if expected.link is not None:
            assert expected.link in ended.links
        if expected.code is not None:
            assert expected.code in ended.text
        assert any("/leave/" in link for link in ended.links), "there is a way back"
