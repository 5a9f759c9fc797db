"""How a conversion stands, for those who have a part in it."""

from collections.abc import Mapping

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from broker.web.errors import BrokerError
from migrations.accounts.cases import CaseState
from migrations.accounts.conversion import preview
from migrations.accounts.conversion.notes import NOTICES, STATES
from migrations.accounts.conversion.service import Seen, lapses_at, takes_effect_at
from migrations.accounts.conversion.visit import ConversionPages, called, case_page, is_fresh
from migrations.accounts.visit import fresh_person_of, person_of, sign_in

_FORETOLD = frozenset({CaseState.WAITING, CaseState.EFFECTIVE})


def show_case(pages: ConversionPages, case_id: str) -> ResponseReturnValue:
    """GET /convert/cases/<case>: how it stands, for who started it and for who accepted."""
    base, here = pages.base, case_page(case_id)
    with base.database.read() as connection:
        person = person_of(base, connection)
        try:
            seen = pages.conversions.look(connection, case_id, person.account_id)
        except LookupError as error:
            raise _not_theirs() from error
        starts = seen.case.account_id == person.account_id
        waits = seen.case.state is CaseState.WAITING
        undo_until = seen.case.undo_until if seen.case.state is CaseState.EFFECTIVE else None
        return render_template(
            "migration/conversion_case.html",
            registry=base.registry,
            organization=seen.organization,
            organization_id=seen.case.organization_id,
            state=STATES[seen.case.state],
            waits=waits,
            due=takes_effect_at(seen.case) if waits else None,
            lapses=lapses_at(seen.case),
            undo_until=undo_until,
            started_at=seen.case.started_at,
            accepted=seen.accepted,
            named=_named(pages, connection, seen) if starts else [],
            starts=starts,
            preview=preview.of(seen.legacy, undo_until) if seen.case.state in _FORETOLD else None,
            here=here,
            sign_in=sign_in(here),
            fresh=is_fresh(pages, connection, here),
            notice=NOTICES.get(request.args.get("notice", "")),
        )


def withdraw(pages: ConversionPages, case_id: str) -> ResponseReturnValue:
    """POST /convert/cases/<case>/withdraw: by who started it, before it takes effect."""
    here = case_page(case_id)
    with pages.base.database.begin() as connection:
        person = fresh_person_of(pages.base, connection, here)
        try:
            pages.conversions.withdraw(connection, person, case_id)
        except LookupError as error:
            raise _not_theirs() from error
    return redirect(f"{here}?notice=withdrawn", code=303)


def _named(pages: ConversionPages, connection: Connection, seen: Seen) -> list[Mapping[str, object]]:
    """Return who was named, for who named them."""
    people = pages.base.accounts.persons(connection, [each.account_id for each in seen.named])
    return [
        {
            "email": each.email,
            "name": called(people.get(each.account_id)) if each.way is not None else None,
            "accepted": each.way is not None,
        }
        for each in sorted(seen.named, key=lambda each: each.email.casefold())
    ]


def _not_theirs() -> BrokerError:
    return BrokerError(
        status=404,
        code="not_found",
        sentence="There is no such page, or it is not for the account you are signed in with.",
        next_step="Check the address. What came to nothing is shown only to who started it.",
        detail="no part in the case",
        link=("Your account", "/account"),
    )
