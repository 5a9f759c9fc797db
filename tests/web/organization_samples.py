"""Examples of the pages of organisations: as they begin, full, with names of the longest kind, and with a problem."""

from datetime import timedelta
from typing import Any

from broker.accounts.organizations.pages.words import NOTICES
from broker.accounts.organizations.rule_words import BINDINGS, LABELS, STRENGTHS, Line
from tests.web.account_sample import LONG, NOW, Context

TID = "3f6a2b10-6c1e-4a1b-9c2d-f4b21c0de001"
ORGANIZATION = {"id": "6c1f0f2e-8f0e-4c7e-9a55-0d5b1f6f7c11", "name": "Example Crates"}
HEBREW = "סיפריית החבילות 2"

LINES = [
    Line(label="Proof", text="a phishing-resistant sign-in, such as with a passkey"),
    Line(label="Age of the proof", text="at most 8 hours"),
    Line(label="Guests", text="not let in"),
    Line(label="Providers", text="only", names=("GitHub", "Work account")),
]
LOOSER = [
    Line(
        label="Providers",
        text="only",
        names=("GitHub", HEBREW),
        was=Line(label="Providers", text="only", names=("GitHub",)),
    ),
    Line(label="Age of the proof", text="at most 1 day", was=Line(label="Age of the proof", text="at most 8 hours")),
]


def change(before: str, name: str | None, after: str = "", **more: Any) -> Context:
    """Return a change that waits."""
    return {
        "id": f"change-{before}",
        "before": before,
        "name": name,
        "after": after,
        "lines": [],
        "asked_by": "Ada Author",
        "requested_at": NOW - timedelta(hours=3),
        "effective_at": NOW + timedelta(hours=21),
        **more,
    }


def tenant(number: int, name: str, state: str, look: str = "") -> Context:
    """Return a tenant."""
    return {"id": f"tenant-{number}", "name": name, "tid": TID, "state": state, "look": look}


def member(number: int, name: str | None, role: str = "member", **more: Any) -> Context:
    """Return a member as admins see them."""
    return {
        "account_id": f"member-{number}",
        "name": name,
        "email": f"member{number}@contoso.example",
        "role": role,
        "joined_at": NOW - timedelta(days=40 - number),
        "you": number == 0,
        "unmet": None,
        "unseen": False,
        "untold": False,
        **more,
    }


def organization(**more: Any) -> Context:
    """Return the context of the admins' page of an organisation in which a lot happens."""
    return {
        "organization": ORGANIZATION,
        "changes": [
            change("Make", "Grace Author", " an admin"),
            change("Looser rules for the organisation", None, lines=LOOSER, asked_by=None),
            change("Give up the tenant", LONG),
        ],
        "tenants": [
            tenant(1, "Contoso", "active", "good"),
            tenant(2, HEBREW, "suspended", "warn"),
            tenant(3, LONG, "asked for, not proven yet"),
        ],
        "past_tenants": [tenant(4, "Fabrikam", "given up")],
        "providers": [{"id": "work", "name": "Work account"}, {"id": "school", "name": HEBREW}],
        "rule": LINES,
        "members": [
            member(0, "Ada Author", "admin"),
            member(1, "Grace Author", unmet="their last sign-in proved less than the rules ask for"),
            member(2, HEBREW, "admin", untold=True),
            member(3, LONG, unseen=True),
            member(4, None, email=None),
        ],
        "only_admin": False,
        "invitations": [
            {
                "id": "i-1",
                "email": "new@contoso.example",
                "invited_by": "Ada Author",
                "invited_at": NOW - timedelta(days=2),
                "expires_at": NOW + timedelta(days=5),
                "over": False,
            },
            {
                "id": "i-2",
                "email": f"{'a' * 64}@{'b' * 63}.example",
                "invited_by": None,
                "invited_at": NOW - timedelta(days=8),
                "expires_at": NOW - timedelta(days=1),
                "over": True,
            },
        ],
        "exceptions": [
            {
                "scope": "Up to 12 people of",
                "tenant": "Contoso",
                "state": "in effect",
                "runs": True,
                "ends_at": NOW + timedelta(days=40),
            },
            {
                "scope": "1 person, by name",
                "tenant": None,
                "state": "waits for an operator",
                "runs": False,
                "ends_at": NOW + timedelta(days=9),
            },
        ],
        "contact": {"email": f"{'c' * 64}@{'d' * 63}.example", "since": NOW - timedelta(days=3)},
        "fresh": True,
        "typed": {},
        "problems": {},
        "notice": NOTICES["role_waits"],
        **more,
    }


NEW = organization(
    changes=[],
    tenants=[],
    past_tenants=[],
    providers=[],
    rule=[],
    members=[member(0, "Ada Author", "admin")],
    only_admin=True,
    invitations=[],
    exceptions=[],
    contact=None,
    notice=NOTICES["created"],
)

