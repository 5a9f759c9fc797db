"""The pages of recoveries, and what operators see of one."""

from datetime import timedelta

from migrations.accounts.cases import CaseState
from migrations.accounts.recovery.wanted import BadForm
from migrations.accounts.recovery.words import STATUS, Status
from tests.web.account_sample import LONG, NOW, Context

MARKER = "vestibule-0123456789abcdef0123"
REPOSITORY = f"https://git.example.org/{'group/' * 6}{'name' * 20}.git"
TYPED = {"account": "", "missing": "", "evidence": "", "package": ""}


def start(**more: object) -> Context:
    """Return the context of the page on which somebody asks."""
    return {
        "registry": "Example Registry",
        "sign_in": "/signin?fresh=yes&next=/recover",
        "typed": TYPED,
        "problem": None,
        "longest": 2000,
        "days": {"asking": 30, "waiting": 7},
        **more,
    }


def asked(state: CaseState = CaseState.ASKED, **more: object) -> Context:
    """Return the context of the page of a request."""
    return {
        "registry": "Example Registry",
        "notice": None,
        "here": "/recover/6Zt0mFQ",
        "status": STATUS[state],
        "facts": [("Asked for", NOW)],
        "marker": MARKER,
        "looked_at": None,
        "seen": None,
        **more,
    }


def evidence(**more: object) -> Context:
    """Return ``recovery`` of the operators' page of a case."""
    return {
        "here": "/operator/migration/cases/c-1",
        "state": "asked",
        "fresh": True,
        "asked_at": NOW - timedelta(days=3),
        "due_at": NOW + timedelta(days=27),
        "missing": "They have forgotten the password.",
        "evidence": f"I have published it since 2012.\nAsk {LONG}.",
        "package": "widget",
        "owns_package": True,
        "repositories": (REPOSITORY, "https://github.com/owner/name.git"),
        "marker": MARKER,
        "looked_at": NOW - timedelta(hours=2),
        "seen": {"repository": REPOSITORY, "at": NOW - timedelta(hours=1)},
        "rivals": 1,
        "approvals": 1,
        "needed": 2,
        "approved": False,
        "partial": False,
        "shared": False,
        "can_approve": True,
        "can_refuse": True,
        **more,
    }


EVIDENCE: dict[str, Context] = {
    "asked": evidence(),
    "new": evidence(seen=None, looked_at=None, package=None, repositories=(), approvals=0, fresh=False),
    "shared": evidence(seen=None, owns_package=False, shared=True),
    "own": evidence(
        partial=True, evidence=None, missing=None, package=None, repositories=(), marker=None, seen=None, looked_at=None
    ),
    "supported": evidence(approved=True),
    "waits": evidence(state="waiting", can_approve=False),
    "over": evidence(state="refused", can_approve=False, can_refuse=False, evidence=None, missing=None, due_at=None),
}
"""What a page of operators shows of a recovery: ``recovery``."""

RECOVERY_PAGES: dict[str, tuple[str, Context]] = {
    "recovery": ("migration/recovery_start.html", start()),
    "recovery-signed-out": ("migration/recovery_start.html", start(typed=None, registry=LONG)),
    **{
        f"recovery-{field}": (
            "migration/recovery_start.html",
            start(typed={**TYPED, "account": LONG, "missing": "both"}, problem=BadForm(field, "Mend this.")),
        )
        for field in ("missing", "evidence")
    },
    "recovery-asked": (
        "migration/recovery_request.html",
        asked(
            facts=[("Asked for", NOW), ("To be decided by", NOW + timedelta(days=30))],
            looked_at=NOW,
            notice="We look for the branch now.",
        ),
    ),
    "recovery-seen": (
        "migration/recovery_request.html",
        asked(looked_at=NOW, seen={"repository": REPOSITORY, "seen_at": NOW.isoformat()}),
    ),
    "recovery-granted": (
        "migration/recovery_request.html",
        asked(CaseState.WAITING, facts=[("Asked for", NOW), ("Takes effect", NOW + timedelta(days=7))]),
    ),
    "recovery-refused": ("migration/recovery_request.html", asked(CaseState.REFUSED)),
}


def recovery_pages_of(name: str) -> dict[str, Context]:
    """Return, by template, pages on which everything that people chose is called ``name``."""
    return {
        "migration/recovery_start.html": start(
            registry=name,
            sign_in=f"/{name}",
            typed=dict.fromkeys(TYPED, name),
            problem=BadForm("evidence", name),
        ),
        "migration/recovery_request.html": asked(
            registry=name,
            notice=name,
            here=f"/recover/{name}",
            status=Status(title="Asked", sentence=name, open=True, weighed=True),
            facts=[(name, NOW)],
            marker=name,
            seen={"repository": name, "seen_at": name},
        ),
    }


def evidence_of(name: str) -> Context:
    """Return ``recovery`` in which everything that people chose is called ``name``."""
    return evidence(
        here=f"/{name}",
        missing=name,
        evidence=name,
        package=name,
        repositories=(name, name),
        marker=name,
        seen={"repository": name, "at": NOW},
    )
