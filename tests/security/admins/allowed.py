"""Who may call what: every page and every resource of admins and operators. Who is not in a set may not."""

from collections.abc import Mapping

from tests.security.admins import old_world
from tests.security.admins.people import Who
from tests.security.admins.rules import (
    ADMINS,
    DECIDING,
    EVERYBODY,
    FRESH,
    INVITED,
    OPERATORS,
    SIGNED_IN,
    WITH_MFA,
    Row,
    Rule,
    rows,
)
from tests.security.admins.samples import MORE_STRICT, RULE_FORM, asked, exception_form, exception_wish, sample

STOPPING = ADMINS | {Who.SUSPENDED}  # or who tightens a rule could silence the others by it
MEMBERS = ADMINS | {Who.MEMBER}
SEEING = MEMBERS | STOPPING  # of the organisation's page, as much as is for them
LEAVING = frozenset({Who.ADMIN, Who.MEMBER, Who.SUSPENDED, Who.SUSPENDED_MEMBER})
INSIDE = frozenset({Who.MEMBER, Who.SUSPENDED, Who.SUSPENDED_MEMBER})  # who knows that there is such an organisation

MAPPING_VERBS = (
    sample(mapping_id="proven", verb="approve"),
    sample(mapping_id="proven", verb="refuse"),
    sample(verb="suspend"),
    sample(mapping_id="suspended", verb="resume"),
    sample(verb="release"),
)
SWITCHES = tuple(
    sample({"kind": kind, "target": target})
    for kind, target in {
        "provider": "github",
        "tenant": "northwind",
        "client": "registry",
        "read_only": "",
        "sign_up": "",
    }.items()
)
EXCEPTION_VERBS = tuple(sample(verb=verb) for verb in ("approve", "refuse", "end"))

# fmt: off
PAGES = {
    **rows("", {
        "GET /organizations": (SIGNED_IN, asked()),
        "POST /organizations": (WITH_MFA, asked(name="One more")),
        "GET /invitations/<token>": (EVERYBODY, asked()),
        "POST /invitations/<token>": (INVITED, asked()),
        "GET /callback/<provider_id>/consent": (FRESH, asked(state="state", admin_consent="True", tenant="wanted")),
        "GET /operator": (OPERATORS, asked()),
        "GET /operator/sign-ins": (OPERATORS, asked()),
        "GET /operator/switches": (OPERATORS, asked()),
        "GET /operator/switches/throw": (OPERATORS, SWITCHES),
        "POST /operator/switches/throw": (DECIDING, SWITCHES),
        "POST /operator/switches/restore": (DECIDING, asked(kind="client", target="off")),
        "POST /operator/mappings/<mapping_id>/<verb>": (DECIDING, MAPPING_VERBS),
        "POST /operator/exceptions/<exception_id>/<verb>": (DECIDING, EXCEPTION_VERBS),
    }),
    **rows("/organizations/<organization_id>", {
        "GET ": (SEEING, asked()),
        "POST /name": (FRESH, asked(name="Renewed")),
        "POST /leave": (LEAVING, asked()),
        "POST /changes/<change_id>/stop": (STOPPING, asked()),
        "POST /members/<account_id>/role": (FRESH, asked(role="admin")),
        "POST /members/<account_id>/remove": (FRESH, asked()),
        "POST /invitations": (FRESH, asked(email="somebody@example.org")),
        "POST /invitations/<invitation_id>/withdraw": (STOPPING, asked()),
        "GET /rules": (ADMINS, asked()),
        "GET /rules/preview": (ADMINS, (sample(RULE_FORM),)),
        "POST /rules": (FRESH, (sample(RULE_FORM),)),
        "GET /exceptions": (ADMINS, asked()),
        "POST /exceptions": (FRESH, (exception_form(scope="northwind", people="2"),)),
        "POST /exceptions/<exception_id>/end": (FRESH, asked()),
        "POST /tenants": (FRESH, asked(tenant="unclaimed", name="Another tenant", provider="entra")),
    }),
    **rows("/organizations/<organization_id>/tenants/<mapping_id>", {
        "GET ": (ADMINS, asked()),
        "GET /rules": (ADMINS, asked()),
        "GET /rules/preview": (ADMINS, (sample(RULE_FORM),)),
        "POST /rules": (FRESH, (sample(RULE_FORM),)),
        "POST /prove": (FRESH, (sample(mapping_id="requested"),)),
        "POST /domains": (FRESH, asked(domains="northwind.example")),
        "POST /suspend": (FRESH, asked()),
        "POST /resume": (FRESH, (sample(mapping_id="suspended"),)),
        "POST /release": (FRESH, asked()),
        "POST /attestations": (FRESH, asked(context="c2", strength="mfa", sign="yes")),
        "POST /attestations/<context>/revoke": (FRESH, asked()),
    }),
}

