"""Examples of the pages of claims: each state of an attempt and of a case, and names of the longest kind."""

from datetime import date, timedelta
from typing import Any

from broker.settings.migration import MigrationSettings
from claims.profile import Profile
from migrations.accounts.campaign import phases
from migrations.accounts.cases import Case, CaseKind, CaseState, CaseWay
from migrations.accounts.claiming import words
from migrations.accounts.claiming.service import Obstacle, Progress
from migrations.accounts.claiming.visit import SignIn, Visitor
from migrations.accounts.links import Verb
from migrations.accounts.proofs import PasswordNote
from tests.web.account_sample import LONG, NOW, Context
from tests.web.organization_samples import HEBREW

CAMPAIGN = MigrationSettings(
    registry="Example Registry",
    announced=date(2026, 10, 1),
    encouraged=date(2026, 11, 1),
    required=date(2027, 2, 1),
    closed=date(2027, 5, 1),
)
START: Context = {
    "registry": "Example Registry",
    "typed": "",
    "problem": None,
    "told": phases.told(CAMPAIGN, NOW),
    "is_required": False,
    "is_closed": False,
}
ACCOUNT = {"name": "ada", "package_count": 12, "key_count": 3, "waits_until": None}
ADA = Visitor(
    sign_in=SignIn.FRESH, account_id="account-1", person=Profile(name="Ada Author", email=None, email_verified=False)
)


def claim(progress: Progress, **more: Any) -> Context:
    """Return the context of an attempt's page: nobody signed in, unless told otherwise."""
    return {
        "registry": "Example Registry",
        "here": "/claim/6Zt0mFQ",
        "attempt_id": "6Zt0mFQ",
        "progress": progress,
        "account": ACCOUNT if progress.mailbox else None,
        "visitor": Visitor(sign_in=SignIn.NONE),
        "sign_in": "/signin?fresh=yes&next=/claim/6Zt0mFQ",
        "notice": None,
        **more,
    }


def visitor(sign_in: SignIn, name: str | None = "Ada Author", email: str | None = None) -> Visitor:
    """Return somebody who is signed in."""
    return Visitor(sign_in=sign_in, account_id="account-1", person=Profile(name=name, email=email, email_verified=True))


def case(state: CaseState, kind: CaseKind = CaseKind.CLAIM, registry_id: str = "4711") -> Case:
    """Return a case of somebody."""
    return Case(
        id="case-1",
        kind=kind,
        registry_id=registry_id,
        way=CaseWay(
            account_id="account-1",
            identity_id="identity-1",
            provider_id="github",
            tenant="",
            guest=False,
            signed_in_at=NOW,
        ),
        state=state,
        started_at=NOW,
        due_at=NOW + timedelta(hours=72) if state is CaseState.WAITING else None,
        effective_at=NOW,
        undo_until=NOW + timedelta(days=14) if state is CaseState.EFFECTIVE else None,
        ended_at=None,
        decided_by=None,
        organization_id=None,
    )


def own(state: CaseState, kind: CaseKind = CaseKind.CLAIM, **more: Any) -> Context:
    """Return the context of the page of one's own case."""
    return {
        "registry": "Example Registry",
        "here": "/claim/cases/case-1",
        "case": case(state, kind),
        "words": words.CASES[state],
        "waits": state is CaseState.WAITING,
        "linked": kind is CaseKind.LINKED,
        "sign_in": "/signin?fresh=yes&next=/claim/cases/case-1",
        "notice": None,
        **more,
    }


def objection(verb: Verb, kind: CaseKind, **more: Any) -> Context:
    """Return the context of the page behind a link of a mail."""
    return {
        "registry": "Example Registry",
        "here": f"/migration/{verb.value}/6Zt0mFQ",
        "verb": verb.value,
        "name": "ada",
        "stake": words.STAKES[verb][kind],
        "follows": words.FREEZES,
        "until": NOW + timedelta(days=3),
        **more,
    }