SUSPENDED: Context = {
    "organization": ORGANIZATION,
    "sentence": "Your organisation wants a stronger or more recent proof than your sign-in gave.",
    "next_step": "Sign in again, with your strongest second factor. Your membership comes back by itself.",
    "changes": organization()["changes"],
    "invitations": organization()["invitations"],
    "notice": NOTICES["stopped"],
}

OVERVIEW: Context = {
    "organizations": [
        {"id": "o-1", "name": "Example Crates", "role": "admin", "suspended": None},
        {
            "id": "o-2",
            "name": LONG,
            "role": "member",
            "suspended": {
                "sentence": "Your organisation wants you to sign in with a work account of its own.",
                "next_step": "Sign in with that work account. Your membership comes back by itself.",
            },
        },
        {"id": "o-3", "name": HEBREW, "role": "member", "suspended": None},
        {
            "id": "o-4",
            "name": "Example Boxes",
            "role": "admin",
            "suspended": {"sentence": SUSPENDED["sentence"], "next_step": SUSPENDED["next_step"]},
        },
    ],
    "opens": True,
    "may_create": True,
    "people_create": True,
    "typed": {"name": ""},
    "problems": {},
    "notice": NOTICES["joined"],
}

RULES: Context = {
    "organization": ORGANIZATION,
    "tenant": None,
    "here": "/organizations/o-1/rules",
    "rule": LINES,
    "changes": [change("Looser rules for the organisation", None, lines=LOOSER)],
    "fields": {
        "strength": ["phishing_resistant"],
        "bindings": ["attested"],
        "max_age": ["480"],
        "providers": ["github"],
        "tenants": [TID],
    },
    "problems": {},
    "strengths": {each.label: text[0].upper() + text[1:] for each, text in STRENGTHS.items()},
    "bindings": {each.value: text[0].upper() + text[1:] for each, text in BINDINGS.items()},
    "providers": {"github": "GitHub", "work": HEBREW, "long": LONG},
    "tenants": {TID: "Contoso"},
    "fresh": True,
    "notice": NOTICES["rules_both"],
}

_SEEN = {"you": False, "seen": NOW - timedelta(hours=9), "already": False, "comes_back": False, "for_a_day": False}
_WEAK = "their last sign-in had a weaker proof than the rules ask for"


def judged(name: str | None, **more: Any) -> Context:
    """Return a member as a preview shows them."""
    return {"name": name, "email": "member@contoso.example", "why": _WEAK, **_SEEN, **more}


PREVIEW: Context = {
    "organization": ORGANIZATION,
    "tenant": {"id": "tenant-1", "name": "Contoso"},
    "here": "/organizations/o-1/tenants/tenant-1/rules",
    "at_once": LINES[:1],
    "later": LOOSER,
    "ends_waiting": True,
    "refused": [judged("Ada Author", you=True), judged(HEBREW, already=True), judged(None, for_a_day=True)],
    "back": [judged("Grace Author")],
    "unknown": [judged(LONG), judged(None, email=None)],
    "count": 12,
    "fields": RULES["fields"],
    "query": "strength=phishing_resistant&max_age=480",
    "fresh": True,
}
_NOBODY: Context = {"at_once": [], "later": [], "refused": [], "back": [], "unknown": [], "count": 1}

INVITATION: Context = {
    "organization_name": "Example Crates",
    "expires_at": NOW + timedelta(days=6),
    "here": "/invitations/6Zt0mFQ",
    "signed_in": True,
    "person": {"name": "Grace Author", "email": "grace@contoso.example"},
    "account_id": "member-1",
}
FORWARDED: Context = {
    "person": {"email": "grace@contoso.example", "email_verified": True},
    "sign_in": "/signin?next=%2Finvitations%2F6Zt0mFQ",
}
MEMBER: Context = {
    "organization": ORGANIZATION,
    "joined_at": NOW - timedelta(days=40),
    "admins": ["Ada Author", HEBREW, None],
    "fresh": True,
    "notice": NOTICES["joined"],
}

