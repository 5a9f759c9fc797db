"""Cases, as the operators' pages show them."""

from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import Operator
from claims.profile import Profile
from migrations.accounts.campaign.listing import Listed
from migrations.accounts.campaign.pages import words
from migrations.accounts.campaign.pages.visit import CampaignPages, case_page
from migrations.accounts.cases import DISPUTED, Case, CaseKind, CaseState

_LIVE = frozenset({CaseState.ASKED, CaseState.WAITING, *DISPUTED})


def case_line(case: Case | Listed) -> dict[str, object]:
    """Return a case as a line of a list."""
    return {
        "page": case_page(case.id),
        "kind": words.KINDS[case.kind],
        "state": words.CASES[case.state],
        "live": case.state in _LIVE,
        "registry_id": case.registry_id,
        "started_at": case.started_at,
        "due_at": case.due_at if case.state in (CaseState.ASKED, CaseState.WAITING) else None,
        "ended_at": case.ended_at,
    }


def case_facts(pages: CampaignPages, connection: Connection, case: Case, operator: Operator) -> dict[str, object]:
    """Return all that is known of a case; of people, the least by which they can be told apart."""
    effects = pages.base.effects
    accepted = effects.admins.accepted(connection, case)
    involved = {case.account_id, *(each.account_id for each in accepted)}
    return {
        **case_line(case),
        "id": case.id,
        "proofs": words.PROOFS[case.kind],
        "claimant": _person(pages, connection, case.account_id),
        "account_id": case.account_id,
        "way": case.way,
        "effective_at": case.effective_at,
        "undo_until": case.undo_until,
        "decided_by": case.decided_by,
        "is_conversion": case.kind is CaseKind.CONVERSION,
        "is_recovery": case.kind is CaseKind.RECOVERY,
        "disputed": case.state in DISPUTED,
        "waiting": case.state is CaseState.WAITING,
        "stopped": case.state is CaseState.STOPPED,
        "organization": case.details.get("organization"),
        "organization_id": case.organization_id,
        "admins": [_person(pages, connection, each.account_id) for each in accepted],
        "own": operator.account_id in involved,
    }


def _person(pages: CampaignPages, connection: Connection, account_id: str) -> Profile | None:
    try:
        return pages.base.accounts.person(connection, account_id)
    except LookupError:
        return None  # erased meanwhile