NOTHING = Progress(mailbox=False, tried=False)
ALL = Progress(mailbox=True, tried=True, password=True, note=PasswordNote.RIGHT)
CLAIM_PAGES: dict[str, tuple[str, Context]] = {
    "claim-start": ("migration/claim_start.html", START),
    "claim-start-problem": (
        "migration/claim_start.html",
        {**START, "typed": HEBREW, "problem": "Give the name of the old account, or its address.", "is_required": True},
    ),
    "claim-start-closed": ("migration/claim_start.html", {**START, "is_closed": True}),
    "claim": ("migration/claim.html", claim(NOTHING, notice="A link is on its way.")),
    "claim-tried": (
        "migration/claim.html",
        claim(Progress(mailbox=False, tried=True), visitor=visitor(SignIn.STALE)),
    ),
    "claim-wrong": (
        "migration/claim.html",
        claim(
            Progress(mailbox=True, tried=True, note=PasswordNote.WRONG),
            visitor=visitor(SignIn.EXEMPT, None, "ada@example.org"),
        ),
    ),
    "claim-unseen": ("migration/claim.html", claim(Progress(mailbox=True, tried=True, note=PasswordNote.UNSEEN))),
    "claim-breached": (
        "migration/claim.html",
        claim(Progress(mailbox=True, tried=True, note=PasswordNote.BREACHED), visitor=visitor(SignIn.FRESH, None)),
    ),
    "claim-complete": (
        "migration/claim.html",
        claim(ALL, visitor=visitor(SignIn.FRESH, HEBREW), account={**ACCOUNT, "name": LONG, "waits_until": NOW}),
    ),
    **{
        f"claim-{each.value}": ("migration/claim.html", claim(Progress(mailbox=True, tried=False, obstacle=each)))
        for each in Obstacle
    },
    "claim-shared-proven": (
        "migration/claim.html",
        claim(Progress(mailbox=True, tried=True, password=True, note=PasswordNote.RIGHT, obstacle=Obstacle.SHARED)),
    ),
    "claim-shared-stolen": (
        "migration/claim.html",
        claim(Progress(mailbox=True, tried=True, note=PasswordNote.BREACHED, obstacle=Obstacle.SHARED)),
    ),
    "claim-undecided-proven": (
        "migration/claim.html",
        claim(Progress(mailbox=True, tried=True, password=True, note=PasswordNote.RIGHT, obstacle=Obstacle.UNDECIDED)),
    ),
    "claim-link": ("migration/claim_link.html", {"registry": "Example Registry", "here": "/claim/link/6Zt0mFQ"}),
    **{f"claim-case-{each.value}": ("migration/claim_case.html", own(each)) for each in words.CASES},
    "claim-case-linked": (
        "migration/claim_case.html",
        own(
            CaseState.EFFECTIVE, CaseKind.LINKED, notice="Withdrawn.", case=case(CaseState.EFFECTIVE, registry_id=LONG)
        ),
    ),
    "claim-stop": ("migration/claim_objection.html", objection(Verb.STOP, CaseKind.CLAIM, name=LONG)),
    "claim-undo": ("migration/claim_objection.html", objection(Verb.UNDO, CaseKind.LINKED, name=HEBREW)),
    "claim-stop-recovery": (
        "migration/claim_objection.html",
        objection(Verb.STOP, CaseKind.RECOVERY, follows=words.ENDS, until=None),
    ),
}


def claim_pages_of(name: str) -> dict[str, Context]:
    """Return, by template, pages on which everything that people chose is called ``name``."""
    somebody = Visitor(
        sign_in=SignIn.FRESH, account_id=name, person=Profile(name=name, email=name, email_verified=False)
    )
    return {
        "migration/claim_start.html": {**START, "registry": name, "typed": name, "problem": name, "told": name},
        "migration/claim.html": claim(
            ALL,
            registry=name,
            here=f"/{name}",
            attempt_id=name,
            account={**ACCOUNT, "name": name},
            visitor=somebody,
            sign_in=f"/{name}",
            notice=name,
        ),
        "migration/claim_link.html": {"registry": name, "here": f"/{name}"},
        "migration/claim_case.html": own(
            CaseState.WAITING,
            registry=name,
            here=f"/{name}",
            sign_in=f"/{name}",
            notice=name,
            case=case(CaseState.WAITING, registry_id=name),
        ),
        "migration/claim_objection.html": objection(
            Verb.UNDO, CaseKind.CLAIM, registry=name, here=f"/{name}", name=name, stake=name, follows=name
        ),
    }
