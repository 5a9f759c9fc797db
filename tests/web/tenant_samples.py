"""Examples of the pages of tenants, exceptions and operators: each state, names of the longest kind, and problems."""

from datetime import timedelta
from typing import Any

from broker.accounts.organizations.rule_words import Line
from broker.tenants.errors import BadInput
from broker.tenants.pages.words import CONTEXTS, NOTICES, OPERATOR_NOTICES, WORTH, Words
from tests.web.account_sample import LONG, NOW, Context
from tests.web.organization_samples import HEBREW, ORGANIZATION, TID, change

HERE = f"/organizations/{ORGANIZATION['id']}"
ACTIVE = Words(tag="active", sentence="People of this tenant can sign in with it.", next_step="Nothing.", good=True)
REQUESTED = Words(tag="asked for", sentence="Nobody can sign in through it yet.", next_step="Prove it.")
REASON = "Our people may bring no telephones to where they work.\nThe bank forbids it."

FACTS: Context = {
    "name": "Contoso",
    "tid": TID,
    "provider_name": "Work account",
    "requested_by": "Ada Author",
    "requested_at": NOW - timedelta(days=3),
    "proven_at": NOW - timedelta(days=2),
    "speaks": True,
}


def attestation(context: str, **more: Any) -> Context:
    """Return an attestation."""
    return {
        "context": context,
        "worth": "MFA",
        "every_time": False,
        "signed_at": NOW - timedelta(days=100),
        "signed_by": "Ada Author",
        "review_by": NOW + timedelta(days=265),
        "counts": True,
        **more,
    }


def tenant(**more: Any) -> Context:
    """Return the context of a tenant's page: an active one, unless told otherwise."""
    return {
        "organization": ORGANIZATION,
        "here": f"{HERE}/tenants/mapping-1",
        "fresh": True,
        "notice": None,
        "problem": None,
        "tenant": FACTS,
        "words": ACTIVE,
        "changes": [],
        "can": {"rule", "sign", "domains", "suspend", "release"},
        "rule": [
            Line(label="Proof", text="a phishing-resistant sign-in, such as with a passkey"),
            Line(label="Guests", text="not let in"),
            Line(label="Providers", text="only", names=("Work account", HEBREW)),
        ],
        "attestations": [
            attestation("c1"),
            attestation("c2", worth="phishing-resistant MFA", every_time=True, counts=False, signed_by=None),
        ],
        "contexts": CONTEXTS,
        "worths": {each.label: text for each, text in WORTH.items()},
        "domains": ["contoso.example", f"{'a' * 63}.{'b' * 63}.example"],
        "typed": {},
        **more,
    }


def exception(number: int, **more: Any) -> Context:
    """Return an exception as its organisation sees it."""
    return {
        "id": f"exception-{number}",
        "words": Words(tag="waits for operators", sentence="0 of 1 operators have approved it.", next_step=""),
        "tenant": "Contoso",
        "people": 12,
        "taken": 0,
        "members": [],
        "reason": REASON,
        "requested_by": "Ada Author",
        "requested_at": NOW - timedelta(days=1),
        "ends_at": NOW + timedelta(days=30),
        "open": True,
        "asked": True,
        **more,
    }


def exceptions(**more: Any) -> Context:
    """Return the context of the page of exceptions."""
    runs = Words(tag="runs", sentence="It runs.", next_step="", good=True)
    over = Words(tag="ended", sentence="It excuses nobody any more.", next_step="")
    return {
        "organization": ORGANIZATION,
        "here": f"{HERE}/exceptions",
        "fresh": True,
        "notice": NOTICES["exception_requested"],
        "problem": None,
        "exceptions": [
            exception(1),
            exception(2, words=runs, taken=3, asked=False, tenant=LONG, reason=LONG * 3),
            exception(3, words=over, open=False, tenant=None, people=2, members=["Ada Author", HEBREW]),
        ],
        "tenants": [{"tid": TID, "name": "Contoso"}, {"tid": "other", "name": LONG}],
        "members": [{"id": "m-1", "name": "Ada Author"}, {"id": "m-2", "name": HEBREW}, {"id": "m-3", "name": None}],
        "limits": {
            "people": 10_000,
            "one_operator": 20,
            "days": 90,
            "first_day": "2026-11-22",
            "last_day": "2027-02-20",
        },
        "typed": {"scope": "", "people": "", "reason": "", "last_day": "", "members": []},
        **more,
    }


def claim(number: int, **more: Any) -> Context:
    """Return a mapping as operators see it."""
    return {
        "id": f"mapping-{number}",
        "name": "Contoso",
        "tid": TID,
        "organization": "Example Crates",
        "state": "proven",
        "suspended_by": None,
        "requested_at": NOW - timedelta(days=3),
        "proven_at": NOW - timedelta(days=2),
        "speaks": True,
        "domains": ["contoso.example"],
        **more,
    }


def wanted(number: int, **more: Any) -> Context:
    """Return an exception as operators see it."""
    return {
        "id": f"exception-{number}",
        "organization": "Example Crates",
        "tenant": "Contoso",
        "people": 25,
        "taken": 3,
        "reason": REASON,
        "requested_at": NOW - timedelta(days=1),
        "ends_at": NOW + timedelta(days=30),
        "approvals": 1,
        "approvals_needed": 2,
        "own": False,
        "approved": False,
        **more,
    }


