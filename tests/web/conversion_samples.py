"""Examples of the pages on which a shared account becomes an organisation: each state, long names, and problems."""

from datetime import timedelta
from typing import Any

from migrations.accounts.cases import CaseState
from migrations.accounts.conversion.form import FEWEST, MOST, NAME, place
from migrations.accounts.conversion.notes import NOTICES, STATES, Words
from migrations.accounts.conversion.preview import OWNED, SAME_ROLE, Line, Preview
from tests.web.account_sample import LONG, NOW, Context
from tests.web.organization_samples import HEBREW, TID

LONG_EMAIL = f"{'a' * 64}@{'b' * 63}.example"
TENANT = {"tid": TID, "domain": "contoso.example"}
PREVIEW = Preview(
    account="contoso-team",
    packages=[
        Line(name="Contoso.Core", role="owner", becomes=OWNED),
        Line(name=LONG, role="maintainer", becomes=SAME_ROLE),
        Line(name=HEBREW, role="תחזוקה", becomes=SAME_ROLE),
        *(Line(name=f"Contoso.Part{number}", role="owner", becomes=OWNED) for number in range(30)),
    ],
    keys=3,
    last_sign_in_at=NOW - timedelta(days=90),
    undo_until=None,
)
UNKNOWN = Preview(account=LONG, packages=[], keys=0, last_sign_in_at=None, undo_until=None)


def typed(organization: str = "", *admins: str) -> dict[str, str]:
    """Return what stands in the fields."""
    return {NAME: organization, **{place(n): (admins[n] if n < len(admins) else "") for n in range(MOST)}}


def starting(**more: Any) -> Context:
    """Return the context of the page on which it starts, as it is first seen."""
    return {
        "registry": "Example Registry",
        "preview": PREVIEW,
        "tenant": None,
        "comes_from": True,
        "person": {"name": "Ada Author", "email": "ada@contoso.example"},
        "here": "/convert/6Zt0mFQ",
        "back": "/claim/6Zt0mFQ",
        "sign_in": "/signin?fresh=yes&next=%2Fconvert%2F6Zt0mFQ",
        "fresh": True,
        "typed": typed("", "ada@contoso.example"),
        "fewest": FEWEST,
        "most": MOST,
        "more_open": False,
        "problems": {},
        **more,
    }


def accepting(**more: Any) -> Context:
    """Return the context of the page on which somebody accepts."""
    return {
        "registry": "Example Registry",
        "organization": "Contoso Packages",
        "starter": "Ada Author",
        "preview": PREVIEW,
        "due": NOW + timedelta(days=7),
        "lapses": NOW + timedelta(days=14),
        "tenant": None,
        "here": "/convert/accept/6Zt0mFQ",
        "sign_in": "/signin?fresh=yes&next=%2Fconvert%2Faccept%2F6Zt0mFQ",
        "fresh": True,
        "person": {"name": "Grace Author", "email": "grace@contoso.example"},
        "account_id": "member-1",
        **more,
    }


def standing(state: CaseState = CaseState.WAITING, **more: Any) -> Context:
    """Return the context of the page that says how it stands."""
    waits = state is CaseState.WAITING
    return {
        "registry": "Example Registry",
        "organization": "Contoso Packages",
        "organization_id": None,
        "state": STATES[state],
        "waits": waits,
        "due": NOW + timedelta(days=7) if waits else None,
        "lapses": NOW + timedelta(days=14),
        "undo_until": None,
        "started_at": NOW,
        "accepted": 1,
        "named": [
            {"email": "ada@contoso.example", "name": "Ada Author", "accepted": True},
            {"email": LONG_EMAIL, "name": None, "accepted": False},
        ],
        "starts": True,
        "preview": PREVIEW,
        "here": "/convert/cases/case-1",
        "sign_in": "/signin?fresh=yes&next=%2Fconvert%2Fcases%2Fcase-1",
        "fresh": True,
        "notice": NOTICES["started"],
        **more,
    }


_MISSING: Context = {"mailbox": False, "password": False, "back": "/claim/6Zt0mFQ"}
_FORWARDED: Context = {
    "person": {"email": "grace@contoso.example", "email_verified": True},
    "sign_in": "/signin?fresh=yes&next=%2Fconvert%2Faccept%2F6Zt0mFQ",
}