ORGANIZATION_PAGES: dict[str, tuple[str, Context]] = {
    "organizations": ("organizations/list.html", OVERVIEW),
    "organizations-none": ("organizations/list.html", {**OVERVIEW, "organizations": [], "notice": None}),
    "organizations-problem": (
        "organizations/list.html",
        {**OVERVIEW, "typed": {"name": "x"}, "problems": {"name": "A name has 2 to 80 printable characters."}},
    ),
    "organizations-by-operators": (
        "organizations/list.html",
        {**OVERVIEW, "may_create": False, "people_create": False, "notice": None},
    ),
    "organizations-exempt": (
        "organizations/list.html",
        {**OVERVIEW, "opens": False, "may_create": False, "notice": None},
    ),
    "organization": ("organizations/organization.html", organization()),
    "organization-new": ("organizations/organization.html", NEW),
    "organization-stale": ("organizations/organization.html", organization(fresh=False, notice=None)),
    "organization-problem": (
        "organizations/organization.html",
        {
            **NEW,
            "typed": {"email": "nobody", "name": "x"},
            "problems": {"email": "That is not an email address we can take.", "name": "A name has 2 characters."},
            "providers": [{"id": "work", "name": "Work account"}],
            "notice": None,
        },
    ),
    "organization-member": ("organizations/member.html", MEMBER),
    "organization-member-stale": ("organizations/member.html", {**MEMBER, "fresh": False, "notice": None}),
    "organization-suspended": ("organizations/suspended.html", SUSPENDED),
    "organization-suspended-nothing": (
        "organizations/suspended.html",
        {**SUSPENDED, "changes": [], "invitations": [], "notice": None},
    ),
    "rules": ("organizations/rules.html", RULES),
    "rules-of-tenant": (
        "organizations/rules.html",
        {**RULES, "tenant": {"id": "tenant-1", "name": LONG}, "rule": [], "changes": [], "tenants": {}, "notice": None},
    ),
    "rules-problem": (
        "organizations/rules.html",
        {
            **RULES,
            "changes": [],
            "notice": None,
            "fields": {"max_age": ["soon"], "strength": ["some"]},
            "problems": dict.fromkeys(LABELS, "Choose a time of 5 minutes to 30 days."),
        },
    ),
    "rules-preview": ("organizations/rules_preview.html", PREVIEW),
    "rules-preview-stale": ("organizations/rules_preview.html", {**PREVIEW, "tenant": None, "fresh": False}),
    "rules-preview-nothing": ("organizations/rules_preview.html", {**PREVIEW, **_NOBODY}),
    "invitation": ("organizations/invitation.html", INVITATION),
    "invitation-signed-out": (
        "organizations/invitation.html",
        {**INVITATION, "organization_name": LONG, "signed_in": False, "person": None, "account_id": None},
    ),
    "invitation-nameless": (
        "organizations/invitation.html",
        {**INVITATION, "organization_name": HEBREW, "person": {"name": None, "email": None}},
    ),
    "invitation-already": ("organizations/already.html", {"organization_name": "Example Crates"}),
    "invitation-forwarded": ("organizations/forwarded.html", FORWARDED),
    "invitation-unverified": (
        "organizations/forwarded.html",
        {**FORWARDED, "person": {"email": "grace@contoso.example", "email_verified": False}},
    ),
    "invitation-no-email": (
        "organizations/forwarded.html",
        {**FORWARDED, "person": {"email": None, "email_verified": False}},
    ),
}


def organization_pages_of(name: str) -> dict[str, Context]:
    """Return every template of these pages, with this in place of whatever people or providers chose."""
    here = {"id": "o-1", "name": name}
    lines = [
        Line(label="Providers", text="only", names=(name,), was=Line(label="Providers", text="only", names=(name,)))
    ]
    waiting = [change("Make", name, " an admin", lines=lines, asked_by=name)]
    invited = {**organization()["invitations"][0], "email": name, "invited_by": name}
    return {
        "organizations/list.html": {
            **OVERVIEW,
            "organizations": [
                {**OVERVIEW["organizations"][0], "name": name},
                {**OVERVIEW["organizations"][1], "name": name},
            ],
            "typed": {"name": name},
            "problems": {"name": name},
        },
        "organizations/organization.html": organization(
            organization=here,
            changes=waiting,
            tenants=[tenant(1, name, "active")],
            past_tenants=[tenant(2, name, "given up")],
            providers=[{"id": name, "name": name}, {"id": "other", "name": name}],
            rule=lines,
            members=[member(1, name, email=name, unmet=name)],
            invitations=[invited],
            exceptions=[{**organization()["exceptions"][0], "tenant": name}],
            contact={"email": name, "since": NOW},
            typed={"name": name, "email": name},
            problems={"name": name, "email": name},
        ),
        "organizations/member.html": {**MEMBER, "organization": here, "admins": [name]},
        "organizations/suspended.html": {
            **SUSPENDED,
            "organization": here,
            "changes": [change("Make", name, " an admin", asked_by=name)],
            "invitations": [{**each, "invited_by": name} for each in SUSPENDED["invitations"]],
        },
        "organizations/rules.html": {
            **RULES,
            "organization": here,
            "tenant": {"id": "t-1", "name": name},
            "rule": lines,
            "changes": waiting,
            "fields": {"max_age": [name], "providers": [name]},
            "problems": {"max_age": name, "providers": name},
            "providers": {name: name},
            "tenants": {name: name},
        },
        "organizations/rules_preview.html": {
            **PREVIEW,
            "organization": here,
            "tenant": {"id": "t-1", "name": name},
            "at_once": lines,
            "later": lines,
            "refused": [judged(name)],
            "back": [judged(name)],
            "unknown": [judged(None, email=name)],
            "fields": {"max_age": [name]},
        },
        "organizations/invitation.html": {
            **INVITATION,
            "organization_name": name,
            "person": {"name": name, "email": name},
        },
        "organizations/already.html": {"organization_name": name},
        "organizations/forwarded.html": {**FORWARDED, "person": {"email": name, "email_verified": True}},
    }