def operator(**more: Any) -> Context:
    """Return the context of the operators' page."""
    other = claim(2, organization=HEBREW, name=LONG, state="active", speaks=False)
    suspended = claim(3, state="suspended", suspended_by="operator", name=HEBREW)
    return {
        "fresh": True,
        "has_old_world": True,
        "notice": OPERATOR_NOTICES["supported"],
        "claims": [
            {"tid": TID, "mappings": [claim(1), other], "contested": True},
            {"tid": TID, "mappings": [claim(4)], "contested": False},
        ],
        "asked": [wanted(1), wanted(2, approved=True, organization=LONG), wanted(3, own=True, tenant=None)],
        "running": [wanted(4, tenant=LONG), wanted(5, tenant=None)],
        "suspended": [suspended],
        "tenants": [
            claim(1),
            other,
            suspended,
            claim(5, state="requested", proven_at=None, domains=[]),
            claim(6, state="suspended", suspended_by="admin"),
            claim(7, state="released"),
        ],
        "count": 61,
        "search": "cont",
        **more,
    }


ASK: Context = {
    "organization": ORGANIZATION,
    "providers": {"entra": "Work account", "other": HEBREW},
    "typed": {"tenant": "nobody.example", "name": "Nobody", "provider": "other"},
    "problem": BadInput("tid", "unknown_domain", "Microsoft knows no tenant that has this domain."),
}

TENANT_PAGES: dict[str, tuple[str, Context]] = {
    "tenant": ("tenants/tenant.html", tenant()),
    "tenant-requested": (
        "tenants/tenant.html",
        tenant(
            words=REQUESTED,
            tenant={**FACTS, "proven_at": None, "requested_by": None, "name": LONG},
            can={"prove", "withdraw"},
            attestations=[],
            notice=NOTICES["requested"],
        ),
    ),
    "tenant-waiting": (
        "tenants/tenant.html",
        tenant(
            changes=[change("Give up the tenant", HEBREW)],
            can={"rule", "sign", "domains", "suspend"},
            attestations=[],
            domains=[],
            fresh=False,
        ),
    ),
    "tenant-not-signed": (
        "tenants/tenant.html",
        tenant(
            problem=BadInput("sign", "not_signed", "Tick the box if you state this. Nothing was signed."),
            typed={"context": "c7", "strength": "phishing_resistant", "every_time": "yes"},
        ),
    ),
    "tenant-ask": ("tenants/ask.html", ASK),
    "exceptions": ("tenants/exceptions.html", exceptions()),
    "exceptions-none": (
        "tenants/exceptions.html",
        exceptions(exceptions=[], tenants=[], members=[], notice=None),
    ),
    "exceptions-problem": (
        "tenants/exceptions.html",
        exceptions(
            exceptions=[],
            notice=None,
            problem=BadInput("people", "out_of_range", "An exception covers 1 to 10000 people."),
            typed={"scope": TID, "people": "0", "reason": REASON, "last_day": "2026-12-01", "members": ["m-2"]},
        ),
    ),
    "operator": ("operator.html", operator()),
    "operator-nothing": (
        "operator.html",
        operator(claims=[], asked=[], running=[], suspended=[], tenants=[], count=0, search="", notice=None),
    ),
}


def tenant_pages_of(name: str) -> dict[str, Context]:
    """Return, by template, pages on which everything that people chose is called ``name``."""
    said = Words(tag=name, sentence=name, next_step=name)
    problem = BadInput("tid", name, name)
    return {
        "tenants/tenant.html": tenant(
            organization={"id": name, "name": name},
            here=f"/organizations/{name}",
            notice=name,
            tenant={**FACTS, "name": name, "tid": name, "provider_name": name, "requested_by": name},
            words=said,
            changes=[change("Admit the people of", name, " again", asked_by=name)],
            contexts=("c1", name),
            can={"rule", "sign", "domains", "suspend", "resume", "release", "prove", "withdraw"},
            rule=[Line(label=name, text=name, names=(name,))],
            attestations=[attestation(name, worth=name, signed_by=name)],
            domains=[name],
            problem=BadInput("domains", name, name),
            typed={"domains": name, "context": name},
        ),
        "tenants/ask.html": {
            "organization": {"id": name, "name": name},
            "providers": {"entra": name, name: name},
            "typed": {"tenant": name, "name": name, "provider": name},
            "problem": problem,
        },
        "tenants/exceptions.html": exceptions(
            organization={"id": name, "name": name},
            here=f"/organizations/{name}",
            notice=name,
            problem=BadInput("reason", name, name),
            exceptions=[
                exception(1, id=name, words=said, tenant=name, reason=name, requested_by=name),
                exception(2, tenant=None, members=[name, name]),
            ],
            tenants=[{"tid": name, "name": name}],
            members=[{"id": name, "name": name}],
            typed={"scope": name, "people": name, "reason": name, "last_day": name, "members": [name]},
        ),
        "operator.html": operator(
            notice=name,
            claims=[
                {
                    "tid": name,
                    "mappings": [claim(1, id=name, name=name, organization=name, state="proven")],
                    "contested": True,
                }
            ],
            asked=[wanted(1, id=name, organization=name, tenant=name, reason=name)],
            running=[wanted(2, id=name, organization=name, tenant=name, reason=name)],
            suspended=[claim(2, id=name, name=name, organization=name, state="suspended", suspended_by="admin")],
            tenants=[claim(3, id=name, name=name, organization=name, tid=name, domains=[name], state="active")],
            search=name,
        ),
    }