CONVERSION_PAGES: dict[str, tuple[str, Context]] = {
    "conversion-start": ("migration/conversion_start.html", starting()),
    "conversion-start-stale": ("migration/conversion_start.html", starting(fresh=False, preview=UNKNOWN)),
    "conversion-start-tenant": (
        "migration/conversion_start.html",
        starting(tenant=TENANT, comes_from=False, person={"name": None, "email": LONG_EMAIL}),
    ),
    "conversion-start-problems": (
        "migration/conversion_start.html",
        starting(
            tenant=TENANT,
            person={"name": None, "email": None},
            typed=typed(LONG, "ada", LONG_EMAIL, "ada@contoso.example"),
            more_open=True,
            problems={
                NAME: "Another organisation has this name, or one that reads the same.",
                place(0): "That is not an email address we can take. Check it for typing mistakes.",
                place(2): "That mailbox stands above already. Each admin needs one of their own.",
            },
        ),
    ),
    "conversion-missing": ("migration/conversion_missing.html", _MISSING),
    "conversion-missing-password": ("migration/conversion_missing.html", {**_MISSING, "mailbox": True}),
    "conversion-missing-address": (
        "migration/conversion_missing.html",
        {**_MISSING, "mailbox": True, "password": True},
    ),
    "conversion-accept": ("migration/conversion_accept.html", accepting()),
    "conversion-accept-signed-out": (
        "migration/conversion_accept.html",
        accepting(fresh=False, person=None, account_id=None, starter=None, organization=LONG, tenant=TENANT),
    ),
    "conversion-accept-stale": (
        "migration/conversion_accept.html",
        accepting(fresh=False, organization=HEBREW, preview=UNKNOWN, person={"name": None, "email": None}),
    ),
    "conversion-accept-nameless": (
        "migration/conversion_accept.html",
        accepting(person={"name": None, "email": None}, preview=UNKNOWN),
    ),
    "conversion-accept-addressed": (
        "migration/conversion_accept.html",
        accepting(person={"name": None, "email": LONG_EMAIL}, preview=UNKNOWN),
    ),
    "conversion-forwarded": ("migration/conversion_forwarded.html", _FORWARDED),
    "conversion-unverified": (
        "migration/conversion_forwarded.html",
        {**_FORWARDED, "person": {"email": LONG_EMAIL, "email_verified": False}},
    ),
    "conversion-no-email": (
        "migration/conversion_forwarded.html",
        {**_FORWARDED, "person": {"email": None, "email_verified": False}},
    ),
    "conversion-case": ("migration/conversion_case.html", standing()),
    "conversion-case-stale": (
        "migration/conversion_case.html",
        standing(organization=LONG, fresh=False, notice=None),
    ),
    "conversion-case-admin": (
        "migration/conversion_case.html",
        standing(named=[], starts=False, notice=NOTICES["accepted"]),
    ),
    "conversion-case-effective": (
        "migration/conversion_case.html",
        standing(
            CaseState.EFFECTIVE,
            organization_id="o-1",
            undo_until=NOW + timedelta(days=14),
            preview=Preview(
                account="contoso-team",
                packages=PREVIEW.packages[:1],
                keys=1,
                last_sign_in_at=None,
                undo_until=NOW + timedelta(days=14),
            ),
            notice=None,
        ),
    ),
    "conversion-case-stopped": ("migration/conversion_case.html", standing(CaseState.STOPPED, preview=None)),
    "conversion-case-withdrawn": (
        "migration/conversion_case.html",
        standing(CaseState.WITHDRAWN, organization=None, named=[], preview=None, notice=NOTICES["withdrawn"]),
    ),
}


def conversion_pages_of(name: str) -> dict[str, Context]:
    """Return every template of these pages, with this in place of whatever people or the registry chose."""
    preview = Preview(
        account=name,
        packages=[Line(name=name, role=name, becomes=name)] * 21,
        keys=2,
        last_sign_in_at=None,
        undo_until=None,
    )
    tenant = {"tid": name, "domain": name}
    person = {"name": name, "email": name, "email_verified": True}
    return {
        "migration/conversion_start.html": starting(
            registry=name,
            preview=preview,
            tenant=tenant,
            person=person,
            here=f"/{name}",
            back=f"/{name}",
            sign_in=f"/{name}",
            typed=dict.fromkeys(typed(), name),
            problems=dict.fromkeys(typed(), name),
        ),
        "migration/conversion_missing.html": {**_MISSING, "back": f"/{name}"},
        "migration/conversion_accept.html": accepting(
            registry=name,
            organization=name,
            starter=name,
            preview=preview,
            tenant=tenant,
            here=f"/{name}",
            sign_in=f"/{name}",
            person=person,
            account_id=name,
        ),
        "migration/conversion_forwarded.html": {"person": person, "sign_in": f"/{name}"},
        "migration/conversion_case.html": {
            **standing(),
            "state": Words(tag=name, sentence=name),
            "registry": name,
            "organization": name,
            "organization_id": name,
            "named": [{"email": name, "name": name, "accepted": True}],
            "preview": preview,
            "here": f"/{name}",
            "sign_in": f"/{name}",
            "notice": name,
        },
    }
