"""T12: whatever a registry, a provider or a person calls itself is text, and stays in its place."""

import re

import pytest
from flask import Flask, render_template

from broker.signin.admins import Application
from broker.web.texts import AdminText, Explanation, Link
from tests.web.account_sample import account
from tests.web.campaign_samples import campaign_pages_of
from tests.web.claiming_samples import claim_pages_of
from tests.web.conversion_samples import conversion_pages_of
from tests.web.operator_samples import hostile_operator_pages
from tests.web.organization_samples import organization_pages_of
from tests.web.recovery_samples import evidence_of, recovery_pages_of
from tests.web.samples import CHOOSE, DEVICE, GITHUB, WORK, for_admins, option, refused
from tests.web.tenant_samples import tenant_pages_of
from tests.web.test_pages import HERE, read

HOSTILE = "<script>alert(1)</script>\"'\N{RIGHT-TO-LEFT OVERRIDE}&{{ 7*7 }}"
HOSTILE_CONTEXTS = {
    "choose.html": {
        **CHOOSE,
        "client_name": HOSTILE,
        "need": HOSTILE,
        "options": [
            option(GITHUB, name=HOSTILE, note=HOSTILE),
            option(GITHUB, name=HOSTILE, unavailable=HOSTILE),
        ],
    },
    "refused.html": refused(
        Explanation(
            title=HOSTILE,
            sentence=HOSTILE,
            steps=(HOSTILE, HOSTILE),
            links=(Link(label=HOSTILE, url=f"https://a.example/{HOSTILE}"),),
        ),
        GITHUB,
        provider_name=HOSTILE,
        reason=HOSTILE,
        remedy=HOSTILE,
        upstream_code=HOSTILE,
        correlation_id=HOSTILE,
        for_admins=f"https://a.example/{HOSTILE}",
        back={"label": HOSTILE, "url": f"/{HOSTILE}"},
    ),
    "leave.html": {"target_name": HOSTILE, "url": f"https://a.example/{HOSTILE}"},
    "account.html": account(
        person={"name": HOSTILE, "email": HOSTILE, "email_verified": False},
        offer={"name": HOSTILE, "email": HOSTILE},
        notice=HOSTILE,
        identities=[{**account()["identities"][0], "provider_name": HOSTILE, "id": HOSTILE}],
        linkable=[{"id": HOSTILE, "name": HOSTILE, "kind": "oidc"}],
        sessions=[{**account()["sessions"][1], "provider_name": HOSTILE, "proof": HOSTILE, "id": HOSTILE}],
        registries=[{**account()["registries"][0], "client_id": HOSTILE, "name": HOSTILE, "knows": [HOSTILE]}],
        organizations=[{"id": HOSTILE, "name": HOSTILE, "role": "member", "suspended": True}],
        registry_accounts=[HOSTILE],
    ),
    "work.html": {**WORK, "typed": HOSTILE, "unknown": True, "directly": [{"name": HOSTILE, "url": f"/{HOSTILE}"}]},
    "for_admins.html": {
        **for_admins("AADSTS90094"),
        "text": AdminText(title=HOSTILE, happened=HOSTILE, steps=(HOSTILE, HOSTILE), consent=True),
        "code": HOSTILE,
        "correlation_id": HOSTILE,
        "issuer": HOSTILE,
        "application": Application(name=HOSTILE, client_id=HOSTILE, scopes=(HOSTILE,), any_tenant=True),
    },
    "message.html": {
        "title": HOSTILE,
        "sentence": HOSTILE,
        "steps": (HOSTILE,),
        "link": {"label": HOSTILE, "url": f"/{HOSTILE}"},
    },
    "email_confirm.html": {"token": HOSTILE},
    "device.html": {"user_code": HOSTILE, "problem": HOSTILE},
    "device_confirm.html": {
        **DEVICE,
        "client_name": HOSTILE,
        "user_code": HOSTILE,
        "wants": [HOSTILE],
        "person": {"name": HOSTILE},
    },
    "consent.html": {
        "client_name": HOSTILE,
        "client_home": HOSTILE,
        "wants": [HOSTILE],
        "person": {"name": HOSTILE},
    },
    "logout.html": {"client_name": HOSTILE, "returns": True, "fields": {HOSTILE: HOSTILE}},
    "form_post.html": {"url": f"https://a.example/{HOSTILE}", "fields": {HOSTILE: HOSTILE}, "script": ""},
    "probe_done.html": {"provider_name": HOSTILE, "satisfied": False, "shown": {HOSTILE: HOSTILE}},
    **organization_pages_of(HOSTILE),
    **tenant_pages_of(HOSTILE),
    **claim_pages_of(HOSTILE),
    **conversion_pages_of(HOSTILE),
    **recovery_pages_of(HOSTILE),
    **campaign_pages_of(HOSTILE),
    **hostile_operator_pages(HOSTILE),
    "migration/recovery_evidence.html": {"recovery": evidence_of(HOSTILE)},
}


# What these show is our own, and never what somebody else wrote.
OUR_OWN = {
    *("layout.html", "parts.html", "home.html", "error.html", "erase.html"),
    *(
        "organizations/parts.html",
        "tenants/parts.html",
        "migration/claim_parts.html",
        "migration/conversion_parts.html",
        "migration/operator_parts.html",
    ),
}


def test_t12_every_page_that_shows_what_others_wrote_is_tried() -> None:
    templates = HERE / "templates"
    found = {path.relative_to(templates).as_posix() for path in templates.rglob("*.html")}
    assert found - OUR_OWN == set(HOSTILE_CONTEXTS)


@pytest.mark.parametrize("template", HOSTILE_CONTEXTS)
def test_t12_a_hostile_name_is_text_everywhere(app: Flask, template: str) -> None:
    with app.test_request_context():
        html = render_template(template, **HOSTILE_CONTEXTS[template])
    page = read(html)
    assert html.count("<script>") == len(page.named("script")) == (template == "form_post.html")
    assert "{{ 7*7 }}" in html
    # A form's token is random, and may have any digits.
    assert "49" not in re.sub(r'name="csrf_token" value="[^"]*"', "", html)
    attributes = {name for tag in page.tags for name in tag.attributes}
    assert not any(name.startswith("on") or name == "style" for name in attributes)


@pytest.mark.parametrize(
    "template",
    [
        *("choose.html", "work.html", "account.html", "leave.html", "device_confirm.html", "consent.html"),
        *("logout.html", *organization_pages_of(HOSTILE), *tenant_pages_of(HOSTILE)),
        *claim_pages_of(HOSTILE),
        *conversion_pages_of(HOSTILE),
        *recovery_pages_of(HOSTILE),
        *campaign_pages_of(HOSTILE),
    ],
)
def test_t12_a_name_cannot_turn_the_text_around_it(app: Flask, template: str) -> None:
    with app.test_request_context():
        html = render_template(template, **HOSTILE_CONTEXTS[template])
    body = html[html.index("<h1>") :]
    for element in re.findall(r"<(h1|h2|button|a)\b[^>]*>(.*?)</\1>", body, re.DOTALL):
        without_isolated = re.sub(r"<bdi[^>]*>.*?</bdi>|<span class=\"line\">.*?</span>", "", element[1])
        assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in without_isolated
