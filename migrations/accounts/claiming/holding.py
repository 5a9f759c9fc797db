"""The days between the proofs and the effect, where many rely on the packages of an account."""

from datetime import datetime

from sqlalchemy import Connection

from migrations.accounts.cases import Case, CaseKind
from migrations.accounts.claiming import words
from migrations.accounts.links import Verb
from migrations.accounts.notices import Notices, day
from migrations.accounts.periods import HOLD, OBJECTION, UNDO
from migrations.accounts.records import LegacyAccount


def due_at(legacy: LegacyAccount, widely_used: int, now: datetime) -> datetime:
    """Return when what was proven takes effect: at once, but for an account with as many downloads.

    Where it was held to be shared until lately, whoever is behind it has the days to object that they have otherwise.
    """
    held = now + HOLD if legacy.downloads >= widely_used else now
    return held if legacy.parted_at is None else max(held, legacy.parted_at + OBJECTION)


def tell(connection: Connection, notices: Notices, legacy: LegacyAccount, case: Case, due: datetime) -> None:
    """Tell the old address how to stop a case that waits, and whoever began it how long."""
    # As long as it waits, should nobody be there to bring it about; it ends when it takes effect.
    link = notices.link(connection, case, Verb.STOP, due + UNDO)
    how = words.LINKED_HOW if case.kind is CaseKind.LINKED else words.CLAIMED_HOW
    told = words.WAITS.format(registry=notices.registry, how=how, due=day(due), link=link)
    notices.old_address(connection, legacy, "Your account was claimed", told, case.started_at)
    theirs = words.YOU_WAIT.format(registry=notices.registry, due=day(due))
    notices.people(connection, [case.account_id], "Your claim waits", theirs, case.started_at)
