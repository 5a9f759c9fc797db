"""The operators' pages of the campaign, and the one by which people unsubscribe."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from claims.profile import Profile
from migrations.accounts.campaign import curve
from migrations.accounts.campaign.aliases import Proposed
from migrations.accounts.campaign.letters import sample
from migrations.accounts.campaign.outlook import Outlook
from migrations.accounts.campaign.pages import words
from migrations.accounts.campaign.progress import WEEK, Counts, Left, Week
from migrations.accounts.campaign.templates import PLACEHOLDERS, Template, TemplateName, default
from migrations.accounts.cases import CaseWay
from migrations.accounts.records import Alias, LegacyAccount, Package, State, dump_packages
from tests.web.account_sample import LONG, NOW, Context
from tests.web.organization_samples import HEBREW
from tests.web.recovery_samples import evidence, evidence_of

MONDAY = datetime(2026, 9, 28, tzinfo=UTC)
HERE = "/operator/migration"
LONG_ID = "r" * 128


def week(number: int) -> Week:
    """Return a week of a campaign that goes well."""
    claimed = int(8000 * number / (number + 4))
    return Week(begin=MONDAY + number * WEEK, claimed=claimed, converted=claimed // 20, pending=10_000 - claimed)


def counts(heading: str, factor: int) -> Context:
    """Return a column of numbers."""
    by_state = {state: factor * number for number, state in enumerate(State, 3)}
    found = Counts(by_state=by_state, unreachable=factor, proposed=2, confirmed=3, with_password=5)
    return {"heading": heading, "of": found}


def progress(**more: Any) -> Context:
    """Return the context of the dashboard, in its second phase."""
    weeks: Sequence[Week] = [week(number) for number in range(8)]
    begins = [MONDAY + timedelta(days=days) for days in (3, 34, 78, 109)]
    names = ("announced", "encouraged", "required", "closed")
    return {
        "registry": "Example Registry",
        "phase": "encouraged",
        "told": "Please claim your old account of Example Registry now. Its password ends on 15 January 2027.",
        "coming": {"name": "required", "at": begins[2]},
        "days_left": 54,
        "calendar": [{"name": name, "at": at, "begun": at < NOW} for name, at in zip(names, begins, strict=True)],
        "counts": [counts("All", 111_111), counts("Widely used", 5)],
        "to_decide": 3,
        "proposed": 120,
        "weeks": weeks,
        "curve": curve.draw(weeks, begins),
        "size": {"width": curve.WIDTH, "height": curve.HEIGHT},
        "left": [
            Left(registry_id="1234567", downloads=10**12, shared=True, mailable=False),
            Left(registry_id=LONG_ID, downloads=5, shared=False, mailable=True),
        ],
        "typed": "",
        "found": [],
        "problem": None,
        **more,
    }


def legacy(**more: Any) -> LegacyAccount:
    """Return an account of which everything is known."""
    known = {
        "registry_id": "1234567",
        "name": "ada",
        "email": "ada@old.example",
        "email_confirmed": True,
        "hash_sealed": b"sealed",
        "last_sign_in_at": NOW - timedelta(days=800),
        "kept_packages": dump_packages(
            [
                Package(name="widget", role="owner", downloads=1_234_567),
                Package(name=LONG, role="contributor", downloads=0),
            ]
        ),
    }
    return replace(sample(), **{**known, **more})


OUTLOOK = [
    Outlook(what="The password opens nothing any more.", when=NOW, todo="Claim the account before."),
    Outlook(what="2 packages as before.", when=None, todo="Nothing is to be done for them."),
]


def line(number: int, kind: str = "Claim", **more: Any) -> Context:
    """Return a case as a line of a list."""
    return {
        "page": f"{HERE}/cases/c-{number}",
        "kind": kind,
        "state": "undone",
        "live": True,
        "registry_id": "1234567",
        "started_at": NOW - timedelta(days=number),
        "due_at": None,
        "ended_at": None,
        **more,
    }


LINES = [
    line(1),
    line(2, "Recovery", state="waits for operators", due_at=NOW, registry_id=LONG_ID),
    line(3, state="lapsed", live=False, ended_at=NOW),
]


def account(**more: Any) -> Context:
    """Return the context of an account's page: pending, and nobody has decided whether it is shared."""
    return {
        "here": f"{HERE}/accounts/1234567",
        "fresh": True,
        "notice": None,
        "legacy": legacy(alias=Alias.PROPOSED, excepted_until=NOW),
        "state": "pending",
        "ends_at": NOW,
        "outlook": OUTLOOK,
        "packages": legacy().packages,
        "cases": LINES,
        "can_confirm": True,
        "can_reject": True,
        "can_be_excepted": True,
        "latest": "2027-04-15",
        "typed": None,
        "problem": None,
        **more,
    }


