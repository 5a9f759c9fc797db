"""Telling of a case: the registry by an event, people by mail, and the audit; all in the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from broker.audit.service import Audit
from broker.events.security import EventKind, SecurityEvents
from migrations.accounts import words
from migrations.accounts.admins import Admins
from migrations.accounts.cases import Case, CaseKind
from migrations.accounts.links import Verb
from migrations.accounts.notices import Notices, day
from migrations.accounts.periods import UNDO
from migrations.accounts.records import LegacyAccount

DONE = {
    CaseKind.CLAIM: EventKind.CLAIMED,
    CaseKind.LINKED: EventKind.CLAIMED,
    CaseKind.RECOVERY: EventKind.CLAIMED,
    CaseKind.CONVERSION: EventKind.CONVERTED,
}
UNDONE = {
    CaseKind.CLAIM: EventKind.CLAIM_UNDONE,
    CaseKind.LINKED: EventKind.CLAIM_UNDONE,
    CaseKind.RECOVERY: EventKind.CLAIM_UNDONE,
    CaseKind.CONVERSION: EventKind.CONVERSION_UNDONE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Tells it."""

    notices: Notices
    events: SecurityEvents
    audit: Audit
    admins: Admins

    def everyone(self, connection: Connection, case: Case) -> list[str]:
        """Return whoever started a case, and those who accepted to be an admin by it."""
        accepted = (each.account_id for each in self.admins.accepted(connection, case))
        return list(dict.fromkeys((case.account_id, *accepted)))

    def registry(
        self, connection: Connection, kind: EventKind, case: Case, now: datetime, *, state: str | None = None
    ) -> None:
        """Write the event. ``state`` of what was undone: ``frozen``, or ``returned`` once that is decided."""
        data: dict[str, str | int | None] = {"case": case.id, "by": case.kind.value}
        if state is not None:
            data["state"] = state
        if case.organization_id is not None:
            data["organization"] = case.organization_id
            data["keys"] = "suspend" if kind is EventKind.CONVERTED else "restore"
        else:
            data["account"] = case.account_id
        if case.undo_until is not None and kind in (EventKind.CLAIMED, EventKind.CONVERTED):
            data["undo_until"] = int(case.undo_until.timestamp())
        self.events.write(connection, kind, case.registry_id, data, now)

    def of_effect(self, connection: Connection, legacy: LegacyAccount, case: Case, now: datetime) -> None:
        """Tell the old address how to undo it, and everybody concerned until when that can happen."""
        registry, until = self.notices.registry, day(now + UNDO)
        link = self.notices.link(connection, case, Verb.UNDO, now + UNDO)
        told = words.EFFECTIVE.format(what=words.WHAT[case.kind], registry=registry, link=link, until=until)
        self.notices.old_address(connection, legacy, "Your account has moved", told, now)
        theirs = words.YOURS.format(registry=registry, until=until)
        self.notices.people(connection, self.everyone(connection, case), "The account is attached", theirs, now)

    def of_decision(
        self, connection: Connection, legacy: LegacyAccount, case: Case, text: str, now: datetime, **said: str
    ) -> None:
        """Tell both sides what an operator decided. ``said`` is what the text has beside the registry's name."""
        told = text.format(registry=self.notices.registry, **said)
        self.notices.people(connection, self.everyone(connection, case), "The dispute is decided", told, now)
        self.notices.old_address(connection, legacy, "The dispute is decided", told, now)

    def record(self, connection: Connection, what: str, case: Case, by: str | None, now: datetime) -> None:
        """Write the audit entry."""
        detail: dict[str, str | int | bool] = {"case": case.id, "registry_account": case.registry_id}
        if case.organization_id is not None:
            detail["organization"] = case.organization_id
        self.audit.record(connection, action=f"migration.{what}", account_id=by, detail=detail, now=now)
