"""One example of each page, as the features would show it."""

from dataclasses import dataclass
from typing import Any

from broker.oidc.consent.words import WORDS
from broker.signin.admins import Application
from broker.signin.way_in import LINKED
from broker.web.texts import ADMIN_CENTER, ADMINS, explain_fault, explain_verdict
from claims.decision import Reason
from providers.provider import Fault, Missing
from tests.web.account_sample import LONG, NOW, Context, account, only_account, verdict
from tests.web.campaign_samples import CAMPAIGN_PAGES
from tests.web.claiming_samples import CLAIM_PAGES
from tests.web.conversion_samples import CONVERSION_PAGES
from tests.web.operator_samples import OPERATOR_PAGES
from tests.web.organization_samples import ORGANIZATION_PAGES
from tests.web.recovery_samples import RECOVERY_PAGES
from tests.web.tenant_samples import TENANT_PAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedProvider:
    """A provider, as far as texts care."""

    name: str
    kind: str
    set_up_url: str | None = None


MICROSOFT = NamedProvider(name="Microsoft", kind="microsoft_account")
CONTOSO = NamedProvider(name="Contoso", kind="entra")
GITHUB = NamedProvider(name="GitHub", kind="github", set_up_url="https://github.com/settings/security")
GOOGLE = NamedProvider(
    name="Google",
    kind="oidc",
    set_up_url="https://myaccount.google.com/signinoptions/two-step-verification",
)
PROVIDERS = (MICROSOFT, CONTOSO, GITHUB, GOOGLE)


def option(provider: NamedProvider, **more: Any) -> Context:
    """Return a choice of the provider chooser."""
    return {
        "id": provider.kind,
        "name": provider.name,
        "kind": provider.kind,
        "url": f"/signin/{provider.kind}",
        "note": None,
        "unavailable": None,
        **more,
    }


def refused(explanation: object, provider: NamedProvider, **more: Any) -> Context:
    """Return the context of a refusal."""
    return {
        "eyebrow": "You are not signed in yet",
        "explanation": explanation,
        "reason": "too_weak",
        "remedy": "turn_on_mfa",
        "provider_name": provider.name,
        "upstream_code": None,
        "correlation_id": None,
        "reference": "K7QF2MXW9D",
        "for_admins": None,
        "retry_url": f"/signin/{provider.kind}",
        "others": [option(each) for each in PROVIDERS[:3] if each is not provider],
        "back": {"label": "Back to crates.example without signing in", "url": "https://crates.example/cb"},
        **more,
    }


CHOOSE: Context = {
    "client_name": "crates.example",
    "options": [option(MICROSOFT), option(CONTOSO), option(GITHUB)],
    "cancel_url": "/signin/cancel",
    "work_url": "/work/6Zt0mFQ",
    "need": "This registry lets you in once your provider has proven a second factor.",
}

WORK: Context = {
    "action": "/work/6Zt0mFQ",
    "field": "work",
    "typed": "",
    "unknown": False,
    "directly": [{"name": "Work account", "url": "/signin/6Zt0mFQ/entra"}],
    "chooser_url": "/signin/6Zt0mFQ",
}

CORRELATION_ID = "aaaa0000-bb11-2222-33cc-444444dddddd"


def for_admins(code: str, **more: Any) -> Context:
    """Return the context of the page for the administrator of a tenant."""
    return {
        "text": ADMINS[code],
        "code": code,
        "correlation_id": CORRELATION_ID,
        "application": Application(
            name="Work account",
            client_id="22222222-0000-4000-8000-000000000000",
            scopes=("openid", "profile", "email", "api://33333333-0000-4000-8000-000000000000/mfa_evidence"),
            any_tenant=True,
        ),
        "issuer": "https://id.registry.example",
        "center": ADMIN_CENTER,
        **more,
    }


CONSENT: Context = {
    "client_name": "crates.example",
    "client_home": "https://crates.example",
    "wants": list(WORDS.values()),
    "person": {"name": "Ada Author"},
}

DEVICE: Context = {
    "client_name": "Crates command line",
    "user_code": "WDJB-MJHT",
    "asked_at": NOW,
    "wants": ["Know your name", "Stay signed in after you leave, until you end it on your account page"],
    "person": {"name": "Ada Lovelace"},
    "account_id": "00000000-0000-4000-8000-000000000001",
    "action": "/device/confirm/6Zt0mFQ",
}