def aliases(**more: Any) -> Context:
    """Return the context of the list of accounts that seem to be shared."""
    found = [
        Proposed(legacy=legacy(email="team@old.example"), is_role=True, sharing=2),
        Proposed(legacy=legacy(name=LONG, email=f"{'a' * 64}@{'b' * 63}.example"), is_role=False, sharing=3),
        Proposed(legacy=legacy(name=None, email=None, registry_id=LONG_ID), is_role=False, sharing=1),
    ]
    return {
        "here": f"{HERE}/aliases",
        "fresh": True,
        "notice": None,
        "proposed": [{"page": f"{HERE}/accounts/{n}", "of": each} for n, each in enumerate(found)],
        "after": LONG_ID,
        **more,
    }


def wave(number: int, **more: Any) -> Context:
    """Return a wave."""
    return {
        "id": f"w-{number}",
        "name": "Announcement",
        "audience": "people's accounts",
        "state": "running",
        "sent": 12_345,
        "most": None,
        "per_hour": 1000,
        "started_at": NOW,
        "ended_at": None,
        "verb": "stop",
        **more,
    }


def mails(**more: Any) -> Context:
    """Return the context of the page of mails."""
    return {
        "here": f"{HERE}/mails",
        "waves_at": f"{HERE}/waves",
        "fresh": True,
        "notice": None,
        "templates": [
            {
                "page": f"{HERE}/mails/{name.value}",
                "value": name.value,
                "name": text,
                "subject": default(name).subject,
                "edited_at": NOW if name is TemplateName.ALIAS else None,
            }
            for name, text in words.TEMPLATES.items()
        ],
        "audiences": {each.value: text for each, text in words.AUDIENCES.items()},
        "waves": [
            wave(1),
            wave(2, state="stopped", verb="resume", most=20_000),
            wave(3, state="done", verb=None, ended_at=NOW),
        ],
        "mails_per_hour": 1000,
        "typed": {"template": "announced", "audience": "people", "per_hour": "60", "most": ""},
        "problems": {},
        "reach": 1,
        **more,
    }


def mail(**more: Any) -> Context:
    """Return the context of the page of one mail, as it comes with the broker."""
    template = default(TemplateName.ANNOUNCED)
    return {
        "here": f"{HERE}/mails/announced",
        "fresh": True,
        "notice": None,
        "name": "Announcement",
        "template": template,
        "edited_at": None,
        "original": template,
        "placeholders": [f"{{{each}}}" for each in PLACEHOLDERS],
        "in_subjects": ["{name}", "{registry}", "{closes}"],
        "longest": {"subject": 150, "text": 10_000},
        "problems": {},
        "preview": None,
        "account": "",
        **more,
    }


WAY = CaseWay(
    account_id="account-1",
    identity_id="identity-1",
    provider_id="entra",
    tenant="3f6a2b10-6c1e-4a1b-9c2d-f4b21c0de001",
    guest=True,
    signed_in_at=NOW,
)
ADA = Profile(name="Ada Author", email="ada@contoso.example", email_verified=True)


def facts(**more: Any) -> Context:
    """Return what is known of a case: a claim that was undone."""
    return {
        **line(1),
        "id": "c-1",
        "proofs": "the old password, and more",
        "claimant": ADA,
        "account_id": "6c1f0f2e-8f0e-4c7e-9a55-0d5b1f6f7c11",
        "way": WAY,
        "effective_at": NOW,
        "undo_until": NOW,
        "decided_by": None,
        "is_conversion": False,
        "is_recovery": False,
        "disputed": True,
        "waiting": False,
        "stopped": False,
        "organization": None,
        "organization_id": None,
        "admins": [],
        "own": False,
        **more,
    }


def case(facts: Mapping[str, Any], **more: Any) -> Context:
    """Return the context of the page of a case."""
    return {
        "here": f"{HERE}/cases/c-1",
        "fresh": True,
        "notice": None,
        "case": facts,
        "legacy": legacy(alias=Alias.CONFIRMED),
        "state": "frozen: an operator decides",
        "account_page": f"{HERE}/accounts/1234567",
        "packages": legacy().packages,
        "others": [],
        "recovery": {},
        **more,
    }


CONVERSION = facts(
    kind="Conversion into an organisation",
    is_conversion=True,
    organization=LONG,
    organization_id="o-1",
    claimant=None,
    admins=[ADA, Profile(name=None, email=None, email_verified=False), None],
    own=True,
    due_at=NOW,
    ended_at=NOW,
    decided_by="account-2",
)
SUBSCRIPTION: Context = {
    "registry": "Example Registry",
    "here": "/unsubscribe/1234567.6Zt0mFQ",
    "subscribed": True,
    "done": False,
}