API = {
    **rows("/api", {
        "GET /organizations": (SIGNED_IN, asked()),
        "POST /organizations": (WITH_MFA, asked(name="One more")),
        "GET /operator/requests": (OPERATORS, asked()),
        "GET /operator/organizations": (OPERATORS, asked()),
        "GET /operator/mappings": (OPERATORS, asked()),
        "POST /operator/mappings/<mapping_id>/<verb>": (DECIDING, MAPPING_VERBS),
        "GET /operator/exceptions": (OPERATORS, asked()),
        "POST /operator/exceptions/<exception_id>/<verb>": (DECIDING, EXCEPTION_VERBS),
    }),
    **rows("/api/organizations/<organization_id>", {
        "GET ": (MEMBERS, asked()),
        "PATCH ": (FRESH, asked(name="Renewed")),
        "GET /changes": (STOPPING, asked()),
        "DELETE /changes/<change_id>": (STOPPING, asked()),
        "GET /members": (MEMBERS, asked()),
        "PATCH /members/<account_id>": (FRESH, asked(role="admin")),
        "DELETE /members/<account_id>": (FRESH, asked()),
        "POST /leave": (LEAVING, asked()),
        "GET /invitations": (STOPPING, asked()),
        "POST /invitations": (FRESH, asked(email="somebody@example.org")),
        "GET /invitations/<invitation_id>": (ADMINS, asked()),
        "DELETE /invitations/<invitation_id>": (STOPPING, asked()),
        "GET /rule": (ADMINS, asked()),
        "PUT /rule": (FRESH, (sample(MORE_STRICT),)),
        "POST /rule/preview": (ADMINS, (sample(MORE_STRICT),)),
        "GET /exceptions": (ADMINS, asked()),
        "POST /exceptions": (FRESH, (exception_wish(tid="northwind", people=2),)),
        "GET /exceptions/<exception_id>": (ADMINS, asked()),
        "DELETE /exceptions/<exception_id>": (FRESH, asked()),
        "GET /tenants": (ADMINS, asked()),
        "POST /tenants": (FRESH, asked(provider="entra", tid="unclaimed", name="Another tenant")),
    }),
    **rows("/api/organizations/<organization_id>/tenants/<mapping_id>", {
        "GET ": (ADMINS, asked()),
        "PUT /domains": (FRESH, asked(domains=["northwind.example"])),
        "POST /suspend": (FRESH, asked()),
        "POST /resume": (FRESH, (sample(mapping_id="suspended"),)),
        "POST /release": (FRESH, asked()),
        "GET /rule": (ADMINS, asked()),
        "PUT /rule": (FRESH, (sample(MORE_STRICT),)),
        "POST /rule/preview": (ADMINS, (sample(MORE_STRICT),)),
        "GET /attestations": (ADMINS, asked()),
        "PUT /attestations/<context>": (FRESH, asked(strength="phishing_resistant", every_time=True)),
        "DELETE /attestations/<context>": (FRESH, asked()),
    }),
}
# fmt: on

TABLE: Mapping[Rule, Row] = {**PAGES, **old_world.PAGES, **old_world.CASES, **old_world.DOORS, **API}


def refusal(who: Who, rule: Rule) -> int:
    """Return the status by which somebody is refused who may not."""
    if (of_old_world := old_world.refusal(who, rule)) is not None:
        return of_old_world
    if rule.rule.startswith("/callback/"):
        return 400  # not begun by this browser, or over
    if rule.rule.startswith("/invitations/"):
        return 403  # the link was sent to somebody else
    if who is Who.NOBODY:
        return 401 if rule.is_api else 303 if rule.method == "GET" else 403
    if who is Who.EXEMPT:
        return 404 if rule.is_operators else 403
    if who is (Who.STALE_OPERATOR if rule.is_operators else Who.STALE):
        # The API says how to come with a fresh one (RFC 9470).
        return 401 if rule.is_api else 403
    return 403 if who in INSIDE and not rule.is_operators else 404
