"""What operators see of a recovery: ``recovery`` of the template ``migration/recovery_evidence.html``."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import Operator
from migrations.accounts.cases import Case, CaseKind, CaseState
from migrations.accounts.effects import APPROVALS
from migrations.accounts.records import OWNER
from migrations.accounts.recovery.service import OPEN, Recovery
from migrations.accounts.recovery.wanted import Missing

_MISSING = {
    Missing.MAILBOX: "They cannot read mail at the old address any more.",
    Missing.PASSWORD: "They have forgotten the password.",
    Missing.BOTH: "They have forgotten the password, and cannot read mail at the old address any more.",
}


def evidence_of(recovery: Recovery, connection: Connection, case: Case, operator: Operator) -> dict[str, object]:
    """Return it, for a case of the kind recovery. Once a case is over, most of it is gone.

    To whoever wants the account themself, nothing is told of what others wrote, nor the marker that speaks for them.
    """
    partial = recovery.is_partial(connection, case, operator.account_id)
    details = case.details if not partial else {}
    legacy = recovery.effects.ledger.get(connection, case.registry_id)
    packages = legacy.packages if legacy is not None else ()
    seen = details.get("seen")
    approved_by = recovery.approved_by(connection, case)
    named = details.get("package")
    others = recovery.effects.cases.of_registry_account(connection, case.registry_id)
    return {
        "here": f"/operator/migration/cases/{case.id}",
        "state": case.state.value,
        "fresh": operator.fresh,
        "asked_at": case.started_at,
        "due_at": case.due_at,
        "missing": _MISSING[Missing(details["missing"])] if "missing" in details else None,
        "evidence": details.get("evidence"),
        "package": named,
        "owns_package": any(each.name == named and each.role == OWNER for each in packages),
        "repositories": recovery.where(legacy, case) if legacy is not None and not partial else (),
        "marker": recovery.tickets.marker(UUID(case.id)) if not partial else None,
        "looked_at": _moment(details.get("looked_at")),
        "seen": None if seen is None else {"repository": seen["repository"], "at": _moment(seen["seen_at"])},
        "rivals": sum(each.kind is CaseKind.RECOVERY and each.state in OPEN and each.id != case.id for each in others),
        "approvals": len(approved_by),
        "needed": APPROVALS,
        "approved": operator.account_id in approved_by,
        "partial": partial,
        "shared": legacy is not None and (legacy.is_shared or legacy.is_undecided),
        "can_approve": case.state is CaseState.ASKED,
        "can_refuse": case.state in OPEN,
    }


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None