CAMPAIGN_PAGES: dict[str, tuple[str, Context]] = {
    "campaign": ("migration/operator_progress.html", progress()),
    "campaign-found": (
        "migration/operator_progress.html",
        progress(
            typed=HEBREW,
            found=[legacy(), legacy(registry_id=LONG_ID, name=None)],
            problem="There is none.",
            left=[],
            weeks=[week(0)],
            curve=curve.draw([week(0)], []),
            days_left=0,
            coming=None,
        ),
    ),
    "campaign-account": ("migration/operator_account.html", account(notice=words.NOTICES["excepted"])),
    "campaign-account-moved": (
        "migration/operator_account.html",
        account(
            fresh=False,
            legacy=legacy(
                account_id="account-1",
                name=None,
                email=None,
                hash_sealed=None,
                last_sign_in_at=None,
                effective_at=NOW,
                closed_at=NOW,
                unsubscribed_at=NOW,
            ),
            packages=(),
            cases=[],
            can_confirm=False,
            can_reject=False,
            can_be_excepted=False,
        ),
    ),
    "campaign-account-problem": (
        "migration/operator_account.html",
        account(
            legacy=legacy(alias=Alias.CONFIRMED, lapsed_at=NOW, email_confirmed=False, registry_id=LONG_ID, name=LONG),
            packages=legacy().packages[:1],
            can_confirm=False,
            typed="2999-01-01",
            problem="Give a day such as 2026-12-01: one that is to come, and not after 2027-04-15.",
        ),
    ),
    "campaign-aliases": ("migration/operator_aliases.html", aliases()),
    "campaign-mails": ("migration/operator_mails.html", mails()),
    "campaign-mails-problem": (
        "migration/operator_mails.html",
        mails(
            typed={"template": "", "audience": "", "per_hour": "many", "most": "all"},
            problems=dict.fromkeys(("template", "audience", "per_hour", "most"), "That cannot be."),
            reach=None,
            waves=[],
        ),
    ),
    "campaign-mail": ("migration/operator_mail.html", mail(edited_at=NOW, notice=words.NOTICES["saved"])),
    "campaign-mail-preview": (
        "migration/operator_mail.html",
        mail(preview={"subject": f"For {HEBREW}", "text": f"Hello {LONG},\n\nhttps://{'a' * 200}\n"}),
    ),
    "campaign-mail-problem": (
        "migration/operator_mail.html",
        mail(
            template=Template(name=TemplateName.ALIAS, subject=LONG, text="</textarea>{nmae}"),
            problems={"subject": "Not so.", "text": "{nmae} is not known here.", "account": "There is none."},
            account="nobody",
            fresh=False,
        ),
    ),
    "campaign-cases": (
        "migration/operator_cases.html",
        {
            "sections": [
                {"heading": "Disputed", "cases": LINES, "more": f"{HERE}/cases?list=disputed&after=c-3"},
                {"heading": "Waiting to take effect", "cases": [], "more": None},
            ]
        },
    ),
    "campaign-case": ("migration/operator_case.html", case(facts(), others=LINES)),
    "campaign-case-conversion": ("migration/operator_case.html", case(CONVERSION)),
    "campaign-case-waiting": (
        "migration/operator_case.html",
        case(facts(disputed=False, waiting=True, state="Waits")),
    ),
    "campaign-case-recovery": (
        "migration/operator_case.html",
        case(
            facts(kind="Recovery", is_recovery=True, disputed=False, way=replace(WAY, tenant="")), recovery=evidence()
        ),
    ),
    "unsubscribe": ("migration/campaign_unsubscribe.html", SUBSCRIPTION),
    "unsubscribe-done": ("migration/campaign_unsubscribe.html", {**SUBSCRIPTION, "subscribed": False, "done": True}),
    "unsubscribe-again": ("migration/campaign_unsubscribe.html", {**SUBSCRIPTION, "registry": LONG, "done": True}),
}


def campaign_pages_of(name: str) -> dict[str, Context]:
    """Return, by template, pages on which everything that people chose is called ``name``."""
    hostile = legacy(
        registry_id=name,
        name=name,
        email=name,
        account_id=name,
        kept_packages=dump_packages([Package(name=name, role=name, downloads=1)]),
    )
    lines = [line(1, registry_id=name)]
    person = Profile(name=name, email=name, email_verified=True)
    return {
        "migration/operator_progress.html": progress(
            registry=name,
            told=name,
            left=[Left(registry_id=name, downloads=1, shared=False, mailable=True)],
            typed=name,
            found=[hostile],
            weeks=[week(0)],
            curve=curve.draw([week(0)], []),
        ),
        "migration/operator_account.html": account(legacy=hostile, packages=hostile.packages, cases=lines, typed=name),
        "migration/operator_aliases.html": aliases(
            proposed=[{"page": f"{HERE}/accounts/1", "of": Proposed(legacy=hostile, is_role=True, sharing=2)}]
        ),
        "migration/operator_mails.html": mails(
            templates=[{**mails()["templates"][0], "subject": name}], typed=dict.fromkeys(mails()["typed"], name)
        ),
        "migration/operator_mail.html": mail(
            template=Template(name=TemplateName.ALIAS, subject=name, text=name),
            preview={"subject": name, "text": name},
            account=name,
        ),
        "migration/operator_cases.html": {"sections": [{"heading": "Disputed", "cases": lines, "more": None}]},
        "migration/operator_case.html": case(
            {**CONVERSION, "organization": name, "claimant": person, "admins": [person], "is_recovery": True},
            legacy=hostile,
            packages=hostile.packages,
            others=lines,
            recovery=evidence_of(name),
        ),
        "migration/campaign_unsubscribe.html": {**SUBSCRIPTION, "registry": name, "here": f"/unsubscribe/{name}"},
    }