PAGES: dict[str, tuple[str, Context]] = {
    "home": ("home.html", {"signed_in": False, "has_old_world": False}),
    "home-signed-in": ("home.html", {"signed_in": True, "has_old_world": True}),
    "choose": ("choose.html", CHOOSE),
    "choose-some": (
        "choose.html",
        {
            **CHOOSE,
            "options": [
                option(CONTOSO, note=LINKED),
                option(GITHUB, unavailable="Cannot prove the sign-in itself, which this registry asks for"),
                option(GOOGLE),
            ],
        },
    ),
    "choose-none": ("choose.html", {**CHOOSE, "options": [], "cancel_url": None, "work_url": None}),
    "work": ("work.html", WORK),
    "work-unknown": ("work.html", {**WORK, "typed": "contoso", "unknown": True}),
    "for-admins": ("for_admins.html", for_admins("AADSTS53003")),
    "for-admins-consent": ("for_admins.html", for_admins("AADSTS90094", correlation_id=None)),
    "refused-github": ("refused.html", refused(explain_verdict(verdict(Reason.TOO_WEAK), GITHUB), GITHUB)),
    "refused-microsoft": (
        "refused.html",
        refused(explain_verdict(verdict(Reason.NOT_DISCLOSED), MICROSOFT), MICROSOFT),
    ),
    "refused-entra": ("refused.html", refused(explain_verdict(verdict(Reason.TOO_WEAK), CONTOSO), CONTOSO)),
    "refused-policy": (
        "refused.html",
        refused(
            explain_fault(Fault.BLOCKED_BY_POLICY, CONTOSO),
            CONTOSO,
            reason="blocked_by_policy",
            remedy="none",
            upstream_code="AADSTS53003",
            correlation_id=CORRELATION_ID,
            for_admins=f"https://id.registry.example/for-admins/entra/AADSTS53003?correlation_id={CORRELATION_ID}",
        ),
    ),
    "refused-managed": (
        "refused.html",
        refused(
            explain_verdict(verdict(Reason.NOT_DISCLOSED), GITHUB, Missing.MANAGED_ACCOUNT),
            GITHUB,
            retry_url=None,
            others=[],
            back=None,
        ),
    ),
    "refused-step-up": (
        "refused.html",
        refused(
            explain_verdict(verdict(Reason.ACR_UNMET), GITHUB),
            GITHUB,
            reason="acr_unmet",
            remedy="use_another_provider",
            others=[option(MICROSOFT, note=LINKED), option(CONTOSO)],
        ),
    ),
    "error": (
        "error.html",
        {
            "title": "This request does not add up",
            "sentence": "The registry gave an address to return to that it has not registered with us.",
            "next_step": "Go back to the registry and tell its people. Nothing has happened to your account.",
            "code": "invalid_request",
            "reference": "K7QF2MXW9D",
            "link": None,
        },
    ),
    "error-link": (
        "error.html",
        {
            "title": "Slow down a little",
            "sentence": "There were too many requests in a short time.",
            "next_step": "Wait a few minutes, then try again.",
            "code": "too_many_requests",
            "reference": "K7QF2MXW9D",
            "link": {"label": "Back to your account", "url": "/account"},
        },
    ),
    # A page that stays: the real one is gone at once.
    "leave": ("leave.html", {"target_name": "crates.example", "url": "#main"}),
    "account": ("account.html", account()),
    "account-new": ("account.html", only_account()),
    "erase": ("erase.html", {}),
    "logout": (
        "logout.html",
        {
            "client_name": "crates.example",
            "returns": True,
            "fields": {"client_id": "crates", "post_logout_redirect_uri": "https://crates.example/bye"},
        },
    ),
    "logout-nobody": ("logout.html", {"client_name": None, "returns": False, "fields": {}}),
    "message": (
        "message.html",
        {
            "title": "A link is on its way",
            "sentence": "We have sent a link to your new address. It works for one hour.",
            "steps": ("Open the message and follow the link.", "Didn't it come? Look among unwanted mail."),
            "link": {"label": "Back to your account", "url": "/account"},
        },
    ),
    "message-short": (
        "message.html",
        {
            "title": "You are signed out",
            "sentence": "Your session here has ended. At your provider you may still be signed in.",
            "steps": (),
            "link": None,
        },
    ),
    "email-confirm": ("email_confirm.html", {"token": "6Zt0mFQ"}),
    "probe": (
        "probe_done.html",
        {
            "provider_name": "Contoso",
            "satisfied": True,
            "shown": {
                "access_token.amr": "pwd, mfa",
                "access_token.ver": "1.0",
                "id_token.acrs": "c1",
                "id_token.oid": "6902…8e474",
                "id_token.name": "(a name)",
            },
        },
    ),
    "consent": ("consent.html", CONSENT),
    "consent-long": (
        "consent.html",
        {**CONSENT, "client_name": LONG, "client_home": f"https://{'a' * 63}.{'b' * 63}.example:8443"},
    ),
    "consent-foreign": (
        "consent.html",
        {
            **CONSENT,
            "client_name": "סיפריית החבילות 2",
            "client_home": "https://xn--4dbrk0ce.example",
            "wants": [WORDS["openid"]],
            "person": {"name": None},
        },
    ),
    "device": ("device.html", {"user_code": "", "problem": None}),
    "device-wrong": ("device.html", {"user_code": "WDJB-MJHT", "problem": "This code is not known, or has expired."}),
    "device-confirm": ("device_confirm.html", DEVICE),
    "device-confirm-nameless": ("device_confirm.html", {**DEVICE, "person": {"name": None}}),
    "probe-failed": ("probe_done.html", {"provider_name": "Contoso", "satisfied": False, "shown": {}}),
    **ORGANIZATION_PAGES,
    **CONVERSION_PAGES,
    **TENANT_PAGES,
    **CLAIM_PAGES,
    **RECOVERY_PAGES,
    **CAMPAIGN_PAGES,
    **OPERATOR_PAGES,
}
